"""What the screen shows of advisers: their words, their records with intervals, the coordinator's calibration."""

from __future__ import annotations

from engine.advisers.coordinator import Coordinator
from engine.advisers.each_second import AdvisersState, Stance
from engine.advisers.record import standing, wilson
from engine.advisers.sight import COORDINATOR
from engine.events import Baseline
from engine.frame.advisers import AdviserNow, AdvisersNow, CalibrationBin


def advisers_now(state: AdvisersState, baseline: Baseline) -> AdvisersNow | None:
    """None before the first second of the symbol."""
    if COORDINATOR not in state.stances:
        return None
    coordinator = state.coordinator
    weights = {name: share for name, _, share in coordinator.verdict.shares}
    lines = {name: _line(name, stance, weights.get(name)) for name, stance in state.stances.items()}
    own = lines.pop(COORDINATOR)
    return AdvisersNow(
        advisers=tuple(lines.values()),
        coordinator=own,
        calibration=calibration(coordinator),
        rounds=coordinator.rounds,
        brier=coordinator.brier / coordinator.rounds if coordinator.rounds else None,
        sessions=baseline.sessions,
    )


def calibration(coordinator: Coordinator) -> tuple[CalibrationBin, ...]:
    """The bins in which there is something, by probability."""
    return tuple(
        CalibrationBin(
            found.rounds,
            found.said / found.rounds,
            found.right / found.rounds,
            *wilson(found.right, found.rounds),
        )
        for found in coordinator.bins
        if found.rounds
    )


def _line(name: str, stance: Stance, weight: float | None) -> AdviserNow:
    carried = stance.carried
    count = carried.count if carried is not None else 0
    return AdviserNow(
        name,
        stance.direction,
        stance.confidence,
        stance.horizon_s,
        stance.reason,
        weight,
        *standing(stance.record),
        count,
        carried.right / count if carried is not None and count else None,
    )
