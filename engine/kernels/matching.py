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
from engine.kernels.matching_levels import close_level, find_level, next_key, open_level
from engine.kernels.matching_state import (
    EMPTY,
    FREE,
    KEY_BITS,
    LAST,
    LEFT,
    LIVE,
    MAX_KEY,
    MESSAGE,
    NEED,
    PREVENTION,
    QTY_BITS,
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
NOTHING, HANDLES, MORE_LEVELS, TRADES = (int(need) for need in Need)
CANCEL_INCOMING = int(Prevention.CANCEL_INCOMING)

_HANDLE = 2**32 - 1  # the tag's lower half
_AHEAD = 6  # messages; at 100k live orders looking ahead spares a tenth of the time, below it costs nothing


@inlined
def _remove(state: State, order: int) -> None:
    """Take an order out of its queue, and its level with it if it was the last."""
    nodes = state.nodes
    node = nodes[u32(order)]
    before, after, level = node.prev, node.next, node.level
    nodes[before].next = after
    nodes[after].prev = before
    nodes[level].qty -= node.qty
    node.place = 0
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
    order = u32(handle + 1)
    node = nodes[order]
    state.head[LIVE] += 1
    last = sentinel.prev
    node.next = level
    node.prev = last
    node.qty = qty
    node.tag = (owner << 32) | handle
    node.level = level
    node.place = order
    nodes[last].next = order
    sentinel.prev = order
    sentinel.qty += qty


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
def _take_best(
    state: State,
    trades: Records,
    count: int,
    message: int,
    side: int,
    qty: int,
    handle: int,
    owner: int,
) -> tuple[int, int, int]:
    """Trade with the orders of the other side's best level, the oldest first. Returns what `_take` does."""
    head, nodes = state.head, state.nodes
    other = 1 - side
    left = qty
    why = FILLED
    there = state.sides[u64(other)]
    price = there.best * (2 * other - 1)
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
        _tell(trades, count, price, lots, tag, own, message, side, handle, owner)
        count += 1
        total -= lots
        if not own:
            left -= lots
        if lots < maker.qty:
            maker.qty -= lots
            prefetch(nodes, u64(maker.next))  # the next market order's
            break
        maker.place = 0
        head[LIVE] -= 1
        order = maker.next
    sentinel.next = order
    nodes[order].prev = level
    sentinel.qty = total
    if total == 0:
        close_level(state, other, i64(level))
    return left, count, why


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
    left = qty
    why = FILLED
    there = state.sides[u64(1 - side)]
    while left > 0 and why == FILLED and there.best <= limit:
        left, count, why = _take_best(state, trades, count, message, side, left, handle, owner)
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
def _lacks(state: State) -> int:
    """What an order needs that may come to rest: a sentinel for its level."""
    return MORE_LEVELS if state.head[FREE] == 0 else NOTHING


@inlined
def _rests(state: State, handle: int) -> bool:
    """Whether an order rests under a handle."""
    return u64(handle) < u64(state.head[LAST]) and state.nodes[u32(handle + 1)].place != 0


@helper
def _rarer(state: State, kind: int, side: int, key: int, qty: int, handle: int, owner: int) -> int:
    """REDUCE, and what comes before trading for FOK, POST_ONLY and REPLACE. PENDING: go on and trade."""
    if kind == FOK:
        return PENDING if _reachable(state, side, -key, qty, owner) else EXPIRED
    if kind == POST_ONLY:
        if _rests(state, handle):
            return IN_USE
        return WOULD_TRADE if state.sides[u64(1 - side)].best <= -key else PENDING
    if kind != REDUCE and kind != REPLACE:
        return BAD
    if not _rests(state, handle):
        return UNKNOWN
    node = state.nodes[u32(handle + 1)]
    if kind == REDUCE and qty < node.qty:
        node.qty -= qty
        state.nodes[node.level].qty -= qty
        return DONE
    if kind == REPLACE:
        if node.tag >> 32 != owner or state.nodes[node.level].level != side:
            return BAD
        state.head[NEED] = _lacks(state)
        if state.head[NEED] != NOTHING:
            return PENDING
    _remove(state, handle + 1)
    return DONE if kind == REDUCE else PENDING


@inlined
def _admit(
    state: State, kind: int, side: int, price: int, key: int, qty: int, handle: int, owner: int
) -> tuple[int, int]:
    """Whether an order may go on and trade: PENDING, or the Outcome that refuses it; and what it needs for that."""
    # One comparison holds all bounds: no bit beyond those that a sound number has.
    if (u64(qty - 1) >> u64(QTY_BITS)) | (u64(side) >> u64(1)) | (u64(price + MAX_KEY) >> u64(KEY_BITS + 1)):
        return BAD, NOTHING
    if kind == LIMIT:
        return _has_place(state, handle)
    if kind <= IOC:
        return PENDING, NOTHING
    state.head[NEED] = NOTHING
    outcome = _rarer(state, kind, side, key, qty, handle, owner)
    if outcome != PENDING or state.head[NEED] != NOTHING:
        return outcome, state.head[NEED]
    if kind == POST_ONLY:
        return _has_place(state, handle)
    return PENDING, NOTHING


@inlined
def _has_place(state: State, handle: int) -> tuple[int, int]:
    if u64(handle) >= u64(state.head[LAST]):
        return (BAD, NOTHING) if handle < 0 else (PENDING, HANDLES)
    if state.nodes[u32(handle + 1)].place != 0:
        return IN_USE, NOTHING
    return PENDING, _lacks(state)


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
    if kind == CANCEL:
        if not _rests(state, handle):
            return UNKNOWN, count
        _remove(state, handle + 1)
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
        if kind == LIMIT and state.sides[u64(1 - side)].best > -key:
            _rest(state, side, key, qty, handle, owner)
            return RESTING, count
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


@helper
def process(messages: Records, state: State, trades: Records) -> tuple[int, int, int]:
    """Run MESSAGE rows through the market, writing each one's Outcome into it and TRADE rows into `trades`.

    Returns (messages consumed, rows of trades written, Need). Unless the Need is NOTHING, the message after those
    consumed waits: make the room, empty the trades, and call again with it first. It goes on where it stopped.
    """
    count = 0
    look_until = len(messages) - _AHEAD
    for i in range(len(messages)):
        if i < look_until:  # any number may stand there: to fetch what does not exist is no fault
            prefetch(state.nodes, u64(messages[u64(i + _AHEAD)].handle + 1))
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
