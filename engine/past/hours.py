"""Hour after hour of a story as rows: the path, the trades on it, and the book that answers them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.batch import Batch
from engine.kernels.past_book import (
    FAR,
    GAP_TICKS,
    NEAR,
    NEAR_TICKS,
    REACH_TICKS,
    SHAPE,
    WIDENS_TICKS,
    PastBooks,
)
from engine.past.bridge import Floats
from engine.past.draws import generator
from engine.past.flow import activity, trades
from engine.past.minutes import DS_NS, LeadPath, lead_path
from engine.past.prices import SECOND, HourPrices, Ints, VenueHour, hour_prices
from engine.past.real import RealTrades
from engine.past.recipe import Liquidity, liquidity
from engine.past.story import Recipe, Story, Venue, hours_of

TOGETHER = 600  # ticks that are made at once
REFRESHED_A_SECOND, REFRESHED_A_TENTH = 6, 3  # levels a side
CHAPTER_TRADES = 3.0  # times as many trades where ten ticks a second show them
WOBBLE = 0.2  # of the logarithm of the quoted spread from tick to tick
# Of the book's form, in basis points of the price; where the effective spread is wide, all of it is wider.
GAP_BPS, WIDENS_BPS, REACH_BPS = 0.3, 40.0, 320.0
STRETCH = 0.2  # exponent of the effective spread over the calm one


@dataclass(frozen=True, slots=True)
class Quotes:
    """What the books are to do in an hour: see `PastBooks.quote`."""

    best: Ints
    frozen: np.ndarray
    prints: Ints
    shape: Floats


class Hours:
    """All of a story from a seed, made as it is asked for; around `real` trades where there are some."""

    def __init__(self, story: Story, seed: int, real: RealTrades | None = None) -> None:
        self.story, self.seed, self._real = story, seed, real
        self.path: LeadPath = lead_path(story, seed) if real is None else real.path()
        self.liquidity: tuple[Liquidity, ...] = liquidity(story, self.path, seed)
        self._hours = [bars for _, bars in hours_of(story)]
        self._books = PastBooks(len(story.venues), seed)
        self._median = [
            float(np.median([bars[v].volume for bars in self._hours])) for v in range(len(story.venues))
        ]

    def batches(self) -> Iterator[Batch]:
        """A batch a tick, in order."""
        before = tuple(bar.open for bar in self._hours[0])
        for number, bars in enumerate(self._hours):
            if self._real is None:
                prices = hour_prices(self.story, number, self.path, bars, before, self.seed)
            else:
                prices = self._real.hour_prices(number, bars, before, self.seed)
            quotes = self._quotes(number, prices)
            yield from self._rows(number, prices, quotes)
            before = tuple(float(venue.prices[-1]) for venue in prices.venues)

    def _rows(self, number: int, prices: HourPrices, quotes: Quotes) -> Iterator[Batch]:
        begins = self.story.begins_ns
        times = prices.times
        before = number * 36_000
        ends = begins + np.concatenate([[before], times]) * DS_NS
        minutes = (times - 1) // 600 % 60
        tenths = np.diff(times, prepend=before) < SECOND
        refreshed = np.where(tenths, REFRESHED_A_TENTH, REFRESHED_A_SECOND).astype(np.int64)
        for first in range(0, len(times), TOGETHER):
            part = slice(first, first + TOGETHER)
            chosen = slice(*np.searchsorted(quotes.prints[:, 1], (first, first + TOGETHER)))
            prints = quotes.prints[chosen] - np.array([0, first, 0, 0, 0])
            rows, levels, places = self._books.quote(
                ends[first : first + TOGETHER + 1], minutes[part], refreshed[part],
                np.ascontiguousarray(quotes.best[:, :, part]), np.ascontiguousarray(quotes.frozen[:, part]),
                prints, quotes.shape,
            )  # fmt: skip
            for (row, level), (last_row, last_level) in pairwise(places.tolist()):
                yield Batch(rows[row:last_row], levels[level:last_level])

    def _quotes(self, number: int, prices: HourPrices) -> Quotes:
        venues = prices.venues
        ticks = len(prices.times)
        best = np.empty((len(venues), 2, ticks), np.int64)
        frozen = np.zeros((len(venues), ticks), np.bool_)
        shape = np.empty((len(venues), 2, SHAPE, 60))
        prints = []
        for index, (venue, hour) in enumerate(zip(self.story.venues, venues, strict=True)):
            draw = generator(self.seed, f"flow {number} {index}")
            liquid = self.liquidity[index]
            half = self._half_spreads(number, prices, hour, liquid, draw)
            printed = self._prints(number, prices.times, index, hour, half, draw)
            if hour.outage is not None:
                out = hour.outage
                frozen[index, out.first + 1 : out.stop] = True
            best[index] = _best(venue, hour, half)
            shape[index] = _shape(self.story.recipe, venue, liquid, hour, number)
            prints.append(np.column_stack([np.full(len(printed), index), printed]))
        together = np.concatenate(prints)
        return Quotes(best, frozen, together[np.argsort(together[:, 1], kind="stable")], shape)

    def _half_spreads(
        self, number: int, prices: HourPrices, hour: VenueHour, liquid: Liquidity, draw: np.random.Generator
    ) -> Floats:
        """Half of the quoted spread at each tick, in quote units."""
        share = self.story.recipe.touch_share
        spread = _at_ticks(np.log(liquid.spread_bps), number, prices.times)
        wobble = draw.standard_normal(len(prices.times)) * WOBBLE
        return np.asarray(np.exp(spread + wobble) / 1e4 * share * hour.prices / 2.0)

    def _prints(
        self, number: int, times: Ints, index: int, hour: VenueHour, half: Floats, draw: np.random.Generator
    ) -> Ints:
        if self._real is not None and index == self._real.venue:
            return self._real.prints(number, times)
        closes = self.path.closes[60 * number : 60 * number + 60]
        returns = np.diff(closes, prepend=closes[0])
        busy = activity(returns, self.path.sigma[number], draw)
        relative = (hour.bar.volume / self._median[index]) ** 0.5
        rate = self.story.recipe.trades_per_s * min(max(relative, 0.4), 3.0)
        return trades(self.story.venues[index], hour, times, half, busy, rate, CHAPTER_TRADES, draw)


def _at_ticks(of_minutes: Floats, number: int, times: Ints) -> Floats:
    """Values at minute ends, between them along straight lines."""
    at = times / 600.0 - 1.0
    first = max(60 * number - 1, 0)
    near = of_minutes[first : 60 * number + 60]
    return np.interp(at, np.arange(first, first + len(near)), near)


def _best(venue: Venue, hour: VenueHour, half: Floats) -> Ints:
    """Best bid and ask at each tick, in ticks: around the path; where a known price is traded, one of them is it."""
    tick = float(venue.instrument().tick.value)
    width = np.maximum(np.rint(2.0 * half / tick), 1).astype(np.int64)
    bid = np.rint(hour.prices / tick - width / 2.0).astype(np.int64)
    for at, price, side in hour.pins[1:]:
        known = round(price / tick)
        bid[at] = known - width[at] if side > 0 else known
    if hour.outage is not None:
        down = slice(hour.outage.first, hour.outage.stop)
        bid[down] = round(hour.outage.low / tick)
        width[down] = max(round(hour.outage.high / tick) - bid[down.start], 1)
    bid = np.maximum(bid, 1)
    return np.stack([bid, bid + width])


def _shape(recipe: Recipe, venue: Venue, liquid: Liquidity, hour: VenueHour, number: int) -> Floats:
    """The form of both sides' books at each minute of an hour: (2, SHAPE, 60)."""
    part = slice(60 * number, 60 * number + 60)
    instrument = venue.instrument()
    tick, lot = float(instrument.tick.value), float(instrument.lot.value)
    price_ticks = np.full(60, (hour.bar.open + hour.bar.close) / 2.0 / tick)
    bp = price_ticks / 1e4
    spread, lean = liquid.spread_bps[part], liquid.lean[part]
    stretch = (np.maximum(spread, recipe.spread_bps) / recipe.spread_bps) ** STRETCH
    form = np.empty((2, SHAPE, 60))
    # A round trip of the size pays the touch and, at an even density, half the way to its end on each side.
    inside = spread * (1.0 - recipe.touch_share)
    near = recipe.spread_size / (inside * bp) / lot
    far = liquid.depth[part] / (100.0 * bp) / lot
    for side, sign in ((0, 1.0), (1, -1.0)):
        form[side, NEAR] = near * (1.0 + sign * lean)
        form[side, FAR] = far * (1.0 + sign * lean)
        form[side, NEAR_TICKS] = inside * bp + 1.0
        form[side, GAP_TICKS] = GAP_BPS * stretch * bp
        form[side, WIDENS_TICKS] = WIDENS_BPS * stretch * bp
        form[side, REACH_TICKS] = np.maximum(REACH_BPS, 2.5 * spread) * bp
    return form
