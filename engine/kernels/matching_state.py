"""What the matching engine is made of: the records of orders, messages and trades, and a State of plain arrays.

A *node* is 32 bytes: an order, or the head of a price level's queue (its *sentinel*). An order's node is the one after
its handle, so that nothing has to be looked up or handed out; sentinels lie behind all of them. A queue is a circular
list through its sentinel, so that linking needs no branch; the sentinel's `qty` is the level's total. Free sentinels
form a last-in-first-out list. Handles used again keep the orders close together in the cache.

Inside the book a price is a *key*, ask ticks and bid minus ticks: the best is the smallest key on both sides.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BID, ASK = 0, 1


class Do(IntEnum):
    """What a message asks for."""

    LIMIT = 0  # trade up to the price, rest with what is left
    MARKET = 1  # trade at any price, drop what is left
    IOC = 2  # trade up to the price, drop what is left
    FOK = 3  # trade all of it up to the price, or nothing
    POST_ONLY = 4  # rest, or be refused if it would trade
    CANCEL = 5
    REDUCE = 6  # take `qty` lots off a resting order, which keeps its place; all of them cancels it
    REPLACE = 7  # a new price and size under the same handle; the order loses its place and may trade


class Outcome(IntEnum):
    """What became of a message. From UNKNOWN on it was refused and changed nothing."""

    PENDING = 0  # not processed yet
    RESTING = 1
    FILLED = 2
    EXPIRED = 3  # the part that found no counterparty was dropped
    PREVENTED = 4  # the rest was dropped before it could trade with its own owner
    DONE = 5  # cancelled or reduced
    UNKNOWN = 6  # no order rests under this handle
    WOULD_TRADE = 7  # post-only, and the other side is already at this price
    IN_USE = 8  # an order rests under this handle already
    BAD = 9  # kind, side, price, size or handle out of range, or a replacement by another owner or side
    NO_ROOM = 10  # more orders, levels or handles than the engine holds at most


class Need(IntEnum):
    """Why the kernel stopped before a message: which array wants to be larger (see `grow`)."""

    NOTHING = 0
    HANDLES = 1
    LEVELS = 2
    TRADES = 3  # take the trades out and call again with the same message first: it goes on where it stopped


class Prevention(IntEnum):
    """What happens when an order meets one of its own owner (an owner below zero is nobody: always trades)."""

    NONE = 0
    CANCEL_RESTING = 1
    CANCEL_INCOMING = 2


TRADED, REMOVED = (
    0,
    1,
)  # kinds of a trade row; REMOVED: self-trade prevention took `qty` lots of the maker away

MESSAGE = np.dtype(
    [
        ("price", np.int64),  # ticks; zero where there is none
        ("qty", np.int64),  # lots; CANCEL reads nothing but the handle
        ("handle", np.int32),  # the sender's name of the order, small and reusable once the order is gone
        ("owner", np.int32),
        ("kind", np.uint8),  # Do
        ("side", np.uint8),
        ("outcome", np.uint8),  # written by the kernel
    ],
    align=True,
)

TRADE = np.dtype(
    [
        ("price", np.int64),  # ticks, the maker's
        ("qty", np.int64),  # lots
        ("maker", np.int32),  # handles
        ("maker_owner", np.int32),
        ("taker", np.int32),
        ("taker_owner", np.int32),
        ("message", np.int32),  # index of the message that caused it
        ("side", np.uint8),  # the aggressor's
        ("kind", np.uint8),
    ],
    align=True,
)

NODE = np.dtype(
    [
        ("next", np.uint32),
        ("prev", np.uint32),
        ("qty", np.int64),  # lots; of a sentinel: the level's total
        ("tag", np.int64),  # owner << 32 | handle; of a sentinel: the level's key
        ("level", np.uint32),  # the sentinel; of a sentinel: the side
        ("place", np.uint32),  # the node's own number while an order rests in it, 0: none does
    ],
    align=True,
)

SIDE = np.dtype(
    [
        ("start", np.int64),  # first key of the window
        ("best", np.int64),  # smallest key, or EMPTY
        ("best_level", np.int64),  # its sentinel
        ("levels", np.int64),  # how many price levels there are
        ("far", np.int64),  # how many of them lie outside the window
        ("words", np.uint64),  # a bit for each of the side's words that is not zero
    ],
    align=True,
)

# head
FREE = 0  # first free sentinel, 0: none
LIVE = 1  # orders that rest
LEFT = 2  # lots that the interrupted message has yet to trade, 0: none was interrupted
PREVENTION = 3
NEED = 4  # why the last message could not be processed
LAST = 5  # the last node of an order, which is how many handles there are; sentinels follow
HEAD = 6

EMPTY = 2**62
KEY_BITS, QTY_BITS = 60, 40
MAX_KEY = 2**KEY_BITS  # a price is at least -MAX_KEY, and below MAX_KEY
MAX_QTY = 2**QTY_BITS  # so that no sum over all orders can overflow
MAX_HANDLES = 2**24
MAX_NODES = 2**22  # of levels

WORD = 64
WINDOW = WORD * WORD  # ticks in which a level is found at once

Ints = npt.NDArray[np.int64]


class State(NamedTuple):
    """Copy the arrays and you have copied the market (`fork`)."""

    head: Ints  # (HEAD,)
    sides: npt.NDArray[np.void]  # (2,): SIDE
    nodes: npt.NDArray[np.void]  # (1 + handles + levels,): NODE; index 0 is nobody
    slots: npt.NDArray[np.uint32]  # (handles,): the places of orders, by handle: the same memory
    table: npt.NDArray[np.uint32]  # (2 * WINDOW,): sentinel of the level at start + i, 0: none
    words: npt.NDArray[np.uint64]  # (2 * WORD,): a bit for each level in the window
    far: Ints  # (2, 2, levels): keys in order, sentinels


def new_state(
    prevention: Prevention = Prevention.CANCEL_RESTING,
    *,
    nodes: int = 4096,
    handles: int = 4096,
    levels: int = 1024,
) -> State:
    """An empty market with room for so many handles, and so many price levels on both sides; see `grow`.

    `nodes` are orders and levels together: where they are more than the handles, the others are for levels.
    """
    if not (4 <= nodes <= MAX_NODES and 1 <= handles <= MAX_HANDLES and 1 <= levels <= MAX_NODES):
        raise ValueError(
            f"expected 4 to {MAX_NODES} nodes, 1 to {MAX_HANDLES} handles and 1 to {MAX_NODES} levels, "
            f"found {nodes}, {handles} and {levels}"
        )
    levels = max(levels, nodes - handles - 1)
    head = np.zeros(HEAD, np.int64)
    head[PREVENTION] = Prevention(prevention)
    head[LAST] = handles
    sides = np.zeros(2, SIDE)
    sides["best"] = EMPTY
    state = State(
        head,
        sides,
        *_nodes(1 + handles + levels, handles),
        np.zeros(2 * WINDOW, np.uint32),
        np.zeros(2 * WORD, np.uint64),
        np.zeros((2, 2, levels), np.int64),
    )
    _chain(state, handles + 1)
    return state


def _nodes(count: int, handles: int) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint32]]:
    """Nodes, and the slots in them."""
    nodes = np.zeros(count, NODE)
    return nodes, nodes["place"][1 : handles + 1]


def _chain(state: State, first: int) -> None:
    """Put the sentinels from `first` on in front of the free ones, lowest first."""
    state.nodes["next"][first:-1] = np.arange(first + 1, len(state.nodes))
    state.nodes["next"][-1] = state.head[FREE]
    state.head[FREE] = first


def fork(state: State) -> State:
    """A market of its own that goes on from here."""
    copy = State._make(array if array is state.slots else array.copy() for array in state)
    return copy._replace(slots=copy.nodes["place"][1 : len(state.slots) + 1])


def grow(state: State, need: Need, handle: int = 0) -> State | None:
    """The same market with at least twice the room (for `handle`, if handles are short), or None at the limit."""
    if need == Need.HANDLES:
        return None if handle >= MAX_HANDLES else _with_handles(state, handle)
    if need == Need.LEVELS:
        levels = state.far.shape[2]
        return None if levels >= MAX_NODES else _with_levels(state, min(2 * levels, MAX_NODES))
    raise ValueError(f"expected HANDLES or LEVELS, found {need!r}")


def _with_levels(state: State, levels: int) -> State:
    before = len(state.nodes)
    nodes, slots = _nodes(before + levels - state.far.shape[2], len(state.slots))
    far = np.zeros((2, 2, levels), np.int64)
    nodes[:before] = state.nodes
    far[:, :, : state.far.shape[2]] = state.far
    grown = state._replace(nodes=nodes, slots=slots, far=far)
    _chain(grown, before)
    return grown


def _with_handles(state: State, handle: int) -> State:
    """Sentinels lie further behind then, under other numbers therefore."""
    last = int(state.head[LAST])
    more = min(max(2 * last, handle + 1), MAX_HANDLES) - last
    nodes, slots = _nodes(len(state.nodes) + more, last + more)
    nodes[: last + 1], nodes[last + 1 + more :] = state.nodes[: last + 1], state.nodes[last + 1 :]
    grown = fork(state)._replace(nodes=nodes, slots=slots)
    orders, sentinels = nodes[: last + 1], nodes[last + 1 + more :]
    for numbers in (
        orders["next"], orders["prev"], orders["level"], sentinels["next"], sentinels["prev"],
        grown.sides["best_level"], grown.table, grown.far[:, 1], grown.head[FREE : FREE + 1],
    ):  # fmt: skip
        numbers[numbers > last] += more
    grown.head[LAST] += more
    return grown
