"""What the matching engine is made of: the records of orders, messages and trades, and a State of plain arrays.

A *node* is 32 bytes: an order, or the head of a price level's queue (its *sentinel*). A queue is a circular list
through its sentinel, so that linking needs no branch; the sentinel's `qty` is the level's total. Free nodes form
a last-in-first-out list, which keeps those in use close together in the cache.

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
    NODES = 1
    HANDLES = 2
    LEVELS = 3
    TRADES = 4  # take the trades out and call again with the same message first: it goes on where it stopped


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
FREE = 0  # first free node, 0: none
LIVE = 1  # orders that rest
LEFT = 2  # lots that the interrupted message has yet to trade, 0: none was interrupted
PREVENTION = 3
NEED = 4  # why the last message could not be processed
ASTRAY = 5  # 1: a best has left the first half of its window
HEAD = 6

EMPTY = 2**62
MAX_KEY = 2**60
MAX_NODES = 2**22
MAX_QTY = 2**40  # so that no sum over all orders can overflow
MAX_HANDLES = 2**24

WORD = 64
WINDOW = WORD * WORD  # ticks in which a level is found at once

Ints = npt.NDArray[np.int64]


class State(NamedTuple):
    """Copy the arrays and you have copied the market (`fork`)."""

    head: Ints  # (HEAD,)
    sides: npt.NDArray[np.void]  # (2,): SIDE
    nodes: npt.NDArray[np.void]  # NODE; index 0 is nobody
    slots: npt.NDArray[np.uint32]  # handle -> node, 0: none
    table: npt.NDArray[np.uint32]  # (2 * WINDOW,): sentinel of the level at start + i, 0: none
    words: npt.NDArray[np.uint64]  # (2 * WORD,): a bit for each level in the window
    far: Ints  # (2, 2, capacity): keys in order, sentinels; room for every level of a side


def new_state(
    prevention: Prevention = Prevention.CANCEL_RESTING,
    *,
    nodes: int = 4096,
    handles: int = 4096,
    levels: int = 1024,
) -> State:
    """An empty market with room for so much; see `grow`."""
    if not (4 <= nodes <= MAX_NODES and 1 <= handles <= MAX_HANDLES and 1 <= levels <= MAX_NODES):
        raise ValueError(
            f"expected 4 to {MAX_NODES} nodes, 1 to {MAX_HANDLES} handles and 1 to {MAX_NODES} levels, "
            f"found {nodes}, {handles} and {levels}"
        )
    head = np.zeros(HEAD, np.int64)
    head[PREVENTION] = Prevention(prevention)
    sides = np.zeros(2, SIDE)
    sides["best"] = EMPTY
    state = State(
        head,
        sides,
        np.zeros(nodes, NODE),
        np.zeros(handles, np.uint32),
        np.zeros(2 * WINDOW, np.uint32),
        np.zeros(2 * WORD, np.uint64),
        np.zeros((2, 2, levels), np.int64),
    )
    _chain(state, 1)
    return state


def _chain(state: State, first: int) -> None:
    """Put the nodes from `first` on in front of the free ones, lowest first."""
    state.nodes["next"][first:-1] = np.arange(first + 1, len(state.nodes))
    state.nodes["next"][-1] = state.head[FREE]
    state.head[FREE] = first


def fork(state: State) -> State:
    """A market of its own that goes on from here."""
    return State._make(array.copy() for array in state)


def grow(state: State, need: Need, handle: int = 0) -> State | None:
    """The same market with at least twice the room (for `handle`, if handles are short), or None at the limit."""
    if need == Need.NODES:
        count = len(state.nodes)
        if count >= MAX_NODES:
            return None
        nodes = np.zeros(min(2 * count, MAX_NODES), NODE)
        nodes[:count] = state.nodes
        grown = state._replace(nodes=nodes)
        _chain(grown, count)
        return grown
    if need == Need.HANDLES:
        if handle >= MAX_HANDLES:
            return None
        slots = np.zeros(min(max(2 * len(state.slots), handle + 1), MAX_HANDLES), np.uint32)
        slots[: len(state.slots)] = state.slots
        return state._replace(slots=slots)
    if need == Need.LEVELS:
        capacity = state.far.shape[2]
        if capacity >= MAX_NODES:
            return None
        far = np.zeros((2, 2, min(2 * capacity, MAX_NODES)), np.int64)
        far[:, :, :capacity] = state.far
        return state._replace(far=far)
    raise ValueError(f"expected NODES, HANDLES or LEVELS, found {need!r}")
