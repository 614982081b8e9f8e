"""Every indicator against a slow formulation of its definition, and that none knows what comes later."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels import indicators as kernel
from engine.kernels import seconds as grid

Floats = npt.NDArray[np.float64]
START = 1_700_000_000  # a second at which a bar begins


def rows_of(rng: np.random.Generator, count: int, holes: float = 0.0) -> Floats:
    """A market's grid: prices that wander, volume, order flow; some columns missing here and there."""
    rows = np.full((count, grid.WIDTH), np.nan)
    mid = 100.0 * np.exp(np.cumsum(rng.normal(0, 2e-4, count)))
    rows[:, grid.MID] = mid
    rows[:, grid.HIGH] = mid * (1 + rng.exponential(1e-4, count))
    rows[:, grid.LOW] = mid * (1 - rng.exponential(1e-4, count))
    rows[:, grid.MICROPRICE] = mid * (1 + rng.normal(0, 1e-5, count))
    rows[:, grid.SPREAD_BPS] = 1.0
    rows[:, grid.ORDER_FLOW] = rng.normal(0.3, 2.0, count)
    rows[:, grid.VOLUME] = rng.exponential(3.0, count) * (rng.random(count) < 0.9)
    rows[:, grid.FLOW_SIGNED] = rows[:, grid.VOLUME] * rng.uniform(-1, 1, count)
    rows[rng.random(count) < holes, grid.MID] = np.nan
    rows[rng.random(count) < holes, grid.ORDER_FLOW] = np.nan
    return rows


def told_at_each(rows: Floats) -> Floats:
    indicators = kernel.new_indicators()
    return np.array([kernel.step(START + i, row, indicators) for i, row in enumerate(rows)])


def bars_of(rows: Floats) -> Floats:
    """Finished bars (high, low, close), by grouping; the last one still forms and is left out."""
    out, number = [], (START + np.arange(len(rows))) // kernel.BAR_S
    for bar in np.unique(number)[:-1]:
        inside = rows[(number == bar) & ~np.isnan(rows[:, grid.MID])]
        if len(inside):
            high = max(inside[:, grid.HIGH].max(), inside[:, grid.MID].max())
            low = min(inside[:, grid.LOW].min(), inside[:, grid.MID].min())
            out.append((high, low, inside[-1, grid.MID]))
    return np.array(out)


@pytest.mark.parametrize("seed", range(6))
def test_indicators_of_bars_are_what_their_definitions_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rows_of(rng, 420 + 37 * seed, holes=0.15 * (seed % 2))
    rows = rows[: np.flatnonzero(~np.isnan(rows[:, grid.MID]))[-1] + 1]
    told, bars = told_at_each(rows)[-1], bars_of(rows)
    closes = bars[:, 2]
    assert told[kernel.CLOSE] == closes[-1]
    for span, name in ((kernel.EMA_SHORT, kernel.FAST), (kernel.EMA_LONG, kernel.SLOW)):
        alpha, n = 2.0 / (span + 1), len(closes)
        weights = alpha * (1 - alpha) ** np.arange(n - 1, -1, -1)
        weights[0] = (1 - alpha) ** (n - 1)  # what came before is the first close
        assert told[name] == pytest.approx(float(weights @ closes), rel=1e-12)
    last = closes[-kernel.CHANNEL :]
    assert told[kernel.BAND_MIDDLE] == pytest.approx(last.mean(), rel=1e-12)
    assert told[kernel.BAND_WIDTH] == pytest.approx(last.std(), rel=1e-7)
    before = bars[-kernel.CHANNEL - 1 : -1]
    assert told[kernel.CHANNEL_HIGH] == before[:, 0].max()
    assert told[kernel.CHANNEL_LOW] == before[:, 1].min()
    assert told[kernel.RSI] == pytest.approx(slow_rsi(closes), rel=1e-9)
    assert told[kernel.ATR] == pytest.approx(slow_atr(bars), rel=1e-9)


def smoothed(values: Floats, length: int) -> float:
    """Wilder's: the plain mean of the first `length`, then (before x (length - 1) + value) / length."""
    mean = values[:length].mean()
    for value in values[length:]:
        mean = (mean * (length - 1) + value) / length
    return float(mean)


def slow_rsi(closes: Floats) -> float:
    change = np.diff(closes)
    up = smoothed(np.maximum(change, 0), kernel.WILDER)
    down = smoothed(np.maximum(-change, 0), kernel.WILDER)
    return 100.0 - 100.0 / (1.0 + up / down)


def slow_atr(bars: Floats) -> float:
    high, low, before = bars[1:, 0], bars[1:, 1], bars[:-1, 2]
    true_range = np.max([high - low, np.abs(high - before), np.abs(low - before)], axis=0)
    return smoothed(true_range, kernel.WILDER)


def test_wilders_own_table() -> None:
    """RSI of the closes of the much copied worksheet (StockCharts, QQQQ): 70.53, then 66.32."""
    closes = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
        46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521,
    ]  # fmt: skip
    rows = np.full((len(closes) * kernel.BAR_S + 1, grid.WIDTH), np.nan)
    rows[:-1, grid.MID] = np.repeat(closes, kernel.BAR_S)
    rows[-1, grid.MID] = 1.0
    told = told_at_each(rows)[:: kernel.BAR_S, kernel.RSI]  # as each bar has just ended
    assert told[15] == pytest.approx(70.53, abs=0.01)
    assert told[16] == pytest.approx(66.32, abs=0.01)


