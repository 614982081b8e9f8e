"""What is built beside what is recorded: `python -m engine.past.facts replays/march2020.toml` prints the table.

Everything is measured on the rows that a story emits, as a stranger would: prices from its trades, what a size costs
from its books.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.batch import ROW, Batch
from engine.events import Kind, Post
from engine.kernels import fold as fold_kernel
from engine.past.bridge import Floats
from engine.past.met import clock, deviation_bps, misses, moved, said
from engine.past.prices import Ints
from engine.past.source import PastSource
from engine.past.story import Story, read
from engine.past.tables import HOUR_NS, MINUTE_NS

LOOK_EVERY_NS = 10_000_000_000
LAGS = (1, 10, 60)
QUANTILES = (0.05, 0.5, 0.95)


class Row(NamedTuple):
    """A line of the table. `fact` is empty where nothing is recorded; `source` numbers the story's sources."""

    name: str
    ours: str
    fact: str
    source: str


@dataclass
class Tape:
    """Every trade of one venue. ts in ns, prices in quote units, sizes in base units."""

    ts: Ints
    price: Floats
    size: Floats

    def minutes(self, begins: int, ends: int) -> Floats:
        """Open, high, low, close of each minute, shape (minutes, 4); a minute without trades repeats its close."""
        number = (self.ts - begins) // MINUTE_NS
        count = (ends - begins) // MINUTE_NS
        first = np.searchsorted(number, np.arange(count))
        stop = np.searchsorted(number, np.arange(count), side="right")
        bars = np.empty((count, 4))
        close = float(self.price[0])
        for minute, (i, j) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
            part = self.price[i:j] if j > i else np.array([close])
            close = float(part[-1])
            bars[minute] = part[0], part.max(), part.min(), close
        return bars


@dataclass
class Measured:
    """What one run of a story has emitted. costs: (ns, venue, basis points of the recipe's size), NaN: too thin."""

    story: Story
    tapes: tuple[Tape, ...]
    costs: Floats
    posts: int = 0
    ticks: int = 0
    rows: int = 0


@dataclass
class _Collector:
    trades: list[np.ndarray] = field(default_factory=list)
    costs: list[tuple[int, int, float]] = field(default_factory=list)
    posts: int = 0
    ticks: int = 0
    rows: int = 0


