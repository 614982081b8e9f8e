"""Where panels stand: whatever the size and whichever panels exist, they fill the screen without overlap."""

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from engine.frame import Frame
from tui.look import plain_look
from tui.panels import discover
from tui.panels.base import Panel
from tui.screens.plan import LOWEST, plan

LOOK = plain_look()
KINDS, _ = discover()
ALL = [panel for panel in (kind(LOOK) for kind in KINDS) if panel.needed(Frame())]


@given(
    st.lists(st.sampled_from(ALL), min_size=1, unique=True),
    st.integers(1, 220),
    st.integers(1, 70),
    st.booleans(),
    st.data(),
)
def test_every_cell_belongs_to_one_panel(
    panels: list[Panel], width: int, height: int, solo: bool, data: st.DataObject
) -> None:
    panels = [panel for panel in ALL if panel in panels]
    chosen = data.draw(st.sampled_from(panels))
    if not solo and (width < 100 or height < 30):
        width, height = max(width, 100), max(height, 30)
    places = plan(panels, chosen, solo, Size(width, height))
    assert chosen in places
    covered = sum(region.area for region in places.values())
    assert covered == width * height
    corners: dict[tuple[int, int], Panel] = {}
    for panel, region in places.items():
        for x, y in product((region.x, region.right - 1), (region.y, region.bottom - 1)):
            assert corners.setdefault((x, y), panel) is panel
        assert region.right <= width
        assert region.bottom <= height


def _named(places: Mapping[Panel, object]) -> set[str]:
    return {panel.title for panel in places}


@pytest.mark.parametrize("size", [(160, 46), (130, 40), (200, 60)])
def test_a_wide_screen_shows_every_panel(size: tuple[int, int]) -> None:
    places = plan(ALL, None, False, Size(*size))
    assert set(places) == set(ALL)
    by_title = {panel.title: region for panel, region in places.items()}
    assert by_title["depth"].x == 0
    assert by_title["depth"].height == size[1]
    assert by_title["price"].right <= by_title["alerts"].x
    assert by_title["tape"].y == by_title["price"].bottom
    assert by_title["alerts"].right == size[0]


def test_a_narrower_one_leaves_out_what_has_no_room_until_it_is_chosen() -> None:
    health = next(panel for panel in ALL if panel.title == "health")
    assert _named(plan(ALL, None, False, Size(120, 30))) == {"depth", "price", "tape", "alerts"}
    assert _named(plan(ALL, health, False, Size(120, 30))) == {"depth", "price", "tape", "health"}


def test_who_trades_is_on_a_screen_of_middling_size_whatever_else_there_is() -> None:
    """What a simulated market or a story brings: two venues, synthetic posts, agents, alerts."""
    every = [kind(LOOK) for kind in KINDS]
    places = plan(every, None, False, Size(120, 36))
    by_title = {panel.title: region for panel, region in places.items()}
    assert set(by_title) == {"depth", "price", "venues", "sentiment", "agents", "alerts"}
    assert by_title["price"].height > 36 / 2 - 1
    assert all(by_title[title].height == LOWEST for title in ("venues", "sentiment", "agents", "alerts"))
    assert by_title["agents"].y == by_title["sentiment"].bottom


def test_places_of_absent_panels_go_to_the_others() -> None:
    depth, price = (next(panel for panel in ALL if panel.title == t) for t in ("depth", "price"))
    assert plan([price], price, False, Size(160, 46)) == {price: Size(160, 46).region}
    two = plan([depth, price], price, False, Size(160, 46))
    assert two[depth].width + two[price].width == 160
    assert two[price].height == 46
