"""The heatmap: every cell's colours against the frame's levels, its legend, and sizes read back."""

from __future__ import annotations

import itertools
import math
import random
import struct
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import Frame, View
from engine.frame.chart import HEAT_LEVELS, Chart
from tests.tui import frames
from tests.tui.panel_stage import inside, lines, on_stage
from tui.axis import PriceScale
from tui.glyphs import ASCII
from tui.look import Look, plain_look
from tui.panels.heatmap import heat_field, heat_scale, level_size
from tui.panels.price import Price
from tui.plot import Plot
from tui.theme import FALLBACK, Palette

SIZE = (70, 22)


def heat_frame(view: View, **chart: object) -> Frame:
    frame = frames.live(view)
    new = msgspec.structs.replace(frame.market.detail.chart, heat_min=0.1, heat_max=12.8, **chart)
    detail = msgspec.structs.replace(frame.market.detail, chart=new)
    return msgspec.structs.replace(
        frame, market=msgspec.structs.replace(frame.market, detail=detail, events=())
    )


async def test_every_cell_shows_its_two_levels() -> None:
    look = plain_look()
    panel = Price(look)
    async with on_stage(panel, frames.live(), SIZE):
        frame = heat_frame(panel.wants(View()))
        panel.show(frame)
        chart = frame.market.detail.chart
        colours = look.palette.heat_colours
        checked = 0
        for y in range(chart.heat_rows // 2):
            cells = [(c, s.style) for s in panel.render_line(1 + y) for c in s.text]
            for bar in range(chart.count):
                character, style = cells[len(cells) - 2 - chart.count + bar]
                if character != "▀":
                    continue
                assert style is not None
                assert style.color is not None
                assert style.bgcolor is not None
                upper = chart.heat[2 * y * chart.count + bar]
                lower = chart.heat[(2 * y + 1) * chart.count + bar]
                assert (style.color.name, style.bgcolor.name) == (colours[upper], colours[lower])
                checked += 1
        assert checked > 0.8 * chart.count * chart.heat_rows / 2


async def test_the_mid_is_drawn_over_it_at_its_price() -> None:
    panel = Price(plain_look())
    async with on_stage(panel, frames.live(), SIZE):
        frame = heat_frame(panel.wants(View()))
        panel.show(frame)
        chart = frame.market.detail.chart
        close = memoryview(chart.close).cast("d")
        rows = inside(panel)
        for bar in range(chart.count):
            column = [row[len(row) - chart.count + bar] for row in rows[:-1]]
            drawn = [y for y, c in enumerate(column) if 0x2800 < ord(c) < 0x2900]
            share = (chart.heat_top - close[bar]) / (chart.heat_top - chart.heat_bottom)
            assert math.floor(share * chart.heat_rows / 2) in drawn


async def test_without_blocks_every_level_is_a_character() -> None:
    panel = Price(Look(Palette(FALLBACK), ASCII))
    async with on_stage(panel, frames.live(), SIZE):
        frame = heat_frame(panel.wants(View()))
        panel.show(frame)
        chart = frame.market.detail.chart
        denser, checked = " .:-=+*#%@", 0
        for y in range(1, chart.heat_rows // 2):
            row = lines(panel)[1 + y][-2 - chart.count : -2]
            for bar, character in enumerate(row):
                level = max(chart.heat[(2 * y + half) * chart.count + bar] for half in (0, 1))
                if character not in ".:'":  # those may be the line of the mid as well
                    assert abs(denser.index(character) - 0.75 * level) < 1
                    checked += 1
        assert checked > 0.4 * chart.count * chart.heat_rows / 2


async def test_bars_before_the_first_are_empty() -> None:
    look = plain_look()
    panel = Price(look)
    async with on_stage(panel, frames.live(), SIZE):
        view = panel.wants(View())
        panel.show(heat_frame(msgspec.structs.replace(view, columns=5)))
        cells = [(c, s.style) for s in panel.render_line(3) for c in s.text]
        left = cells[-20][1]
        assert left is not None
        assert left.bgcolor is not None
        assert left.bgcolor.name == look.palette.heat_colours[0]


async def test_the_legend_names_both_ends() -> None:
    panel = Price(plain_look())
    async with on_stage(panel, frames.live(), SIZE):
        panel.show(heat_frame(panel.wants(View())))
        foot = lines(panel)[-1]
        assert "0.10 " in foot
        assert " 12.8 BTC a row" in foot


async def test_quiet_mode_hides_amounts() -> None:
    panel = Price(Look(plain_look().palette, quiet=True))
    async with on_stage(panel, frames.live(), SIZE):
        panel.show(heat_frame(panel.wants(View())))
        assert "12.8" not in lines(panel)[-1]


async def test_the_crosshair_reads_the_size_at_its_cell() -> None:
    panel = Price(plain_look())
    async with on_stage(panel, frames.live(), SIZE) as pilot:
        view = panel.wants(View())
        frame = heat_frame(view)
        levels = bytearray(frame.market.detail.chart.heat)
        count, rows = frame.market.detail.chart.count, frame.market.detail.chart.heat_rows
        for half in range(rows):
            levels[half * count + count - 1] = 7 if half % 2 else 3
        frame = heat_frame(view, heat=bytes(levels))
        panel.show(frame)
        panel.act("crosshair")
        assert "≈ 1.4" in lines(panel)[-1]  # 0.1 doubled (7 - 1) * 7 / 11 times
        assert "BTC resting here" in lines(panel)[-1]
        for half in range(rows):
            levels[half * count + count - 1] = 0
        panel.show(heat_frame(view, heat=bytes(levels)))
        assert "nothing known to rest here" in lines(panel)[-1]
        await pilot.press("escape")


def test_sizes_of_levels_are_even_on_a_log_scale() -> None:
    chart = Chart(1_000_000_000, heat_min=0.5, heat_max=512.0)
    sizes = [level_size(chart, level) for level in range(1, HEAT_LEVELS + 1)]
    ratios = {round(b / a, 9) for a, b in itertools.pairwise(sizes)}
    assert len(ratios) == 1
    assert (sizes[0], level_size(chart, 0)) == (0.5, 0.0)
    assert sizes[-1] == pytest.approx(512.0)


@given(
    st.integers(1, 40),
    st.integers(1, 20),
    st.integers(0, 3),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_a_heatmap_of_another_height_or_window_shows_the_deepest_of_its_rows(
    source: int, rows: int, above: int, below: int, rng: random.Random
) -> None:
    """Fractions of a row say which of the heatmap's own rows lie within each half row of cells."""
    count, top, bottom = 3, 160.0, 80.0
    levels = [[rng.randrange(HEAT_LEVELS + 1) for _ in range(count)] for _ in range(source)]
    heat = b"".join(bytes(row) for row in levels)
    prices = struct.pack("<3d", 100.0, 100.0, 100.0)
    chart = Chart(10**9, 0, count, *(prices,) * 6, heat, source, top, bottom)
    scale = PriceScale(top + 40 * above, bottom - 20 * below, rows)
    field = heat_field(Plot(chart, count, rows, 2), scale)
    height, a_row = Fraction(scale.top - scale.bottom) / (2 * rows), Fraction(top - bottom) / source
    for half in range(2 * rows):
        high = Fraction(scale.top) - half * height
        within = [
            row
            for row in range(source)
            if Fraction(top) - row * a_row > high - height and Fraction(top) - (row + 1) * a_row < high
        ]
        expected = [max((levels[row][bar] for row in within), default=0) for bar in range(count)]
        assert list(field[half // 2][half % 2]) == expected


def test_a_chart_without_its_heat_has_no_scale() -> None:
    chart = frames.chart(View(columns=10, heat_rows=20))
    scale = heat_scale(chart, 10)
    assert scale is not None
    assert (scale.top, scale.bottom) == (chart.heat_top, chart.heat_bottom)
    assert heat_scale(msgspec.structs.replace(chart, heat=b"short"), 10) is None
    assert heat_scale(msgspec.structs.replace(chart, heat=b"", heat_rows=0), 10) is None
