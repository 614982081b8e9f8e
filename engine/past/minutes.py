"""The leading venue's path, minute by minute: through every recorded price, and no worse than the worst recorded.

An hour is drawn many times over, and the first path is taken that has no return worse than those that are recorded
as the worst; in hours whose deviation of returns is recorded the amplitude is drawn too, and the nearest is taken.
Times are in deciseconds (0.1 s) since the story begins, prices in logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.past.bridge import Floats, bridge
from engine.past.draws import generator
from engine.past.story import Story, hours_of
from engine.past.tables import HOUR_NS, MINUTE_NS, Anchor, Bar

MINUTE, HOUR = 600, 36_000  # deciseconds
DS_NS = 100_000_000
CANDIDATES = 192
PLACES = 8  # moments tried for an hour's high and low; the one that needs the slowest moves is taken
SHARE_OF_PARKINSON = 0.9  # the known points move the path too, and between them less noise is needed
NOISE_LIMIT = 2.4  # deviations
CLUSTER_SIGMA, CLUSTER_MINUTES = 0.45, 12.0  # of the logarithm of the noise's size
RANGE_OF_HOUR = 2.0 * math.sqrt(
    60.0 * math.log(2.0)
)  # ln(H/L) of an hour over a minute's deviation: Parkinson (1980)
UP_LIMIT = 0.055  # largest rise of a minute, so that a rebound looks like one


@dataclass(frozen=True, slots=True)
class Pin:
    """A price that is known at a moment. `side`: of the trade that prints there."""

    at: int  # ds since the story begins: the end of the tick in which it trades
    price: float
    side: int


@dataclass(frozen=True, slots=True)
class LeadPath:
    """closes: log price at each minute's end, shape (minutes,). pins: by hour. sigma: deviation per minute, by hour."""

    closes: Floats
    pins: tuple[tuple[Pin, ...], ...]
    opens: Floats  # log price at each hour's first trade
    sigma: Floats


def parkinson(bar: Bar) -> float:
    """Deviation of a 1-minute log return that fits an hour's range."""
    return math.log(bar.high / bar.low) / RANGE_OF_HOUR


def last_hour_sigma(path: LeadPath) -> Floats:
    """Parkinson's deviation of a minute from the range of the last 60 minutes, at each minute's end, shape (minutes,).

    In the first hour it is that hour's.
    """
    known = np.concatenate([path.opens[:1], path.closes])
    hours = np.lib.stride_tricks.sliding_window_view(known, 61)
    found = (hours.max(axis=1) - hours.min(axis=1)) / RANGE_OF_HOUR
    return np.concatenate([np.full(59, found[0]), found])


def lead_path(story: Story, seed: int) -> LeadPath:
    """The path of the first venue."""
    hours = [bars[0] for _, bars in hours_of(story)]
    closes = np.empty(60 * len(hours))
    pins, opens, sigmas = [], np.empty(len(hours)), np.empty(len(hours))
    limits = _Limits(story)
    owed: dict[int, float] = {}
    for number, bar in enumerate(hours):
        draw = generator(seed, f"path {number}")
        known = hour_pins(story, bar, number, draw)
        before = closes[max(0, 60 * number - 60) : 60 * number]
        start = float(before[-1]) if number else math.log(bar.open)
        sigmas[number] = max(parkinson(bar), 1e-5)
        amplitude = SHARE_OF_PARKINSON * sigmas[number]
        hour_before = sigmas[number - 1] if number else story.recipe.calm_bps / 1e4
        made = _candidates(bar, number, known, start, amplitude, draw, story, hour_before)
        target = _target(story, number, closes, owed)
        choice = limits.choose(made, before, number, target)
        closes[60 * number : 60 * number + 60] = made[choice]
        opens[number] = math.log(bar.open)
        pins.append(tuple(known))
    return LeadPath(closes, tuple(pins), opens, sigmas)


def hour_pins(
    story: Story, bar: Bar, number: int, draw: np.random.Generator, *, own_only: bool = False
) -> list[Pin]:
    """What is known inside an hour, in order of time; its own close is the last.

    A high and a low of which only the hour is known are given a moment, unless `own_only`.
    """
    origin = HOUR * number
    last = _side(bar.close - bar.open)
    found = {origin + HOUR: Pin(origin + HOUR, bar.close, last)}
    extremes = {"high": bar.high, "low": bar.low}
    for anchor in story.anchors:
        if anchor.venue == bar.venue and anchor.at_ns // HOUR_NS * HOUR_NS == bar.start_ns:
            pin = _anchored(story, anchor)
            found[pin.at] = pin
            extremes.pop(anchor.kind, None)
    for event in story.events:
        if event.kind == "outage" and event.venue == story.names[bar.venue]:
            if event.at_ns // HOUR_NS * HOUR_NS != bar.start_ns:
                continue
            first = (event.at_ns - story.begins_ns) // DS_NS
            found[first + 10] = Pin(first + 10, event.low, 1)
            until = (event.until_ns - story.begins_ns) // DS_NS
            found[until] = Pin(until, event.high, 1)
    order = ("low", "high") if bar.close >= bar.open else ("high", "low")
    for place, kind in enumerate(order):
        if kind in extremes and not own_only:
            price = extremes[kind]
            if price not in (bar.open, bar.close):
                pin = _placed(price, 1 if kind == "high" else -1, place, origin, bar, found, draw, story)
                found[pin.at] = pin
    return [found[at] for at in sorted(found)]


