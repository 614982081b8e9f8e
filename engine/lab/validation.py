"""The whole checklist on one scenario: every row with its interval over seeds, a verdict, and why it is what it is.

Seeds that defaults were chosen on are never the ones that are reported: see `TUNED_ON` and `FIRST_SEED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.lab import doubt
from engine.lab.against import Distance, distances, held_against, spread_row
from engine.lab.checklist import (
    FACTS,
    IMPACT_ROW,
    ROWS,
    SIGMA_BPS,
    SPREAD_ROW,
    TRADES_A_SECOND,
    measure,
)
from engine.lab.impact import LEAST, MOST, Impact, fitted, impacts
from engine.lab.sampling import ROUND_TRIP_QUOTE, simulated
from engine.lab.stylised import Sample
from engine.scenario import Scenario

TUNED_ON = range(2000, 2100)  # defaults were chosen on these
FIRST_SEED = 50_000  # and are reported on these, which nobody looked at before

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist: a statistic, median and middle 80 % over seeds, and what is held against it."""

    row: int
    name: str
    value: float
    low: float
    high: float
    recorded: float | None  # of the recording
    live: str  # of BTC and ETH in 2024
    accept: str
    passes: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """A recording to hold a market against."""

    name: str
    tick_bps: float
    round_trip_quote: float
    sample: Sample


def runs(
    scenario: Scenario, seeds: Sequence[int], seconds: int, live: Live | None, say: Say, what: str
) -> list[Sample]:
    """A sample of each seed."""
    quote = ROUND_TRIP_QUOTE if live is None else live.round_trip_quote
    found = []
    for number, seed in enumerate(seeds, 1):
        say(f"{what}: {number} of {len(seeds)}")
        found.append(simulated(scenario, seed, seconds, quote))
    return found


def fact_lines(samples: Sequence[Sample], live: Live | None) -> Iterator[Line]:
    """Every fact of `FACTS`; volatility and pace are held against the recording where there is one."""
    values = np.array([measure(sample) for sample in samples])
    recorded = None if live is None else measure(live.sample)
    for column, fact in enumerate(FACTS):
        known = values[:, column][~np.isnan(values[:, column])]
        # The median of those few seeds that happen to have a value would say too much.
        if 2 * len(known) > len(samples):
            low, middle, high = np.quantile(known, (0.1, 0.5, 0.9)).tolist()
        else:
            low = middle = high = np.nan
        asked = fact
        if live is not None and fact.name in (SIGMA_BPS, TRADES_A_SECOND):
            _, least, most = held_against(fact, live.sample)
            asked = replace(fact, least=least, most=most)
        theirs = None if recorded is None else recorded[column]
        passes = asked.passes(middle)
        yield Line(
            fact.row,
            fact.name,
            middle,
            low,
            high,
            theirs,
            fact.live,
            asked.accepted,
            passes,
            asked.why(middle),
        )


@dataclass(frozen=True, slots=True)
class Spreads:
    """Row 9: spreads in ticks, with the same in basis points beside them where a tick is no tick of live's."""

    found: tuple[Distance, ...]
    share: float  # of seconds at one tick
    live_share: float
    passes: bool

    @property
    def why(self) -> str:
        if self.passes:
            return ""
        if self.share < self.live_share:
            return (
                "the spread is at one tick less often: makers whose doubt widens the spread need room to widen it, and "
                "a live tick that is a hundredth of ours leaves the spread pinned at one"
            )
        return "spreads lie further from live's than live's own blocks from one another"


def spreads(samples: Sequence[Sample], live: Live) -> Spreads:
    found = distances(samples, live.sample)
    passes, share, theirs = spread_row(samples, live.sample, found)
    return Spreads(tuple(found), share, theirs, passes)


def impact(scenario: Scenario, seeds: Sequence[int], say: Say) -> Impact:
    """Row 15, on the same seeds."""
    rows = []
    for number, seed in enumerate(seeds, 1):
        say(f"metaorders: {number} of {len(seeds)}")
        rows.append(impacts(scenario, seed))
    return fitted(rows)


def impact_line(found: Impact) -> Line:
    why = ""
    if not found.passes:
        why = (
            "flow that was there before makes small orders' impact linear, and only large ones see it bend"
            if found.exponent > MOST
            else "impact hardly grows with size, or there is none to measure"
        )
    accept = f"{LEAST:g} … {MOST:g}"
    return Line(
        IMPACT_ROW, "metaorder impact, exponent", found.exponent, found.low, found.high, None, ".4 … .7", accept,
        found.passes, why,
    )  # fmt: skip


def doses(
    scenario: Scenario, seeds: Sequence[int], seconds: int, own: Sequence[Sample], say: Say
) -> list[doubt.Dose]:
    """The response at every dose; `own` are the samples of the scenario as it is."""
    found = []
    for factor in doubt.DOSES:
        dosed = doubt.dosed(scenario, factor)
        what = f"doubt, feedback {dosed.agents.maker.feedback:g}"
        samples = own if factor == 1.0 else runs(dosed, seeds, seconds, None, say, what)
        found.append(doubt.dose(dosed.agents.maker.feedback, samples))
    return found


def passed_rows(lines: Sequence[Line], spread: Spreads | None) -> list[int]:
    """Rows of the checklist of which every line passes; row 9 needs a recording."""
    found = [
        row
        for row in ROWS
        if (mine := [line for line in lines if line.row == row]) and all(x.passes for x in mine)
    ]
    if spread is not None and spread.passes:
        found.append(SPREAD_ROW)
    return sorted(found)
