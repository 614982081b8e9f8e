"""The matching engine: orders in, trades out, by price and then by time.

`process` runs a batch of messages; a kernel that decides for agents calls `submit` itself. Everything a market
knows lies in the State's arrays. Where one of them wants to be larger the kernel stops before the message and
says which (`Need`); after `grow` it goes on. `engine.kernels.matching_exchange` does that for Python.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.kernels import helper, inlined
from engine.kernels.matching_cpu import i64, prefetch, u32, u64
from engine.kernels.matching_levels import close_level, find_level, next_key, open_level, settle
from engine.kernels.matching_state import (
    ASK,
    ASTRAY,
    EMPTY,
    FREE,
    LEFT,
    LIVE,
    MAX_KEY,
    MAX_QTY,
    MESSAGE,
    NEED,
    PREVENTION,
    REMOVED,
    TRADE,
    TRADED,
    Do,
    Need,
    Outcome,
    Prevention,
    State,
    new_state,
)

Records = npt.NDArray[np.void]

# The enums as plain numbers, which kernels can use.
LIMIT, MARKET, IOC, FOK, POST_ONLY, CANCEL, REDUCE, REPLACE = (int(do) for do in Do)
PENDING, RESTING, FILLED, EXPIRED, PREVENTED, DONE, UNKNOWN, WOULD_TRADE, IN_USE, BAD, NO_ROOM = (
    int(outcome) for outcome in Outcome
)
NOTHING, NODES, HANDLES, MORE_LEVELS, TRADES = (int(need) for need in Need)
CANCEL_INCOMING = int(Prevention.CANCEL_INCOMING)

_HANDLE = 2**32 - 1  # the tag's lower half
_AHEAD = 6  # messages; at 100k live orders looking ahead takes a third off the time
_LARGE = 2**16  # nodes that no longer fit a core's own cache of a megabyte or two; below it only costs


@inlined
def _remove(state: State, order: int) -> None:
    """Take an order out of its queue, and its level with it if it was the last."""
    nodes = state.nodes
    node = nodes[u32(order)]
    before, after, level = node.prev, node.next, node.level
    nodes[before].next = after
    nodes[after].prev = before
    nodes[level].qty -= node.qty
    node.next = state.head[FREE]
    state.head[FREE] = order
    state.head[LIVE] -= 1
    if nodes[level].qty == 0:
        close_level(state, i64(nodes[level].level), i64(level))


@inlined
def _rest(state: State, side: int, key: int, qty: int, handle: int, owner: int) -> None:
    """Put an order at the end of its level's queue."""
    nodes = state.nodes
    level = u32(find_level(state, side, key))
    if level == 0:
        level = u32(open_level(state, side, key))
    sentinel = nodes[level]
    order = u32(state.head[FREE])
    node = nodes[order]
    state.head[FREE] = node.next
    state.head[LIVE] += 1
    last = sentinel.prev
    node.next = level
    node.prev = last
    node.qty = qty
    node.tag = (owner << 32) | handle
    node.level = level
    nodes[last].next = order
    sentinel.prev = order
    sentinel.qty += qty
    state.slots[u32(handle)] = order


@inlined
def _is_own(state: State, tag: int, owner: int) -> bool:
    return owner >= 0 and tag >> 32 == owner and state.head[PREVENTION] != 0


@inlined
def _tell(
    trades: Records,
    row: int,
    price: int,
    lots: int,
    tag: int,
    own: bool,
    message: int,
    side: int,
    handle: int,
    owner: int,
) -> None:
    """What happened to a maker's order, as a TRADE row."""
    trade = trades[u64(row)]
    trade.price = price
    trade.qty = lots
    trade.maker = tag & _HANDLE
    trade.maker_owner = tag >> 32
    trade.taker = handle
    trade.taker_owner = owner
    trade.message = message
    trade.side = side
    trade.kind = REMOVED if own else TRADED


