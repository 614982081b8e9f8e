"""The price panel: what it draws of a frame, what it wants of the view, and its crosshair."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import msgspec
import pytest

from engine.frame import INTERVALS_NS, Chart, Event, Feed, Frame, Print, View
from engine.instrument import Instrument
from engine.ports import Seek
from tests.tui import frames
from tests.tui.panel_stage import inside, lines, on_stage
from tests.tui.stage import Stage
from tui.glyphs import ASCII
from tui.look import Look, plain_look
from tui.panels.price import CANDLES, HEATMAP, LINE, Price
from tui.theme import FALLBACK, Palette

SECOND = 1_000_000_000
SIZE = (80, 24)


def chart_of(close: list[float], interval_ns: int = SECOND, **columns: list[float]) -> Chart:
    """A chart whose newest bar begins at the frame's time; unnamed columns follow the close."""
    values = {name: columns.get(name, close) for name in ("open", "high", "low")}
    values |= {name: columns.get(name, [0.0] * len(close)) for name in ("bought", "sold")}
    packed: dict[str, Any] = {
        name: struct.pack(f"<{len(close)}d", *column) for name, column in (values | {"close": close}).items()
    }
    start = frames.NOW - (len(close) - 1) * interval_ns
    return Chart(interval_ns, start, len(close), **packed)


def frame_of(chart: Chart, instrument: Instrument = frames.BTC, events: tuple[Event, ...] = ()) -> Frame:
    frame = frames.live(View(columns=chart.count or 1))
    detail = msgspec.structs.replace(frame.market.detail, chart=chart)
    market = msgspec.structs.replace(
        frame.market, detail=detail, events=events, lines=(frames.line(instrument),)
    )
    return msgspec.structs.replace(frame, market=market)


def panel_in(mode: str, look: Look | None = None) -> Price:
    panel = Price(look or plain_look())
    panel.mode = mode
    return panel


def braille_columns(rows: list[str]) -> list[list[int]]:
    """For each dot column the dot rows that are set, read off the text by Unicode's numbering."""
    numbering = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    columns: list[list[int]] = [[] for _ in range(2 * len(rows[0]))]
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            if 0x2800 <= ord(character) < 0x2900:
                for bit, (right, down) in enumerate(numbering):
                    if (ord(character) - 0x2800) >> bit & 1:
                        columns[2 * x + right].append(4 * y + down)
    return columns


async def test_the_line_follows_the_close() -> None:
    rng = random.Random(4)
    close = [61_700 + 20 * math.sin(i / 9) + rng.uniform(-1, 1) for i in range(100)]
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of(close)), SIZE):
        columns = [c for c in braille_columns(inside(panel)) if c]
        assert len(columns) == 100
        middles = [sum(c) / len(c) for c in columns]
        mean_row, mean_close = sum(middles) / 100, sum(close) / 100
        covariance = sum((m - mean_row) * (c - mean_close) for m, c in zip(middles, close, strict=True))
        spread = math.sqrt(
            sum((m - mean_row) ** 2 for m in middles) * sum((c - mean_close) ** 2 for c in close)
        )
        assert covariance / spread < -0.98  # a higher price is a smaller row


async def test_what_is_not_known_is_a_gap() -> None:
    close = [100.0] * 20 + [math.nan] * 10 + [100.0] * 20
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of(close)), SIZE):
        filled = [bool(c) for c in braille_columns(inside(panel))][-50:]
        assert filled == [True] * 20 + [False] * 10 + [True] * 20


async def test_a_constant_price_is_a_flat_line_at_its_label() -> None:
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of([61_693.73] * 60)), SIZE):
        drawn = [row for row in inside(panel) if any(0x2800 <= ord(c) < 0x2900 for c in row)]
        assert len(drawn) == 1
        assert drawn[0].startswith("61 693.73")