def test_order_flow_is_measured_against_its_own_noise() -> None:
    """Of independent flows z has a deviation near one; a steady push is far out."""
    rng = np.random.default_rng(5)
    rows = rows_of(rng, 4000)
    rows[:, grid.ORDER_FLOW] = rng.normal(0, 7.0, len(rows))
    z = told_at_each(rows)[600:, kernel.OFI_Z]
    assert 0.85 < z.std() < 1.15
    rows[-30:, grid.ORDER_FLOW] = 14.0
    assert told_at_each(rows)[-1, kernel.OFI_Z] > 3.5


def test_order_flow_and_drift_as_sums_over_the_past() -> None:
    rng = np.random.default_rng(8)
    rows = rows_of(rng, 900)
    told = told_at_each(rows)[-1]
    for tau, name, values in (
        (kernel.FAST_S, "mean", rows[:, grid.ORDER_FLOW]),
        (kernel.SLOW_S, "square", rows[:, grid.ORDER_FLOW] ** 2),
        (kernel.FAST_S, "drift", (rows[:, grid.MICROPRICE] / rows[:, grid.MID] - 1) * 1e4),
    ):
        mean = 0.0
        for n, value in enumerate(values, 1):
            mean += max(1 / n, 1 - math.exp(-1 / tau)) * (value - mean)
        if name == "mean":
            flow = mean
        elif name == "square":
            alpha = 1 - math.exp(-1 / kernel.FAST_S)
            assert told[kernel.OFI_Z] == pytest.approx(flow / math.sqrt(mean * alpha / (2 - alpha)), rel=1e-9)
        else:
            assert told[kernel.DRIFT_BPS] == pytest.approx(mean, rel=1e-9)


def test_vpin_of_one_sided_and_of_balanced_trading() -> None:
    rows = rows_of(np.random.default_rng(3), 1500)
    rows[:, grid.FLOW_SIGNED] = rows[:, grid.VOLUME]
    told = told_at_each(rows)[-1]
    assert told[kernel.VPIN] == pytest.approx(1.0)
    assert told[kernel.LEAN] == pytest.approx(1.0)
    rows[:, grid.FLOW_SIGNED] = 0.0
    told = told_at_each(rows)[-1]
    assert told[kernel.VPIN] == told[kernel.LEAN] == 0.0


def test_vpin_against_buckets_cut_from_the_whole_tape() -> None:
    """With the same volume each second a bucket is BUCKET_S of it, so that buckets can be cut by hand."""
    rng = np.random.default_rng(4)
    rows = rows_of(rng, 60 + 1200)
    rows[:, grid.VOLUME] = 2.0
    rows[:, grid.FLOW_SIGNED] = rng.choice((-2.0, 2.0), len(rows))
    told = told_at_each(rows)[-1]
    size = int(kernel.BUCKET_S)
    flows = rows[kernel.NEEDED_S - 1 :, grid.FLOW_SIGNED]
    whole = flows[: len(flows) // size * size].reshape(-1, size).sum(axis=1) / (2.0 * size)
    assert told[kernel.VPIN] == pytest.approx(np.abs(whole[-kernel.BUCKETS :]).mean(), rel=1e-9)
    assert told[kernel.LEAN] == pytest.approx(whole[-kernel.BUCKETS :].mean(), rel=1e-9, abs=1e-12)


def test_no_indicator_knows_the_future() -> None:
    """Whatever comes after a second, what was told at it stays."""
    rng = np.random.default_rng(11)
    rows = rows_of(rng, 500, holes=0.05)
    other = rows.copy()
    other[300:] = rows_of(rng, 200) * 3.0
    np.testing.assert_array_equal(told_at_each(rows)[:300], told_at_each(other)[:300])


def test_a_hole_begins_everything_anew() -> None:
    rng = np.random.default_rng(12)
    rows = rows_of(rng, 900)
    rows[400 : 400 + kernel.HOLE_S + 5, grid.MID] = np.nan
    after = rows[400 + kernel.HOLE_S + 5 :]
    told = told_at_each(rows)
    alone = kernel.new_indicators()
    last: list[float] = []
    for i, row in enumerate(after):
        last = kernel.step(START + 400 + kernel.HOLE_S + 5 + i, row, alone)
    for column in (kernel.RSI, kernel.ATR, kernel.FAST, kernel.CHANNEL_HIGH, kernel.OFI_Z, kernel.DRIFT_BPS):
        assert told[-1, column] == last[column]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_any_row_leaves_numbers_or_nan_and_can_be_packed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    indicators = kernel.new_indicators()
    second = START
    for _ in range(120):
        second += int(rng.choice((1, 1, 1, 1, 2, 61, 5000)))
        row = rng.choice((math.nan, 0.0, 1e12, 1e-9, 5.0, 5.1, -3.0), grid.WIDTH)
        kernel.step(second, row, indicators)
    assert not np.isinf(indicators.memory).any()
    vpin = indicators.memory[kernel.VPIN]
    assert math.isnan(vpin) or vpin >= 0.0
    again = kernel.unpack(kernel.pack(indicators))
    for one, other in zip(indicators, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_strangers_indicators_are_checked() -> None:
    packed = kernel.pack(kernel.new_indicators())
    for name, bad in (("memory", np.full(kernel.WIDTH, 1e31)), ("clock", np.full(kernel.CLOCKS, -2))):
        with pytest.raises(ValueError, match="indicators"):
            kernel.unpack({**packed, name: bad})
    with pytest.raises(ValueError, match="expected arrays"):
        kernel.unpack({**packed, "bars": np.zeros((3, 3))})
