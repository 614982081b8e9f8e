"""An hour's trades of one venue: on the path, as many as the recipe says, and together the hour's recorded volume.

Sizes have a heavy tail (Gopikrishnan and others 2000: exponent 1.5); buyers and sellers come in runs, more of those
who push the price where it goes. Where a price is known, a trade prints it, and none is above the hour's high or
below its low.
"""

from __future__ import annotations

import numpy as np

from engine.past.bridge import Floats
from engine.past.prices import Ints, VenueHour
from engine.past.story import Venue
from engine.past.tables import Bar

TAIL = 1.5
SIZE_CAP = 60.0  # of the smallest
RUN_ENDS = 0.35  # how likely a trade begins a new run of one side
PUSH = 0.42  # by how much the side of a run follows the way the price goes
FROZEN_RATE, FROZEN_WEIGHT = 0.01, 1e-4  # trades a second, and their size, of a venue that is down
MOST_A_TICK = 12
LOTS_A_TRADE = 8.0  # at least in the middle: an hour of few lots has few trades
TICK, PRICE, LOTS, SIDE = range(4)  # columns of the trades


def trades(
    venue: Venue,
    hour: VenueHour,
    times: Ints,
    half: Floats,
    activity: Floats,
    rate: float,
    in_chapters: float,
    draw: np.random.Generator,
) -> Ints:
    """Rows of (tick, price in ticks, lots, side), in order: shape (n, 4).

    half: of the quoted spread at each tick, in quote units. activity: of each of the 60 minutes, mean one. rate:
    trades a second in the middle; `in_chapters` times as many where ticks are a tenth of a second apart.
    """
    lengths = np.diff(times, prepend=times[0] - 1 if times[0] % 10 == 1 else times[0] - 10) / 10.0
    minute = ((times - 1) // 600 % 60).astype(int)
    expected = rate * lengths * np.where(lengths < 0.5, in_chapters, 1.0) * np.sqrt(activity[minute])
    expected *= min(1.0, lots_of(venue, hour.bar) / LOTS_A_TRADE / float(expected.sum()))
    weights = activity[minute] ** 0.5
    out = hour.outage
    if out is not None:
        expected[out.first : out.stop] = FROZEN_RATE * lengths[out.first : out.stop]
        weights[out.first : out.stop] = FROZEN_WEIGHT
    counts = np.minimum(draw.poisson(expected), MOST_A_TICK)
    free = np.repeat(np.arange(len(times)), counts)
    where = draw.uniform(0.0, 1.0, len(free))
    order = np.lexsort((where, free))
    free, where = free[order], where[order]
    side = _sides(hour.prices, hour.start, free, half, draw)
    earlier = np.concatenate([[hour.start], hour.prices])[free]
    price = earlier + (hour.prices[free] - earlier) * where + side * half[free]
    if out is not None:
        down = (free >= out.first) & (free < out.stop)
        price[down] = np.where(side[down] > 0, out.high, out.low)
    pinned = np.array([(tick, price, side) for tick, price, side in hour.pins])
    # The open is the first trade of its tick, every other known price the last of its own.
    rank = np.where(np.arange(len(pinned)) == 0, -1.0, 2.0)
    at = np.concatenate([free, pinned[:, 0].astype(int)])
    order = np.lexsort((np.concatenate([where, rank]), at))
    at = at[order]
    price = np.concatenate([price, pinned[:, 1]])[order]
    side = np.concatenate([side, pinned[:, 2]])[order]
    known = np.concatenate([np.zeros(len(free), bool), np.ones(len(pinned), bool)])[order]
    ticks = _on_grid(price, side, known, hour, float(venue.instrument().tick.value))
    wanted = weights[at] * np.minimum(draw.pareto(TAIL, len(at)) + 1.0, SIZE_CAP)
    lots = _sizes(wanted, ticks, venue, hour.bar.volume)
    return np.stack([at, ticks, lots, side.astype(np.int64)], axis=1)


def _sides(prices: Floats, start: float, at: Ints, half: Floats, draw: np.random.Generator) -> Floats:
    """+1 bought, -1 sold."""
    begins = draw.uniform(size=len(at)) < RUN_ENDS
    if len(begins):
        begins[0] = True
    change = np.diff(prices, prepend=start)
    push = np.tanh(change / (2.0 * half))
    drawn = np.where(draw.uniform(size=len(at)) < 0.5 + PUSH * push[at], 1.0, -1.0)
    run = np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))
    return drawn[run]


def _on_grid(price: Floats, side: Floats, known: np.ndarray, hour: VenueHour, tick: float) -> Ints:
    """Buyers pay the next tick up, sellers get the next one down; only where it is known is it the high or the low."""
    exact = price / tick
    ticks = np.where(side > 0, np.ceil(exact - 1e-6), np.floor(exact + 1e-6)).astype(np.int64)
    low, high = round(hour.bar.low / tick), round(hour.bar.high / tick)
    within = np.clip(ticks, min(low + 1, high), max(high - 1, low))
    return np.where(known, np.rint(exact).astype(np.int64), within)


def lots_of(venue: Venue, bar: Bar) -> float:
    """An hour's volume in lots, about."""
    lot = float(venue.instrument().lot.value)
    return (bar.volume * 1e6 / bar.high if venue.volume == "quote_millions" else bar.volume) / lot


def _sizes(wanted: Floats, ticks: Ints, venue: Venue, volume: float) -> Ints:
    """Whole lots, one at least and more as `wanted` says, that make up the hour's volume to less than a lot."""
    instrument = venue.instrument()
    tick, lot = float(instrument.tick.value), float(instrument.lot.value)
    each = ticks * tick * lot if venue.volume == "quote_millions" else np.full(len(ticks), lot)
    total = volume * 1e6 if venue.volume == "quote_millions" else volume
    more = max(total - float(each.sum()), 0.0) / float((wanted * each).sum())
    lots = 1 + np.floor(wanted * more).astype(np.int64)
    largest = int(np.argmax(lots))
    lots[largest] += int((total - float((lots * each).sum())) / each[largest])
    return lots


def activity(returns: Floats, hour_sigma: float, draw: np.random.Generator) -> Floats:
    """How much is traded in each minute, mean one: more where the price moves. Shape (60,)."""
    level = (np.abs(returns) + 0.5 * hour_sigma) * np.exp(0.35 * draw.standard_normal(len(returns)))
    return np.asarray(level / level.mean())
