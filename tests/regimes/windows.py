"""Made-up windows: two known factors behind eight series, rows of a grid, and models with round numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.events import FACTOR_SERIES, FactorFit, FactorModel, Markov
from engine.kernels import seconds as grid

Floats = npt.NDArray[np.float64]
LOADINGS = np.array(
    [[0.9, 0.0], [0.0, 0.8], [-0.7, 0.1], [0.1, 0.7], [0.8, 0.1], [0.1, 0.3], [0.6, -0.2], [0.0, 0.6]]
)


def planted(rows: int, seed: int) -> tuple[Floats, Floats]:
    """(rows, 8) series and the (rows, 2) factors behind them, of unit variance."""
    rng = np.random.default_rng(seed)
    factors = np.zeros((rows, 2))
    noise = np.zeros((rows, 8))
    for i in range(1, rows):
        factors[i] = [0.95, 0.8] * factors[i - 1] + rng.normal(size=2)
        noise[i] = 0.4 * noise[i - 1] + rng.normal(size=8)
    factors /= factors.std(axis=0)
    noise /= noise.std(axis=0)
    return factors @ LOADINGS.T + 0.4 * noise, factors


def with_holes(series: Floats, seed: int, share: float = 0.15) -> Floats:
    """The same with some values missing, and one row as a whole."""
    holed = series.copy()
    holed[np.random.default_rng(seed).random(series.shape) < share] = np.nan
    holed[len(holed) // 2] = np.nan
    return holed


def quiet_rows(count: int, seed: int, sigma_bps: float = 0.5) -> Floats:
    """Rows of a grid on a calm day: a random walk, steady costs, steady depth."""
    rng = np.random.default_rng(seed)
    rows = np.full((count, grid.WIDTH), np.nan)
    rows[:, grid.MID] = 60_000.0 * np.exp(np.cumsum(rng.normal(0.0, sigma_bps * 1e-4, count)))
    rows[:, grid.HIGH] = rows[:, grid.LOW] = rows[:, grid.MID]
    rows[:, grid.SPREAD_BPS] = 0.1
    rows[:, grid.ROUND_TRIP_BPS] = 1.0 * np.exp(rng.normal(0.0, 0.1, count))
    for column in (grid.BID_DEPTH, grid.ASK_DEPTH, grid.BID_NEAR, grid.ASK_NEAR):
        rows[:, column] = 50.0 * np.exp(rng.normal(0.0, 0.05, count))
    rows[:, grid.ORDER_FLOW] = rng.normal(0.0, 5.0, count)
    rows[:, grid.VOLUME] = rng.exponential(2.0, count)
    rows[:, grid.FLOW_SIGNED] = rows[:, grid.VOLUME] * rng.uniform(-1.0, 1.0, count)
    rows[:, grid.TRADE_COUNT] = 5.0
    return with_volatility(rows)


def with_volatility(rows: Floats) -> Floats:
    """The same with the realised volatility of the last minute as it follows from the mids."""
    moves = np.diff(np.log(rows[:, grid.MID]), prepend=np.log(rows[0, grid.MID])) * 1e4
    squares = np.convolve(np.nan_to_num(moves) ** 2, np.ones(60))[: len(rows)]
    rows[:, grid.VOLATILITY_BPS] = np.sqrt(squares)
    return rows


class Grid:
    """A grid that is filled by hand, a row a second."""

    def __init__(self, begun: int = 1_700_000_000) -> None:
        self.seconds = grid.new_seconds()
        self.second = begun - 1

    def add(self, row: Floats) -> int:
        """Returns the tick's time, ns."""
        self.second += 1
        self.seconds.rows[self.second % grid.KEPT] = row
        self.seconds.clock[grid.LATEST] = self.second
        self.seconds.clock[grid.COUNT] += 1
        return self.second * 10**9


def fitted(at: int, *, markov: Markov | None = None, symbol: int = 0) -> FactorFit:
    """A fit with round numbers, of all series but sentiment."""
    series = tuple(name for name in FACTOR_SERIES if name != "sentiment")
    count = len(series)
    kept = [FACTOR_SERIES.index(name) for name in series]
    model = FactorModel(
        series=series,
        means=(0.0, 0.0, 4.6, 0.0, 4.0, 1.0, 0.0),
        sds=(0.1, 0.05, 0.05, 5.0, 0.5, 0.5, 0.6),
        loadings=tuple((float(a), float(b)) for a, b in LOADINGS[kept]),
        transition=((0.9, 0.05), (-0.1, 0.7)),
        shocks=((0.2, 0.05), (0.05, 0.5)),
        noise_ar=(0.3,) * count,
        noise_var=(0.4,) * count,
        state=(0.0,) * (count + 2),
        state_cov=tuple(np.eye(count + 2).ravel().tolist()),
    )
    dropped = (("sentiment", "missing in 300 of 300 s"),)
    return FactorFit(symbol, "FITTED", "", at, model, dropped, -1900.0, 42, False, markov, 180)
