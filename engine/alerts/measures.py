"""What each kind of rule measures of a symbol once a second, over its threshold, and what it says of it in words.

A measure is 1 at the threshold and more beyond it; None is missing. Words are made only when somebody is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from engine.alerts.usual import MEMORY_S, Usual
from engine.kernels import seconds as grid
from engine.quotes import rate
from engine.rules import AlertRule
from engine.text import signed

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState

UNUSUAL = (
    2.0  # times the median: among numbers that hardly move, the outermost one in a hundred means nothing
)
LEAST_SPREAD_BPS = 0.5  # a spread of three ticks where one is usual may be unusual, and costs nobody anything
USUAL_SIGMAS = (
    2.0  # a move of fewer deviations is what the market does anyway, however many basis points it is
)
LEAST_PAST_S = 300  # before anything is called unusual


class Sight(NamedTuple):
    """One symbol at one second. `row`: the latest of its grid, as plain floats."""

    state: State
    place: int  # of the symbol in the session
    symbol: SymbolState
    row: list[float]
    ts: int


Measure = Callable[[AlertRule, Sight], tuple[float | None, int]]  # and the direction, 0 where there is none
Words = Callable[[AlertRule, Sight], tuple[str, float | None, str]]  # kind of alert, confidence, text
NOTHING: tuple[float | None, int] = (None, 0)


def measure_signal(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    """The imbalance signal's confidence."""
    now = sight.symbol.signal.now
    direction = 1 if now.direction == "LONG" else -1 if now.direction == "SHORT" else 0
    if not direction or now.confidence is None:
        return 0.0, 0
    return (now.confidence / rule.threshold if rule.threshold else 1.0), direction


