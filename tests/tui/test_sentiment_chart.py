"""The sentiment chart against a slow twin: the line, its bands and the posts stand where their numbers say."""

from __future__ import annotations

from random import Random

import moods
import msgspec
import numpy as np
import pytest
from frames import NOW, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.frame.chart import HEAT_LEVELS
from engine.frame.sentiment import PostNow, SentimentNow
from tui.look import plain_look
from tui.panels.mood import AXIS, SPANS_S, MoodChart

AROUND, INSIDE = HEAT_LEVELS + 1, HEAT_LEVELS + 2  # fills of the fainter band and of the doubt
POINT_NS = 5 * SECOND
END = NOW - NOW % POINT_NS

values = st.one_of(st.just(float("nan")), st.floats(-1, 1))
histories = st.lists(st.tuples(values, st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=720)
widths, heights = st.integers(AXIS + 2, 90), st.integers(3, 24)


def mood_of(points: list[tuple[float, float, float]], end: int = END) -> SentimentNow:
    value, doubt, aleatoric = (np.array(column, float).tobytes() for column in zip(*points, strict=True))
    return SentimentNow(
        "BTC", points[-1][0] if points[-1][0] == points[-1][0] else None, history_ns=POINT_NS, history_end=end,
        history=value, history_doubt=doubt, history_aleatoric=aleatoric, tau_s=300.0,
    )  # fmt: skip


def expected(
    points: list[tuple[float, float, float]], chart: MoodChart
) -> list[tuple[float, float, float] | None]:
    """For each column of dots the newest point whose time lies before the column's end, by numpy."""
    times = END - POINT_NS * np.arange(len(points))[::-1]
    found: list[tuple[float, float, float] | None] = []
    for x in range(2 * chart.cells):
        end = (chart.first_column + x + 1) * chart.column_ns
        at = int(np.searchsorted(times, end, side="left")) - 1
        point = points[at] if at >= 0 else None
        found.append(None if point is None or np.isnan(point[0]) else point)
    return found


def dots(rows: list[str]) -> set[tuple[int, int]]:
    """(column, row) of every braille dot."""
    bits = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
    return {
        (2 * x + side, 4 * y + part)
        for y, row in enumerate(rows)
        for x, character in enumerate(row)
        if 0x2800 <= ord(character) < 0x2900
        for side in (0, 1)
        for part in range(4)
        if (ord(character) - 0x2800) & bits[side][part]
    }


@settings(deadline=None, max_examples=80)
@given(histories, widths, heights)
def test_the_line_goes_through_every_value(
    points: list[tuple[float, float, float]], width: int, height: int
) -> None:
    chart = MoodChart(mood_of(points), (), plain_look(), width, height)
    rows = ["".join(s.text for s in row)[AXIS:] for row in chart.draw(times=False)]
    assert len(rows) == height
    assert {len(row) for row in rows} == {chart.cells}
    drawn, wanted = dots(rows), expected(points, chart)
    known = [abs(p[0]) + p[1] for p in wanted if p is not None]
    assert chart.reach == (0.5 if not known or max(known) < 0.5 else 1.0)
    zero = 2 * height
    for x, point in enumerate(wanted):
        column = {y for at, y in drawn if at == x}
        if point is None:
            joined = x + 1 < len(wanted) and wanted[x + 1] is not None
            assert joined or column <= {zero}
        else:
            share = (chart.reach - point[0]) / (2 * chart.reach) * 4 * height
            row = min(max(int(np.floor(share)), 0), 4 * height - 1)
            near = {row, row - 1, row + 1} if abs(share - round(share)) < 1e-9 else {row}
            assert column & near


@settings(deadline=None, max_examples=80)
@given(histories, widths, heights)
def test_bands_cover_what_they_should(
    points: list[tuple[float, float, float]], width: int, height: int
) -> None:
    chart = MoodChart(mood_of(points), (), plain_look(), width, height)
    wanted, step = expected(points, chart), chart.reach / height
    halves = [half for pair in chart._bands() for half in pair]
    for x in range(chart.cells):
        point = wanted[2 * x + 1] or wanted[2 * x]
        for y, half in enumerate(halves):
            if point is None:
                assert half[x] == 0
                continue
            value, doubt, aleatoric = point
            above, below = chart.reach - y * step, chart.reach - (y + 1) * step
            edges = [value + s * w for s in (-1, 1) for w in (doubt, aleatoric)]
            if min(abs(edge - end) for edge in edges for end in (above, below)) < 1e-9:
                continue
            inside, around = (value - w < above and value + w > below for w in (doubt, aleatoric))
            assert half[x] == (INSIDE if inside else AROUND if around else 0)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from((40, 170, 600)), widths, st.integers(1, 40), st.randoms())
