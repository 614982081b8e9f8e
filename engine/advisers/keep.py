"""What advisers remember as it may come back from a stranger's checkpoint: checked before it is used."""

from __future__ import annotations

from collections.abc import Iterable

from engine.advisers.coordinator import BASE, BINS, MOST_REGIMES, Coordinator
from engine.advisers.each_second import MOST_OWN, OURS, AdvisersState
from engine.advisers.record import Piece, Record
from engine.advisers.sight import BUILT_IN
from engine.limits import HORIZON_S, TALLY, check_advised

MOST_STANCES = len(BUILT_IN) + MOST_OWN + 1
_MOST = 1e30
_COUNT = 10**12


def check(state: AdvisersState) -> None:
    """Raises ValueError for a state that no session could have come to."""
    if len(state.stances) > MOST_STANCES or len(state.advised) > MOST_OWN:
        raise ValueError(f"expected up to {MOST_STANCES} advisers, found more")
    if set(state.advised) != set(state.advised_at):
        raise ValueError("expected the time of everything that an own adviser said")
    if OURS & state.advised.keys():
        raise ValueError("expected own advisers with names of their own")
    for note in state.advised.values():
        check_advised(note)
    for name, stance in state.stances.items():
        low, high = HORIZON_S
        _within(f"the horizon of {name}", (stance.horizon_s,), low, high)
        numbers = (stance.score, stance.confidence, stance.said, *(stance.levels or ()))
        _within(f"what {name} says", numbers, -1.0, 1.0)
        _within(f"the direction of {name}", (stance.direction,), -1, 1)
        _check_record(name, stance.record)
        if stance.carried is not None:
            _check_record(name, stance.carried)
        if stance.piece is not None:
            _check_piece(name, stance.piece)
    _within("a swing's score", (state.swing,), -100.0, 100.0)
    _check_coordinator(state.coordinator)


def _check_record(name: str, record: Record) -> None:
    if len(record.pieces) != 3 or len(record.hits) != 3:
        raise ValueError(f"expected the record of {name} by three strengths")
    for pieces, hits in zip(record.pieces, record.hits, strict=True):
        _within(f"the pieces of {name}", (pieces,), 0, _COUNT)
        _within(f"the hits of {name}", (hits,), 0, pieces)
    for field, (low, high) in TALLY.items():
        _within(f"the record of {name}", (getattr(record, field),), low, high)


def _check_piece(name: str, piece: Piece) -> None:
    _within(f"the piece of {name}", (piece.strength,), 0, 2)
    _within(f"the piece of {name}", (piece.direction,), -1, 1)
    _within(f"the piece of {name}", (piece.confidence,), 0.0, 1.0)
    _within(f"the mid of {name}", (piece.mid,), 1e-18, _MOST)
    _within(f"the cost of {name}", (piece.cost_bps,), 0.0, 1e9)


def _check_coordinator(coordinator: Coordinator) -> None:
    if len(coordinator.regimes) > MOST_REGIMES or len(coordinator.bins) != BINS:
        raise ValueError(f"expected up to {MOST_REGIMES} regimes and {BINS} bins of a coordinator")
    for forecaster in coordinator.regimes.values():
        if BASE not in forecaster.weights or len(forecaster.weights) > MOST_STANCES + 1:
            raise ValueError("expected weights of a coordinator, the base rate's among them")
        _within("a coordinator's weights", forecaster.weights.values(), 1e-12, 1.0 + 1e-9)
        _within("a coordinator's rounds", (forecaster.rounds,), 0, _COUNT)
        _within("a coordinator's rises", (forecaster.rises,), 0.0, forecaster.rounds)
    for found in coordinator.bins:
        _within("a coordinator's bins", (found.rounds,), 0, _COUNT)
        _within("a coordinator's bins", (found.said, found.right), 0, found.rounds)
    _within("a coordinator's rounds", (coordinator.rounds,), 0, _COUNT)
    _within("a coordinator's score", (coordinator.brier,), 0.0, _COUNT)
    verdict = coordinator.verdict
    shares = [number for _, p, share in verdict.shares for number in (p, share)]
    _within("a verdict", (verdict.probability, *shares), 0.0, 1.0 + 1e-9)
    _within("a verdict's direction", (verdict.direction, verdict.lean), -1, 1)
    if coordinator.round is not None:
        _within("a round's forecasts", coordinator.round.forecasts.values(), 0.0, 1.0)
        _within("a round's forecast", (coordinator.round.probability,), 0.0, 1.0)
        _within("a round's mid", (coordinator.round.mid,), 1e-18, _MOST)


def _within(what: str, values: Iterable[float | None], low: float, high: float) -> None:
    for value in values:
        if value is not None and not low <= value <= high:
            raise ValueError(f"expected {what} from {low:g} to {high:g}, found {value:g}")
