"""The price panel: what it wants of the view, every size, look and terminal."""

from __future__ import annotations

import math
import struct

import msgspec
import pytest

from engine.frame import INTERVALS_NS, View
from tests.tui import frames
from tests.tui.charts import chart_of, frame_of, panel_in
from tests.tui.panel_stage import inside, lines, on_stage
from tui.glyphs import ASCII
from tui.look import Look, plain_look
from tui.panels.price import CANDLES, HEATMAP, LINE, Price
from tui.theme import FALLBACK, Palette

SIZE = (80, 24)


async def test_it_wants_what_it_can_show() -> None:
    panel = panel_in(LINE)
    async with on_stage(panel, frames.live(), SIZE):
        line = panel.wants(View())
        panel.toggle_heatmap()
        heat = panel.wants(View())
        panel.toggle_candles()
        candles = panel.wants(View())
        panel.cycle_interval()
        assert (line.heat_rows, candles.heat_rows) == (0, 0)
        assert heat.heat_rows == 2 * (len(inside(panel)) - 1)
        assert line.columns == 2 * heat.columns
        assert candles.columns == heat.columns // 2
        assert panel.wants(View()).interval_ns == INTERVALS_NS[2]


def test_heatmap_and_candles_toggle_there_and_back() -> None:
    panel = Price(plain_look())
    panel.post_message = lambda message: True  # type: ignore[method-assign]
    modes = []
    for action in ("heatmap", "heatmap", "candles", "heatmap", "heatmap", "candles"):
        panel.act(action)
        modes.append(panel.mode)
    assert modes == [LINE, HEATMAP, CANDLES, HEATMAP, CANDLES, LINE]


def test_the_interval_goes_round() -> None:
    panel = Price(plain_look())
    panel.post_message = lambda message: True  # type: ignore[method-assign]
    seen = []
    for _ in INTERVALS_NS:
        panel.act("interval")
        seen.append(panel.interval_ns)
    assert sorted(seen) == sorted(INTERVALS_NS)
    assert seen[-1] == INTERVALS_NS[1]


def test_kept_settings_come_back_and_nonsense_is_ignored() -> None:
    first, second = Price(plain_look()), Price(plain_look())
    first.mode, first.interval_ns = CANDLES, INTERVALS_NS[4]
    second.restore(first.keeps())
    assert (second.mode, second.interval_ns) == (CANDLES, INTERVALS_NS[4])
    second.restore({"mode": "pie", "interval_ns": 17})
    assert (second.mode, second.interval_ns) == (CANDLES, INTERVALS_NS[4])


@pytest.mark.parametrize("mode", [LINE, CANDLES, HEATMAP])
async def test_every_size_from_one_cell_to_a_wall(mode: str) -> None:
    panel = panel_in(mode)
    async with on_stage(panel, frames.live(), (1, 1)) as pilot:
        for size in [(2, 2), (4, 3), (4, 40), (40, 4), (5, 5), (20, 8), (80, 24), (300, 100), (7, 3), (1, 1)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            panel.show(frames.live(panel.wants(View())))
            drawn = lines(panel)
            assert len(drawn) == panel.size.height
            assert all(len(line) == panel.size.width for line in drawn)


async def test_a_frame_for_a_wider_panel_whose_prices_are_out_of_sight() -> None:
    panel = panel_in(HEATMAP)
    async with on_stage(panel, frames.live(), SIZE):
        view = panel.wants(View())
        chart = frames.chart(msgspec.structs.replace(view, columns=300))
        close = list(memoryview(chart.close).cast("d"))[:150] + [math.nan] * 150
        packed = struct.pack("<300d", *close)
        panel.show(frame_of(msgspec.structs.replace(chart, close=packed)))
        assert "last price 61 693.73 at 23:59:43" in "".join(inside(panel))


async def test_a_frame_without_its_heat_is_a_line_and_says_so() -> None:
    panel = panel_in(HEATMAP)
    async with on_stage(panel, frames.live(View(columns=20, heat_rows=0)), SIZE):
        text = "".join(inside(panel))
        assert "▀" not in text
        assert any(0x2800 < ord(c) < 0x2900 for c in text)
        assert "line, no depth known" in lines(panel)[0]
        panel.show(frames.live(View(columns=20, heat_rows=8)))
        assert "▀" in "".join(inside(panel))
        assert "· heatmap" in lines(panel)[0]


@pytest.mark.parametrize("mode", [LINE, CANDLES, HEATMAP])
async def test_ascii_terminals_get_ascii(mode: str) -> None:
    look = Look(Palette(FALLBACK), ASCII)
    panel = panel_in(mode, look)
    async with on_stage(panel, frames.live(), SIZE):
        panel.show(frames.live(panel.wants(View())))
        assert all(line.isascii() for line in lines(panel))


async def test_in_ascii_a_candle_up_is_not_one_down() -> None:
    chart = chart_of([110.0, 100.0], open=[100.0, 110.0], high=[112.0] * 2, low=[98.0] * 2)
    panel = panel_in(CANDLES, Look(Palette(FALLBACK), ASCII))
    async with on_stage(panel, frame_of(chart), SIZE):
        text = "".join(inside(panel)[2:-4])
        assert text.count("^") == text.count("v") > 3


async def test_another_theme_draws_everything_anew() -> None:
    panel = panel_in(HEATMAP)
    async with on_stage(panel, frames.live(), SIZE):
        panel.show(frames.live(panel.wants(View())))
        before = [panel.render_line(y) for y in range(SIZE[1])]
        bright = msgspec.json.decode(msgspec.json.encode(FALLBACK.colours))
        other = type(FALLBACK)("other", False, bright | {"panel": "#ffffff", "dim": "#777777"}, FALLBACK.heat)
        panel.restyle(Look(Palette(other)))
        after = [panel.render_line(y) for y in range(SIZE[1])]
        assert [a.text for a in after] == [b.text for b in before]
        assert all(a != b for a, b in zip(after, before, strict=True))


async def test_unchanged_rows_are_not_painted_again() -> None:
    panel = panel_in(LINE)
    close = [100.0 + (i % 7) for i in range(60)]
    async with on_stage(panel, frame_of(chart_of(close)), SIZE):
        before = [panel.render_line(y) for y in range(SIZE[1])]
        close[-1] = 103.5
        panel.show(frame_of(chart_of(close)))
        changed = [y for y in range(SIZE[1]) if panel.render_line(y) is not before[y]]
        assert 0 < len(changed) < 12
