"""The price panel: what it draws of a frame."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from engine.frame.alerts import Event
from engine.frame.feeds import Feed
from engine.frame.symbol import Print
from engine.instrument import Instrument
from tests.tui import frames
from tests.tui.charts import braille_columns, chart_of, frame_of, panel_in
from tests.tui.panel_stage import inside, lines, on_stage
from tui.look import plain_look
from tui.panels.price import CANDLES, HEATMAP, LINE

SECOND = 1_000_000_000
SIZE = (80, 24)


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