def _anchored(story: Story, anchor: Anchor) -> Pin:
    start = (anchor.at_ns - story.begins_ns) // DS_NS
    if anchor.kind == "close":
        return Pin(start + MINUTE, anchor.price, -1)
    return Pin(start + 400, anchor.price, 1 if anchor.kind == "high" else -1)


def _placed(
    price: float,
    side: int,
    place: int,
    origin: int,
    bar: Bar,
    found: dict[int, Pin],
    draw: np.random.Generator,
    story: Story,
) -> Pin:
    """An extreme of which only the hour is known: of some moments the one that needs the slowest moves."""
    first, last = (0.06, 0.6) if place == 0 else (0.4, 0.94)
    drawn = draw.uniform(first * HOUR, last * HOUR, PLACES)
    anywhere = draw.permutation(np.arange(MINUTE, HOUR - MINUTE, 10))
    best, at, tried = math.inf, origin + HOUR // 2, 0
    for since in np.concatenate([drawn // 10 * 10, anywhere]).tolist():
        moment = origin + int(since)
        apart = min(abs(moment - a) for a in found)
        if apart < (MINUTE if tried < PLACES else 1) or _frozen(story, bar.venue, moment):
            continue
        tried += 1
        if tried > PLACES:
            break
        earlier = max((a for a in found if a < moment), default=-1)
        later = min(a for a in found if a > moment)
        price_before = found[earlier].price if earlier >= 0 else bar.open
        speed = max(
            abs(math.log(price / price_before)) / math.sqrt(moment - max(earlier, origin)),
            abs(math.log(found[later].price / price)) / math.sqrt(later - moment),
        )
        if speed < best:
            best, at = speed, moment
    return Pin(at, price, side)


def _frozen(story: Story, venue: int, at: int) -> bool:
    moment = story.begins_ns + at * DS_NS
    return any(
        event.kind == "outage"
        and event.venue == story.names[venue]
        and event.at_ns - MINUTE_NS <= moment <= event.until_ns + MINUTE_NS
        for event in story.events
    )


def _side(change: float) -> int:
    return 1 if change >= 0 else -1


def _candidates(
    bar: Bar,
    number: int,
    pins: list[Pin],
    start: float,
    amplitude: float,
    draw: np.random.Generator,
    story: Story,
    hour_before: float,
) -> Floats:
    """Log prices at the hour's 60 minute ends, shape (CANDIDATES, 60)."""
    origin = HOUR * number
    ends = origin + MINUTE * np.arange(1, 61)
    pinned = np.array([pin.at for pin in pins])
    times = np.unique(np.concatenate([[origin], ends, pinned])).astype(float)
    knots = np.concatenate([[origin], pinned]).astype(float)
    values = np.concatenate([[start], np.log([pin.price for pin in pins])])
    shape = _shape(times, knots, values, amplitude)
    most = _most(times, knots, values, hour_before) / amplitude
    frozen = np.array([_frozen(story, bar.venue, int(at)) for at in times])
    noise = np.clip(draw.standard_normal((CANDIDATES, len(times))), -NOISE_LIMIT, NOISE_LIMIT) * _clusters(
        len(times), draw
    )
    lengths = np.sqrt(np.diff(times, prepend=origin) / MINUTE)
    scale = np.where(_deviating(story, number), draw.uniform(0.6, 3.2, (CANDIDATES, 1)), 1.0)
    steps = noise * amplitude * np.minimum(scale * shape, most) * lengths * ~frozen
    low, high = math.log(bar.low), math.log(bar.high)
    path = bridge(times, knots, values, steps, low, high)
    return path[:, np.searchsorted(times, ends.astype(float))]


def _clusters(count: int, draw: np.random.Generator) -> Floats:
    """Size of the noise, step by step: the exponential of an Ornstein-Uhlenbeck process, mean square near one."""
    keep = math.exp(-1.0 / CLUSTER_MINUTES)
    steps = draw.standard_normal((CANDIDATES, count)) * math.sqrt(1.0 - keep * keep)
    level = draw.standard_normal(CANDIDATES)
    out = np.empty((CANDIDATES, count))
    for i in range(count):
        level = keep * level + steps[:, i]
        out[:, i] = level
    return np.exp(CLUSTER_SIGMA * out - CLUSTER_SIGMA**2)


def _shape(times: Floats, knots: Floats, values: Floats, amplitude: float) -> Floats:
    """Where in its hour the noise is large: between points that lie far apart. Mean square one over time."""
    gaps = np.maximum(np.diff(knots), 1.0)
    speed = np.abs(np.diff(values)) / np.sqrt(gaps / MINUTE)
    weight = 0.25 * amplitude**2 + np.minimum(speed, 4.0 * amplitude) ** 2
    weight /= (weight * gaps).sum() / gaps.sum()
    segment = np.clip(np.searchsorted(knots, times, side="left") - 1, 0, len(gaps) - 1)
    return np.sqrt(weight)[segment]


def _most(times: Floats, knots: Floats, values: Floats, hour_before: float) -> Floats:
    """The largest noise that what is known by then accounts for, a minute, at each of `times`.

    Between two points it is what their own distance and the hour before suggest; once the price has moved faster than
    that, noise may be as large for the rest of the hour. So a crash is not announced by a swing that nobody recorded.
    """
    gaps = np.maximum(np.diff(knots), 1.0)
    speed = np.abs(np.diff(values)) / np.sqrt(gaps / MINUTE)
    most = np.maximum(np.maximum.accumulate(speed), hour_before)
    segment = np.clip(np.searchsorted(knots, times, side="left") - 1, 0, len(gaps) - 1)
    return np.asarray(most[segment])


def _deviating(story: Story, number: int) -> bool:
    start = story.begins_ns + number * HOUR_NS
    return any(d.begins_ns <= start < d.ends_ns for d in story.deviations)


def _target(story: Story, number: int, closes: Floats, owed: dict[int, float]) -> float | None:
    """The root mean square of this hour's returns that brings its stretch to the recorded deviation."""
    start = story.begins_ns + number * HOUR_NS
    for deviation in story.deviations:
        if deviation.begins_ns <= start < deviation.ends_ns:
            first = (deviation.begins_ns - story.begins_ns) // MINUTE_NS
            total = (deviation.ends_ns - deviation.begins_ns) // MINUTE_NS
            now = 60 * number
            done = np.diff(closes[max(first - 1, 0) : now]) if now > first else np.empty(0)
            left = (deviation.bps / 1e4) ** 2 * total - float((done**2).sum())
            return math.sqrt(max(left, 0.0) / (total - (now - first)))
    return None


class _Limits:
    """Returns that are recorded as the worst of the whole story, and where they end."""

    def __init__(self, story: Story) -> None:
        self._worst = [
            (m.minutes, math.log1p(m.pct / 100.0), (m.end_ns - story.begins_ns) // MINUTE_NS)
            for m in story.moves
            if m.worst and m.venue == 0
        ]
        self._left_out = [
            (
                (event.at_ns - story.begins_ns) // MINUTE_NS,
                (event.disorderly_until_ns - story.begins_ns) // MINUTE_NS,
            )
            for event in story.events
            if event.kind == "outage" and event.venue == story.names[0]
        ]

    def choose(self, made: Floats, before: Floats, number: int, target: float | None) -> int:
        """The candidate that breaks no limit, and comes nearest the target where there is one."""
        whole = np.concatenate([np.broadcast_to(before, (len(made), len(before))), made], axis=1)
        first = 60 * number - len(before)
        fault = np.zeros(len(made))
        for minutes, worst, own in self._worst:
            if minutes >= whole.shape[1]:
                continue
            moves = whole[:, minutes:] - whole[:, :-minutes]
            ends = first + minutes + np.arange(moves.shape[1])
            counted = (ends >= 60 * number) & (ends != own)
            for start, stop in self._left_out:
                counted &= (ends < start) | (ends - minutes >= stop)
            excess = np.maximum(worst * 0.985 - moves[:, counted], 0.0)
            fault += excess.sum(axis=1)
        returns = np.diff(whole, axis=1)[:, -60:]
        fault += np.maximum(returns - UP_LIMIT, 0.0)[:, self._ordinary(number, returns.shape[1])].sum(axis=1)
        if target is not None:
            found = np.sqrt((returns**2).mean(axis=1))
            fault = fault * 100.0 + np.abs(found / target - 1.0)
        return int(np.argmin(fault))

    def _ordinary(self, number: int, count: int) -> np.ndarray:
        ends = 60 * number + 60 - count + np.arange(count)
        ordinary = np.ones(count, bool)
        for start, stop in self._left_out:
            ordinary &= (ends < start) | (ends >= stop)
        return ordinary