@inlined
def _take(
    state: State,
    trades: Records,
    count: int,
    message: int,
    side: int,
    limit: int,
    qty: int,
    handle: int,
    owner: int,
) -> tuple[int, int, int]:
    """Trade with the other side up to the key `limit`. Returns lots left, rows of `trades`, and why it stopped:
    PENDING: no room for trades; PREVENTED: before an own order; FILLED: nothing left, or nothing in reach."""
    head, nodes = state.head, state.nodes
    other = 1 - side
    left = qty
    why = FILLED
    there = state.sides[u64(other)]
    while left > 0 and why == FILLED and there.best <= limit:
        key = there.best
        level = u32(there.best_level)
        sentinel = nodes[level]
        total = sentinel.qty
        order = sentinel.next
        while left > 0 and order != level:
            maker = nodes[order]
            tag = maker.tag
            own = _is_own(state, tag, owner)
            if own and head[PREVENTION] == CANCEL_INCOMING:
                why = PREVENTED
                break
            if count == len(trades):
                why = PENDING
                break
            lots = maker.qty if own else min(left, maker.qty)
            _tell(trades, count, key * (2 * other - 1), lots, tag, own, message, side, handle, owner)
            count += 1
            total -= lots
            if not own:
                left -= lots
            if lots < maker.qty:
                maker.qty -= lots
                break
            state.slots[u32(tag)] = 0
            after = maker.next
            maker.next = head[FREE]
            head[FREE] = order
            head[LIVE] -= 1
            order = after
        sentinel.next = order
        nodes[order].prev = level
        sentinel.qty = total
        if total == 0:
            close_level(state, other, i64(level))
    return left, count, why


@helper
def _reachable(state: State, side: int, limit: int, qty: int, owner: int) -> bool:
    """Whether `qty` lots can be had up to the key `limit`: own orders do not count, and end the search where the
    incoming order would be cancelled."""
    other = 1 - side
    key = state.sides[u64(other)].best
    left = qty
    while key <= limit and key != EMPTY:
        level = u32(find_level(state, other, key))
        order = state.nodes[level].next
        while order != level:
            maker = state.nodes[order]
            if not _is_own(state, maker.tag, owner):
                left -= maker.qty
                if left <= 0:
                    return True
            elif state.head[PREVENTION] == CANCEL_INCOMING:
                return False
            order = maker.next
        key = next_key(state, other, key)
    return False


@inlined
def _lacks(state: State, side: int, handle: int) -> int:
    """What an order needs that may come to rest: its handle, a node, another for its level, a place for that."""
    free = u32(state.head[FREE])
    if free == 0 or state.nodes[free].next == 0:
        return NODES
    if handle >= len(state.slots):
        return HANDLES
    return MORE_LEVELS if state.sides[u64(side)].levels >= state.far.shape[2] else NOTHING


@inlined
def _order_of(state: State, handle: int) -> int:
    """The node that rests under a handle, or 0."""
    known = u64(handle) < u64(len(state.slots))
    return i64(state.slots[u32(handle)]) if known else 0


@helper
def _rarer(state: State, kind: int, side: int, key: int, qty: int, handle: int, owner: int) -> int:
    """REDUCE, and what comes before trading for FOK, POST_ONLY and REPLACE. PENDING: go on and trade."""
    if kind == FOK:
        return PENDING if _reachable(state, side, -key, qty, owner) else EXPIRED
    order = _order_of(state, handle)
    if kind == POST_ONLY:
        if order != 0:
            return IN_USE
        return WOULD_TRADE if state.sides[u64(1 - side)].best <= -key else PENDING
    if kind != REDUCE and kind != REPLACE:
        return BAD
    if order == 0:
        return UNKNOWN
    node = state.nodes[u32(order)]
    if kind == REDUCE and qty < node.qty:
        node.qty -= qty
        state.nodes[node.level].qty -= qty
        return DONE
    if kind == REPLACE:
        if node.tag >> 32 != owner or state.nodes[node.level].level != side:
            return BAD
        state.head[NEED] = _lacks(state, side, handle)
        if state.head[NEED] != NOTHING:
            return PENDING
    state.slots[u32(handle)] = 0
    _remove(state, order)
    return DONE if kind == REDUCE else PENDING