def say_signal(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    now = sight.symbol.signal.now
    return now.direction, now.confidence, now.reason


def measure_stale(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    """Seconds since the book was last in sync, once it was."""
    alive_at = sight.symbol.watch.alive_at
    if not alive_at:
        return NOTHING
    return (sight.ts - alive_at) / 1e9 / (rule.threshold or math.inf), 0


def say_stale(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    symbol = sight.symbol
    waited_s = (sight.ts - symbol.watch.alive_at) / 1e9
    reason = f": {symbol.reason}" if symbol.reason else ""
    return "STALE", None, f"book not in sync for {waited_s:.0f} s, it is {symbol.shown_state}{reason}"


def _over(usual: Usual, value: float, rule: AlertRule) -> float | None:
    """A value over the threshold: a number, or what a share 1 - quantile of the past reached, and twice the usual."""
    if rule.threshold is not None:
        return value / rule.threshold
    if usual.seen < max(LEAST_PAST_S, 3.0 / (1.0 - (rule.quantile or 0.0))) or not usual.middle:
        return None
    most = value / (UNUSUAL * usual.middle)
    if most < rule.clear:  # the quantile could only make it less
        return most
    return min(most, value / usual.quantile(rule.quantile or 0.0))


def measure_spread(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    """The spread, basis points of the mid."""
    value = sight.row[grid.SPREAD_BPS]
    x = _over(sight.symbol.watch.spread, value, rule) if value > 0.0 else None
    if x is not None and rule.quantile is not None:
        x = min(x, value / LEAST_SPREAD_BPS)
    return x, 0


def say_spread(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    value, usual = sight.row[grid.SPREAD_BPS], sight.symbol.watch.spread
    return "SPREAD", None, f"spread {value:.3g} bp, {_against(rule, usual, value, 'bp', 'wider')}"


def _against(rule: AlertRule, usual: Usual, value: float, unit: str, more: str) -> str:
    if rule.threshold is not None:
        return f"over {rule.threshold:g} {unit}"
    return f"{value / usual.middle:.1f} times the usual {usual.middle:.3g}, {more} than {_rank(usual, value)}"


def _rank(usual: Usual, value: float) -> str:
    """Above what share of which past a value lies."""
    minutes = min(usual.seen, MEMORY_S) / 60.0
    return f"{usual.share_below(value) * 100.0:.1f} % of the last {minutes:.0f} min"


def thin_side(row: list[float]) -> float:
    """Depth within 1 % on the side that has less of it, quote units; NaN where a side is not known."""
    bids, asks = row[grid.BID_DEPTH], row[grid.ASK_DEPTH]
    return (asks if asks < bids else bids) * row[grid.MID] if asks == asks else math.nan


def measure_depth(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    """How thin the thinner side is: one over its depth, so that a threshold is one over as well."""
    value = thin_side(sight.row)
    if not value > 0.0:
        return NOTHING
    if rule.threshold is not None:
        return rule.threshold / value, 0
    return _over(sight.symbol.watch.thinness, 1.0 / value, rule), 0


def say_depth(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    value, usual = thin_side(sight.row), sight.symbol.watch.thinness
    side = "asks" if sight.row[grid.ASK_DEPTH] < sight.row[grid.BID_DEPTH] else "bids"
    quote = sight.symbol.instrument.quote
    text = f"{side} within 1 % are {amount(value)} {quote}"
    if rule.threshold is not None:
        return "DEPTH", None, f"{text}, under {amount(rule.threshold)}"
    times = usual.middle * value
    return (
        "DEPTH",
        None,
        f"{text}, {times:.2f} of the usual {amount(1.0 / usual.middle)}, "
        f"thinner than {_rank(usual, 1.0 / value)}",
    )


def _back(sight: Sight, seconds: float) -> list[float]:
    """The row of so many seconds ago; all NaN where none was written then."""
    latest = sight.ts // grid.SECOND_NS
    row: list[float] = sight.symbol.seconds.rows[(latest - int(seconds)) % grid.KEPT].tolist()
    return row


def _column_back(sight: Sight, seconds: float, column: int) -> float:
    latest = sight.ts // grid.SECOND_NS
    return float(sight.symbol.seconds.rows[(latest - int(seconds)) % grid.KEPT, column])


def measure_move(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    """Change of the mid over the window, basis points either way."""
    before, now = _column_back(sight, rule.window_s, grid.MID), sight.row[grid.MID]
    if not (before > 0.0 and now > 0.0) or not sight.symbol.trusted:
        return NOTHING
    bps = (now / before - 1.0) * 1e4
    return abs(bps) / (rule.threshold or math.inf), 1 if bps > 0.0 else -1


def say_move(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    """Confidence: the probability that a random walk of the volatility before would have gone less far."""
    before = _back(sight, rule.window_s)
    bps = (sight.row[grid.MID] / before[grid.MID] - 1.0) * 1e4
    usual = before[grid.VOLATILITY_BPS] * math.sqrt(rule.window_s / 60.0)
    if not usual > 0.0:
        return "MOVE", None, f"{signed(bps, 0)} bp in {rule.window_s:g} s"
    sigmas = abs(bps) / usual
    confidence = math.erf(sigmas / math.sqrt(2.0))
    against = f"{sigmas:.1f} deviations of what was usual" if sigmas >= USUAL_SIGMAS else "as usual by now"
    return "MOVE", confidence, f"{signed(bps, 0)} bp in {rule.window_s:g} s, {against}"


def measure_swing(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    """Change of an asset's sentiment over the window; of the first symbol that has the asset."""
    now = sight.row[grid.SENTIMENT]
    if now != now:
        return NOTHING
    before = _column_back(sight, rule.window_s, grid.SENTIMENT)
    if before != before:
        return NOTHING
    x = abs(now - before) / (rule.threshold or math.inf)
    if x >= rule.clear and not _is_first(sight):
        return NOTHING
    return x, 1 if now > before else -1


def _is_first(sight: Sight) -> bool:
    base = sight.symbol.instrument.base
    first = next(i for i, symbol in sight.state.symbols.items() if symbol.instrument.base == base)
    return first == sight.place


def say_swing(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    """Confidence: the probability that the change's sign is right, from the two standard errors."""
    before, row = _back(sight, rule.window_s), sight.row
    change = row[grid.SENTIMENT] - before[grid.SENTIMENT]
    error = math.hypot(row[grid.DOUBT], before[grid.DOUBT])
    confidence = 0.5 * (1.0 + math.erf(abs(change) / error / math.sqrt(2.0))) if error > 0.0 else None
    base, minutes = sight.symbol.instrument.base, rule.window_s / 60.0
    was, now = signed(before[grid.SENTIMENT], 2), signed(row[grid.SENTIMENT], 2)
    text = f"sentiment of {base} {was} → {now} in {minutes:g} min"
    return "SWING", confidence, f"{text}, ±{error:.2f}" if error > 0.0 else text


class _Gap(NamedTuple):
    bps: float  # between mids
    after: float  # half of both spreads, the venues' fees of taking, and the rule's cost
    other: SymbolState


def _gap(rule: AlertRule, sight: Sight) -> _Gap | None:
    """The widest gap to the same asset on another venue, among symbols that come before this one."""
    mine, widest = sight.symbol.instrument, None
    mid, fees = sight.row[grid.MID], sight.state.setup.taker_bps
    for place, other in sight.state.symbols.items():
        if place == sight.place:
            break
        there = other.instrument
        if there.base != mine.base or there.venue == mine.venue or not other.trusted:
            continue
        if other.seconds.clock[grid.LATEST] != sight.symbol.seconds.clock[grid.LATEST]:
            continue
        worth = rate(sight.state, there.quote, mine.quote)
        if worth is None:
            continue
        row = grid.latest(other.seconds)
        bps = (mid / (float(row[grid.MID]) * worth) - 1.0) * 1e4
        costs = 0.5 * (float(row[grid.SPREAD_BPS]) + sight.row[grid.SPREAD_BPS]) + rule.cost_bps
        after = abs(bps) - costs - fees.get(mine.venue, 0.0) - fees.get(there.venue, 0.0)
        if after == after and (widest is None or after > widest.after):
            widest = _Gap(bps, after, other)
    return widest


def measure_gap(rule: AlertRule, sight: Sight) -> tuple[float | None, int]:
    if len(sight.state.symbols) < 2 or not sight.symbol.trusted:
        return NOTHING
    gap = _gap(rule, sight)
    return NOTHING if gap is None else (max(0.0, gap.after) / (rule.threshold or math.inf), 0)


def say_gap(rule: AlertRule, sight: Sight) -> tuple[str, float | None, str]:
    gap, mine = _gap(rule, sight), sight.symbol.instrument
    assert gap is not None  # noqa: S101  it was measured
    there = gap.other.instrument
    dear, cheap = (mine.key, there.key) if gap.bps > 0.0 else (there.key, mine.key)
    basis = "; a basis, one is no spot" if mine.kind != there.kind else ""
    return (
        "GAP",
        None,
        f"{dear} is {abs(gap.bps):.0f} bp above {cheap}, {gap.after:.0f} after all costs{basis}",
    )


def amount(value: float) -> str:
    """With a letter for thousands and up: 1.2 M."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {letter}"
    return f"{value:.3g}"


BY_KIND: dict[str, tuple[Measure, Words]] = {
    "signal": (measure_signal, say_signal),
    "stale": (measure_stale, say_stale),
    "spread": (measure_spread, say_spread),
    "depth": (measure_depth, say_depth),
    "move": (measure_move, say_move),
    "gap": (measure_gap, say_gap),
    "swing": (measure_swing, say_swing),
}