@pytest.mark.parametrize("mode", [LINE, CANDLES, HEATMAP])
async def test_one_bar_is_enough(mode: str) -> None:
    panel = panel_in(mode)
    async with on_stage(panel, frame_of(chart_of([100.0])), SIZE):
        assert any("100.00" in row for row in inside(panel))


@pytest.mark.parametrize(
    ("tick", "price", "expected"),
    [
        ("0.00000001", 0.00001234, "0.00001234"),
        ("0.01", 1_000_000.0, "1 000 000.00"),
        ("1", 25_000.0, "25 000"),
    ],
)
async def test_prices_have_the_ticks_digits(tick: str, price: float, expected: str) -> None:
    coin = Instrument("test", "COIN", "COIN", "USD", tick, "0.001")
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of([price] * 30), coin), SIZE) as pilot:
        await pilot.pause()
        panel.redraw()
        assert any(row.lstrip().startswith(expected) for row in inside(panel))


async def test_every_row_keeps_its_width_across_a_power_of_ten() -> None:
    panel = panel_in(LINE)
    close = [99_990.0 + i for i in range(30)] + [math.nan] * 30
    async with on_stage(panel, frame_of(chart_of(close)), SIZE):
        assert all(len(line) == SIZE[0] for line in lines(panel))
        assert any(row.startswith("100 010.00 ") for row in inside(panel))


async def test_a_huge_jump_stays_inside() -> None:
    close = [1.0] * 40 + [1e6] * 40
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of(close)), SIZE):
        columns = [c for c in braille_columns(inside(panel)) if c]
        assert min(min(c) for c in columns) < 12
        assert max(max(c) for c in columns) > 60


async def test_before_any_price_it_says_so() -> None:
    panel = panel_in(HEATMAP)
    async with on_stage(panel, frames.empty(), SIZE):
        text = "".join(inside(panel))
        assert "no price yet" in text
        assert "waiting for the snapshot" in text
        assert "trying again" not in text


async def test_without_a_network_it_says_why_and_when_it_tries_again() -> None:
    panel = panel_in(HEATMAP)
    async with on_stage(panel, frames.offline(), SIZE):
        text = "".join(inside(panel))
        assert "binance: cannot resolve stream.binance.com" in text
        assert "trying again in 8 s" in text
        assert "microtui exchange" not in text


async def test_a_text_site_in_trouble_is_not_why_there_is_no_price() -> None:
    frame = frames.offline()
    lost = Feed("reddit", "BACKOFF", "www.reddit.com cannot be reached", frame.market.ts + 40 * SECOND)
    market = msgspec.structs.replace(frame.market, lines=(), feeds=(*frame.market.feeds, lost))
    panel = panel_in(HEATMAP)
    async with on_stage(panel, msgspec.structs.replace(frame, market=market), SIZE):
        text = "".join(inside(panel))
        assert "binance: cannot resolve stream.binance.com" in text
        assert "reddit" not in text
        assert text.count("no network?") == 1


async def test_before_any_symbol_was_listed_it_offers_what_needs_no_network() -> None:
    panel = panel_in(HEATMAP)
    frame = frames.offline()
    unlisted = msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, lines=()))
    async with on_stage(panel, unlisted, SIZE):
        text = " ".join(" ".join(inside(panel)).split())
        assert "binance: cannot resolve stream.binance.com" in text
        assert "`microtui exchange` serves a made-up market here; `microtui replay` plays" in text


async def test_a_price_long_out_of_sight_is_the_last_one_and_stale() -> None:
    panel = panel_in(LINE)
    frame = frames._with_detail(
        frames.live(state="STALE"),
        chart=chart_of([math.nan] * 30),
        last=Print(frames.NOW - 754 * SECOND, 6_169_373, 2_000, 1),
    )
    async with on_stage(panel, frame, SIZE):
        text = "".join(inside(panel))
        assert "last price 61 693.73" in text
        assert "stale since 23:47:10, 00:12:34 ago" in text
        assert "no price yet" not in text


