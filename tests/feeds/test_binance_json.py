"""The kernel that reads bytes, against msgspec and Decimal: the same rows, or it leaves the message alone."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import numpy as np
import pytest
from fakes.damage import damaged
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.batch import MISSING, BatchBuilder
from engine.events import Kind
from engine.feeds import binance_text, reading
from engine.feeds.errors import Malformed
from engine.instrument import INT64_MAX, Instrument, NotOnGrid, Step
from engine.kernels import binance_json
from engine.kernels.binance_json import FULL, SLOW

BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
TS = 1_723_161_253_937_085_768

DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT",'
    b'"U":50093239189,"u":50093239202,"b":[["61737.63000000","0.00000000"],["61730.17000000","2.50000000"]],'
    b'"a":[["61837.64000000","1.54698000"]]}}'
)
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
TOP = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000",'
    b'"B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}'
)
BOOK = (
    b'{"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"],["61837.62000000","0.61700000"]],'
    b'"asks":[["61837.64000000","1.54698000"]]}'
)
# The USDⓈ-M futures' own layouts; the first three from the real capture, shortened.
FUTURE_DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,'
    b'"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"]],'
    b'"a":[["61800.30","0.000"]]}}'
)
FUTURE_TOP = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20",'
    b'"B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}'
)
FUTURE_BOOK = (
    b'{"lastUpdateId":5123107852948,"E":1723161256501,"T":1723161256493,"bids":[["61800.20","2.909"]],'
    b'"asks":[["61800.30","0.696"]]}'
)
AGGREGATE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1723161256322,"s":"BTCUSDT","a":2341,'
    b'"p":"61800.30","q":"0.199","f":5266583935,"l":5266583937,"T":1723161256320,"m":false}}'
)
LAYOUTS = {
    "depth": DEPTH,
    "trade": TRADE,
    "top": TOP,
    "book": BOOK,
    "future's depth": FUTURE_DEPTH,
    "future's top": FUTURE_TOP,
    "future's book": FUTURE_BOOK,
    "aggregate": AGGREGATE,
}
MESSAGES = tuple(LAYOUTS.values())


def grid_of(instrument: Instrument) -> np.ndarray:
    tick, lot = instrument.tick, instrument.lot
    return np.array([tick.mantissa, tick.decimals, lot.mantissa, lot.decimals], np.int64)


def name_of(instrument: Instrument) -> np.ndarray:
    return np.frombuffer(instrument.symbol.encode(), np.uint8).copy()


Found = tuple[object, ...]


def row_of(builder: BatchBuilder, read: tuple[int, int, int, int]) -> Found:
    """Everything a message says: its row without the pointer, and its levels."""
    row = builder.rows[0]
    values = tuple(int(row[name]) for name in row.dtype.names if name not in ("level_start", "spare"))
    return (*map(int, read), *values, builder.levels[: read[3]].tolist() if read[3] else [])


def fast(data: bytes, instrument: Instrument = BTC) -> Found | int:
    builder = BatchBuilder(1, max(1, len(data) // 10 + 1))
    read = binance_json.read(
        data,
        0,
        len(data),
        name_of(instrument),
        grid_of(instrument),
        3,
        TS,
        builder.rows,
        0,
        builder.levels,
        0,
    )
    return read[0] if read[0] < 0 else row_of(builder, read)


def slow(data: bytes, instrument: Instrument = BTC) -> Found | int:
    """What the careful reading makes of the same bytes, SLOW where it refuses them."""
    builder = BatchBuilder()
    try:
        if data.startswith(b'{"lastUpdateId"'):
            return row_of(builder, binance_text.read_snapshot(data, builder, instrument, 3, TS))
        message = binance_text.unwrap(data)
        if (message.stream or "").partition("@")[0] != instrument.symbol.lower():
            return SLOW
        read = binance_text.read_event(message.data, builder, instrument, 3, TS)
    except Malformed:
        return SLOW
    return SLOW if read is None else row_of(builder, read)


def test_a_depth_message():
    builder = BatchBuilder(1, 3)
    name, grid = name_of(BTC), grid_of(BTC)
    read = binance_json.read(DEPTH, 0, len(DEPTH), name, grid, 3, TS, builder.rows, 0, builder.levels, 0)
    assert read == (Kind.DELTA, 50093239189, 50093239202, 3)
    row = builder.rows[0]
    assert (row["ts_event"], row["ts_recv"], row["symbol"]) == (1723161255208_000_000, TS, 3)
    assert (row["bid_count"], row["ask_count"], row["level_start"]) == (2, 1, 0)
    assert builder.levels.tolist() == [[6173763, 0], [6173017, 250000], [6183764, 154698]]


def test_a_trade_whose_buyer_was_the_maker_was_sold():
    found = fast(TRADE)
    assert isinstance(found, tuple)
    assert found[0] == Kind.TRADE
    side = BatchBuilder().rows.dtype.names.index("side") - 1  # without level_start before it
    assert found[4 + side] == -1
    bought = fast(TRADE.replace(b'"m":true', b'"m":false'))
    assert isinstance(bought, tuple)
    assert bought[4 + side] == 1


def test_absent_ids_and_times_are_missing_and_not_zero():
    builder = BatchBuilder(1, 3)
    name, grid = name_of(BTC), grid_of(BTC)
    binance_json.read(TOP, 0, len(TOP), name, grid, 0, TS, builder.rows, 0, builder.levels, 0)
    row = builder.rows[0]
    assert (row["ts_event"], row["first_id"], row["last_id"]) == (MISSING, MISSING, 50093239212)
    assert (row["price_ticks"], row["size_lots"]) == (6183763, 378826)
    assert (row["ask_ticks"], row["ask_lots"]) == (6183764, 154698)


def test_a_diff_of_a_future_goes_on_from_the_one_that_it_names():
    found = fast(FUTURE_DEPTH)
    assert isinstance(found, tuple)
    assert found[:3] == (Kind.DELTA, 5123107831938, 5123107837557)


def test_a_trade_of_a_future_that_was_no_order_is_left_out():
    trade = TRADE.replace(b'"m":true,"M":true', b'"X":"INSURANCE_FUND","m":true')
    assert fast(trade) == slow(trade) == SLOW
    market = trade.replace(b"INSURANCE_FUND", b"MARKET")
    assert slow(market) == fast(TRADE)


@pytest.mark.parametrize("message", MESSAGES, ids=list(LAYOUTS))
def test_the_canonical_layouts_take_the_fast_path_and_agree(message: bytes):
    assert isinstance(fast(message), tuple)
    assert fast(message) == slow(message)


@pytest.mark.parametrize("message", MESSAGES, ids=list(LAYOUTS))
def test_every_truncation_is_left_alone(message: bytes):
    for end in range(len(message)):
        assert fast(message[:end]) == SLOW
        assert slow(message[:end]) == SLOW


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'"61737.635"', "61737.635 is not a multiple of the step 0.01"),
        (b'"-1.00"', "expected a decimal such as 61737.63, found '-1.00'"),
        (b'"1e3"', "expected a decimal such as 61737.63, found '1e3'"),
        (b'"NaN"', "expected a decimal such as 61737.63, found 'NaN'"),
        (b'""', "expected a decimal such as 61737.63, found ''"),
        (b'".5"', "expected a decimal such as 61737.63, found '.5'"),
        (b'"5."', "expected a decimal such as 61737.63, found '5.'"),
        (b'"0.00"', "a level at a price of zero"),
        (b'"99999999999999999999"', "99999999999999999999 at a step of 0.01 does not fit in 64 bits"),
        (b"61737.63", "Expected `str`, got `float` - at `$.b[0][0]`"),
        (b"null", "Expected `str`, got `null` - at `$.b[0][0]`"),
    ],
)
def test_a_price_that_is_none(text: bytes, why: str):
    data = DEPTH.replace(b'"61737.63000000"', text)
    assert fast(data) == SLOW
    message = binance_text.unwrap(data)
    with pytest.raises(Malformed) as caught:
        binance_text.read_event(message.data, BatchBuilder(), BTC, 3, TS)
    assert str(caught.value) == f"depthUpdate of BTCUSDT: {why}"
    assert (caught.value.symbol, caught.value.depth) == (3, True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"b":[', b'"b": ['),
        (b'"U":50093239189,"u":50093239202', b'"u":50093239202,"U":50093239189'),
        (b'"s":"BTCUSDT"', b'"s":"BTC\\u0055SDT"'),
        (b'"e":"depthUpdate"', b'"e":"depthUpdate","new":{"field":[1,2]}'),
        (b"61737.63000000", b"61737.63"),
        (b"61737.63000000", b"0061737.6300000000"),
    ],
)
def test_other_layouts_of_the_same_facts_give_the_same_row(old: bytes, new: bytes):
    assert slow(DEPTH.replace(old, new)) == fast(DEPTH)


@pytest.mark.parametrize(
    ("text", "lots"),
    [("25.42618900", 2542619), ("0.000001", 1), ("0.000014", 1), ("0.000015", 2), ("0.00000", 0)],
)
def test_a_size_off_the_grid_goes_to_the_nearest_lot_and_never_to_nothing(text: str, lots: int):
    assert reading.size_lots(text, BTC) == lots


decimals = st.one_of(
    st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,12})?", fullmatch=True),
    st.decimals(0, 10**9, places=8).map(lambda value: f"{value:f}"),
    st.text('0123456789.-+eE "\\', max_size=12),
)
steps = st.sampled_from(["1", "10", "5", "0.5", "0.01", "0.05", "0.00001", "0.00000001", "0.25", "100"])


@given(decimals, decimals, steps, steps)
@example("9223372036854775807", "1", "1", "1")
@example("9223372036854775808", "1", "1", "1")
@example("999999999999999999", "0.00000001", "1", "0.00000001")
@settings(max_examples=400, deadline=None)
def test_decimals_are_read_exactly(price: str, size: str, tick: str, lot: str):
    """Against Decimal, on any grid: a whole number of steps, or not taken."""
    instrument = Instrument("binance", "BTCUSDT", "BTC", "USDT", tick, lot)
    data = DEPTH.replace(b'"61837.64000000"', json.dumps(price).encode())
    data = data.replace(b'"1.54698000"', json.dumps(size).encode())
    data = (
        data.replace(b"61737.63000000", b"100")
        .replace(b"61730.17000000", b"200")
        .replace(b"2.50000000", b"0")
    )
    found = fast(data, instrument)
    if found != SLOW:
        assert isinstance(found, tuple)
        ticks, lots = found[-1][-1]  # type: ignore[index]
        assert Decimal(price) == ticks * Decimal(tick)
        assert Decimal(size) == lots * Decimal(lot)
        assert found == slow(data, instrument)
        return
    # Left alone: then it is no plain decimal, off the grid, or has more digits than the kernel takes.
    for text, step in ((price, tick), (size, lot)):
        try:
            count = Step(step).count(reading.plain(text))
        except NotOnGrid:
            return
        digits = len(text.partition(".")[0]) + Step(step).decimals
        if digits > 18 or (text is price and count == 0):
            return
        assert count <= INT64_MAX
    pytest.fail(f"{price!r} and {size!r} are on the grids {tick} and {lot}")


@given(damaged(MESSAGES))
@settings(max_examples=600, deadline=None)
def test_whatever_the_kernel_takes_the_slow_path_takes_too(data: bytes):
    found = fast(data)
    assert found in (SLOW, FULL) or found == slow(data)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_garbage_is_left_alone(data: bytes):
    assert fast(data) in (SLOW, slow(data))


def test_arrays_that_are_too_small_are_never_written_beyond():
    name, grid = name_of(BTC), grid_of(BTC)
    builder = BatchBuilder(1, 8)
    rows, levels = builder.rows, builder.levels
    levels[:] = -7
    assert binance_json.read(DEPTH, 0, len(DEPTH), name, grid, 3, TS, rows, 0, levels[:2], 0)[0] == FULL
    assert (levels[2:] == -7).all()
    assert binance_json.read(DEPTH, 0, len(DEPTH), name, grid, 3, TS, rows, 1, levels, 0)[0] == FULL
    assert binance_json.read(DEPTH, 0, len(DEPTH) + 1, name, grid, 3, TS, rows, 0, levels, 0)[0] == SLOW


def test_many_messages_at_once_are_the_same_rows_one_by_one():
    rng = random.Random(4)
    messages = [rng.choice((DEPTH, TRADE, TOP, b'{"stream":"other"}')) for _ in range(200)]
    builder = BatchBuilder(200, 600)
    codes = np.zeros(200, np.int8)
    done, rows, levels = binance_json.read_many(
        b"".join(messages),
        np.cumsum([len(message) for message in messages]),
        np.arange(200) + TS,
        name_of(BTC),
        grid_of(BTC),
        3,
        builder.rows,
        0,
        builder.levels,
        0,
        codes,
    )
    expected = {DEPTH: Kind.DELTA, TRADE: Kind.TRADE, TOP: Kind.TOP}
    assert done == 200
    assert codes.tolist() == [expected.get(message, SLOW) for message in messages]
    assert rows == sum(message in expected for message in messages)
    assert levels == 3 * messages.count(DEPTH)
    taken = [i for i, message in enumerate(messages) if message in expected]
    assert builder.rows["ts_recv"][:rows].tolist() == [TS + i for i in taken]
    deltas = builder.rows[:rows][builder.rows["kind"][:rows] == Kind.DELTA]
    assert deltas["level_start"].tolist() == [3 * i for i in range(len(deltas))]
    one = builder.levels[:3].tolist()
    assert builder.levels[:levels].tolist() == one * len(deltas)
