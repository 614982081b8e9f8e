"""What kind of market the latest second shows: scores against the market's own slow past, and a label with hysteresis.

Three measures are compared, in logarithms, with a slow mean of themselves, or with what the rule knows to be usual:
volatility (realised over the last minute), cost of a round trip, and thinness (one over the depth within 1 %). A score
is the log of the ratio over the log of the rule's threshold: 0 is as usual, 1 is at the threshold. Trend: net move of
two minutes in standard deviations of the usual volatility, and how straight it was (net over path of 10 s steps; the
efficiency ratio of P. Kaufman, 1995).

Probabilities follow from the scores by logistic curves, one at a time from the gravest down. Where a fit gave two
states of volatility (`engine.regimes`), the filter of J. Hamilton ("A new approach to the economic analysis of
nonstationary time series and the business cycle", 1989) says how probable each is now.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import helper, jit
from engine.kernels.seconds import (
    ASK_DEPTH,
    BID_DEPTH,
    KEPT,
    LATEST,
    MID,
    ORDER_FLOW,
    ROUND_TRIP_BPS,
    SPREAD_BPS,
    VOLATILITY_BPS,
    SecondArrays,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NONE, CALM, TRENDING, STRESSED, DISLOCATED = -1, 0, 1, 2, 3
WARMING, NO_BOOK, KNOWN = 0, 1, 2  # what is known of the label

VOLATILITY, COST, THIN = 0, 1, 2  # measures
# scores[...]: the last four are of labels
TREND, STRESS, DISLOCATION, DRIFT_SIGMAS, STRAIGHT = 3, 4, 5, 6, 7
SCORES = 8
# clock[...]
LABEL, SINCE, STATE, SEEN, UP_SINCE, DOWN_SINCE, BOOK_AT = 0, 1, 2, 3, 4, 5, 6
CLOCK = 7
# base[...]: slow means of the measures, swift ones (of cost and thinness), and the measures now
SWIFT, NOW = 3, 6
BASE = 9
# markov[...]: 0 where there is no fit, or 1; then of each of two states the deviation of 1 s returns in bps, how likely
# it is to last, how likely it is now, and the log of the volatility to be expected of the minute that begins in it
HAS, SD, STAY, PROB, LEVEL = 0, 1, 3, 5, 7
MARKOV = 9
# rule[...]
RULE_STRESSED, RULE_DISLOCATED, RULE_SIGMAS, RULE_BASELINE_S = 0, 1, 2, 3
RULE_USUAL = 4  # and the next two: the measures as they usually are, NaN where nobody knows
RULE = 7

WARM_S = 60  # rows: the length of the volatility's window
SWIFT_S = 5.0
DRIFT_S, STEP_S = 120, 10
STRAIGHT_FROM = 0.6  # a random walk of twelve steps comes to 0.29 on average
ENTER_S, LEAVE_S = 10, 30  # how long a graver, a lesser label must be wanted
KEEP = 0.7  # of a threshold: below it a label is let go
LEARN_STRESSED = 8.0  # how many times slower the usual is learnt from while nothing is usual
SURPRISE = 1.0  # of a logarithm: the most that one second teaches
FORGET_S = 60  # without a book
LEAST = -10.0  # a score of what cannot be measured
SHARPNESS = 4.0  # of the logistic curves
MINUTE_S = 60.0


class RegimeArrays(NamedTuple):
    """The regime of one symbol. Arrays only."""

    base: Floats  # (BASE,)
    scores: Floats  # (SCORES,)
    probs: Floats  # (4,), NaN before the first label
    markov: Floats  # (MARKOV,)
    clock: Ints  # (CLOCK,)

    def copy(self) -> RegimeArrays:
        return RegimeArrays._make(array.copy() for array in self)


def new_regime() -> RegimeArrays:
    clock = np.zeros(CLOCK, np.int64)
    clock[LABEL] = NONE
    return RegimeArrays(
        np.full(BASE, np.nan), np.full(SCORES, np.nan), np.full(4, np.nan), np.zeros(MARKOV), clock
    )


@helper
def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-SHARPNESS * (x - 1.0)))


@helper
def _measure(row: Floats, base: Floats) -> None:
    """The row's measures, smoothed over a few seconds where the book's blinks would count."""
    base[NOW + VOLATILITY] = math.log(max(math.hypot(row[VOLATILITY_BPS], 0.5 * row[SPREAD_BPS]), 1e-6))
    cost, depth = row[ROUND_TRIP_BPS], row[BID_DEPTH] + row[ASK_DEPTH]
    base[NOW + COST] = math.log(max(cost, 1e-6)) if cost == cost else math.nan
    base[NOW + THIN] = -math.log(depth) if depth > 0.0 else math.nan
    for measure in (COST, THIN):
        found, swift = base[NOW + measure], base[SWIFT + measure]
        if found == found:
            swift = found if swift != swift else swift + (found - swift) / SWIFT_S
            base[SWIFT + measure] = base[NOW + measure] = swift


@helper
def _learn(base: Floats, seen: int, rule: Floats, label: int) -> None:
    """What is usual moves towards what is, unless it is known."""
    pace = 1.0 / min(seen - WARM_S + 1.0, rule[RULE_BASELINE_S])
    if label >= STRESSED:
        pace /= LEARN_STRESSED
    for measure in range(3):
        found, usual, known = base[NOW + measure], base[measure], rule[RULE_USUAL + measure]
        if known == known:
            base[measure] = known
        elif found == found:
            surprise = min(max(found - usual, -SURPRISE), SURPRISE)
            base[measure] = found if usual != usual else usual + pace * surprise


@helper
def _drift(second: int, rows: Floats, usual: float, scores: Floats) -> None:
    """Net move of two minutes in deviations of the usual volatility, with its sign, and how straight it was."""
    scores[DRIFT_SIGMAS] = scores[STRAIGHT] = math.nan
    last = first = math.log(rows[second % KEPT, MID])
    path = 0.0
    for back in range(STEP_S, DRIFT_S + 1, STEP_S):
        now = math.log(rows[(second - back) % KEPT, MID])
        path += abs(first - now)
        first = now
    if path == path:
        sigma = math.exp(usual) * math.sqrt(DRIFT_S / MINUTE_S)
        scores[DRIFT_SIGMAS] = (last - first) * 1e4 / sigma
        scores[STRAIGHT] = abs(last - first) / path if path > 0.0 else 0.0


@helper
def _score(second: int, rows: Floats, rule: Floats, base: Floats, scores: Floats) -> None:
    """Scores of the measures, and of labels."""
    _drift(second, rows, base[VOLATILITY], scores)
    stress = distance = LEAST
    for measure in range(3):
        ratio = base[NOW + measure] - base[measure]
        scores[measure] = ratio / math.log(rule[RULE_STRESSED])
        if ratio == ratio:
            stress = max(stress, scores[measure])
            distance = max(distance, ratio / math.log(rule[RULE_DISLOCATED]))
    scores[STRESS], scores[DISLOCATION] = stress, distance
    scores[TREND] = 0.0
    if scores[STRAIGHT] == scores[STRAIGHT]:
        sigmas = abs(scores[DRIFT_SIGMAS]) / rule[RULE_SIGMAS]
        scores[TREND] = min(sigmas, scores[STRAIGHT] / STRAIGHT_FROM)


@helper
def _wanted(label: int, scores: Floats) -> int:
    """The gravest label whose threshold is passed, or not yet left."""
    for grave in (DISLOCATED, STRESSED, TRENDING):
        score = scores[DISLOCATION if grave == DISLOCATED else STRESS if grave == STRESSED else TREND]
        if score >= (KEEP if label == grave else 1.0):
            return grave
    return CALM


@helper
def _relabel(second: int, wanted: int, clock: Ints) -> bool:
    """Hysteresis in time: a graver label soon, a lesser one only when it lasts."""
    label = clock[LABEL]
    if wanted <= label:
        clock[UP_SINCE] = 0
    elif clock[UP_SINCE] == 0:
        clock[UP_SINCE] = second
    if wanted >= label:
        clock[DOWN_SINCE] = 0
    elif clock[DOWN_SINCE] == 0:
        clock[DOWN_SINCE] = second
    up = clock[UP_SINCE] > 0 and second - clock[UP_SINCE] >= ENTER_S
    down = clock[DOWN_SINCE] > 0 and second - clock[DOWN_SINCE] >= LEAVE_S
    if label == NONE or up or down:
        clock[LABEL], clock[SINCE] = wanted, second
        clock[UP_SINCE] = clock[DOWN_SINCE] = 0
        return True
    return False


@helper
def _hamilton(move_bps: float, markov: Floats) -> None:
    """One step of the filter: the states' probabilities after this second's return."""
    stay, restless = markov[STAY], markov[STAY + 1]
    calm = stay * markov[PROB] + (1.0 - restless) * markov[PROB + 1]
    wild = (1.0 - stay) * markov[PROB] + restless * markov[PROB + 1]
    if move_bps == move_bps:
        # Densities up to a common factor, in logarithms: a jump would make both zero.
        low = -0.5 * (move_bps / markov[SD]) ** 2 - math.log(markov[SD])
        high = -0.5 * (move_bps / markov[SD + 1]) ** 2 - math.log(markov[SD + 1])
        top = max(low, high)
        calm, wild = calm * math.exp(low - top), wild * math.exp(high - top)
    total = calm + wild
    if total > 0.0:
        markov[PROB], markov[PROB + 1] = calm / total, wild / total


@helper
def _probable(rule: Floats, base: Floats, scores: Floats, markov: Floats, probs: Floats) -> None:
    turbulent = _logistic(scores[STRESS])
    if markov[HAS] > 0.0:
        # Each state counts by as far as what is to be expected of it lies beyond the threshold. The graver of both
        # is believed: states that were fitted to calm minutes know of no storm.
        wild = 0.0
        for state in range(2):
            ratio = markov[LEVEL + state] - base[VOLATILITY]
            wild += markov[PROB + state] * _logistic(ratio / math.log(rule[RULE_STRESSED]))
        turbulent = max(turbulent, wild)
    far, straight = _logistic(scores[DISLOCATION]), _logistic(scores[TREND])
    probs[DISLOCATED] = turbulent * far
    probs[STRESSED] = turbulent * (1.0 - far)
    probs[TRENDING] = (1.0 - turbulent) * straight
    probs[CALM] = (1.0 - turbulent) * (1.0 - straight)


@jit
def _step(
    second: int,
    rows: Floats,
    rule: Floats,
    base: Floats,
    scores: Floats,
    probs: Floats,
    markov: Floats,
    clock: Ints,
) -> bool:
    row = rows[second % KEPT]
    if row[MID] != row[MID]:
        # A side that is empty in a book that is known is no calm market; a book that is not known is no market.
        if row[ORDER_FLOW] == row[ORDER_FLOW] and clock[SEEN] >= WARM_S:
            clock[STATE], clock[BOOK_AT] = KNOWN, second
            scores[:] = math.nan
            probs[:] = 0.0
            probs[DISLOCATED] = 1.0
            return _relabel(second, DISLOCATED, clock)
        clock[STATE] = NO_BOOK
        if clock[LABEL] != NONE and second - clock[BOOK_AT] >= FORGET_S:
            clock[LABEL], clock[SINCE] = NONE, second
            probs[:] = math.nan
            return True
        return False
    clock[BOOK_AT] = second
    clock[SEEN] += 1
    if markov[HAS] > 0.0:
        _hamilton(1e4 * math.log(row[MID] / rows[(second - 1) % KEPT, MID]), markov)
    if clock[SEEN] < WARM_S:
        clock[STATE] = WARMING
        return False
    clock[STATE] = KNOWN
    _measure(row, base)
    if base[VOLATILITY] != base[VOLATILITY]:
        _learn(base, clock[SEEN], rule, clock[LABEL])
    _score(second, rows, rule, base, scores)
    _probable(rule, base, scores, markov, probs)
    changed = _relabel(second, _wanted(clock[LABEL], scores), clock)
    _learn(base, clock[SEEN], rule, clock[LABEL])
    return changed


def step(seconds: SecondArrays, rule: Floats, regime: RegimeArrays) -> bool:
    """After each new row of the grid: whether the label changed. `rule`: (RULE,), by the places RULE_*."""
    return bool(_step(int(seconds.clock[LATEST]), seconds.rows, rule, *regime))


def set_states(
    regime: RegimeArrays,
    sds: tuple[float, float],
    stays: tuple[float, float],
    probabilities: tuple[float, float],
) -> None:
    """Two states of volatility, as a fit found them.

    Of a minute that begins in a state, variance decays from the state's own towards that of the long run.
    """
    variances = np.square(sds)
    leave = 1.0 - np.array(stays)
    swift = max(float(leave.sum()), 1e-9)
    long_run = float(variances @ leave[::-1]) / swift if leave.any() else float(variances.mean())
    share = (1.0 - (1.0 - swift) ** MINUTE_S) / (MINUTE_S * swift)
    levels = 0.5 * np.log(MINUTE_S * (share * variances + (1.0 - share) * long_run))
    regime.markov[:] = (1.0, *sds, *stays, *probabilities, *levels)


@jit
def _catch_up(first: int, last: int, rows: Floats, markov: Floats) -> None:
    for second in range(first, last + 1):
        _hamilton(1e4 * math.log(rows[second % KEPT, MID] / rows[(second - 1) % KEPT, MID]), markov)


def catch_up(first: int, seconds: SecondArrays, regime: RegimeArrays) -> None:
    """Put the two states of volatility, as they were before second `first`, through the grid's rows since."""
    _catch_up(first, int(seconds.clock[LATEST]), seconds.rows, regime.markov)


def warm() -> None:
    """Compile what Python calls, for the arguments it is called with."""
    from engine.kernels.seconds import new_seconds

    catch_up(0, new_seconds(), new_regime())
    step(new_seconds(), np.array([2.25, 5.0, 4.0, 1800.0, math.nan, math.nan, math.nan]), new_regime())