def measure(story: Story, *, seed: int | None = None, costs: bool = True) -> Measured:
    """Build the whole of a story and look at it: its trades, and every ten seconds what its recipe's size `costs`."""
    found = _Collector()
    markets = []
    for venue in story.venues:
        instrument = venue.instrument()
        tick, lot = float(instrument.tick.value), float(instrument.lot.value)
        lots = max(1, round(story.recipe.spread_size / lot))
        markets.append(fold_kernel.new_market(tick, lot, (100.0,), lots))
    waiting: list[Batch] = []
    for batch in PastSource(story, seed=seed).made():
        waiting.append(batch)
        found.ticks += 1
        if int(batch.rows[-1]["ts_recv"]) % LOOK_EVERY_NS == 0:
            together = joined(waiting)
            found.posts += sum(isinstance(note, Post) for batch in waiting for note in batch.notes)
            waiting = []
            _collect(found, together)
            if costs:
                _cost(found, together, markets)
    rows = np.concatenate(found.trades)
    return Measured(
        story,
        tuple(_tape(story, rows, venue) for venue in range(len(story.venues))),
        np.array(found.costs, np.float64).reshape(-1, 3),
        found.posts,
        found.ticks,
        found.rows,
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """Rows and levels of many batches as one batch, notes left out: many times as fast as `engine.batch.concat`."""
    rows = np.frombuffer(bytearray(b"".join(batch.rows.tobytes() for batch in batches)), ROW)
    levels = np.concatenate([batch.levels for batch in batches])
    before = np.cumsum([0, *(len(batch.levels) for batch in batches)])[:-1]
    rows["level_start"] += np.repeat(before, [len(batch) for batch in batches]).astype(np.int32)
    return Batch(rows, levels)


def _collect(found: _Collector, batch: Batch) -> None:
    kinds = batch.rows["kind"]
    found.trades.append(batch.rows[kinds == int(Kind.TRADE)])
    found.rows += len(batch)


def _cost(found: _Collector, batch: Batch, markets: list[fold_kernel.MarketArrays]) -> None:
    ts = int(batch.rows[-1]["ts_recv"])
    for index, market in enumerate(markets):
        market = markets[index] = fold_kernel.fit(batch.rows, batch.levels, index, market)
        if fold_kernel.fold(batch.rows, batch.levels, index, market):
            raise ValueError(f"expected a book that is never crossed, found one at {clock(ts)}")
        cost = fold_kernel.feature(market, "round_trip_bps")
        found.costs.append((ts, index, np.nan if cost is None else cost))


def _tape(story: Story, rows: np.ndarray, venue: int) -> Tape:
    instrument = story.venues[venue].instrument()
    own = rows[rows["symbol"] == venue]
    return Tape(
        own["ts_recv"].astype(np.int64),
        own["price_ticks"] * float(instrument.tick.value),
        own["size_lots"] * float(instrument.lot.value),
    )


def table(measured: Measured) -> list[Row]:
    """Ours beside the facts, in the order in which they happened."""
    return [
        *_hours(measured),
        *_anchors(measured),
        *_moves(measured),
        *_deviations(measured),
        *_fall(measured),
        *_persistence(measured),
        *_gaps(measured),
        *_costs(measured),
        *_posts(measured),
    ]


def _cite(source: int) -> str:
    return str(source) if source else "author"


def _hours(m: Measured) -> Iterator[Row]:
    """How far the hours' bars are off, at most."""
    source = _cite(m.story.hours_source)
    for index, venue in enumerate(m.story.venues):
        off = hour_errors(m, index)
        yield Row(
            f"{venue.name}: hourly open, high, low, close",
            f"off by {off[:, :4].max():.2f} at most",
            "0",
            source,
        )
        unit = "million" if venue.volume == "quote_millions" else venue.base
        yield Row(f"{venue.name}: hourly volume", f"off by {off[:, 4].max():.3f} {unit} at most", "0", source)


def hour_errors(m: Measured, venue: int) -> Floats:
    """Absolute differences of each hour's open, high, low, close and volume from the table, shape (hours, 5)."""
    tape = m.tapes[venue]
    found = []
    for bar in m.story.bars:
        if bar.venue != venue:
            continue
        first, stop = np.searchsorted(tape.ts, (bar.start_ns, bar.start_ns + HOUR_NS))
        price, size = tape.price[first:stop], tape.size[first:stop]
        volume = size.sum()
        if m.story.venues[venue].volume == "quote_millions":
            volume = (price * size).sum() / 1e6
        ours = (price[0], price.max(), price.min(), price[-1], volume)
        told = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        found.append([abs(a - b) for a, b in zip(ours, told, strict=True)])
    return np.array(found)


def _minutes(m: Measured, venue: int) -> Floats:
    return m.tapes[venue].minutes(m.story.begins_ns, m.story.ends_ns)


def _anchors(m: Measured) -> Iterator[Row]:
    bars = [_minutes(m, venue) for venue in range(len(m.tapes))]
    column = {"close": 3, "high": 1, "low": 2}
    for anchor in m.story.anchors:
        if anchor.source:
            minute = (anchor.at_ns - m.story.begins_ns) // MINUTE_NS
            name = f"{m.story.names[anchor.venue]}: {anchor.kind} of {clock(anchor.at_ns)}"
            ours = bars[anchor.venue][minute, column[anchor.kind]]
            yield Row(name, f"{ours:,.1f}", f"{anchor.price:,.0f}", str(anchor.source))


def _moves(m: Measured) -> Iterator[Row]:
    for move in m.story.moves:
        pct, at = moved(m.story, move, _minutes(m, move.venue)[:, 3])
        fact = f"{move.pct:g} %, ends with {clock(move.end_ns)}"
        name = f"{m.story.names[move.venue]}: {said(move)}"
        yield Row(name, f"{pct:.2f} %, ends with {clock(at)}", fact, _cite(move.source))


def _deviations(m: Measured) -> Iterator[Row]:
    for told in m.story.deviations:
        index = m.story.names.index(told.venue)
        ours = deviation_bps(m.story, _minutes(m, index)[:, 3], told.begins_ns, told.ends_ns)
        name = (
            f"{told.venue}: deviation of 1-minute returns, {clock(told.begins_ns)} to {clock(told.ends_ns)}"
        )
        yield Row(name, f"{ours:.0f} bp", f"{told.bps:g} bp", _cite(told.source))


def _fall(m: Measured) -> Iterator[Row]:
    for index, venue in enumerate(m.story.names):
        tape = m.tapes[index]
        highest = np.maximum.accumulate(tape.price)
        at = int(np.argmax(1.0 - tape.price / highest))
        peak = int(np.argmax(tape.price[: at + 1]))
        ours = (
            f"{tape.price[at] / tape.price[peak] * 100 - 100:.1f} %, {tape.price[peak]:,.1f} at "
            f"{clock(int(tape.ts[peak]))} to {tape.price[at]:,.1f} at {clock(int(tape.ts[at]))}"
        )
        yield Row(f"{venue}: deepest fall", ours, _fall_of_bars(m.story, index), _cite(m.story.hours_source))


def _fall_of_bars(story: Story, venue: int) -> str:
    """The deepest fall from one hour's high to a later hour's low."""
    bars = [bar for bar in story.bars if bar.venue == venue]
    falls = [(b.low / a.high, a.high, b.low) for i, a in enumerate(bars) for b in bars[i + 1 :]]
    if not falls:
        return ""
    share, top, bottom = min(falls)
    return f"{share * 100 - 100:.1f} %, {top:,.0f} to {bottom:,.0f}"


def autocorrelation(values: Floats, lag: int) -> float:
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def _persistence(m: Measured) -> Iterator[Row]:
    returns = np.abs(np.diff(np.log(_minutes(m, 0)[:, 3])))
    for lag in LAGS:
        if lag < len(returns):
            name = f"{m.story.names[0]}: autocorrelation of 1-minute returns' size at {lag} min"
            yield Row(name, f"{autocorrelation(returns, lag):.2f}", "", "")


def _gaps(m: Measured) -> Iterator[Row]:
    if len(m.tapes) == 2:
        first, second = (_minutes(m, venue)[:, 3] for venue in (0, 1))
        gap = second - first
        at = int(np.argmax(np.abs(gap)))
        a, b = m.story.names
        where = clock(m.story.begins_ns + at * MINUTE_NS)
        yield Row(f"{b} over {a}, widest", f"{gap[at]:+,.0f} at {where}", "", "")


def _costs(m: Measured) -> Iterator[Row]:
    """What the recipe's size costs to buy and sell again, by chapter, and outside them before and after the first."""
    if not len(m.costs):
        return
    ts = m.costs[:, 0]
    inside = np.zeros(len(ts), bool)
    size = f"{m.story.recipe.spread_size:g} {m.story.venues[0].base}"
    for chapter in m.story.chapters:
        now = (ts > chapter.begins_ns) & (ts <= chapter.ends_ns)
        inside |= now
        for index, venue in enumerate(m.story.names):
            yield _cost_row(
                f"{venue}: spread of {size}, {chapter.name}", m.costs[now & (m.costs[:, 1] == index), 2]
            )
    begins = min((chapter.begins_ns for chapter in m.story.chapters), default=m.story.ends_ns)
    for when, rest in (
        ("the hours before", ~inside & (ts <= begins)),
        ("the hours after", ~inside & (ts > begins)),
    ):
        for index, venue in enumerate(m.story.names):
            costs = m.costs[rest & (m.costs[:, 1] == index), 2]
            if len(costs):
                yield _cost_row(f"{venue}: spread of {size}, {when}", costs)


def _cost_row(name: str, costs: Floats) -> Row:
    low, middle, high = np.nanquantile(costs, QUANTILES)
    most = float(np.nanmax(costs))
    return Row(name, f"{low:.0f}, {middle:.0f}, {high:.0f} bp (5, 50, 95 %), {most:.0f} at most", "", "")


def _posts(m: Measured) -> Iterator[Row]:
    """Made up, with the indices that are recorded among them."""
    days = [day for day in m.story.days if day.source]
    if days:
        told = f"{sum(day.comments for day in days):,} comments, {len(days)} indices"
        yield Row("posts", f"{m.posts:,}", told, _cite(days[0].source))


def text(rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    lines = ["| | ours | told | source |", "|---|---|---|---|"]
    lines += [f"| {row.name} | {row.ours} | {row.fact} | {row.source} |" for row in rows]
    return "\n".join(lines)


def missed(measured: Measured) -> tuple[str, ...]:
    """What is recorded and is not so here, a sentence each."""
    return misses(measured.story, [_minutes(measured, venue)[:, 3] for venue in range(len(measured.tapes))])


if __name__ == "__main__":
    found = measure(read(Path(sys.argv[1])))
    print(text(table(found)))
    for sentence in missed(found):
        print(f"\nNot met: {sentence}.")
