"""Plain bars, however they are written: read, turned into trades, and folded back into the same bars."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import State, apply
from engine.data.bar_rows import BarTape, sides
from engine.data.bars import Bars, read_bars
from engine.data.errors import DataError
from engine.events import Kind, Setup
from engine.frame import INTERVALS_NS
from tests.data.kept import keep

MINUTE_NS = 60 * 10**9
START = datetime(2020, 3, 12, tzinfo=UTC)
START_S = int(START.timestamp())
ROWS = [("100.5", "101", "99.5", "100.25", "12.5"), ("100.25", "100.5", "100", "100.5", "3")]


def text_of(times: list[str], head: str = "time,open,high,low,close,volume", mark: str = ",") -> str:
    lines = [head, *(mark.join((time, *row)) for time, row in zip(times, ROWS, strict=True))]
    return "\n".join(lines) + "\n"


def values(bars: Bars) -> list[tuple[Decimal, ...]]:
    tick, lot = bars.instrument.tick.value, bars.instrument.lot.value
    prices = np.column_stack((bars.open, bars.high, bars.low, bars.close)).tolist()
    return [
        (*(n * tick for n in row), lots * lot) for row, lots in zip(prices, bars.volume.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        text_of(["2020-03-12 00:00:00", "2020-03-12 00:01:00"]),
        text_of(["2020-03-12T00:00:00Z", "2020-03-12T00:01:00+00:00"], "Date,Open,High,Low,Close,Vol"),
        text_of([str(START_S), str(START_S + 60)], "unix,o,h,l,c,v"),
        text_of([str(START_S * 1000), str((START_S + 60) * 1000)], "Open time,Open,High,Low,Close,Volume"),
        text_of([str(START_S * 10**6), str((START_S + 60) * 10**6)]),
        text_of(["2020-03-12 00:00", "2020-03-12 00:01"], "timestamp;Open;High;Low;Close;Volume BTC", ";"),
        "https://www.example.com\n" + text_of(["2020-03-12 00:00", "2020-03-12 00:01"]),
        "\ufeff"
        + text_of(["2020-03-12 00:00", "2020-03-12 00:01"], "<time>,<open>,<high>,<low>,<close>,<volume>"),
        text_of(["2020-03-12 00:00", "2020-03-12 00:01"]) + "2020-03-12 00:02,,,,,\n",
    ],
)
def test_every_usual_form_reads_the_same(tmp_path: Path, text: str) -> None:
    path = tmp_path / "BTCUSDT_1m.csv"
    path.write_text(text, "utf-8")
    bars = read_bars([path])
    assert values(bars) == [tuple(map(Decimal, row)) for row in ROWS]
    assert bars.ts_ns.tolist() == [START_S * 10**9, (START_S + 60) * 10**9]
    assert bars.interval_ns == MINUTE_NS
    assert bars.instrument.key == "file:BTCUSDT"
    assert bars.told == ()
    packed = tmp_path / "BTCUSDT_1m.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert values(read_bars([packed])) == values(bars)


def test_parquet_with_floats_and_times(tmp_path: Path) -> None:
    times = pyarrow.array([START_S * 10**9, (START_S + 60) * 10**9], pyarrow.timestamp("ns"))
    columns = {
        n: [float(row[i]) for row in ROWS] for i, n in enumerate(("open", "high", "low", "close", "volume"))
    }
    path = tmp_path / "ETHUSDT.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"timestamp": times, **columns}), path)
    assert values(read_bars([path])) == [tuple(map(Decimal, row)) for row in ROWS]


def test_fetched_klines_are_bars_of_their_venue(tmp_path: Path) -> None:
    paths = [keep(tmp_path, "klines", date(2020, 3, day), count=100)[0] for day in (12, 13)]
    bars = read_bars(paths)
    assert bars.instrument.key == "binance:BTCUSDT"
    assert len(bars) == 200
    assert bars.told == ("bars are missing in 1 places",)


def test_one_fetched_bar_has_the_interval_that_was_fetched(tmp_path: Path) -> None:
    bars = read_bars([keep(tmp_path, "klines", date(2020, 3, 12), count=1)[0]])
    assert (bars.interval_ns, bars.told) == (60 * 10**9, ())


def test_what_is_mended_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = text_of(["2020-03-12 00:00", "2020-03-12 00:01"]).splitlines()
    path.write_text("\n".join([lines[0], lines[2], lines[1], lines[1], "2020-03-12 00:09,1,1,1,1,1"]) + "\n")
    bars = read_bars([path])
    assert bars.told[:2] == ("bars put into the order of time", "1 bars that came twice left out")
    binary = tmp_path / "y.csv"
    binary.write_text("time,open,high,low,close,volume\n2020-03-12,123.45000457763672,124,120,121,7\n")
    rounded = read_bars([binary])
    assert rounded.told == (
        "prices rounded to 4 places, the file has up to 14",
        "one bar alone does not say how long it is: taken as one of 1m",
    )
    assert values(rounded)[0][0] == Decimal("123.4500")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2020-03-12 00:02,1,2,0,1,1", "line 4: expected prices above zero"),
        ("2020-03-12 00:02,1,2,x,1,1", "line 4: expected a price above zero, found 'x'"),
        ("2020-03-12 00:02,1,2,inf,1,1", "line 4: expected a price above zero, found 'inf'"),
        (
            "2020-03-12 00:02,nan,2,1,1,1",
            "line 4: expected open, high, low and close, or none of them, found",
        ),
        ('2020-03-12 00:02,1,2,"0,5",1,1', "found '0,5': decimals have a point, 0.5"),
        ("2020-03-12 00:02,1,1,1,2,1", "line 4: expected open and close between low and high"),
        ("2020-03-12 00:02,1,1,1,1,-1", "line 4: expected prices above zero and a volume"),
        ("yesterday,1,1,1,1,1", "line 4: expected a time such as 2020-03-12 09:30"),
        ("2020-03-12 00:01,1,1,1,1,1", "line 4: expected each bar once, found another one at the time of"),
        ("2020-03-12 00:01:00.5,1,1,1,1,1", "line 4: expected bars of 1 s or longer"),
        ("2020-03-12 00:02,1", "line 4: expected at least 6 fields, found 2"),
    ],
)
def test_what_cannot_be_right_is_told_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text_of(["2020-03-12 00:00", "2020-03-12 00:01"]) + line + "\n")
    with pytest.raises(DataError, match=said):
        read_bars([path])


def test_a_file_that_has_no_bars_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="found no time, open, high, low, close, volume among a, b"):
        read_bars([path])
    path.write_text("time,open,high,low,close,volume\n")
    with pytest.raises(DataError, match="has no rows"):
        read_bars([path])
    with pytest.raises(DataError, match="there is no file"):
        read_bars([tmp_path / "none.csv"])
    (tmp_path / "x.csv.gz").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_bars([tmp_path / "x.csv.gz"])


@st.composite
def made_bars(draw: st.DrawFn) -> list[tuple[int, int, int, int, int]]:
    """(open, high, low, close, volume) in hundredths."""
    bars = []
    for _ in range(draw(st.integers(1, 30))):
        opened, close = draw(st.integers(100, 10**6)), draw(st.integers(100, 10**6))
        high = max(opened, close) + draw(st.integers(0, 500))
        low = max(1, min(opened, close) - draw(st.integers(0, 99)))
        bars.append((opened, high, low, close, draw(st.integers(0, 10**6))))
    return bars


@settings(max_examples=25, deadline=None)
@given(made_bars())
def test_the_charts_show_the_recorded_bars_exactly(
    tmp_path_factory: pytest.TempPathFactory, bars: list[tuple[int, int, int, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("bars") / "x.csv"
    lines = [
        ",".join([str(START_S + 60 * n), *(f"{value / 100:.2f}" for value in bar)])
        for n, bar in enumerate(bars)
    ]
    path.write_text("time,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    state, traded = State(), 0
    read = read_bars([path])
    for batch in BarTape(read, Setup()).batches():
        traded += int((batch.rows["kind"] == Kind.TRADE).sum())
        apply(state, batch)
    charts = state.symbols[0].charts
    interval = INTERVALS_NS.index(MINUTE_NS)
    assert traded == 4 * len(bars)
    scale = 100 * read.instrument.tick.value  # hundredths a tick
    lot_scale = 100 * read.instrument.lot.value
    for n, (*prices, volume) in enumerate(bars):
        slot = (START_S // 60 + n) % charts.bars.shape[2]
        *found, bought, sold = charts.bars[interval, :, slot].tolist()
        assert [half * scale / 2 for half in found] == prices
        assert (bought + sold) * lot_scale == volume


@given(st.lists(st.integers(1, 5), min_size=1, max_size=50), st.integers(1, 5))
def test_sides_follow_the_tick_rule(prices: list[int], previous: int) -> None:
    expected, latest = [], 1
    for before, price in zip([previous, *prices], prices, strict=False):
        latest = latest if price == before else (1 if price > before else -1)
        expected.append(latest)
    assert sides(np.array(prices), previous).tolist() == expected


def test_a_file_that_unpacks_without_end_is_not_read_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.data.bars.MOST_BYTES", 1 << 20)
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"time,open,high,low,close,volume\n" + b"," * (8 << 20)))
    with pytest.raises(DataError, match="unpacks to more than 1,048,576 bytes"):
        read_bars([path])


def test_a_parquet_of_more_rows_than_bars_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"time": [0] * 11}), path)
    monkeypatch.setattr("engine.data.bars.MOST_BARS", 10)
    monkeypatch.setattr("pyarrow.parquet.read_table", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(DataError, match="more than 10 rows, it says 11"):
        read_bars([path])