@inlined
def _admit(
    state: State, kind: int, side: int, price: int, key: int, qty: int, handle: int, owner: int
) -> tuple[int, int]:
    """Whether an order may go on and trade: PENDING, or the Outcome that refuses it; and what it needs for that."""
    # Unsigned, so that one comparison holds both bounds.
    if (
        (u64(qty - 1) >= u64(MAX_QTY))
        | (u64(side) > u64(ASK))
        | (u64(price + (MAX_KEY - 1)) > u64(2 * MAX_KEY - 2))
    ):
        return BAD, NOTHING
    if kind == LIMIT:
        return _has_place(state, side, handle)
    if kind <= IOC:
        return PENDING, NOTHING
    state.head[NEED] = NOTHING
    outcome = _rarer(state, kind, side, key, qty, handle, owner)
    if outcome != PENDING or state.head[NEED] != NOTHING:
        return outcome, state.head[NEED]
    if kind == POST_ONLY:
        return _has_place(state, side, handle)
    return PENDING, NOTHING


@inlined
def _has_place(state: State, side: int, handle: int) -> tuple[int, int]:
    if handle < 0:
        return BAD, NOTHING
    if _order_of(state, handle) != 0:
        return IN_USE, NOTHING
    return PENDING, _lacks(state, side, handle)


@inlined
def submit(
    state: State,
    trades: Records,
    count: int,
    message: int,
    kind: int,
    side: int,
    price: int,
    qty: int,
    handle: int,
    owner: int,
) -> tuple[int, int]:
    """One message, for kernels. Rows of `trades` are written from `count` on, numbered with `message`.

    Returns the Outcome and the new count. PENDING: `state.head[NEED]` says which array wants to be larger; then
    call again with the same message before any other.
    """
    head = state.head
    if head[ASTRAY] != 0:
        settle(state)
    if kind == CANCEL:
        order = _order_of(state, handle)
        if order == 0:
            return UNKNOWN, count
        state.slots[u32(handle)] = 0
        _remove(state, order)
        return DONE, count
    key = price * (2 * side - 1)
    left = head[LEFT]
    if left == 0:
        left = qty
        outcome, need = _admit(state, kind, side, price, key, qty, handle, owner)
        if outcome != PENDING:
            return outcome, count
        if need != NOTHING:
            head[NEED] = need
            return PENDING, count
    limit = MAX_KEY if kind == MARKET else -key
    if state.sides[u64(1 - side)].best <= limit:
        left, count, why = _take(state, trades, count, message, side, limit, left, handle, owner)
        if why == PENDING:
            head[LEFT] = left
            head[NEED] = TRADES
            return PENDING, count
        head[LEFT] = 0
        if left == 0:
            return FILLED, count
        if why == PREVENTED:
            return PREVENTED, count
    if kind in (LIMIT, POST_ONLY, REPLACE):
        _rest(state, side, key, left, handle, owner)
        return RESTING, count
    return EXPIRED, count


@inlined
def _look_ahead(messages: Records, i: int, state: State) -> None:
    """Fetch the order of a message soon to come, and the neighbours of a nearer one's, which are fetched by now."""
    order = _order_of(state, i64(messages[u64(i + 2 * _AHEAD)].handle))
    prefetch(state.nodes, u64(order))
    order = _order_of(state, i64(messages[u64(i + _AHEAD)].handle))
    node = state.nodes[u32(order)]
    prefetch(state.nodes, u64(node.prev))
    prefetch(state.nodes, u64(node.next))


@helper
def process(messages: Records, state: State, trades: Records) -> tuple[int, int, int]:
    """Run MESSAGE rows through the market, writing each one's Outcome into it and TRADE rows into `trades`.

    Returns (messages consumed, rows of trades written, Need). Unless the Need is NOTHING, the message after those
    consumed waits: make the room, empty the trades, and call again with it first. It goes on where it stopped.
    """
    count = 0
    look_until = len(messages) - 2 * _AHEAD if len(state.nodes) > _LARGE else 0
    for i in range(len(messages)):
        if i < look_until:
            _look_ahead(messages, i, state)
        m = messages[u64(i)]
        outcome, count = submit(
            state,
            trades,
            count,
            i,
            i64(m.kind),
            i64(m.side),
            m.price,
            m.qty,
            i64(m.handle),
            i64(m.owner),
        )
        m.outcome = outcome
        if outcome == PENDING:
            return i, count, state.head[NEED]
    return len(messages), count, NOTHING


def warm() -> None:
    """Compile what this file has for Python."""
    process(np.zeros(1, MESSAGE), new_state(), np.zeros(1, TRADE))
