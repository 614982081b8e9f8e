"""What risk remembers as it may come back from a stranger's checkpoint: checked before it is used."""

from __future__ import annotations

from collections.abc import Iterable

from engine.risk.books import KEPT, MOST_FAMILIES, FamilyRisk, RiskState, Unit
from engine.risk.coverage import Coverage

_MONEY = 2**62  # ticks x lots; the difference of two is still a number that a file can hold
_CHANGE = 2**63
_COUNT = 10**12


def check(state: RiskState) -> None:
    """Raises ValueError for a state that no session could have come to."""
    if len(state.families) > MOST_FAMILIES:
        raise ValueError(f"expected up to {MOST_FAMILIES} families, found {len(state.families)}")
    if state.families and state.unit is None:
        raise ValueError("expected the instrument that families' amounts are in")
    if state.unit is not None and not 0.0 < _money(state.unit) < 1e30:
        raise ValueError("expected a tick and a lot that are numbers")
    _within("the price's variance", (state.minute_variance,), 0.0, 1e30)
    for name, family in state.families.items():
        _check_family(name, family)


def _money(unit: Unit) -> float:
    try:
        return unit.money
    except ArithmeticError:  # of decimals
        return 0.0


def _check_family(name: str, family: FamilyRisk) -> None:
    if len(family.changes) > KEPT or not 0 <= family.place < KEPT or family.counted < len(family.changes):
        raise ValueError(f"expected up to {KEPT} changes of {name}'s equity, found {len(family.changes)}")
    whole = (family.equity, family.peak, family.mark, family.position)
    _within(f"an amount of {name}", (*whole, family.drift), -_MONEY, _MONEY)
    _within(f"a change of {name}", family.changes, -_CHANGE, _CHANGE)
    sizes = (family.deepest, family.exposure, family.gross, family.mark_fills)
    _within(f"a size of {name}", sizes, 0, 2 * _MONEY)
    _within(f"the variance of {name}", (family.variance,), 0.0, float(_CHANGE) ** 2)
    _within(f"a forecast of {name}", (family.var, family.es, family.var_ewma, family.es_ewma), -1e31, 1e31)
    _within(f"Kelly's multiple of {name}", (family.kelly,), 0.0, 1e60)
    _within(f"the changes of {name}", (family.counted,), 0, _COUNT)
    for coverage in (family.held, family.held_ewma):
        _check_coverage(name, coverage)


def _check_coverage(name: str, found: Coverage) -> None:
    pairs = (found.quiet_quiet, found.quiet_failed, found.failed_quiet, found.failed_failed)
    _within(f"forecasts of {name}", (found.forecasts,), 0, _COUNT)
    _within(f"failures of {name}", (found.failures, *pairs), 0, found.forecasts)
    if sum(pairs) > found.forecasts or found.last not in (-1, 0, 1):
        raise ValueError(f"expected pairs of forecasts of {name} to be among them")


def _within(what: str, values: Iterable[float | None], low: float, high: float) -> None:
    for value in values:
        if value is not None and not low <= value <= high:
            raise ValueError(f"expected {what} from {low:g} to {high:g}, found {value:g}")
