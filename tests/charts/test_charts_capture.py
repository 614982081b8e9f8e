"""Charts of the real BTCUSDT session against sums over its raw messages."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from engine.core import State, apply
from engine.feeds.capture import capture_batches
from engine.instrument import Instrument
from engine.kernels.charts import ChartArrays
from engine.kernels.charts_pack import pack, unpack
from engine.kernels.charts_view import read_bars, read_chart, read_tape

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
NAME = "binance_spot_btcusdt_20240808.gz"
FIVE_S = 5_000_000_000

Messages = list[tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def capture(captures: Path) -> Path:
    return captures / NAME


@pytest.fixture(scope="module")
def state(capture: Path) -> State:
    state = State()
    for batch in capture_batches(capture, BTC):
        apply(state, batch)
    return state


@pytest.fixture(scope="module")
def messages(capture: Path) -> Messages:
    """(receive time, data) of the trades and the tops."""
    found = []
    with gzip.open(capture, "rt") as file:
        for line in file:
            stamp, message = line.split(" ", 1)
            decoded = json.loads(message)
            if decoded.get("stream", "").endswith(("@trade", "@bookTicker")):
                found.append((int(stamp), decoded))
    return found


def test_volume_and_tape_are_the_captures(state: State, messages: Messages) -> None:
    charts = state.symbols[0].charts
    volume: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    tape = []
    for ts, message in messages:
        if message["stream"].endswith("@trade"):
            trade = message["data"]
            volume[ts // FIVE_S][1 if trade["m"] else 0] += float(trade["q"])
            tape.append((round(float(trade["p"]) * 100), round(float(trade["q"]) * 100_000)))
    bars = read_bars(charts, 2, 720)
    first = state.ts // FIVE_S - bars.shape[1] + 1
    expected = np.array([volume[first + k] for k in range(bars.shape[1])]).T
    np.testing.assert_allclose(bars[4:], expected, atol=1e-9)
    assert read_tape(charts, 200)[:, 1:3].tolist() == [list(t) for t in reversed(tape[-200:])]


def test_bars_lie_where_the_venues_own_top_was(state: State, messages: Messages) -> None:
    tops: dict[int, list[float]] = defaultdict(list)
    for ts, message in messages:
        if message["stream"].endswith("@bookTicker"):
            top = message["data"]
            tops[ts // FIVE_S].append((float(top["b"]) + float(top["a"])) / 2)
    bars = read_bars(state.symbols[0].charts, 2, 720)
    first = state.ts // FIVE_S - bars.shape[1] + 1
    inside = 0
    for k in range(1, bars.shape[1] - 1):
        around = tops[first + k - 1] + tops[first + k] + tops[first + k + 1]
        high, low = bars[1, k], bars[2, k]
        assert low <= bars[0, k] <= high
        assert low <= bars[3, k] <= high
        inside += min(around) - 1e-6 <= low and high <= max(around) + 1e-6
    assert inside == bars.shape[1] - 2


def test_the_heatmap_covers_the_session_and_packs_small(state: State) -> None:
    charts = state.symbols[0].charts
    chart = read_chart(charts, BTC, FIVE_S, 60, 64)
    cells = np.frombuffer(chart.heat, np.uint8).reshape(64, 60)
    assert (cells > 0).mean() > 0.8
    assert 0.001 < (cells == 12).mean() < 0.03
    packed = pack(charts)
    size = len(zstandard.ZstdCompressor(level=9).compress(b"".join(a.tobytes() for a in packed.values())))
    assert size < 36_000
    again = unpack(packed)
    for name in ChartArrays._fields:
        assert getattr(again, name).tobytes() == getattr(charts, name).tobytes()
