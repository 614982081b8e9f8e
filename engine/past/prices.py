"""An hour's price at every tick, on both venues: the second follows the first with a small basis.

The second venue's price is the first's, mapped so that the hour's low and high fall on its own, plus a difference
that leads from its own open over its own anchors to its own close: where the hours of the two venues say the same,
the difference is nothing but the basis; where they do not, the gap opens between the points that say so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.past.bridge import Floats, bridge
from engine.past.draws import generator
from engine.past.minutes import DS_NS, HOUR, MINUTE, LeadPath, Pin, hour_pins, last_hour_sigma
from engine.past.story import Story
from engine.past.tables import Bar

Ints = npt.NDArray[np.int64]

SECOND = 10  # deciseconds
BASIS_S = 20.0  # half-life of the basis around the common path
NEAR_S = 20.0  # the basis fades so long before and after a known price
INNER = 0.8  # noise inside a minute, as a share of what its own return and the last hour suggest


@dataclass(frozen=True, slots=True)
class Outage:
    """Ticks `first` to `stop` in which a venue stands still between two prices."""

    first: int
    stop: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class VenueHour:
    """prices: of the mid at each tick's end, shape (ticks,). pins: (tick, price, side), the last trade of its tick."""

    prices: Floats
    start: float  # the mid as the hour begins
    pins: tuple[tuple[int, float, int], ...]
    bar: Bar
    outage: Outage | None = None


@dataclass(frozen=True, slots=True)
class HourPrices:
    """times: the end of each tick in ds since the story begins, shape (ticks,)."""

    times: Ints
    venues: tuple[VenueHour, ...]


def tick_times(story: Story, number: int) -> Ints:
    """Ends of an hour's ticks: every second, in chapters every tenth of one.

    The session's very first second is cut in ten too: its clock counts seconds from there.
    """
    origin = HOUR * number
    every = np.zeros(HOUR, bool)
    every[SECOND - 1 :: SECOND] = True
    if number == 0:
        every[:SECOND] = True
    for chapter in story.chapters:
        first = (chapter.begins_ns - story.begins_ns) // DS_NS - origin
        stop = (chapter.ends_ns - story.begins_ns) // DS_NS - origin
        every[max(first, 0) : max(stop, 0)] = True
    return origin + 1 + np.flatnonzero(every)


def hour_prices(
    story: Story, number: int, path: LeadPath, bars: tuple[Bar, ...], before: tuple[float, ...], seed: int
) -> HourPrices:
    """Both venues' hour. `before`: their last mids, or their opens in the first hour."""
    times = tick_times(story, number)
    lead = _lead(story, number, path, bars[0], before[0], times, generator(seed, f"ticks {number}"))
    venues = [lead]
    if len(bars) == 2:
        draw = generator(seed, f"basis {number}")
        venues.append(follower(story, number, lead, bars[1], before[1], times, draw))
    return HourPrices(times, tuple(venues))


