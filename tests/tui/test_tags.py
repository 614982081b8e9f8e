"""Own and paper orders in the ladder: each on the row of its price, none lost between two rows."""

from __future__ import annotations

import frames
import msgspec
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import Frame
from engine.frame.symbol import Detail, Level, OwnOrder, PaperLevel
from tests.tui.panel_stage import inside, on_stage
from tui.look import Look, plain_look
from tui.panels.ladder import Ladder
from tui.panels.tags import Tags, row_of, with_own
from tui.theme import FALLBACK, Palette

SIDE = st.sampled_from([1, -1])


def frame_with(own: tuple[OwnOrder, ...] = (), paper: tuple[PaperLevel, ...] = ()) -> Frame:
    frame = frames.live()
    detail = msgspec.structs.replace(frame.market.detail, own=own, paper=paper)
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, detail=detail))


@given(st.integers(1, 10**9), SIDE, st.integers(1, 1000))
def test_a_price_belongs_to_the_row_that_reaches_it_from_outside(ticks: int, side: int, group: int) -> None:
    row = row_of(ticks, side, group)
    assert row % group == 0
    assert 0 <= (ticks - row) * side < group


@given(
    st.lists(st.integers(90, 110), unique=True, max_size=12),
    st.lists(st.integers(80, 120), max_size=6),
    SIDE,
    st.sampled_from([1, 2, 5]),
)
def test_rows_stay_in_order_and_gain_exactly_the_own_prices_that_were_missing(
    held: list[int], own: list[int], side: int, group: int
) -> None:
    rows = sorted({row_of(ticks, side, group) for ticks in held}, reverse=side > 0)
    levels = tuple(Level(ticks, 7, 7) for ticks in rows)
    orders = tuple(OwnOrder(i, side, ticks, 1, 0) for i, ticks in enumerate(own))
    found = with_own(levels, Detail(group_ticks=group, own=orders), side)
    assert [level.ticks for level in found] == sorted({level.ticks for level in found}, reverse=side > 0)
    assert [level for level in found if level.lots] == list(levels)
    inside_reach = {
        row_of(t, side, group) for t in own if not rows or row_of(t, side, group) * side > rows[-1] * side
    }
    assert {level.ticks for level in found} == set(rows) | inside_reach
    assert with_own(levels, Detail(group_ticks=group, own=orders), -side) == levels


async def test_an_own_order_is_marked_with_its_size_and_its_place_in_the_queue() -> None:
    panel = Ladder(plain_look())
    async with on_stage(panel, frame_with(worlds.OWN), (80, 40)):
        rows = inside(panel)
        sold = next(row for row in rows if "61 703.00" in row)
        assert "◂0.500" in sold
        assert "+1.058" in sold
        bought = next(row for row in rows if "61 688.00" in row)
        assert "◂0.200" in bought
        assert sum("◂" in row for row in rows) == 2


async def test_two_orders_on_one_row_are_added_and_the_nearer_place_is_told() -> None:
    own = (OwnOrder(1, 1, 6_168_800, 20_000, 90_000), OwnOrder(2, 1, 6_168_850, 30_000, 40_000))
    panel = Ladder(plain_look())
    async with on_stage(panel, frame_with(own), (80, 40)):
        row = next(row for row in inside(panel) if "61 688.00" in row)
        assert "◂0.500" in row
        assert "+0.400" in row


async def test_an_order_inside_the_spread_gets_a_row_of_its_own() -> None:
    own = (OwnOrder(1, -1, 6_169_380, 20_000, 0),)
    frame = frame_with(own)
    detail = msgspec.structs.replace(frame.market.detail, group_ticks=1)
    frame = msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, detail=detail))
    panel = Ladder(plain_look())
    async with on_stage(panel, frame, (46, 40)):
        rows = inside(panel)
        at = next(i for i, row in enumerate(rows) if "61 693.80" in row)
        assert rows[at].endswith("◂0.200")
        assert "61 694.00" in rows[at - 1]
        assert "tick" in rows[at + 1]
        assert len({len(row) for row in rows}) == 1


async def test_paper_levels_are_marked_without_a_size_and_own_ones_go_before_them() -> None:
    panel = Ladder(plain_look())
    paper = (*worlds.PAPER, PaperLevel(-1, 6_170_300, 5))
    async with on_stage(panel, frame_with(worlds.OWN, paper), (80, 40)):
        rows = inside(panel)
        marked = [row for row in rows if "◂" in row]
        assert len(marked) == len(worlds.PAPER) + len(worlds.OWN)
        styles = [s.style for y in range(1, 39) for s in panel.render_line(y) if s.text.strip() == "◂"]
        assert len(styles) == len(worlds.PAPER)
        assert set(styles) == {panel.look.palette.dim}


@pytest.mark.parametrize(("room", "parts"), [(1, 0), (2, 1), (6, 1), (7, 1), (15, 1), (16, 2), (40, 2)])
def test_a_mark_takes_no_more_than_its_room(room: int, parts: int) -> None:
    tags = Tags(plain_look(), Detail(group_ticks=100, own=worlds.OWN), frames.BTC, room)
    found = tags.at(6_170_300, -1)
    assert len(found) == parts
    assert sum(segment.cell_length for segment in found) <= room
    assert ("0.500" in "".join(s.text for s in found)) == (room >= 7)


def test_quiet_hides_the_size() -> None:
    look = Look(Palette(FALLBACK), quiet=True)
    tags = Tags(look, Detail(group_ticks=100, own=worlds.OWN), frames.BTC, 40)
    assert "0.500" not in "".join(s.text for s in tags.at(6_170_300, -1))
