"""The canvas against a set of dots, and the axes against plain arithmetic."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from tui.axis import nice_step, scale_for, time_labels
from tui.canvas import Canvas
from tui.glyphs import ASCII
from tui.look import Look, plain_look

LOOK = plain_look()
RED, BLUE = Style(color="#ff0000"), Style(color="#0000ff")
SECOND = 1_000_000_000

# Unicode's own numbering of the dots of a braille cell, 1 to 8, as (column, row).
BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def dots_of(canvas: Canvas) -> set[tuple[int, int]]:
    """The dots that the canvas' text shows."""
    found = set()
    for y in range(canvas.height):
        text = "".join(segment.text for segment in canvas.row(y))
        assert len(text) == canvas.width
        for x, character in enumerate(text):
            bits = ord(character) - 0x2800 if character != " " else 0
            for number, (right, down) in enumerate(BRAILLE_DOTS):
                if bits >> number & 1:
                    found.add((2 * x + right, 4 * y + down))
    return found


runs = st.tuples(st.integers(-3, 25), st.integers(-9, 40), st.integers(-9, 40))


@given(st.lists(runs, max_size=12), st.integers(1, 10), st.integers(1, 7))
def test_runs_set_exactly_their_dots(drawn: list[tuple[int, int, int]], width: int, height: int) -> None:
    canvas = Canvas(LOOK, width, height)
    expected = set()
    for x, first, last in drawn:
        canvas.run(x, first, last, RED)
        for row in range(min(first, last), max(first, last) + 1):
            if 0 <= x < 2 * width and 0 <= row < 4 * height:
                expected.add((x, row))
    assert dots_of(canvas) == expected


@given(st.lists(st.one_of(st.none(), st.integers(0, 27)), min_size=1, max_size=20))
def test_a_path_passes_its_points_and_has_no_holes(rows: list[int | None]) -> None:
    canvas = Canvas(LOOK, 10, 7)
    canvas.path(0, rows, RED)
    dots = dots_of(canvas)
    by_column = [{row for x, row in dots if x == column} for column in range(20)]
    for column, row in enumerate(rows):
        if row is None:
            assert not by_column[column]
            continue
        assert row in by_column[column]
        span = sorted(by_column[column])
        assert span == list(range(span[0], span[-1] + 1))
        if column + 1 < len(rows) and rows[column + 1] is not None:
            assert any(abs(a - b) <= 1 for a in by_column[column] for b in by_column[column + 1])


def test_rank_decides_colour_and_characters_beat_dots() -> None:
    canvas = Canvas(LOOK, 3, 1)
    canvas.run(0, 0, 3, RED, 2)
    canvas.run(1, 0, 3, BLUE, 1)
    canvas.run(2, 0, 0, RED, 1)
    canvas.mark(1, 0, "xy", BLUE, 1)
    canvas.mark(0, 0, "z", BLUE, 1)
    assert [(s.text, s.style) for s in canvas.row(0)] == [("⣿", RED), ("xy", BLUE)]


def test_text_outside_is_cut() -> None:
    canvas = Canvas(LOOK, 3, 1)
    canvas.mark(-1, 0, "abcdef", RED)
    canvas.mark(0, 5, "no row", RED)
    assert "".join(s.text for s in canvas.row(0)) == "bcd"


def test_ascii_draws_no_braille() -> None:
    canvas = Canvas(Look(LOOK.palette, ASCII), 3, 1)
    canvas.run(0, 0, 1, RED)
    canvas.run(2, 2, 3, RED)
    canvas.run(4, 0, 3, RED)
    assert "".join(s.text for s in canvas.row(0)) == "'.:"


def test_a_field_shows_both_halves_of_each_cell() -> None:
    colours = LOOK.palette.heat_colours
    canvas = Canvas(LOOK, 4, 1, [(bytes([0, 12, 12, 3]), bytes([0, 5, 5, 3]))])
    canvas.mark(3, 0, "◆", RED, 5)
    seen = []
    for segment in canvas.row(0):
        assert segment.style is not None
        assert segment.style.color is not None
        assert segment.style.bgcolor is not None
        colour, behind = segment.style.color.name, segment.style.bgcolor.name
        seen += [(character, colour, behind) for character in segment.text]
    assert seen[:3] == [
        ("▀", colours[0], colours[0]),
        ("▀", colours[12], colours[5]),
        ("▀", colours[12], colours[5]),
    ]
    assert seen[3][:2] == ("◆", "#ff0000")


@given(st.floats(1e-9, 1e9), st.sampled_from([1e-8, 0.01, 0.5, 1.0, 25.0]))
def test_a_nice_step_is_one_two_or_five_of_ticks(least: float, tick: float) -> None:
    step = nice_step(least, tick)
    ticks = step / tick
    mantissa = ticks / 10 ** math.floor(math.log10(ticks) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-6
    assert ticks >= 1 - 1e-9
    assert step >= least * (1 - 1e-6)
    assert step <= max(2.5 * least, tick) * (1 + 1e-6)


prices = st.floats(1e-4, 1e6)


@given(prices, st.floats(0, 0.5), st.integers(1, 90), st.sampled_from([1e-8, 0.01]))
def test_a_scale_holds_its_prices_and_labels_them_right(
    low: float, rise: float, rows: int, tick: float
) -> None:
    high = low * (1 + rise)
    scale = scale_for(low, high, rows, tick)
    assert scale.bottom < low <= high < scale.top
    assert 0 <= scale.row(high) <= scale.row(low) < rows
    labels = scale.labels(3, tick)
    placed = [row for row, _ in labels]
    assert all(a - b >= 2 for a, b in itertools.pairwise(placed))
    nearly = 1e-9 * scale.top
    for row, price in labels:
        assert price >= 0
        assert scale.price(row + 1) - nearly <= price <= scale.price(row) + nearly
        assert abs(price - round(price / tick) * tick) <= 1e-12 * price


def test_a_scale_stays_while_the_price_moves_within_it() -> None:
    scales = {scale_for(61_690.0 + k / 100, 61_712.0 + k / 50, 30, 0.01) for k in range(20)}
    assert len(scales) <= 2


def test_a_constant_price_has_room_above_and_below() -> None:
    scale = scale_for(100.0, 100.0, 11, 0.01)
    assert 3 <= scale.row(100.0) <= 7


@pytest.fixture
def kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@given(
    st.integers(10**18, 2 * 10**18), st.sampled_from([0.05, 0.5, 1, 5, 60, 300, 3600]), st.integers(1, 200)
)
def test_times_stand_in_the_cell_they_name(start: int, cell_s: float, width: int) -> None:
    labels = time_labels(start, cell_s * SECOND, width, True)
    assert len(labels) >= width // 48
    end_of_last = -1
    for cell, text in labels:
        assert cell > end_of_last
        end_of_last = cell + len(text)
        assert end_of_last <= width
        if ":" in text:
            fields = [int(part) for part in text.split(":")] + [0]
            named = fields[0] * 3600 + fields[1] * 60 + fields[2]
            first = (start / SECOND + cell * cell_s) % 86_400
            assert (named - first) % 86_400 <= cell_s + 1e-3 or (first - named) % 86_400 < 1e-3


def test_local_times_are_round_in_their_own_zone(kolkata: None) -> None:
    start = 1_723_161_600 * SECOND  # midnight UTC, half past five there
    texts = [text for _, text in time_labels(start, 300 * SECOND, 60, False)]
    assert texts == ["06:00", "07:00", "08:00", "09:00", "10:00"]
