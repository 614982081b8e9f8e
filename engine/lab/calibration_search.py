"""A search for constants by Optuna's tree-structured Parzen estimator, which can be cut short and taken up again.

TPE: Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization" (2011). Each trial draws from a
generator of its own number, so that what is tried depends on the trials before it alone: a search that was interrupted
and resumed finds what an undisturbed one would have. Beyond 60 to 100 trials a search fits the noise of its seeds,
which is why the best are run again on others before one of them is chosen.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.lab.calibration_units import rounded

MOST_KNOBS = 7
STARTUP = 15  # trials at random before the estimator has something to go by


class BadJournal(ValueError):
    """A file of trials that belongs to another search, or is none."""

    for_people = True


@dataclass(frozen=True, slots=True)
class Knob:
    """A constant that is searched, by its dotted name, between two values; `log`: by its logarithm."""

    key: str
    low: float
    high: float
    log: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    number: int
    values: dict[str, float]
    loss: float


Tried = tuple[dict[str, float], float]  # constants as they were asked for, and their loss
Objective = Callable[[Mapping[str, float]], float]


def installed() -> bool:
    from importlib.util import find_spec

    return find_spec("optuna") is not None


def search(
    objective: Objective,
    knobs: Sequence[Knob],
    trials: int,
    *,
    first: Mapping[str, float],
    seed: int = 0,
    journal: Path | None = None,
    identity: str = "",
    say: Callable[[Trial, int], None] = lambda trial, of: None,
) -> list[Trial]:
    """All trials, the best first. `first` is tried before all others.

    With a `journal` every trial is written as it ends, and those that the file holds already are not run again; it must
    be of the same `identity` (what is searched, on what). Raises BadJournal.
    """
    if not 1 <= len(knobs) <= MOST_KNOBS:
        raise ValueError(f"expected one to {MOST_KNOBS} knobs, found {len(knobs)}: more cannot be told apart")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kept = _read(journal, identity, knobs) if journal is not None else []
    with _quiet():
        study = optuna.create_study()
        space: dict[str, Any] = {
            k.key: optuna.distributions.FloatDistribution(k.low, k.high, log=k.log) for k in knobs
        }
        for params, loss in kept:
            study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=loss))
        for number in range(len(kept), trials):
            study.sampler = optuna.samplers.TPESampler(
                seed=seed + number, multivariate=True, n_startup_trials=STARTUP
            )
            if number == 0:
                study.enqueue_trial({k.key: min(max(first[k.key], k.low), k.high) for k in knobs})
            asked = study.ask(space)
            values = {key: rounded(value) for key, value in asked.params.items()}
            loss = objective(values)
            study.tell(asked, loss)
            kept.append((dict(asked.params), loss))
            if journal is not None:
                _append(journal, identity, kept)
            say(Trial(number, values, loss), trials)
    found = [
        Trial(number, {key: rounded(value) for key, value in params.items()}, loss)
        for number, (params, loss) in enumerate(kept[:trials])
    ]
    return sorted(found, key=lambda trial: trial.loss)


def _append(journal: Path, identity: str, kept: Sequence[Tried]) -> None:
    """The last trial as a line of its own, behind one that says whose trials these are."""
    params, loss = kept[-1]
    head = "" if len(kept) > 1 else json.dumps({"identity": identity}) + "\n"
    with journal.open("a" if len(kept) > 1 else "w", encoding="utf-8") as file:
        file.write(head + json.dumps({"loss": loss, "values": params}) + "\n")


def _read(journal: Path, identity: str, knobs: Sequence[Knob]) -> list[Tried]:
    """What the file holds; a last line that was cut short does not count. Raises BadJournal."""
    if not journal.exists():
        return []
    *lines, cut = journal.read_text("utf-8", "replace").split("\n")
    try:
        head, *rows = [json.loads(line) for line in lines]
        found = [({k.key: float(row["values"][k.key]) for k in knobs}, float(row["loss"])) for row in rows]
        told = head["identity"]
    except (ValueError, KeyError, TypeError):
        raise BadJournal(
            f"expected a file of trials, found something else in {journal}; leave --resume out to begin anew"
        ) from None
    if told != identity:
        raise BadJournal(
            f"expected trials of this recording with these options, found others in {journal}; "
            "leave --resume out to begin anew"
        )
    if cut:
        journal.write_text("\n".join(lines) + "\n", "utf-8")
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its parts are experimental is for us to know
        yield
