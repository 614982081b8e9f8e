"""The what-if beside the chart: where its time lies, what its bands cover, what is read off it."""

from __future__ import annotations

import struct

import frames
import msgspec
import numpy as np
import pytest
import worlds
from frames import NOW, SECOND
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import Frame, View
from engine.frame.alerts import Event
from engine.frame.fan import Fan
from engine.ports import WhatIf
from tests.tui.panel_stage import inside, lines, on_stage
from tests.tui.stage import stage
from tui.axis import PriceScale
from tui.canvas import BOTH_FANS, FAN, PLAIN_FAN
from tui.glyphs import ASCII
from tui.look import Look, plain_look
from tui.panels.fan import LEAST_SHARE, MOST_SHARE, NARROWEST, Ahead, Lines, sampled
from tui.panels.price import CANDLES, HEATMAP, LINE, Price
from tui.theme import FALLBACK, Palette

prices = st.lists(st.floats(1.0, 1e6), min_size=2, max_size=80)
MODES = pytest.mark.parametrize("mode", [LINE, CANDLES, HEATMAP])
WIDE, USUAL, LOW = (150, 40), (76, 34), (76, 14)


def packed(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def with_fan(fan: Fan | None, view: View = frames.ANY, ts: int = NOW) -> Frame:
    frame = worlds.simulated(view, fan)
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, ts=ts, events=()))


async def shown(panel: Price, fan: Fan | None, size: tuple[int, int] = USUAL) -> list[str]:
    """The panel's rows with this fan, drawn for the view that the panel asked for."""
    async with on_stage(panel, with_fan(fan), size):
        panel.show(with_fan(fan, panel.wants(View())))
        panel.show(with_fan(fan, panel.wants(View())))
        return lines(panel)


def panel_in(mode: str, look: Look | None = None) -> Price:
    panel = Price(look or plain_look())
    panel.mode = mode
    return panel


@given(prices, st.floats(-5.0, 90.0), st.floats(0.0, 3.0), st.integers(0, 40))
def test_between_two_steps_it_is_interpolated_and_outside_unknown(
    line: list[float], start: float, apart: float, count: int
) -> None:
    found = sampled(memoryview(packed(line)).cast("d"), start, apart, count)
    steps = start + apart * np.arange(count)
    expected = np.interp(steps, np.arange(len(line)), line, left=np.nan, right=np.nan)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@given(
    st.integers(-90, 90), st.integers(1, 240), st.integers(4, 240), st.sampled_from([0.05, 0.5, 1.0, 30.0])
)
def test_the_future_begins_now_and_ends_a_fan_later(
    ago_s: int, seconds: int, room: int, cell_s: float
) -> None:
    line = packed([100.0] * (seconds + 1))
    fan = Fan(0, NOW - ago_s * SECOND, SECOND, "DONE", plain_low=line, plain_middle=line, plain_high=line)
    ahead = Ahead.of(with_fan(fan), room, cell_s * SECOND)
    in_sight = -seconds <= ago_s < seconds and round(LEAST_SHARE * room) >= NARROWEST
    if in_sight:
        assert ahead is not None
    if ahead is None:
        return
    assert -seconds <= ago_s < seconds
    assert ahead.left + ahead.width == room
    assert round(LEAST_SHARE * room) <= ahead.width <= round(MOST_SHARE * room)
    assert ahead.step(0) == pytest.approx(ago_s)
    assert ahead.step(ahead.width) == pytest.approx(ago_s + seconds)
    at = [cell for cell, _ in ahead.labels()]
    assert at == sorted(at)
    assert all(cell + len(text) <= ahead.width for cell, text in ahead.labels())
    assert ahead.labels()[0] == (0, "now")


