"""A market as a few compact arrays, and back: what a checkpoint keeps.

The dense window becomes its levels. What comes back gives the same numbers, bit for bit, whatever follows. A
checkpoint may come from a stranger's file, so nothing that a kernel uses as an index or a size is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels.level_book import (
    ASK,
    BID,
    EMPTY,
    KNOWN,
    MAX_FAR,
    MAX_KEY,
    NOTHING,
    START,
    Book,
    Ints,
    fill,
    levels_of,
    new_book,
    size_of,
)
from engine.kernels.market import (
    BAND_FIELDS,
    FEATURES,
    JUMP,
    NOW,
    PARAMS,
    PENDING,
    PENDING_COUNT,
    PENDING_FIRST,
    REALS,
    RING_TICKS,
    RINGS,
    ROUND_TRIP_LOTS,
    STATE,
    STATES,
    SYNCED,
    TICKS,
    TOP_KNOWN,
    MarketArrays,
)
from engine.kernels.windows import SPANS

Packed = dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float64]]

_MAX_BANDS = 64
_SHAPES: dict[str, tuple[type, tuple[int | None, ...]]] = {
    "size": (np.int64, (6,)),  # window, far capacity, starts, known bounds
    "bids": (np.int64, (None, 2)),
    "asks": (np.int64, (None, 2)),
    "now": (np.int64, (NOW,)),
    "rings": (np.int64, (RINGS, RING_TICKS)),
    "moves": (np.int64, (STATES, JUMP + 1)),
    "pending": (np.int64, (None, 5)),
    "reals": (np.float64, (REALS,)),
    "edge": (np.float64, (STATES,)),
    "params": (np.float64, (PARAMS,)),
    "features": (np.float64, (len(FEATURES),)),
    "bands": (np.float64, (None, len(BAND_FIELDS))),
}


def pack(market: MarketArrays) -> Packed:
    """The market's state, independent of the market: arrays by name, as `unpack` takes them."""
    now = market.now.copy()
    rings = market.rings.copy()
    age = (now[TICKS] - 1 - np.arange(RING_TICKS)) % RING_TICKS
    for ring, span in enumerate(SPANS):
        rings[ring, age >= span] = 0  # fallen out of its window: never read again
    waiting = (now[PENDING_FIRST] + np.arange(now[PENDING_COUNT])) % PENDING
    now[PENDING_FIRST] = 0
    size = [*size_of(market.book), *market.head[:, START], *market.head[:, KNOWN]]
    return {
        "size": np.array(size, np.int64),
        "bids": levels_of(market.book, BID),
        "asks": levels_of(market.book, ASK),
        "now": now,
        "rings": rings,
        "moves": market.moves.copy(),
        "pending": market.pending[waiting],
        "reals": market.reals.copy(),
        "edge": market.edge.copy(),
        "params": market.params.copy(),
        "features": market.features.copy(),
        "bands": market.bands.copy(),
    }


def unpack(packed: Mapping[str, npt.NDArray[Any]]) -> MarketArrays:
    """The market that was packed. ValueError says what is wrong with arrays that are no market."""
    _require(
        sorted(packed) == sorted(_SHAPES), f"its arrays are {sorted(_SHAPES)}, found {sorted(packed)}"[:500]
    )
    arrays = {name: _checked(name, packed[name]) for name in _SHAPES}
    now = arrays["now"]
    _require(now[SYNCED] in (0, 1) and now[TOP_KNOWN] in (0, 1), "synced and top known are 0 or 1")
    _require(-1 <= now[STATE] < STATES, f"the microprice's state is below {STATES}, found {now[STATE]}")
    _require(0 <= now[TICKS] < 2**53, f"the number of ticks is not negative, found {now[TICKS]}")
    waiting = arrays.pop("pending")
    _require(
        now[PENDING_FIRST] == 0 and now[PENDING_COUNT] == len(waiting) <= PENDING,
        f"at most {PENDING} comparisons wait, from 0 on, found {now[PENDING_COUNT]} and {len(waiting)}",
    )
    _require(bool((arrays["moves"][:, :JUMP] >= 0).all()), "counts of transitions are not negative")
    params = arrays["params"]
    _require(bool(np.isfinite(params).all() and (params > 0).all()), "tick, lot and size are positive")
    _require(bool(params[ROUND_TRIP_LOTS] < 2**53), "the round trip's size is below 2**53 lots")
    bps = arrays["bands"][:, 0]
    _require(
        1 <= len(bps) <= _MAX_BANDS and bool(((bps > 0) & (bps < 10_000)).all()),
        f"there are 1 to {_MAX_BANDS} bands between 0 and 10,000 bps",
    )
    pending = np.zeros((PENDING, 5), np.int64)
    pending[: len(waiting)] = waiting
    book = _book(arrays.pop("size"), arrays.pop("bids"), arrays.pop("asks"))
    return MarketArrays(*book, pending=pending, **arrays)


def _require(true: bool, expected: str) -> None:
    if not true:
        raise ValueError(f"not a market's checkpoint: {expected}")


def _checked(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    kind, shape = _SHAPES[name]
    fits = isinstance(array, np.ndarray) and array.dtype == kind and array.ndim == len(shape)
    fits = fits and all(want in (None, found) for want, found in zip(shape, array.shape, strict=True))
    _require(fits, f"{name} is {kind.__name__} {shape}, found {np.asarray(array).dtype} {np.shape(array)}")
    return np.array(array, dtype=kind, order="C")


def _book(size: Ints, bids: Ints, asks: Ints) -> Book:
    window, capacity, *edges = size.tolist()
    _require(0 < capacity <= MAX_FAR, f"there is room for 1 to {MAX_FAR} far levels, found {capacity}")
    book = new_book(window, capacity)
    for side, levels in ((BID, bids), (ASK, asks)):
        start, known = edges[side], edges[2 + side]
        _require(abs(start) < 2 * MAX_KEY, f"a window starts at a price, found {start}")
        _require(known in (EMPTY, NOTHING) or abs(known) < MAX_KEY, f"a bound is a price, found {known}")
        keys = levels[:, 0] if side == ASK else -levels[:, 0]
        _require(bool((keys[1:] > keys[:-1]).all()), "levels come best first, each once")
        _require(bool((levels[:, 1] > 0).all()), "levels hold size")
        book.head[side, START] = start
        book.head[side, KNOWN] = known
        _require(fill(book, side, levels) == 0, f"its {len(levels)} levels fit in a book")
    return book
