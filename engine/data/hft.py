"""Feed data of hftbacktest: a day of depth, snapshots and trades as one array of events with both clocks.

The record and its flags are documented at https://hftbacktest.readthedocs.io/en/latest/data.html. Prices and sizes are
floats there and neither tick nor lot is said: both are the coarsest decimal grid that holds every number of the file.
A snapshot, with the clearing before it, replaces the whole book.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.batch import MISSING, Batch, Levels, Rows
from engine.data.batches import beginning, blank, cut, in_order, tick_of
from engine.data.errors import DataError
from engine.data.exact import SCALE, Ints
from engine.data.trades import split_symbol, step_of
from engine.events import Kind, Setup
from engine.feeds.clock import TICK_NS
from engine.instrument import Instrument
from engine.text import clean

EVENT = np.dtype(
    [
        ("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"), ("order_id", "<u8"),
        ("ival", "<i8"), ("fval", "<f8"),
    ],
    align=True,
)  # fmt: skip
DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
_BUY, _SELL, _LOCAL = 1 << 29, 1 << 28, 1 << 30
MOST_EVENTS = 200_000_000
MOST_NS = 31 * 86_400_000_000_000  # from the first event to the last: a file is a day, or a few
CHUNK = 200_000
_ROUNDING = 2.0**-50  # relative: a float's own, and that of a product with it
_FIRST_NS = 946_684_800_000_000_000  # 2000


@dataclass(frozen=True, slots=True)
class Feed:
    """What was received, in the order of our clock. kinds: DEPTH, TRADE, CLEAR or SNAPSHOT; side: +1 bid or bought."""

    instrument: Instrument
    kinds: Ints
    local_ns: Ints
    venue_ns: Ints
    ticks: Ints
    lots: Ints
    side: Ints


def read(path: Path, symbol: str = "", venue: str = "") -> Feed:
    """All that the local side received. Raises DataError."""
    name = clean(path.name, 100)
    events = _loaded(path, name)
    events = events[(events["ev"] & _LOCAL) > 0]
    kinds = (events["ev"] & 0xFF).astype(np.int64)
    if not len(events) or not np.isin(kinds, (DEPTH, TRADE, CLEAR, SNAPSHOT)).any():
        raise DataError(f"{name} has no depth, snapshots or trades that were received")
    kept = np.isin(kinds, (DEPTH, TRADE, CLEAR, SNAPSHOT))
    events, kinds = events[kept], kinds[kept]
    local = events["local_ts"].astype(np.int64)
    _refuse(name, local < _FIRST_NS, "a local time in ns since 1970")
    _refuse(name, np.diff(local, prepend=local[:1]) < 0, "local times that never fall")
    _refuse(name, local - local[0] > MOST_NS, "a local time within 31 days of the first")
    counted = kinds != CLEAR
    _refuse(name, counted & ~(np.isfinite(events["px"]) & (events["px"] > 0)), "a price above zero")
    _refuse(
        name, counted & ~(np.isfinite(events["qty"]) & (events["qty"] >= 0)), "a size that is not negative"
    )
    ticks, tick_places = _on_grid(np.where(counted, events["px"], 0.0), f"{name}: prices")
    lots, lot_places = _on_grid(np.where(counted, events["qty"], 0.0), f"{name}: sizes")
    side = np.where(events["ev"] & _BUY > 0, 1, np.where(events["ev"] & _SELL > 0, -1, 0))
    _refuse(name, (kinds != TRADE) & counted & (side == 0), "the side of a level")
    called = clean(symbol, 40) or clean(path.name.partition(".")[0].partition("_")[0].upper(), 40)
    base, quote = split_symbol(called)
    instrument = Instrument(
        clean(venue, 20) or "file", called, base, quote, step_of(tick_places), step_of(lot_places)
    )
    return Feed(
        instrument, kinds, local, events["exch_ts"].astype(np.int64), ticks, lots, side.astype(np.int64)
    )


def _loaded(path: Path, name: str) -> npt.NDArray[np.void]:
    if not path.is_file():
        raise DataError(f"there is no file {clean(str(path))}")
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("expected a zip of arrays")
        with zipfile.ZipFile(path) as packed:
            unpacks_to = packed.getinfo("data.npy").file_size
        if unpacks_to > MOST_EVENTS * EVENT.itemsize:
            raise ValueError(f"it unpacks to {unpacks_to:,} bytes, which no file of events does")
        with np.load(path, allow_pickle=False) as archive:
            events: npt.NDArray[np.void] = archive["data"]
    # MemoryError: an array says that it is larger than it is. RuntimeError: packed in a way that numpy never packs.
    except (
        OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError, RuntimeError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{name} is no file of hftbacktest with an array `data`: {clean(str(error), 80)}"
        ) from None
    names = set(events.dtype.names or ())
    if events.ndim != 1 or not {"ev", "exch_ts", "local_ts", "px", "qty"} <= names:
        raise DataError(
            f"{name}: expected events with ev, exch_ts, local_ts, px and qty, found {sorted(names)[:8]}"
        )
    if len(events) > MOST_EVENTS:
        raise DataError(f"{name} has more than {MOST_EVENTS:,} events")
    return events


def _refuse(name: str, bad: npt.NDArray[np.bool_], expected: str) -> None:
    if bad.any():
        raise DataError(f"{name}, received event {int(np.argmax(bad)) + 1}: expected {expected}")


def _on_grid(values: npt.NDArray[np.float64], what: str) -> tuple[Ints, int]:
    """Whole numbers of 10**-places with the fewest places that hold every float within its own rounding."""
    if len(values) and float(values.max()) > 2.0**40:
        raise DataError(f"{what}: expected numbers below {2**40:,}")
    for places in range(SCALE + 1):
        scaled = values * 10.0**places
        whole = np.rint(scaled)
        if (np.abs(scaled - whole) <= np.abs(scaled) * _ROUNDING).all():
            return whole.astype(np.int64), places
    raise DataError(f"{what}: expected at most {SCALE} decimal places")


class HftDay:
    """The session of one file."""

    def __init__(self, path: Path, setup: Setup, symbol: str = "", venue: str = "") -> None:
        self._feed = read(path, symbol, venue)
        self._setup = setup
        self.instrument = self._feed.instrument
        self.note = (
            f"{self.instrument.symbol}: the book and trades of {clean(path.name, 60)} as hftbacktest has them"
        )

    def batches(self) -> Iterator[Batch]:
        feed = self._feed
        ticks = tick_of(feed.local_ns)
        after = int(ticks[0]) - TICK_NS
        yield beginning(self.instrument, after, self._setup, self.note)
        at = 0
        while at < len(ticks):
            end = int(np.searchsorted(ticks, ticks[min(at + CHUNK, len(ticks)) - 1], side="right"))
            rows, levels = _rows(feed, at, end)
            for batch in cut(rows, levels, (), after):
                after = int(batch.rows[-1]["ts_recv"])
                yield batch
            at = end


def _rows(feed: Feed, start: int, stop: int) -> tuple[Rows, Levels]:
    """Levels of one kind that came together are one row of the book; every trade is one of its own."""
    kinds = np.where(feed.kinds[start:stop] == CLEAR, SNAPSHOT, feed.kinds[start:stop])
    stamp = feed.local_ns[start:stop]
    changed = (np.diff(kinds, prepend=0) != 0) | (np.diff(stamp, prepend=-1) != 0) | (kinds == TRADE)
    changed &= ~((kinds == SNAPSHOT) & (np.roll(kinds, 1) == SNAPSHOT) & (np.arange(len(kinds)) > 0))
    group = np.cumsum(changed) - 1
    firsts = np.flatnonzero(changed)
    is_book = kinds != TRADE
    real = is_book & (feed.kinds[start:stop] != CLEAR)
    order = np.lexsort((-feed.side[start:stop], group))  # bids before asks
    pool_of = order[real[order]]
    pool = np.column_stack((feed.ticks[start:stop][pool_of], feed.lots[start:stop][pool_of]))
    counts = {
        side: np.bincount(group[real & (feed.side[start:stop] == side)], minlength=len(firsts))
        for side in (1, -1)
    }
    total = counts[1] + counts[-1]
    begins = np.cumsum(total) - total
    parts: list[tuple[Ints, Rows]] = []
    for ours, theirs in ((Kind.TRADE, TRADE), (Kind.DELTA, DEPTH), (Kind.SNAPSHOT, SNAPSHOT)):
        which = np.flatnonzero(kinds[firsts] == theirs)
        at = firsts[which]
        rows = blank(len(which), ours, stamp[at])
        rows["ts_event"] = feed.venue_ns[start:stop][at]
        rows["last_id"] = start + at + 1
        if ours == Kind.TRADE:
            rows["price_ticks"], rows["size_lots"] = feed.ticks[start:stop][at], feed.lots[start:stop][at]
            rows["side"] = feed.side[start:stop][at]
        else:
            rows["first_id"] = rows["last_id"] if ours == Kind.DELTA else MISSING
            rows["level_start"] = begins[which]
            rows["bid_count"], rows["ask_count"] = counts[1][which], counts[-1][which]
        parts.append((which, rows))
    return in_order(parts, pool.astype(np.int64).reshape(-1, 2))
