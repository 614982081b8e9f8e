"""The same market on another grid: prices in other ticks, sizes in other units.

A market of agents has no scale of its own. When every price is r times as many ticks and every size s times as many
units, with the constants that carry these units taken along, agents decide the same: γ and k are one over ticks (a
maker counts its inventory in shares of its limit). What is left is rounding, which is coarser or finer than before, and
that is what a tick does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.instrument import Instrument
from engine.scenario import MOST_MONEY, Scenario

# powers of (ticks, units) in which a constant is measured
_UNITS: dict[str, tuple[int, int]] = {
    "agents.maker.level_step_ticks": (1, 0),
    "agents.maker.size": (0, 1),
    "agents.maker.risk_aversion": (-1, 0),
    "agents.maker.fill_decay": (-1, 0),
    "agents.maker.inventory_limit": (0, 1),
    "agents.maker.snipe_ticks": (1, 0),
    "agents.informed.size": (0, 1),
    "agents.informed.threshold_ticks": (1, 0),
    "agents.informed.sentiment_ticks": (1, 0),
    "agents.informed.inventory_limit": (0, 1),
    "agents.noise.size": (0, 1),
    "agents.noise.depth_ticks": (1, 0),
    "agents.noise.inventory_limit": (0, 1),
    "agents.arbitrage.threshold_ticks": (1, 0),
    "agents.arbitrage.size": (0, 1),
    "agents.arbitrage.capital": (0, 1),
    "agents.arbitrage.transfer": (0, 1),
    "world.value_sigma_ticks": (1, 0),
    "world.jump_ticks": (1, 0),
    "world.calm_sigma_ticks": (1, 0),
    "world.impact_ticks": (1, -1),  # G(I) = κ 2√I₀ (√(|I| + I₀) − √I₀) has two roots of a size in it
    "world.impact_scale": (0, 1),
    "world.leverage": (0, 1),
}
_LEAST_STEP, _MOST_STEP = 1.0, 1000.0  # ticks between a maker's levels
_TICKS_LEAST, _TICKS_MOST = 1000, 100_000_000  # prices that a scenario may start at
_DIGITS = 4  # that a constant is written with


def get(scenario: Scenario, key: str) -> float:
    """A constant by its dotted name in a scenario file.

    >>> get(Scenario(), "agents.maker.feedback")
    2.2
    """
    value: Any = scenario
    for part in key.split("."):
        value = getattr(value, part)
    return float(value)


def with_values(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """The scenario with some constants changed, by their dotted names."""
    for key, value in values.items():
        scenario = _replaced(scenario, key.split("."), value)
    return scenario


def _replaced(struct: Any, parts: list[str], value: float) -> Any:
    inner = value if len(parts) == 1 else _replaced(getattr(struct, parts[0]), parts[1:], value)
    return msgspec.structs.replace(struct, **{parts[0]: inner})


def rounded(value: float) -> float:
    """To as many digits as a scenario file holds, so that what was tried is what is written."""
    return float(f"{value:.{_DIGITS}g}")


def on_grid_of(scenario: Scenario, instrument: Instrument, price_ticks: float, size: float) -> Scenario:
    """The same market in an instrument's ticks and lots, its price at `price_ticks` and `size` times its sizes.

    Lots too small for the largest inventories to be counted in are taken ten at a time.
    """
    start = min(max(round(price_ticks), _TICKS_LEAST), _TICKS_MOST)
    ticks = start / scenario.start_ticks
    values = {
        key: get(scenario, key) * ticks**by_tick * size**by_unit for key, (by_tick, by_unit) in _UNITS.items()
    }
    step = values["agents.maker.level_step_ticks"]
    values["agents.maker.level_step_ticks"] = min(max(step, _LEAST_STEP), _MOST_STEP)
    moved = with_values(scenario, {key: rounded(value) for key, value in values.items()})
    moved = msgspec.structs.replace(moved, start_ticks=start)
    lot = instrument.lot.value
    while _money(moved, float(lot)) > MOST_MONEY:
        lot *= 10
    return msgspec.structs.replace(
        moved,
        symbol=instrument.symbol,
        base=instrument.base or instrument.symbol,
        quote=instrument.quote or "USD",
        tick_size=instrument.tick_size,
        lot_size=f"{lot:f}",
    )


def _money(scenario: Scenario, lot: float) -> float:
    """Ticks times lots of the largest inventory at ten times the price, as `engine.scenario` counts them."""
    agents = scenario.agents
    largest = max(
        agents.maker.inventory_limit,
        agents.informed.inventory_limit + agents.informed.size,
        agents.noise.inventory_limit + agents.noise.size * agents.noise.size_cap,
        2.0 * agents.arbitrage.capital + agents.arbitrage.size,
    )
    return largest / lot * scenario.start_ticks * 10.0
