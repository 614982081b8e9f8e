"""The kernel that reads level2 and its twin, the careful reading, agree on every message that the kernel takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fakes.damage import damaged
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, ROW, BatchBuilder
from engine.events import Kind
from engine.feeds import coinbase_text, reading
from engine.feeds.errors import Malformed
from engine.instrument import Instrument, NotOnGrid
from engine.kernels import coinbase_json, jit
from engine.kernels.json_bytes import FULL, SLOW, octets, time_ns

BTC = Instrument("coinbase", "BTC-USD", "BTC", "USD", "0.01", "0.00000001")
TS = 1_786_309_548_848_050_800
AT = "2026-08-09T21:05:48.210883Z"

UPDATE = (
    b'{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","sequence_num":14,"events":[{"type":"update",'
    b'"product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65062.5",'
    b'"new_quantity":"0.00583"},{"side":"bid","event_time":"2026-08-09T21:05:48.210883Z","price_level":"65061.91",'
    b'"new_quantity":"0"},{"side":"offer","event_time":"2026-08-09T21:05:48.210884Z","price_level":"65083.67",'
    b'"new_quantity":"0.15556334"}]}]}'
)
SNAPSHOT = UPDATE.replace(b'"update"', b'"snapshot"')
Found = tuple[Any, ...]
FIELDS = [name for name in ROW.names or () if name not in ("level_start", "spare")]


def values(builder: BatchBuilder, kind: int, count: int) -> Found:
    row = builder.rows[0]
    told = tuple(int(row[name]) for name in FIELDS)
    return kind, told, builder.levels[:count].tolist()


def fast(data: bytes) -> Found | int:
    builder = BatchBuilder(1, len(data) // 80 + 1)
    tick, lot = BTC.tick, BTC.lot
    grid = np.array([tick.mantissa, tick.decimals, lot.mantissa, lot.decimals], np.int64)
    kind, sequence, count = coinbase_json.read(
        data, octets(b"BTC-USD"), grid, 3, TS, builder.rows, 0, builder.levels, 0
    )
    return kind if kind < 0 else (sequence, *values(builder, kind, count))


def slow(data: bytes) -> Found | int:
    """What the careful reading makes of the same bytes, SLOW where it refuses them."""
    builder = BatchBuilder()
    try:
        envelope = coinbase_text.read_envelope(data)
        if envelope.channel != coinbase_text.LEVEL2 or len(envelope.events) != 1:
            return SLOW
        named = coinbase_text.read_named(envelope.events[0])
        if named.product_id != "BTC-USD":
            return SLOW
        kind, count = coinbase_text.read_levels(envelope.events[0], named, envelope, builder, BTC, 3, TS)
    except Malformed:
        return SLOW
    return (envelope.sequence_num, *values(builder, kind, count))


def test_an_update():
    sequence, kind, row, levels = fast(UPDATE)  # type: ignore[misc]
    assert (sequence, kind) == (14, Kind.DELTA)
    told = dict(
        zip(
            [n for n in BatchBuilder().rows.dtype.names if n not in ("level_start", "spare")],
            row,
            strict=True,
        )
    )
    assert (told["first_id"], told["last_id"], told["symbol"], told["flags"]) == (14, 14, 3, 0)
    assert told["ts_event"] == 1_786_309_548_210_884_000  # the latest of its levels
    assert (told["bid_count"], told["ask_count"], told["ts_recv"]) == (2, 1, TS)
    assert levels == [[6506250, 583000], [6506191, 0], [6508367, 15556334]]


def test_a_snapshot_is_the_whole_book():
    _, kind, row, _ = fast(SNAPSHOT)  # type: ignore[misc]
    assert kind == Kind.SNAPSHOT
    assert row[-1] == BIDS_WHOLE | ASKS_WHOLE
    assert fast(SNAPSHOT) == slow(SNAPSHOT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"timestamp":', b'"client_id":"","timestamp":'),
        (b"0.00583", b"0.00583000"),
        (b"65062.5", b"065062.50"),
        (b"48.210884Z", b"48Z"),
        (b"48.210884Z", b"49.000000001Z"),
        (UPDATE[UPDATE.index(b'[{"side"') + 1 : -4], b""),
    ],
)
def test_layouts_that_the_fast_path_takes_as_well(old: bytes, new: bytes):
    data = UPDATE.replace(old, new)
    assert data != UPDATE
    assert isinstance(fast(data), tuple)
    assert fast(data) == slow(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"price_level"', b'"new":{"field":[1]},"price_level"'),
        (b'"side":"bid"', b'"side": "bid"'),
        (b'"side":"bid"', b'"side":"b\\u0069d"'),
        (b"}]}]}", b"}]}]}  "),
        (b'"sequence_num":14,', b'"sequence_num":14,"client_id":"x",'),
    ],
)
def test_other_layouts_of_the_same_facts_give_the_same_row(old: bytes, new: bytes):
    data = UPDATE.replace(old, new)
    assert fast(data) == SLOW
    assert slow(data) == fast(UPDATE)


def test_offers_before_bids_are_put_in_order_by_the_slow_path():
    message = json.loads(UPDATE)
    message["events"][0]["updates"].reverse()
    data = json.dumps(message, separators=(",", ":")).encode()
    assert fast(data) == SLOW
    assert slow(data)[3] == [[6506191, 0], [6506250, 583000], [6508367, 15556334]]  # type: ignore[index]


def test_a_time_that_is_not_told_is_the_message_s_own():
    for never in (b"1970-01-01T00:00:00Z", b"0001-01-01T00:00:00Z"):
        data = UPDATE.replace(b"2026-08-09T21:05:48.210883Z", never).replace(
            b"2026-08-09T21:05:48.210884Z", never
        )
        assert slow(data)[2][1] == 1_786_309_548_505_350_477  # type: ignore[index]
        assert fast(data) in (SLOW, slow(data))


def test_every_truncation_is_left_alone():
    for end in range(len(UPDATE)):
        assert fast(UPDATE[:end]) == slow(UPDATE[:end]) == SLOW


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"65062.5"', b'"65062.505"', "65062.505 is not a multiple of the step 0.01"),
        (b'"65062.5"', b'"0.00"', "a level at a price of zero"),
        (b'"65062.5"', b'"-1"', "expected a decimal such as 61737.63, found '-1'"),
        (b'"65062.5"', b"65062.5", "Expected `str`, got `float` - at `$.updates[0].price_level`"),
        (b'"0.00583"', b"null", "Expected `str`, got `null` - at `$.updates[0].new_quantity`"),
        (b'"bid"', b'"ask"', "expected a bid or an offer, found 'ask'"),
        (
            b"2026-08-09T21:05:48.210883Z",
            b"yesterday",
            "expected a time such as 2026-08-09T21:05:48.5Z, found 'yesterday'",
        ),
        (b'"update"', b'"change"', "expected a snapshot or an update, found 'change'"),
    ],
)
def test_what_is_wrong_is_said(old: bytes, new: bytes, reason: str):
    data = UPDATE.replace(old, new, 1)
    assert fast(data) == SLOW
    envelope = coinbase_text.read_envelope(data)
    named = coinbase_text.read_named(envelope.events[0])
    with pytest.raises(Malformed) as caught:
        coinbase_text.read_levels(envelope.events[0], named, envelope, BatchBuilder(), BTC, 3, TS)
    assert str(caught.value) == f"l2_data of BTC-USD: {reason}"


def test_arrays_that_are_too_small_are_never_written_beyond():
    builder = BatchBuilder(1, 8)
    builder.levels[:] = -7
    arguments = UPDATE, octets(b"BTC-USD"), np.array([1, 2, 1, 8]), 0, TS
    assert coinbase_json.read(*arguments, builder.rows, 0, builder.levels[:2], 0)[0] == FULL
    assert (builder.levels[2:] == -7).all()
    assert coinbase_json.read(*arguments, builder.rows, 1, builder.levels, 0)[0] == FULL
    assert coinbase_json.read(*arguments, builder.rows, -1, builder.levels, 0)[0] == SLOW


@jit
def _time(data: Any) -> tuple[int, int]:
    return time_ns(data, 0, len(data))  # type: ignore[no-any-return]


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2254, 12, 31)),
    st.one_of(st.none(), st.from_regex(r"[0-9]{1,9}", fullmatch=True)),
)
@example(datetime(2000, 2, 29), None)
@example(datetime(2100, 3, 1), "000000001")
@example(datetime(1970, 1, 1), "9")
@settings(max_examples=300, deadline=None)
def test_times_are_those_of_the_calendar(moment: datetime, fraction: str | None):
    moment = moment.replace(microsecond=0)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") + ("" if fraction is None else f".{fraction}") + "Z"
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    truth = since // timedelta(seconds=1) * 10**9 + int((fraction or "0").ljust(9, "0"))
    assert reading.time_ns(text) == truth
    assert _time(f'"{text}"'.encode()) == (len(text) + 2, truth)


@given(
    st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,10})?[Zz]?", fullmatch=True
    )
)
@example("2026-02-29T00:00:00Z")
@example("2026-13-01T00:00:00Z")
@example("2026-12-31T23:59:60Z")
@example("2026-00-01T00:00:00Z")
@settings(max_examples=400, deadline=None)
def test_what_is_no_time_is_refused_by_both(text: str):
    pos, ns = _time(f'"{text}"'.encode())
    try:
        truth = reading.time_ns(text)
    except NotOnGrid:
        assert pos == -1
    else:
        assert (pos, ns) == (len(text) + 2, truth) or (pos == -1 and text < "1970")


@given(damaged([UPDATE, SNAPSHOT]))
@settings(max_examples=800, deadline=None)
def test_whatever_the_kernel_takes_the_slow_path_takes_too(data: bytes):
    found = fast(data)
    assert found in (SLOW, FULL) or found == slow(data)