def _lead(
    story: Story, number: int, path: LeadPath, bar: Bar, before: float, times: Ints, draw: np.random.Generator
) -> VenueHour:
    origin = HOUR * number
    known = {origin: math.log(before)}
    closes = path.closes[60 * number : 60 * number + 60]
    for minute, close in enumerate(closes.tolist(), 1):
        known[origin + MINUTE * minute] = close
    known |= {pin.at: math.log(pin.price) for pin in path.pins[number]}
    knots = np.array(sorted(known), np.float64)
    values = np.array([known[int(at)] for at in knots])
    grid = np.concatenate([[origin], times]).astype(np.float64)
    outage = _outage(story, number, times, bar.venue)
    steps = draw.standard_normal(len(grid)) * np.sqrt(np.diff(grid, prepend=origin) / MINUTE)
    hour = last_hour_sigma(path)[60 * number : 60 * number + 60]
    steps *= _inner_sigma(closes, known[origin], hour)[((grid - 1) // MINUTE).astype(int) % 60]
    if outage is not None:
        steps[outage.first : outage.stop + 1] = 0.0
    inside = bridge(grid, knots, values, steps, math.log(bar.low), math.log(bar.high))
    prices = np.exp(inside[1:])
    ends = {origin + MINUTE * m: math.exp(close) for m, close in enumerate(closes.tolist(), 1)}
    pins = [*path.pins[number], *(Pin(at, price, 0) for at, price in ends.items())]
    return VenueHour(prices, before, _on_ticks(pins, times, prices, bar, outage), bar, outage)


def _inner_sigma(closes: Floats, before: float, hour: Floats) -> Floats:
    """Deviation per minute inside each minute, from its own return and from the last hour's range, shape (60,)."""
    returns = np.abs(np.diff(closes, prepend=before))
    near = (returns + np.concatenate([returns[:1], returns[:-1]])) / 2.0
    return np.asarray(INNER * np.sqrt(0.5 * near**2 + 0.15 * hour**2))


def _outage(story: Story, number: int, times: Ints, venue: int) -> Outage | None:
    for event in story.events:
        first = (event.at_ns - story.begins_ns) // DS_NS
        if event.kind == "outage" and event.venue == story.names[venue] and first // HOUR == number:
            stop = (event.until_ns - story.begins_ns) // DS_NS
            span = np.searchsorted(times, (first, stop), side="right")
            return Outage(int(span[0]), int(span[1]), event.low, event.high)
    return None


def _on_ticks(
    pins: list[Pin], times: Ints, prices: Floats, bar: Bar, outage: Outage | None
) -> tuple[tuple[int, float, int], ...]:
    """Each pin's tick; a tick's later pins win, and a side that is not told is that of the last move."""
    found: dict[int, tuple[int, float, int]] = {0: (0, bar.open, 1 if prices[0] >= bar.open else -1)}
    for pin in sorted(pins, key=lambda pin: (pin.at, pin.side != 0)):
        tick = int(np.searchsorted(times, pin.at))
        if outage is not None and outage.first <= tick < outage.stop:
            continue
        side = pin.side or (1 if prices[tick] >= prices[max(tick - 1, 0)] else -1)
        found[tick] = (tick, pin.price, side)
    return tuple(found[tick] for tick in sorted(found))


def follower(
    story: Story,
    number: int,
    lead: VenueHour,
    bar: Bar,
    before: float,
    times: Ints,
    draw: np.random.Generator,
) -> VenueHour:
    """The second venue's hour from the first's."""
    slope = (bar.high - bar.low) / max(lead.bar.high - lead.bar.low, 1e-9)
    mapped = bar.low + (lead.prices - lead.bar.low) * slope
    pins = {pin.at: pin for pin in hour_pins(story, bar, number, draw, own_only=True)}
    for kind, price, side in (("high", bar.high, 1), ("low", bar.low, -1)):
        if price not in (bar.open, bar.close) and not any(pin.price == price for pin in pins.values()):
            extreme = np.argmax(lead.prices) if kind == "high" else np.argmin(lead.prices)
            tick = int(np.clip(extreme, 4, len(times) - 6))
            while int(times[tick]) in pins:
                tick -= 1
            pins[int(times[tick])] = Pin(int(times[tick]), price, side)
    known = sorted(pins)
    at = np.searchsorted(times, known)
    differences = np.array([pins[moment].price for moment in known]) - mapped[at]
    first = before - (bar.low + (lead.start - lead.bar.low) * slope)
    knots = np.concatenate([[HOUR * number], known]).astype(np.float64)
    gap = np.interp(times, knots, np.concatenate([[first], differences]))
    away = np.min(np.abs(times[:, None] - knots[None, :]), axis=1) / (NEAR_S * 10.0)
    basis = _basis(story.recipe.basis_bps, times, draw) * np.minimum(away, 1.0)
    prices = np.clip(mapped + gap + basis * mapped, bar.low, bar.high)
    prices[at] = [pins[moment].price for moment in known]
    outage = _outage(story, number, times, bar.venue)
    ends = np.arange(1, 61) * MINUTE + HOUR * number
    closes = [Pin(int(moment), float(prices[np.searchsorted(times, moment)]), 0) for moment in ends]
    on_ticks = _on_ticks([*pins.values(), *closes], times, prices, bar, outage)
    return VenueHour(prices, before, on_ticks, bar, outage)


def _basis(bps: float, times: Ints, draw: np.random.Generator) -> Floats:
    """Noise of a deviation in basis points that forgets itself with `BASIS_S`, a share of the price."""
    seconds = np.unique((times + SECOND - 1) // SECOND)
    keep = 0.5 ** (1.0 / BASIS_S)
    steps = draw.standard_normal(len(seconds)) * math.sqrt(1.0 - keep * keep)
    out, level = np.empty(len(seconds)), 0.0
    for i, step in enumerate(steps.tolist()):
        level = keep * level + step
        out[i] = level
    return np.interp(times, seconds * float(SECOND), out * bps / 1e4)
