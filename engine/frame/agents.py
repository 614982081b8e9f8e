"""Who trades: families of agents, their profit and their risk."""

from __future__ import annotations

import msgspec


class CoverageNow(msgspec.Struct, frozen=True, array_like=True):
    """How often losses were larger than the value at risk that was told before."""

    forecasts: int = 0
    failures: int = 0
    expected: float = 0.0
    kupiec: float | None = None  # p-value that failures are as many as they should be,
    independence: float | None = None  # and that they do not come together


class RiskNow(msgspec.Struct, frozen=True):
    """A family's risk, quote units but where it says otherwise; None where it is not known yet."""

    net: float | None = None
    gross: float | None = None
    drift: float | None = None  # base units a minute
    drawdown: float = 0.0
    deepest: float = 0.0
    var: float | None = None  # historical
    es: float | None = None
    var_ewma: float | None = None
    es_ewma: float | None = None
    changes: int = 0  # of equity, that these are of
    coverage: CoverageNow = CoverageNow()
    coverage_ewma: CoverageNow = CoverageNow()
    volatility_size: float | None = None  # base units; what a volatility target allows,
    kelly_size: float | None = None  # and Kelly's criterion with its cap


class FamilyNow(msgspec.Struct, frozen=True):
    """A family of agents: amounts in base units, profits in quote units after fees."""

    name: str
    count: int
    position: float
    pnl: float
    fees: float
    fills: int
    orders: int
    history: bytes = b""  # profit, a little-endian float64 a second, oldest first
    risk: RiskNow | None = None


class AgentNow(msgspec.Struct, frozen=True, array_like=True):
    """One agent. `family` is its place in `AgentsNow.families`."""

    family: int
    position: float
    average: float | None  # price of the open position
    realised: float
    unrealised: float
    fees: float
    drawdown: float
    fills: int
    orders: int


class AgentsNow(msgspec.Struct, frozen=True):
    families: tuple[FamilyNow, ...] = ()
    agents: tuple[AgentNow, ...] = ()  # in the order of the families
    paper: bool = False  # they trade beside a real market, not in it
    horizon_s: float = 0.0  # of value at risk; 0: risk is not counted
    level: float = 0.0
