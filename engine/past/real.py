"""A story rebuilt around the real trades of one of its venues: each of them prints, and the price is theirs.

What the other venue did is still made up from its recorded hours and known prices, and now follows the real price
between them. The book stays a reconstruction: its best prices are where the last trade was, its depth the recipe's.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np

from engine.data.errors import DataError
from engine.data.trades import Trades
from engine.past.draws import generator
from engine.past.met import clock
from engine.past.minutes import DS_NS, HOUR, MINUTE, LeadPath, parkinson
from engine.past.prices import HourPrices, Ints, VenueHour, follower, tick_times
from engine.past.story import Story, Venue, hours_of
from engine.past.tables import HOUR_NS, Bar

# Of an hour's high or low. Tables are rounded, and a wick is a matter of which trades were counted; more than the
# one is worth telling, and more than the other another market's.
LEAST_APART, MOST_APART = 0.005, 0.1


def with_real(story: Story, trades: Trades) -> Story:
    """The story as it is told where one of its venues printed `trades`. Raises DataError where none of them did."""
    at = venue_of(story, trades)
    own, instrument = story.venues[at], trades.instrument
    finest = msgspec.structs.replace(
        own,
        tick_size=min(own.tick_size, instrument.tick_size, key=Decimal),
        lot_size=min(own.lot_size, instrument.lot_size, key=Decimal),
    )
    venues = tuple(finest if index == at else venue for index, venue in enumerate(story.venues))
    return msgspec.structs.replace(as_told(story, own), venues=venues)


def as_told(story: Story, venue: Venue) -> Story:
    """The story with what is said of it where this venue's trades are the real ones."""
    return msgspec.structs.replace(
        story,
        note=f"reconstructed book around every real trade of {venue.name}",
        recorded=(
            f"Every trade of {venue.name} {venue.symbol}, as published on data.binance.vision",
            *story.recorded,
        ),
        reconstructed=(
            f"All of what follows, but for the trades and the price of {venue.name}",
            *story.reconstructed,
        ),
    )


def venue_of(story: Story, trades: Trades) -> int:
    """The venue whose trades these are."""
    wanted = (trades.instrument.venue, trades.instrument.symbol)
    found = [(venue.name, venue.symbol) for venue in story.venues]
    if wanted not in found:
        there = ", ".join(":".join(pair) for pair in found)
        raise DataError(f"the trades are of {trades.instrument.key}, the story tells of {there}")
    return found.index(wanted)


def beside_hours(story: Story, trades: Trades) -> str:
    """How far the highs and lows of real hours are from the recorded ones, in words; empty where they agree.

    Raises DataError where they cannot be of the market that the story tells of.
    """
    at = venue_of(story, trades)
    apart = []
    for bar in story.bars:
        first, stop = np.searchsorted(trades.ts_ns, (bar.start_ns, bar.start_ns + HOUR_NS)).tolist()
        if bar.venue == at and first < stop:
            prices = trades.price_ticks[first:stop] * float(trades.instrument.tick.value)
            for name, real, told in (("high", prices.max(), bar.high), ("low", prices.min(), bar.low)):
                apart.append((abs(float(real) / told - 1.0), bar.start_ns, name, float(real), told))
    share, start, name, real, told = max(apart, default=(0.0, 0, "", 0.0, 0.0))
    where = f"{clock(start)}: a {name} of {real:,.10g}, recorded is {told:,.10g}"
    if share > MOST_APART:
        raise DataError(
            f"expected trades within {MOST_APART:.0%} of the hours that {story.name} records of "
            f"{story.names[at]}, found them {share:.0%} apart in the hour of {where}: are they of another market?"
        )
    if share <= LEAST_APART:
        return ""
    return f"{story.names[at]}: its real hours differ from the recorded ones by up to {share:.1%}, in that of {where}"


