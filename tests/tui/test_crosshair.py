"""The crosshair of the price panel, and the keys that the chart takes."""

from __future__ import annotations

import pytest

from engine.frame import INTERVALS_NS
from engine.ports import Seek
from tests.tui import frames
from tests.tui.charts import chart_of, frame_of, panel_in
from tests.tui.panel_stage import inside, lines, on_stage
from tests.tui.stage import Stage
from tui.panels.price import CANDLES, LINE

SIZE = (80, 24)


async def test_the_crosshair_reads_the_bar_under_it() -> None:
    close = [100.0 + i for i in range(130)]
    chart = chart_of(close, open=[c - 0.5 for c in close], bought=[2.25] * 130)
    panel = panel_in(CANDLES)
    async with on_stage(panel, frame_of(chart), SIZE) as pilot:
        panel.act("crosshair")
        await pilot.press("left", "left", "left", "left")
        foot = lines(panel)[-1]
        assert "C 227.00" in foot  # two candles of two cells back from 229
        assert "O 226.50" in foot
        assert "▲ 2.2 " in foot
        assert "23:59:42" in inside(panel)[-1]
        await pilot.press("escape")
        assert "C 227.00" not in lines(panel)[-1]


async def test_the_crosshair_stays_on_the_plot() -> None:
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of([100.0] * 120)), SIZE) as pilot:
        panel.act("crosshair")
        await pilot.press(*["shift+right"] * 30, *["up"] * 60, "shift+left", "down")
        crossing = [(y, row.index("┼")) for y, row in enumerate(inside(panel)) if "┼" in row]
        assert len(crossing) == 1
        y, x = crossing[0]
        assert (y, len(inside(panel)[0]) - x) == (1, 11)


async def test_the_mouse_aims_and_leaves() -> None:
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of([100.0] * 120)), SIZE) as pilot:
        await pilot.hover(panel, (50, 10))
        assert lines(panel)[10][50] == "┼"
        await pilot.hover(panel, (2, 23))
        assert "┼" not in "".join(lines(panel))


async def test_arrows_seek_unless_the_crosshair_has_them() -> None:
    stage = Stage(frames.live)
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.settle(pilot)
        await stage.press(pilot, "2", "left")
        assert [type(c) for c in stage.said] == [Seek]
        await stage.press(pilot, "enter", "left", "right", "escape")
        assert len(stage.said) == 1
        await stage.press(pilot, "left")
        assert [type(c) for c in stage.said] == [Seek, Seek]


async def test_keys_change_the_chart_and_the_view_follows() -> None:
    stage = Stage(frames.live)
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.settle(pilot)
        assert stage.view.heat_rows > 0
        await stage.press(pilot, "h")
        assert stage.view.heat_rows == 0
        columns = stage.view.columns
        await stage.press(pilot, "c")
        assert stage.view.columns == columns // 4
        await stage.press(pilot, "i")
        assert stage.view.interval_ns == INTERVALS_NS[2]


async def test_without_colour_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = Stage(frames.live)
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.settle(pilot)
        assert stage.app.no_color
        await stage.press(pilot, "h")
        text = "\n".join(line.text for line in stage.app.screen._compositor.render_strips())
        assert "2 price" in text
        assert "61 693.73" in text
        assert "▼" in text
