"""Fetched trades and tops as arrays and as a session, against the rows they were made of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet
import pytest

from engine.batch import Batch
from engine.core import State, apply
from engine.data.errors import DataError
from engine.data.files import origin_of, write
from engine.data.trade_rows import Tape
from engine.data.trades import fetched, read_trades
from engine.events import Kind, Said, Setup
from tests.data.kept import keep

FIRST, SECOND = date(2020, 3, 12), date(2020, 3, 13)


def test_trades_of_two_days_are_what_the_files_say(tmp_path: Path) -> None:
    paths, rows = [], []
    for day in (SECOND, FIRST):  # in any order
        path, content = keep(tmp_path, "aggTrades", day)
        paths.append(path)
        rows.append(content.rows)
    trades = read_trades(paths)
    expected = rows[1] + rows[0]
    tick, lot = trades.instrument.tick.value, trades.instrument.lot.value
    assert trades.instrument.key == "binance:BTCUSDT"
    assert (trades.instrument.base, trades.instrument.quote) == ("BTC", "USDT")
    assert (tick, lot) == (Decimal("0.01"), Decimal("0.000001"))
    assert trades.ts_ns.tolist() == [row["ts"] for row in expected]
    assert [int(n) * tick for n in trades.price_ticks] == [row["price"] for row in expected]
    assert [int(n) * lot for n in trades.size_lots] == [row["size"] for row in expected]
    assert trades.side.tolist() == [row["side"] for row in expected]
    assert trades.ids.tolist() == [row["id"] for row in expected]
    assert trades.prices.tolist() == pytest.approx([float(row["price"]) for row in expected])  # type: ignore[arg-type]
    assert fetched(tmp_path, "BTCUSDT", FIRST, SECOND) == [paths[1], paths[0]]


def test_files_that_do_not_fit_are_told(tmp_path: Path) -> None:
    one, _ = keep(tmp_path, "aggTrades", FIRST)
    with pytest.raises(DataError, match="expected each day once, found 2020-03-12 twice"):
        read_trades([one, one])
    other, _ = keep(tmp_path, "aggTrades", SECOND, symbol="ETHUSDT")
    with pytest.raises(
        DataError, match=r"expected aggTrades of BTCUSDT \(spot\) as in the first file, found aggTrades"
    ):
        read_trades([one, other])
    bars, _ = keep(tmp_path, "klines", FIRST)
    with pytest.raises(DataError, match="expected aggTrades or trades, found klines"):
        read_trades([bars])
    with pytest.raises(DataError, match="expected at least one fetched file"):
        read_trades([])
    with pytest.raises(DataError, match="microtui data fetch BTCUSDT 2020-03-12 --to 2020-03-13"):
        fetched(tmp_path, "BTCUSDT", FIRST, SECOND)


def play(tape: Tape) -> tuple[list[Batch], State]:
    state, heard = State(), []
    for batch in tape.batches():
        assert batch.ends_at_tick
        assert np.all(np.diff(batch.rows["ts_recv"]) >= 0)
        heard.append(batch)
        apply(state, batch)
    ticks = np.array([int(batch.rows[-1]["ts_recv"]) for batch in heard])
    assert np.all(ticks % 10**8 == 0)
    assert np.all((np.diff(ticks) > 0) & (np.diff(ticks) <= 10**9))
    for batch in heard[1:]:
        assert np.all(batch.rows["ts_recv"] > batch.rows[-1]["ts_recv"] - 10**9)
    return heard, state


def test_trades_alone_are_a_session_without_a_book(tmp_path: Path) -> None:
    path, content = keep(tmp_path, "trades", FIRST)
    tape = Tape([path], [], Setup())
    heard, state = play(tape)
    rows = np.concatenate([batch.rows for batch in heard])
    rows = rows[rows["kind"] == Kind.TRADE]
    assert rows["ts_recv"].tolist() == [row["ts"] for row in content.rows]
    assert rows["last_id"].tolist() == [row["id"] for row in content.rows]
    symbol = state.symbols[0]
    assert symbol.feature("volume") == pytest.approx(float(sum(row["size"] for row in content.rows)))  # type: ignore[misc]
    assert symbol.feature("mid") is None
    assert symbol.shown_state == "SYNCED"
    said = [note for batch in heard for note in batch.notes if isinstance(note, Said)]
    assert [note.text for note in said] == [
        "BTCUSDT: the trades of Binance spot as published; no book is known"
    ]
    close = symbol.charts.bars[1, 3, symbol.charts.clock[1] % symbol.charts.bars.shape[2]]
    assert close == 2 * int(rows["price_ticks"][-1])  # bars are kept in half ticks


def test_trades_and_tops_are_a_book_of_one_level_a_side(tmp_path: Path) -> None:
    trades, traded = keep(tmp_path, "aggTrades", FIRST, "usdm", count=200)
    tops, quoted = keep(tmp_path, "bookTicker", FIRST, "usdm")
    heard, state = play(Tape([trades], [tops], Setup()))
    symbol = state.symbols[0]
    tick, lot = symbol.instrument.tick.value, symbol.instrument.lot.value
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    after = {}
    for batch in heard:
        for row in batch.rows:
            if row["kind"] == Kind.DELTA:
                start, turn, end = np.cumsum(
                    [row["level_start"], row["bid_count"], row["ask_count"]]
                ).tolist()
                for at in range(start, end):
                    price, lots = batch.levels[at].tolist()
                    side = book[at >= turn]
                    side[price] = lots
                    if not lots:
                        del side[price]
                after[int(row["last_id"])] = [(p * tick, n * lot) for side in book for p, n in side.items()]
    assert after == {
        row["id"]: [(row["bid"], row["bid_size"]), (row["ask"], row["ask_size"])] for row in quoted.rows
    }
    assert symbol.trade_count == len(traded.rows)
    # The first top came when the venue had said nothing that it could be compared with.
    assert symbol.feature("decided") == symbol.feature("verified") == len(quoted.rows) - 1
    last = quoted.rows[-1]
    assert symbol.feature("best_bid_ticks") == float(last["bid"] / tick)  # type: ignore[operator]
    assert symbol.feature("known_low_ticks") == symbol.feature("best_bid_ticks")
    assert symbol.feature("known_high_ticks") == symbol.feature("best_ask_ticks")
    assert symbol.instrument.kind == "linear"


def test_trades_and_tops_of_two_symbols_are_refused(tmp_path: Path) -> None:
    trades, _ = keep(tmp_path, "aggTrades", FIRST, "spot")
    tops, _ = keep(tmp_path, "bookTicker", FIRST, "usdm")
    with pytest.raises(DataError, match="expected trades and tops of one symbol, found binance:BTCUSDT and"):
        Tape([trades], [tops], Setup())


def test_a_file_of_another_time_than_its_day_is_refused(tmp_path: Path) -> None:
    """Somebody's file may say anything of itself; played, it would be a tick for every second that it spans."""
    path, _ = keep(tmp_path, "trades", date(2020, 3, 12))
    origin, table = origin_of(path), pyarrow.parquet.read_table(path)
    write(path, table, msgspec.structs.replace(origin, day="2020-03-14"))
    with pytest.raises(DataError, match="expected times on 2020-03-14"):
        read_trades([path])


def test_a_file_of_more_rows_than_a_day_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = keep(tmp_path, "trades", date(2020, 3, 12))
    monkeypatch.setattr("engine.data.files.MOST_ROWS", 10)
    monkeypatch.setattr("pyarrow.parquet.read_table", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(DataError, match="expected at most 10 rows"):
        read_trades([path])