class RealTrades:
    """Real trades on a story's clock. `story` is one of `with_real`."""

    def __init__(self, story: Story, trades: Trades) -> None:
        self.venue = venue_of(story, trades)
        self._story = story
        first, last = np.searchsorted(trades.ts_ns, (story.begins_ns, story.ends_ns)).tolist()
        part = slice(first, last)
        instrument = story.venues[self.venue].instrument()
        self._tick = float(instrument.tick.value)
        self._lot = float(instrument.lot.value)
        finer_price = int(trades.instrument.tick.value / instrument.tick.value)
        finer_size = int(trades.instrument.lot.value / instrument.lot.value)
        since = trades.ts_ns[part] - story.begins_ns
        self._ds: Ints = np.maximum(-(-since // DS_NS), 1)
        self._ticks: Ints = trades.price_ticks[part] * finer_price
        self._lots: Ints = trades.size_lots[part] * finer_size
        self._side: Ints = trades.side[part].astype(np.int64)
        self._hours = len(list(hours_of(story)))
        for number in range(self._hours):
            low, high = self._bounds(number)
            if low == high:
                raise DataError(
                    f"the real trades have none in hour {number + 1} of the story: fetch every day of it"
                )

    def path(self) -> LeadPath:
        """What the recipe and the posts follow: the real price, minute by minute."""
        ends = MINUTE * np.arange(1, 60 * self._hours + 1)
        latest = np.maximum(np.searchsorted(self._ds, ends, side="right") - 1, 0)
        bounds = [self._bounds(number) for number in range(self._hours)]
        opens = [self._ticks[low] for low, _ in bounds]
        sigma = [max(parkinson(self._bar(number)), 1e-5) for number in range(self._hours)]
        return LeadPath(
            np.log(self._ticks[latest] * self._tick),
            ((),) * self._hours,
            np.log(np.array(opens) * self._tick),
            np.array(sigma),
        )

    def hour_prices(
        self, number: int, bars: tuple[Bar, ...], before: tuple[float, ...], seed: int
    ) -> HourPrices:
        """The hour of every venue: this one's as it was, the other's around it. See `engine.past.prices`."""
        times = tick_times(self._story, number)
        real = self._hour(number, times, before[self.venue])
        venues = []
        for index, bar in enumerate(bars):
            if index == self.venue:
                venues.append(real)
            else:
                draw = generator(seed, f"basis {number}")
                venues.append(follower(self._story, number, real, bar, before[index], times, draw))
        return HourPrices(times, tuple(venues))

    def prints(self, number: int, times: Ints) -> Ints:
        """Rows of (tick, price in ticks, lots, side), in order: every trade of the hour."""
        low, high = self._bounds(number)
        at = np.searchsorted(times, self._ds[low:high])
        return np.stack([at, self._ticks[low:high], self._lots[low:high], self._side[low:high]], axis=1)

    def _hour(self, number: int, times: Ints, before: float) -> VenueHour:
        """Each tick's known price is that of the last trade by its end, be it of the hour before."""
        latest = np.searchsorted(self._ds, times, side="right") - 1
        traded = latest >= 0
        prices = np.where(traded, self._ticks[latest] * self._tick, before)
        sides = np.where(traded, self._side[latest], 1)
        known = zip(range(len(times)), prices.tolist(), sides.tolist(), strict=True)
        bar = self._bar(number)
        pins = ((0, bar.open, 1), *known)  # the first is the hour's open, as everywhere
        return VenueHour(prices, before, pins, bar)

    def _bar(self, number: int) -> Bar:
        low, high = self._bounds(number)
        prices = self._ticks[low:high] * self._tick
        start = self._story.begins_ns + number * HOUR * DS_NS
        volume = float(self._lots[low:high].sum()) * self._lot
        return Bar(
            self.venue,
            start,
            float(prices[0]),
            float(prices.max()),
            float(prices.min()),
            float(prices[-1]),
            volume,
        )

    def _bounds(self, number: int) -> tuple[int, int]:
        low, high = np.searchsorted(self._ds, (HOUR * number, HOUR * (number + 1)), side="right").tolist()
        return low, high
