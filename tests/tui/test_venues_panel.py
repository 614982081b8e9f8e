"""Venues side by side: prices, ages and fees, the gap in its words, and ladders on one axis of prices."""

from __future__ import annotations

import msgspec
import pytest

from engine.frame import View
from engine.frame.across import AcrossNow
from tests.tui.panel_stage import inside, on_stage
from tests.tui.venue_frames import THREE, leg, side_by_side
from tui.look import plain_look
from tui.panels.venues import Venues


async def rows_of(across: AcrossNow = THREE, size: tuple[int, int] = (110, 14)) -> list[str]:
    panel = Venues(plain_look())
    async with on_stage(panel, side_by_side(View(), across), size):
        return [row.rstrip() for row in inside(panel)]


def test_it_takes_room_only_where_there_is_something_to_compare() -> None:
    frame = side_by_side(View())
    assert Venues(plain_look()).needed(frame)
    alone = msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, across=None))
    assert not Venues(plain_look()).needed(alone)


async def test_a_line_a_venue_with_its_age_and_its_fee() -> None:
    rows = await rows_of()
    assert rows[0].split() == ["bid", "ask", "age", "fee", "bp"]
    assert rows[1].split() == ["binance", "61", "693.72", "61", "693.73", "0.1", "s", "10"]
    assert rows[2].split() == ["coinbase", "61", "701.10", "61", "701.11", "4.2", "s", "120"]


async def test_the_gap_before_and_after_fees_and_what_it_is() -> None:
    rows = await rows_of()
    assert "buy kraken, sell coinbase  +1.8 bp  −158.2 after fees" in rows[4]
    assert "spread: at the USDT-USD watched here" in " ".join(rows[4:6])


async def test_fees_that_nobody_told_are_missing_and_nothing_is_said_to_be_after_them() -> None:
    free = tuple(msgspec.structs.replace(each, fee_bps=0.0) for each in THREE.legs)
    rows = await rows_of(msgspec.structs.replace(THREE, legs=free, after_fees_bps=1.8))
    assert rows[1].split()[-1] == "–"
    assert "buy kraken, sell coinbase  +1.8 bp  before fees" in rows[4]


async def test_where_it_is_narrow_each_venue_has_two_lines_and_nothing_is_lost() -> None:
    rows = await rows_of(size=(37, 14))
    assert rows[0].split() == ["binance", "0.1", "s", "fee", "10"]
    assert rows[1].split() == ["61", "693.72", "61", "693.73"]
    assert all(len(row) <= 33 for row in rows)
    assert "buy kraken, sell coinbase" in rows


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (110, "4.2 s     120  BTC-USD for BTC-USDT"),
        (60, "  BTC-USD for BTC-USDT"),  # below the row
        (37, "  BTC-USD for BTC-USDT"),
    ],
)
async def test_what_a_venue_does_not_trade_as_it_was_asked_for_is_said_beside_it(
    width: int, expected: str
) -> None:
    taken = msgspec.structs.replace(THREE.legs[1], asked="BTC-USDT")
    across = msgspec.structs.replace(
        THREE, legs=(THREE.legs[0], taken), lacking=(("kraken", "BTC/USDT"),), cheap=0, dear=1
    )
    rows = await rows_of(across, (width, 14))
    assert any(row.endswith(expected) and (width > 60 or row == expected) for row in rows)
    assert "kraken       does not trade BTC/USDT"[: width - 4] in rows


async def test_one_market_is_shown_beside_a_venue_that_does_not_have_it() -> None:
    across = AcrossNow("BTC", "USDT", THREE.legs[:1], lacking=(("kraken", "BTC/USDT"),))
    rows = await rows_of(across)
    assert rows[1].split()[0] == "binance"
    assert rows[2] == "kraken       does not trade BTC/USDT"
    assert "no two books to compare now" in rows


async def test_a_book_in_doubt_says_so_in_place_of_its_prices() -> None:
    doubtful = leg("coinbase", "BTC-USD", 61_701.10, 1, trusted=False, state="CROSSED")
    rows = await rows_of(msgspec.structs.replace(THREE, legs=(THREE.legs[0], doubtful), gap_bps=None))
    assert rows[2].split()[:2] == ["coinbase", "crossed,"]
    assert "no two books to compare now" in rows


async def test_ladders_stand_on_one_axis() -> None:
    panel = Venues(plain_look())
    async with on_stage(panel, side_by_side(View()), (120, 40)):
        rows = [row.rstrip() for row in inside(panel)]
        assert panel.wants(View()).across_rows > 20
    names = next(row for row in rows if row.split() == ["binance", "coinbase", "kraken"])
    at = rows.index(names)
    column = names.index("coinbase")
    prices = [row[: row.index(" ", 8)].replace(" ", "") for row in rows[at + 1 : at + 20]]
    assert [int(price) for price in prices] == list(range(int(prices[0]), int(prices[0]) - 19, -1))
    touch = next(row for row in rows if row.strip().startswith("61 702"))
    assert touch[column : column + 8].strip() == f"{dict(THREE.legs[1].asks)[61_702.0]:.3f}"


@pytest.mark.parametrize("size", [(20, 5), (37, 10), (80, 22), (160, 46)])
async def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    assert not any("failed" in row for row in await rows_of(size=size))
    assert not any(
        "failed" in row
        for row in await rows_of(AcrossNow("BTC", "USD", (leg("x" * 50, "Y" * 50, 0.00012),)), size)
    )


@pytest.mark.parametrize("width", [110, 37])
async def test_a_venue_that_stands_still_keeps_its_last_price_and_how_far_the_others_have_gone(
    width: int,
) -> None:
    going, still = leg("binance", "XBTUSDT", 4_429.0), leg("bitmex", "XBTUSD", 3_610.0, 1)
    still = msgspec.structs.replace(still, state="STALE", trusted=False, age_s=301.0)
    across = AcrossNow("XBT", "USD", (going, still))
    rows = await rows_of(across, (width, 14))
    whole = " ".join(" ".join(rows).split())
    assert "stale at 3 610" in whole
    assert "301.0 s" in whole
    assert "binance is +22.7 % from bitmex, which stands still" in whole
    gone = msgspec.structs.replace(still, state="GAP", bid=None, ask=None)
    rows = await rows_of(msgspec.structs.replace(across, legs=(going, gone)), (width, 14))
    assert "no two books to compare now" in " ".join(rows)
