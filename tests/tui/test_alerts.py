"""The alerts panel: order, words, colours, wrapping and scrolling."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.frame import Frame
from engine.frame.alerts import Event
from engine.text import clean
from tests.tui import frames
from tests.tui.panel_stage import inside, lines, on_stage
from tui.look import plain_look
from tui.panels.alerts import Alerts
from tui.panels.scroll import wrapped

SECOND = 1_000_000_000


def with_events(events: tuple[Event, ...], frame: Frame | None = None) -> Frame:
    frame = frame or frames.live()
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, events=events))


async def test_newest_first_with_reason_and_confidence() -> None:
    panel = Alerts(plain_look())
    async with on_stage(panel, frames.live(), (44, 20)):
        rows = [row.rstrip() for row in inside(panel)]
        assert rows[:6] == [
            "23:59:41 ▼ SHORT 0.71",
            "         ratio 0.44 for 74 s, 10 bp",
            "         band, OFI agrees",
            "23:59:12 ◆ MARK",
            "         large seller at 61 706",
            "23:58:30 ● FEED",
        ]


async def test_each_kind_has_its_colour() -> None:
    look = plain_look()
    panel = Alerts(look)
    kinds = {"LONG": look.palette.bid, "SHORT": look.palette.ask, "FEED": look.palette.warning}
    events = tuple(Event(frames.NOW, kind, "") for kind in kinds)
    async with on_stage(panel, with_events(events), (44, 20)):
        for y, style in enumerate(kinds.values(), 1):
            drawn = next(s.style for s in panel.render_line(y) if any(kind in s.text for kind in kinds))
            assert drawn is not None
            assert drawn.color == style.color


async def test_none_is_said() -> None:
    panel = Alerts(plain_look())
    async with on_stage(panel, with_events(()), (44, 20)):
        assert inside(panel)[0].strip() == "none so far"


async def test_text_from_outside_is_only_text() -> None:
    panel = Alerts(plain_look())
    text = "[red]not markup[/] \x1b[31mescape \u202egnp.exe"
    async with on_stage(panel, with_events((Event(frames.NOW, "MARK", text),)), (60, 8)):
        drawn = "".join(lines(panel))
        assert "[red]not markup[/]" in drawn
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn


async def test_another_symbols_alert_names_it() -> None:
    panel = Alerts(plain_look())
    frame = with_events((Event(frames.NOW, "LONG", "x", 1),), frames.several())
    async with on_stage(panel, frame, (60, 8)):
        assert "ETHUSDT" in inside(panel)[0]


async def test_scrolling_shows_older_ones_and_stays_put_when_new_ones_come() -> None:
    events = tuple(Event(frames.NOW - i * SECOND, "MARK", f"note {i}") for i in range(30))
    panel = Alerts(plain_look())
    async with on_stage(panel, with_events(events), (44, 10)) as pilot:
        panel.focus()
        await pilot.press("pagedown")
        seen = inside(panel)
        assert "note 5" in seen[1]
        newer = (Event(frames.NOW + SECOND, "LONG", "just now", 0, 0.5), *events)
        panel.show(with_events(newer))
        assert inside(panel) == seen
        assert "↑" in lines(panel)[-1]
        await pilot.press("home")
        assert "LONG" in inside(panel)[0]
        await pilot.press(*["pagedown"] * 10)
        assert "note 29" in inside(panel)[-1]
        assert "↓" not in lines(panel)[-1]


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (10, 5), (300, 100)])
async def test_any_size_draws(size: tuple[int, int]) -> None:
    panel = Alerts(plain_look())
    async with on_stage(panel, frames.live(), size):
        assert all(cell_len(line) == size[0] for line in lines(panel))


@given(st.text(max_size=60), st.integers(1, 20))
def test_wrapping_keeps_every_word_within_the_width(text: str, width: int) -> None:
    text = clean(text)
    rows = wrapped(text, width)
    seen = [word for word in text.split() if cell_len(word)]  # a word of no width cannot be shown
    assert "".join("".join(rows).split()) == "".join(seen)
    assert all(cell_len(row) <= max(width, 2) for row in rows)
