"""A scenario fitted to a recorded market: read off what can be, search the rest, choose on fresh seeds, validate later.

Four sets of seeds: scales, trials, the choice among the best, and validation; none is used twice, and none is among
those that `microtui validate` reports. The recording is cut in two: what is fitted to, and a later block that only the
chosen scenario is held against.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from engine.lab.calibration_data import Recorded, enough
from engine.lab.calibration_loss import Loss, Score, new_loss
from engine.lab.calibration_reading import Read, read_off
from engine.lab.calibration_search import Knob, Trial, search
from engine.lab.calibration_units import get, rounded, with_values
from engine.lab.sampling import simulated
from engine.lab.stylised import Sample
from engine.scenario import Scenario

SCALES = range(3000, 3008)
TRIALS = range(3100, 3200)
CHOICE = range(3200, 3208)
VALIDATION = range(3300, 3308)
BEST = 10  # that are run again

_PILOTS, _PILOT_S = 3, 1500
_PILOT_SEEDS = range(3050, 3052)
_PILOT_MOST = 4.0  # times that one pilot may change a constant
_THREADS = 2  # kernels run without the interpreter's lock

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the best trials, run again."""

    trial: Trial
    score: Score  # on the seeds of CHOICE


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of it. `before` is the scenario that it began from, as it is; `read` that with what was read off."""

    scenario: Scenario
    reads: tuple[Read, ...]
    knobs: tuple[Knob, ...]
    trials: tuple[Trial, ...]  # the best first
    best: tuple[Candidate, ...]
    before: tuple[Score, Score]  # on the block that was fitted to, on the later one
    read: tuple[Score, Score]
    after: tuple[Score, Score]
    runs: tuple[Sample, Sample]  # one of the scenario before, one of the calibrated
    seconds: int
    seeds: int


def knobs_of(start: Scenario) -> tuple[Knob, ...]:
    """What is searched, and where: seven constants that no recording of prices shows directly.

    Impact and rate stay near what pilot runs found to give the recording's volatility and pace: further away a search
    would give these up for all else, because no statistic can cost more than the cap of the loss. Rate has more room
    below: levels nearer to one another than the pilot's make trades among makers, so that fewer takers are needed.
    """

    def around(key: str, below: float, above: float) -> Knob:
        value = get(start, key)
        return Knob(key, rounded(value / below), rounded(value * above))

    step = get(start, "agents.maker.level_step_ticks")
    return (
        around("world.impact_ticks", 1.25, 1.5),
        around("agents.noise.rate", 2.5, 1.25),
        Knob("agents.maker.level_step_ticks", 1.0, max(step, 2.0)),
        Knob("agents.noise.inside", 0.5, 0.95, log=False),
        around("agents.noise.waits", 1.0, 4.0),
        Knob("agents.maker.requote_s", 0.1, 0.5),
        around("agents.maker.size", 1.5, 2.5),
    )


def calibrate(
    recorded: Recorded,
    base: Scenario,
    *,
    trials: int,
    seconds: int,
    seeds: int,
    journal: Path | None,
    say: Say,
) -> Calibration:
    """Fit `base` to a recording. Raises NotEnough and BadJournal; stops at KeyboardInterrupt with the journal whole."""
    enough(recorded)
    fit, later = recorded.blocks()
    read, reads = read_off(fit, base)
    say("pilot runs")
    start = _paced(read, fit)
    say("how far seeds differ")
    loss = new_loss(fit, recorded, start, runs(start, SCALES, seconds, fit.round_trip_quote))
    knobs = knobs_of(start)
    own = TRIALS[:seeds]

    def objective(values: Mapping[str, float]) -> float:
        return loss.score(start, runs(with_values(start, values), own, seconds, fit.round_trip_quote)).loss

    def told(trial: Trial, of: int) -> None:
        say(f"trial {trial.number + 1} of {of}: loss {trial.loss:.3f}")

    first = {knob.key: get(start, knob.key) for knob in knobs}
    identity = identity_of(recorded, start, seconds, seeds)
    found = search(objective, knobs, trials, first=first, journal=journal, identity=identity, say=told)
    best = _rescored(found[:BEST], start, loss, seconds, say)
    scenario = with_values(start, best[0].trial.values)
    say("validation")
    held = replace(loss, recorded=later)
    shown = [runs(s, VALIDATION, seconds, fit.round_trip_quote) for s in (base, read, scenario)]
    before, off, after = (
        (loss.score(s, samples), held.score(s, samples))
        for s, samples in zip((base, read, scenario), shown, strict=True)
    )
    return Calibration(
        scenario,
        tuple(reads),
        knobs,
        tuple(found),
        tuple(best),
        before,
        off,
        after,
        (shown[0][0], shown[2][0]),
        seconds,
        seeds,
    )


def runs(scenario: Scenario, seeds: Sequence[int], seconds: int, quote: float) -> list[Sample]:
    """A sample of each seed."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda seed: simulated(scenario, seed, seconds, quote), seeds))


def identity_of(recorded: Recorded, start: Scenario, seconds: int, seeds: int) -> str:
    """Of a search: its data, where it starts, and how trials are run."""
    told = f"{recorded.digest} {start.hash} {seconds} {seeds}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _paced(scenario: Scenario, fit: Recorded) -> Scenario:
    """Rates and impact such that trades come about as often, and prices move about as far, as in the recording."""
    sample = fit.sample
    for _ in range(_PILOTS):
        ours = runs(scenario, _PILOT_SEEDS, _PILOT_S, fit.round_trip_quote)
        pace = sum(float(s.trades.mean()) for s in ours) / len(ours)
        sigma = sum(float(s.returns_bps.std()) for s in ours) / len(ours)
        scenario = with_values(
            scenario,
            {
                "agents.noise.rate": _nearer(
                    get(scenario, "agents.noise.rate"), pace, float(sample.trades.mean())
                ),
                "world.impact_ticks": _nearer(
                    get(scenario, "world.impact_ticks"), sigma, float(sample.returns_bps.std())
                ),
            },
        )
    return scenario


def _nearer(value: float, ours: float, theirs: float) -> float:
    factor = theirs / ours if ours > 0.0 else _PILOT_MOST
    return rounded(value * min(max(factor, 1.0 / _PILOT_MOST), _PILOT_MOST))


def _rescored(
    trials: Sequence[Trial], start: Scenario, loss: Loss, seconds: int, say: Say
) -> list[Candidate]:
    """The best trials on seeds that the search did not see, the best of them first."""
    found = []
    for number, trial in enumerate(trials, 1):
        say(f"the best again on fresh seeds: {number} of {len(trials)}")
        scenario = with_values(start, trial.values)
        samples = runs(scenario, CHOICE, seconds, loss.recorded.round_trip_quote)
        found.append(Candidate(trial, loss.score(scenario, samples)))
    return sorted(found, key=lambda candidate: candidate.score.loss)