async def test_only_unknown_prices_are_no_price() -> None:
    panel = panel_in(LINE)
    frame = frames._with_detail(frame_of(chart_of([math.nan] * 30)), last=None)
    async with on_stage(panel, frame, SIZE):
        assert "no price yet" in "".join(inside(panel))


async def test_a_doubtful_book_is_named_in_the_frame() -> None:
    panel = panel_in(LINE)
    async with on_stage(panel, frames.stale(), SIZE):
        assert "stale" in lines(panel)[0]


async def test_candles_show_body_and_wicks() -> None:
    candle = chart_of([110.0], open=[100.0], high=[120.0], low=[90.0])
    steady = [105.0] * 4
    chart = chart_of([*steady, 110.0], open=[*steady, 100.0], high=[*steady, 120.0], low=[*steady, 90.0])
    assert candle.count == 1
    panel = panel_in(CANDLES)
    async with on_stage(panel, frame_of(chart), SIZE):
        column = [row[-2] for row in inside(panel)]
        text = "".join(column).strip()
        body = [i for i, c in enumerate(column) if c in "█▀▄"]
        wick = [i for i, c in enumerate(column) if c in "│╵╷"]
        assert text[0] in "│╷"
        assert min(wick) < min(body) <= max(body) < max(wick)
        # Twenty of thirty are wick, ten are body.
        assert 0.2 < len(body) / (len(body) + len(wick)) < 0.5


async def test_volume_is_at_the_foot_and_takes_the_stronger_sides_colour() -> None:
    chart = chart_of([100.0] * 40, bought=[1.0] * 39 + [9.0], sold=[2.0] * 40)
    look = plain_look()
    panel = panel_in(CANDLES, look)
    async with on_stage(panel, frame_of(chart), SIZE):
        foot = panel.render_line(panel.size.height - 3)
        cells = [(c, s.style) for s in foot for c in s.text]
        last = cells[-4][1]
        before = cells[-6][1]
        bid, ask = look.palette.bid.color, look.palette.ask.color
        assert last is not None
        assert before is not None
        assert last.color is not None
        assert before.color is not None
        assert _distance(last.color, bid) < _distance(last.color, ask)
        assert _distance(before.color, ask) < _distance(before.color, bid)
        top_of_last = [row[-2] for row in inside(panel)[-4:-1]]
        assert top_of_last.count("█") >= 2


def _distance(first: object, second: object) -> float:
    a, b = first.get_truecolor(), second.get_truecolor()  # type: ignore[attr-defined]
    return math.dist(a, b)


async def test_large_volume_is_a_dot_in_its_sides_colour() -> None:
    bought = [0.1] * 60
    bought[30] = 50.0
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of([100.0] * 60, bought=bought)), SIZE):
        text = "\n".join(inside(panel))
        assert text.count("●") == 1


async def test_events_stand_at_their_times() -> None:
    now = frames.NOW
    events = (
        Event(now, "SHORT", "newest", 0),
        Event(now - 20 * SECOND, "MARK", "mine", 0),
        Event(now - 40 * SECOND, "LONG", "another symbol's", 1),
        Event(now - 10**6 * SECOND, "LONG", "too long ago", 0),
    )
    panel = panel_in(LINE)
    async with on_stage(panel, frame_of(chart_of([100.0] * 100), events=events), SIZE):
        top = inside(panel)[0]
        assert top[-1] == "▼"
        assert top.count("▲") == 0
        assert len(top) - 1 - top.index("◆") == 10  # two bars a cell


async def test_the_time_axis_names_the_right_cells() -> None:
    panel = panel_in(CANDLES)
    panel.interval_ns = 60 * SECOND
    async with on_stage(panel, frame_of(chart_of([100.0] * 35, 60 * SECOND)), SIZE):
        axis = inside(panel)[-1]
        # The newest of the bars, two cells each, began at 23:59:44; ten bars before, 23:50 falls.
        at = axis.index("23:50")
        assert len(axis) - at == 2 * 11


# the view


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


# sizes, looks


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


# the crosshair


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
