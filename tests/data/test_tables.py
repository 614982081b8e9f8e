"""Parsed tables against a slow reading with `csv` and `Decimal`, over files with every flaw that can be mended."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.errors import DataError
from engine.data.exact import counts, mantissas
from engine.data.tables import Mended, Unparsed, first_fault, read_csv
from tests.data.dumpsite import day_ns

DAY = date(2020, 3, 12)
START_MS = day_ns(DAY) // 10**6

decimals = st.builds(
    lambda whole, places, digits: f"{whole}.{places:0{digits}d}" if digits else str(whole),
    st.integers(1, 10**9),
    st.integers(0, 10**8 - 1),
    st.sampled_from([0, 8]),
)


def slowly(text: str) -> list[tuple[int, int, Decimal, Decimal, int]]:
    """(ns, id, price, size, side) as they should come out: by id, each once, times held."""
    rows = {}
    for number, price, size, _, _, ms, maker, _ in csv.reader(io.StringIO(text)):
        if Decimal(price) or Decimal(size):
            rows[int(number)] = (int(ms) * 10**6, Decimal(price), Decimal(size), -1 if maker == "True" else 1)
    found, latest = [], 0
    for number in sorted(rows):
        ts, price_, size_, side = rows[number]
        latest = max(latest, ts)
        found.append((latest, number, price_, size_, side))
    return found


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Mended]:
    """A file of aggregate trades with flaws, and what is to be said of them."""
    count = draw(st.integers(1, 40))
    ms, lines = START_MS, []
    for number in range(count):
        ms += draw(st.integers(0, 2000))
        early = draw(st.sampled_from([0, 0, 0, 7, 900]))
        maker = draw(st.sampled_from(["True", "False"]))
        price, size = draw(decimals), draw(decimals)
        lines.append(f"{number},{price},{size},{number},{number},{max(START_MS, ms - early)},{maker},True")
    empty = [f"{number},0.00000000,0,-1,-1,{START_MS},False,True" for number in range(count, count + 2)]
    lines += draw(st.lists(st.sampled_from(empty), unique=True))
    again = draw(st.lists(st.sampled_from([line for line in lines if ",-1," not in line]), max_size=3))
    shuffled = draw(st.permutations(lines + again))
    mended = Mended(empty=sum(",-1," in line for line in shuffled), twice=len(again))
    return "\n".join(shuffled) + "\n", mended


@settings(max_examples=60, deadline=None)
@given(files())
def test_a_flawed_file_reads_as_it_does_slowly(file: tuple[str, Mended]) -> None:
    text, expected = file
    table, mended = read_csv(io.BytesIO(text.encode()), "aggTrades", "x.csv", DAY)
    columns = [table["ts"].cast("int64"), *(table[name] for name in ("id", "price", "size", "side"))]
    assert list(zip(*(column.to_pylist() for column in columns), strict=True)) == slowly(text)
    assert (mended.empty, mended.twice) == (expected.empty, expected.twice)


GOOD = f"1,7935.1,0.5,1,2,{START_MS},True,True\n2,7935.1,0.5,3,3,{START_MS},False,True\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "3,79x,0.5,1,2,{},True,True",
            "line 3: expected a decimal of at most 8 places as price, found '79x'",
        ),
        ("3,7.123456789,0.5,1,2,{},True,True", "line 3: expected a decimal of at most 8 places as price"),
        (
            "3,nan,0.5,1,2,{},True,True",
            "line 3: expected a decimal of at most 8 places as price, found 'nan'",
        ),
        ("3,7,,1,2,{},True,True", "line 3: expected a decimal of at most 8 places as size, found ''"),
        ("1.5,7,1,1,2,{},True,True", "line 3: expected a whole number as id, found '1.5'"),
        ("3,7,1,1,2,{},maybe,True", "line 3: expected true or false as maker, found 'maybe'"),
        ("3,7,1,1,2", "line 3: expected 8 fields, found 5"),
        ("", "line 3: expected 8 fields, found 0"),
        ("3,7\x1b[2J,1,1,2,{},True,True", r"found '7\[2J'"),
        ("2,7935.2,0.5,3,3,{},False,True", "line 3: expected an id of its own"),
        ("3,7,-1,1,2,{},True,True", "line 3: expected a size above zero"),
        ("3,0,1,1,2,{},True,True", "line 3: expected a price above zero"),
        ("3,7,1,1,2,99,True,True", "line 3: expected a time on 2020-03-12 in ms, found 99"),
        ("3,7,1,1,2,{}000,True,True", "line 3: expected a time on 2020-03-12 in ms, found 1583971200000000"),
        ("0,7,1,1,2,99,True,True", "line 3: expected a time in ms, µs or ns since 1970, found 99"),
        ("0,7,1,1,2,1584014400000,True,True", "line 1: expected a time within 1 s of those before"),
    ],
)
def test_what_cannot_be_right_is_told_with_its_line(line: str, said: str) -> None:
    text = (GOOD + line.format(START_MS) + "\n").encode()
    with pytest.raises(DataError, match=said):
        read_or_explain(text)


def read_or_explain(text: bytes) -> None:
    try:
        read_csv(io.BytesIO(text), "aggTrades", "x.csv", DAY)
    except Unparsed:
        raise first_fault(io.BytesIO(text), "aggTrades", "x.csv") from None


def test_a_header_of_something_else_is_told() -> None:
    with pytest.raises(DataError, match=r"found no agg_trade_id, price, quantity, .* among time, close"):
        read_csv(io.BytesIO(b"time,close\n1,2\n"), "aggTrades", "x.csv", DAY)
    with pytest.raises(DataError, match="expected the 7 or 8 columns of aggTrades, found 2"):
        read_csv(io.BytesIO(b"1,2\n"), "aggTrades", "x.csv", DAY)
    with pytest.raises(DataError, match="has no rows"):
        read_csv(io.BytesIO(b"id,price,qty,quote_qty,time,is_buyer_maker\n"), "trades", "x.csv", DAY)


def bar(minute: int, prices: str, volume: str = "5", bought: str = "2") -> str:
    return f"{START_MS + minute * 60_000},{prices},{volume},0,0,3,{bought},0,0\n"


def test_klines_are_checked_against_each_other() -> None:
    def read(text: str) -> Mended:
        return read_csv(io.BytesIO(text.encode()), "klines", "k.csv", DAY, 60 * 10**9)[1]

    good = bar(0, "10,12,9,11")
    assert read(good + bar(1, "11,11,11,11") + bar(5, "11,11,11,11", "0", "0")).gaps == 1
    for text, said in (
        (good + bar(1, "10,10.5,9,11"), "line 2: expected open and close between low and high"),
        (good + bar(0, "10,12,9,11"), "line 2: expected an open time after the one before"),
        (good + bar(1, "10,12,9,11", "5", "6"), "line 2: expected no more bought than traded"),
        (good + bar(1, "10,12,9,11", "-5"), "line 2: expected a volume that is not negative"),
        (
            good + bar(1, "10,12,9,11").replace("60000,", "60001,", 1),
            "line 2: expected an open time at a whole",
        ),
    ):
        with pytest.raises(DataError, match=said):
            read(text)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1), st.integers(0, 8))
def test_decimals_become_whole_numbers_exactly(values: list[int], places: int) -> None:
    """Numbers beyond 64 bits at eight places among them, as long as they fit at their own."""
    scaled = [Decimal(value).scaleb(-places) for value in values]
    column = pyarrow.chunked_array([pyarrow.array(scaled, pyarrow.decimal128(28, 8))])
    found, needed = counts(column)
    assert [Decimal(int(value)).scaleb(-needed) for value in found] == scaled
    assert needed == 0 or any(value % 10 for value in found.tolist())
    assert mantissas(column.slice(1), needed).tolist() == found[1:].tolist()


def test_a_field_without_end_is_told_as_a_fault_of_its_line() -> None:
    good = b"1,10,1,10,%d,True\n" % START_MS
    fault = first_fault(io.BytesIO(good + b"2," + b"9" * 200_000 + b",1\n"), "trades", "x.csv")
    assert str(fault) == "x.csv, line 2: expected 6 fields, found 2"