def test_nothing_drawn_before_moves_as_points_come(count: int, width: int, later: int, rng: Random) -> None:
    points = [(rng.uniform(-1, 1), rng.random(), rng.random()) for _ in range(count + later)]
    new = MoodChart(mood_of(points), (), plain_look(), width, 6)
    old = MoodChart(mood_of(points[:-later], END - later * POINT_NS), (), plain_look(), width, 6)
    if old.span_ns != new.span_ns:
        return  # the chart has grown to a longer span: all of it is drawn to another scale
    before = dict(enumerate(old._points, old.first_column))
    after = dict(enumerate(new._points, new.first_column))
    finished = [c for c in before if c in after and (c + 1) * old.column_ns <= old.mood.history_end]
    assert [repr(before[c]) for c in finished] == [repr(after[c]) for c in finished]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7200), st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)), max_size=30
    ),
    widths,
    heights,
)
def test_posts_stand_at_their_time_and_polarity(
    said: list[tuple[int, float, float, float]], width: int, height: int
) -> None:
    posts = tuple(
        PostNow(END - ago * SECOND, "x", "t", ("BTC",), False, polarity, confidence, "embedded", bot)
        for ago, polarity, confidence, bot in said
    )
    chart = MoodChart(mood_of([(0.0, 0.9, 0.9)] * 720), posts, plain_look(), width, height)
    wanted = []
    for ago, polarity, confidence, bot in said:
        column = (END - ago * SECOND) // chart.column_ns - chart.first_column
        if column < 0:
            continue
        heavy = confidence * (1 - bot)
        size = "●" if heavy >= 0.7 else "•" if heavy >= 0.3 else "·"
        row = min(int(np.floor((1.0 - polarity) / 2.0 * height)), height - 1)
        wanted.append((column // 2, row, size))
    assert sorted((cell, row, glyph) for cell, row, glyph, _ in chart._dots()) == sorted(wanted)
    weights = [{"●": 2, "•": 1, "·": 0}[glyph] for _, _, glyph, _ in chart._dots()]
    assert weights == sorted(weights)


def test_a_post_beyond_the_scale_is_an_arrow_at_its_edge() -> None:
    posts = tuple(
        PostNow(END - 9 * SECOND, "x", "t", ("BTC",), False, polarity, 1.0, "local", 0.0)
        for polarity in (0.9, -0.8, 0.1)
    )
    chart = MoodChart(mood_of([(0.1, 0.1, 0.9)] * 60), posts, plain_look(), 40, 10)
    assert chart.reach == 0.5
    assert {(row, glyph) for _, row, glyph, _ in chart._dots()} == {(0, "▲"), (9, "▼"), (4, "●")}


@pytest.mark.parametrize(("points", "span_s"), [(1, 300), (60, 300), (61, 900), (361, 3600), (720, 3600)])
def test_the_span_holds_what_is_known(points: int, span_s: int) -> None:
    chart = MoodChart(mood_of([(0.0, 0.1, 0.1)] * points), (), plain_look(), 40, 6)
    assert chart.span_ns == span_s * SECOND
    assert span_s in SPANS_S


def test_the_axis_names_its_ends_zero_and_the_value() -> None:
    mood = msgspec.structs.replace(moods.WHOLE, value=-0.59)
    rows = ["".join(s.text for s in row) for row in MoodChart(mood, (), plain_look(), 60, 9).draw(times=True)]
    labels = [row[:AXIS].strip() for row in rows]
    assert (labels[0], labels[4], labels[8]) == ("+1.0", "0", "−1.0")
    assert labels.index("−0.59") == int((1 + 0.59) / 2 * 9)
    assert "23:30" in rows[-1]