@given(st.data(), st.integers(1, 20), st.booleans())
def test_a_band_covers_exactly_the_half_rows_between_its_edges(
    data: st.DataObject, rows: int, shocked: bool
) -> None:
    def band() -> tuple[bytes, bytes, bytes]:
        low = data.draw(st.lists(st.floats(80.0, 130.0), min_size=9, max_size=9))
        wide = data.draw(st.lists(st.floats(0.0, 30.0), min_size=9, max_size=9))
        high = [a + b for a, b in zip(low, wide, strict=True)]
        return packed(low), packed(low), packed(high)

    plain, other = band(), band() if shocked else (b"", b"", b"")
    ahead = Ahead(Fan(0, NOW, SECOND, "DONE", "", "", "", 1, 1, *plain, *other), NOW, 10, 24)
    scale = PriceScale(140.0, 90.0, rows)
    field = ahead.field(scale, rows)
    for x in range(24):
        step = (x + 0.5) / 24 * 8
        expected = [0] * (2 * rows)
        bands = [(plain, PLAIN_FAN if shocked else FAN), *([(other, FAN)] if shocked else [])]
        for (low, _, high), fill in bands:
            least, most = (np.interp(step, np.arange(9), np.frombuffer(edge)) for edge in (low, high))
            for half in range(2 * rows):
                upper = 140.0 - half * 50.0 / (2 * rows)
                lower = 140.0 - (half + 1) * 50.0 / (2 * rows)
                if lower < most and upper > least:
                    expected[half] = BOTH_FANS if expected[half] else fill
        drawn = [field[half // 2][half % 2][x] for half in range(2 * rows)]
        # A price on the very edge of a half row may be counted to either side of it.
        edges = [np.interp(step, np.arange(9), np.frombuffer(band[i])) for band, _ in bands for i in (0, 2)]
        doubtful = {
            half
            for half in range(2 * rows)
            for at in (140.0 - half * 50.0 / (2 * rows), 140.0 - (half + 1) * 50.0 / (2 * rows))
            if min(abs(at - edge) for edge in edges) < 1e-6
        }
        assert [f for h, f in enumerate(drawn) if h not in doubtful] == [
            f for h, f in enumerate(expected) if h not in doubtful
        ]


@MODES
async def test_the_fan_is_right_of_now_in_every_mode_and_the_scale_holds_it(mode: str) -> None:
    panel = panel_in(mode)
    rows = await shown(panel, worlds.fan())
    axis = next(row for row in rows if "now" in row)
    now = axis.index("now")
    assert "+60 s" in axis[now:]
    fills = {panel.look.palette.fills[fill] for fill in (PLAIN_FAN, FAN, BOTH_FANS)}
    tinted = set()
    for y in range(1, rows.index(axis)):
        x = 0
        for text, style, _ in panel.render_line(y):
            for _ in text:
                if style is not None and {c.name for c in (style.color, style.bgcolor) if c} & fills:
                    tinted.add(x)
                x += 1
    assert min(tinted) >= now
    assert len(tinted) > 15
    assert len(range(min(tinted), max(tinted) + 1)) == len(tinted)


async def test_the_scale_reaches_beyond_what_the_futures_reach() -> None:
    for mode in (LINE, CANDLES, HEATMAP):
        panel = panel_in(mode)
        async with on_stage(panel, with_fan(worlds.fan()), USUAL):
            frame = with_fan(worlds.fan(), panel.wants(View()))
            panel.show(frame)
            ahead = Ahead.of(frame, 60, SECOND)
            assert ahead is not None
            scale = ahead.widened(PriceScale(61_700.0, 61_690.0, 20), 0.01)
            fan = worlds.fan()
            edges = [*np.frombuffer(fan.shocked_low), *np.frombuffer(fan.shocked_high), 61_690.0, 61_700.0]
            assert scale.bottom <= min(edges) < max(edges) <= scale.top


async def test_what_has_passed_of_a_fan_lies_over_the_bars() -> None:
    def ink(rows: Price) -> int:
        violet = rows.look.palette.doubt.color
        return sum(
            len(text.strip("┊ "))
            for y in range(1, rows.size.height - 12)
            for text, style, _ in rows.render_line(y)
            if style is not None and style.color == violet
        )

    counts = []
    for ago_s in (0, 20, 40, 59, 61):
        panel = panel_in(LINE)
        rows = await shown(panel, worlds.fan(ago_s=ago_s))
        counts.append(ink(panel))
        assert any("now" in row for row in rows) == (ago_s < 60)
    assert counts[1] > counts[0]
    assert counts[-1] == 0


async def test_a_fan_of_another_symbol_or_of_another_time_is_not_drawn() -> None:
    for fan in (worlds.fan(symbol=1), worlds.fan(ago_s=200), worlds.fan(ago_s=-200)):
        rows = await shown(panel_in(LINE), fan)
        assert not any("now" in row for row in rows)


async def test_its_state_is_said_while_it_grows_and_when_it_failed() -> None:
    rows = await shown(panel_in(HEATMAP), worlds.fan(state="RUNNING", done=37))
    assert "what-if 37/128 × 60 s" in rows[-1]
    bare = Fan(0, NOW, SECOND, "RUNNING", futures=128)
    rows = await shown(panel_in(HEATMAP), bare)
    assert "what-if: 128 futures are being made" in rows[-1]
    failed = Fan(0, NOW, SECOND, "FAILED", "the book has one side only")
    rows = await shown(panel_in(LINE), failed)
    assert "what-if: the book has one side only" in rows[-1]


@pytest.mark.parametrize("shock", ["", "sell 20 BTC over 30 s"])
async def test_the_lower_frame_says_median_and_tail_at_the_horizon(shock: str) -> None:
    fan = worlds.fan(shock=shock)
    rows = await shown(panel_in(LINE), fan)
    for line, plain in ((fan.shocked_middle, fan.plain_middle), (fan.shocked_low, fan.plain_low)):
        told = np.frombuffer(line if shock else plain)
        move = f"{(told[-1] / told[0] - 1) * 1e4:+.1f}".replace("-", "−")
        assert move in rows[-1]
    assert ("what if sell 20 BTC" in rows[0]) == bool(shock)


async def test_the_table_stands_beside_a_wide_chart_below_a_high_one_and_nowhere_in_a_low_one() -> None:
    beside = await shown(panel_in(HEATMAP), worlds.fan(), WIDE)
    row = next(row for row in beside if "expected move" in row)
    assert row.index("expected move") > 90
    assert " 0.4 bp" in row
    assert "−11.8 bp" in row
    below = await shown(panel_in(HEATMAP), worlds.fan())
    at = next(i for i, row in enumerate(below) if "expected move" in row)
    assert at > next(i for i, row in enumerate(below) if "now" in row)
    assert "time to recover" in "".join(below)
    assert "48 s" in "".join(below)
    assert any("this market, agents and all" in row for row in below)  # what it rests on
    low = await shown(panel_in(HEATMAP), worlds.fan(), LOW)
    assert not any("expected move" in row for row in low)
    assert "what-if 128" in low[-1]


@MODES
async def test_every_size_is_filled_with_rows_of_its_width(mode: str) -> None:
    for size in ((150, 40), (76, 20), (40, 12), (20, 6), (9, 4), (3, 3)):
        rows = await shown(panel_in(mode), worlds.fan(ago_s=5), size)
        assert {len(row) for row in rows} == {size[0]}


@MODES
async def test_in_ascii_it_is_ascii(mode: str) -> None:
    rows = await shown(panel_in(mode, Look(Palette(FALLBACK), ASCII)), worlds.fan())
    assert all(row.isascii() for row in rows)


async def test_the_crosshair_reads_the_quantiles_ahead() -> None:
    async with stage(lambda view: with_fan(worlds.fan(), view), (160, 48)) as (it, pilot):
        await it.press(pilot, "2", "enter")
        rows = inside(it.panel("price"))
        assert any("+58.8 s" in row for row in rows)
        foot = lines(it.panel("price"))[-1]
        assert "without " in foot
        assert "with " in foot
        fan = worlds.fan()
        last = np.frombuffer(fan.shocked_middle)[-2:]
        shown_price = float(foot.split("with ")[1].replace(" ", "")[8:16])
        assert min(last) - 1 <= shown_price <= max(last) + 1


async def test_w_with_the_crosshair_on_a_price_asks_how_likely_it_is_reached() -> None:
    async with stage(lambda view: with_fan(None, view), (160, 48)) as (it, pilot):
        await it.press(pilot, "enter", "up", "up", "w")
        panel = it.panel("price")
        assert panel.aimed_price is not None
        (asked,) = it.said
        assert isinstance(asked, WhatIf)
        assert asked.level_ticks == round(panel.aimed_price * 100)
        await it.press(pilot, "escape", "w")
        assert it.said[1:] == [WhatIf(None)]


def test_bands_that_do_not_fit_together_are_none() -> None:
    assert Lines.of(b"", b"", b"") is None
    assert Lines.of(packed([1.0]), packed([1.0]), packed([1.0])) is None
    assert Lines.of(packed([1.0]), packed([1.0, 2.0]), packed([1.0, 2.0])) is None


async def test_a_shock_is_seen_before_the_fills_it_brought() -> None:
    frame = frames.live(View(columns=60, heat_rows=0))
    at = NOW - 20 * SECOND
    events = (
        Event(at, "FILL", "you bought", 0),
        Event(at, "SHOCK", "sell", 0),
        Event(at, "MARK", "note", None),
    )
    panel = panel_in(LINE)
    async with on_stage(
        panel,
        msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, events=events)),
        USUAL,
    ):
        assert [c for c in inside(panel)[0] if c in "↯◂◆"] == ["↯"]
