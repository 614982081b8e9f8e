"""Numbers and times on the screen, against Python's own decimals and dates."""

import doctest
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tui.bars.transport
import tui.colour
import tui.format
import tui.glyphs
from tui.format import basis_points, clock, day, grouped, size, span, step_125
from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.when import NotATime, parse_time

HOUR = 3_600_000_000_000
NOW = 1_763_683_184_000_000_000  # 2025-11-20 23:59:44 UTC


@pytest.mark.parametrize("module", [tui.format, tui.colour, tui.glyphs, tui.bars.transport])
def test_examples_in_docstrings(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried > 0
    assert failed == 0


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_grouping_changes_no_digit(value: Decimal) -> None:
    text = grouped(f"{value:f}")
    assert text.replace(" ", "") == f"{value:f}"
    assert all(len(part) == 3 for part in text.lstrip("-").split(".")[0].split(" ")[1:])


@given(st.floats(0, 1e11), st.integers(0, 8))
def test_a_size_is_zero_only_when_it_is(value: float, decimals: int) -> None:
    text = size(value, decimals)
    says_zero = not any(c in "123456789" for c in text)
    assert says_zero == (value == 0)


@given(st.floats(0.001, 999_999), st.integers(3, 6))
def test_a_written_size_is_within_half_its_last_digit(value: float, decimals: int) -> None:
    text = size(value, decimals)
    if text.startswith("<"):
        assert value < float(text[1:])
        return
    digits = text.replace(" ", "")
    last = len(digits.partition(".")[2])
    assert abs(float(digits) - value) <= 0.5 * 10**-last * 1.000001


@given(st.floats(1e-5, 1e5))
def test_basis_points_keep_two_digits_that_matter(value: float) -> None:
    assert float(basis_points(value)) == pytest.approx(value, rel=0.051)


@given(st.integers(1, 10**12))
def test_group_steps_go_up_and_down_through_1_2_5(value: int) -> None:
    above, below = step_125(value, up=True), step_125(value, up=False)
    assert below < value < above or (value == 1 and below == 1)
    assert str(above).rstrip("0") in {"1", "2", "5"}
    assert step_125(above, up=False) <= value


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_utc_clock_is_the_calendars(ts: int) -> None:
    moment = datetime.fromtimestamp(ts // 10**9, UTC)
    assert clock(ts, utc=True) == moment.strftime("%H:%M:%S")
    assert day(ts, utc=True) == moment.strftime("%Y-%m-%d")


@given(st.floats(-1, 2), st.integers(1, 60), st.sampled_from([UNICODE, ASCII]))
def test_a_bar_has_its_width_and_its_share(share: float, width: int, glyphs: Glyphs) -> None:
    bar = glyphs.bar(share, width)
    assert len(bar) == width
    eighths = sum(glyphs.bars.index(c) for c in bar)
    parts = len(glyphs.bars) - 1
    assert abs(eighths - min(max(share, 0), 1) * width * parts) <= 0.5


def test_every_ascii_sign_is_ascii_and_every_other_one_cell() -> None:
    from rich.cells import cell_len

    for name in Glyphs.__dataclass_fields__:
        value = getattr(ASCII, name)
        if isinstance(value, str):
            assert value.isascii(), name
            assert cell_len(getattr(UNICODE, name)) == len(getattr(UNICODE, name)), name


def test_span_counts_days_in_hours() -> None:
    assert span(2 * 86_400 + 61) == "48:01:01"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("23:50", -584), ("23:59:40", -4), ("23:59:40.5", -3.5), ("2025-11-20 23:00", -3584), ("-90s", -90),
     ("−2m", -120), ("+1 min", 60), ("00:05", 316), ("-1h", -3600)],
)  # fmt: skip
def test_times_as_people_type_them(text: str, seconds: float) -> None:
    found = parse_time(text, NOW, NOW - 2 * HOUR, NOW + HOUR, utc=True)
    assert (found - NOW) / 1e9 == seconds


@pytest.mark.parametrize("text", ["", "noon", "25:00", "12:61", "+", "2025-13-01 10:00", "\x1b[31m12:00"])
def test_what_is_no_time_is_told_what_would_be(text: str) -> None:
    with pytest.raises(NotATime, match="expected a time such as 14:30"):
        parse_time(text, NOW, NOW - HOUR, NOW + HOUR, utc=True)


def test_a_time_outside_the_session_names_its_ends() -> None:
    with pytest.raises(NotATime, match="from 2025-11-20 22:59:44 to 23:59:44; 12:00 is outside"):
        parse_time("12:00", NOW, NOW - HOUR, NOW, utc=True)
