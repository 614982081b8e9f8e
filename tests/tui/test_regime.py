"""The regime panel at many sizes and in every state, read back and compared with what it was given."""

from __future__ import annotations

import math
import struct

import frames
import msgspec
import pytest
from frames import NOW, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import drawn

from engine.frame import Frame
from engine.frame.regime import REGIMES, LoadingNow, RegimeNow
from tui.bars.header import Header
from tui.glyphs import ASCII as ASCII_GLYPHS
from tui.look import Look, plain_look
from tui.panels.regime import Regime, percent
from tui.panels.regime_chart import AXIS, RegimeChart

LOOK = plain_look()
ASCII = Look(LOOK.palette, ASCII_GLYPHS)
LOADINGS = (
    LoadingNow("round trip", 0.81, 0.05),
    LoadingNow("imbalance", -0.12, 0.64),
    LoadingNow("depth", -0.55, -0.02),
    LoadingNow("volatility", 0.72, 0.11),
)


def doubles(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def regime(points: int = 720, **changes: object) -> RegimeNow:
    labels = [0.0 if i < 0.6 * points else 1.0 if i < 0.8 * points else 2.0 for i in range(points)]
    whole = RegimeNow(
        label="STRESSED",
        why="volatility 2.6×, round trip 2.4× of the usual",
        since=NOW - 720 * SECOND,
        probabilities=(0.051, 0.016, 0.931, 0.002),
        volatility=2.6,
        round_trip=2.4,
        thinness=1.1,
        by_states=True,
        history_ns=5 * SECOND,
        history_end=NOW - NOW % (5 * SECOND),
        history_label=doubles(labels),
        history_probability=doubles([0.9] * points),
        factor_1=doubles([2.0 * math.sin(i / 60) for i in range(points)]),
        factor_2=doubles([math.nan if i < points // 3 else 1.5 * math.cos(i / 25) for i in range(points)]),
        fit="FITTED",
        fit_words="42 iterations, from the last fit",
        fit_at=NOW - 130 * SECOND,
        loadings=LOADINGS,
        dropped=(("sentiment", "missing in 300 of 300 s"),),
        loglikelihood=-1923.4,
        took_ms=180,
    )
    return msgspec.structs.replace(whole, **changes)


def with_regime(now: RegimeNow | None) -> Frame:
    frame = frames.live()
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, regime=now))


def rows(now: RegimeNow, width: int = 60, height: int = 14) -> list[str]:
    return drawn(Regime(LOOK), with_regime(now), width, height)


def test_a_label_that_its_own_probabilities_deny_is_said_to_be_still_there() -> None:
    """Hysteresis keeps a label for half a minute; a percentage of 7 beside it would be read as a fault."""
    lingering = regime(probabilities=(0.44, 0.02, 0.07, 0.47))
    assert "still STRESSED" in rows(lingering)[0]
    assert "7 %" not in rows(lingering)[0]
    assert "still" not in rows(regime())[0]


def test_label_probability_and_reason_are_read_at_a_glance() -> None:
    found = rows(regime())
    assert "7 regime" in found[0]
    assert "STRESSED 93 %" in found[0]
    assert found[1][2:].startswith("stressed 93 %  calm 5 %  trending 2 %")
    assert "dislocated" not in "".join(found)  # one that is hardly possible takes no room
    assert "volatility 2.6×, round trip 2.4× of the usual" in found[2]
    assert "fitted 2m ago" in found[-1]


@pytest.mark.parametrize("look", [LOOK, ASCII])
def test_the_strip_is_graver_where_the_market_was(look: Look) -> None:
    chart = RegimeChart(regime(), look, 66, 0)
    (strip,) = chart.draw()
    text = "".join(segment.text for segment in strip)[AXIS:]
    calm, trending, stressed = ("c", "t", "s") if look is ASCII else ("▁", "▃", "▅")
    assert len(text) == 60
    assert text.strip(calm + trending + stressed) == ""
    assert text == "".join(sorted(text, key=[calm, trending, stressed].index))  # in time's order
    assert text.count(calm) == pytest.approx(36, abs=1)
    assert text.count(stressed) == pytest.approx(12, abs=1)


def test_lines_go_where_the_factors_went() -> None:
    """A factor that rises all the time is drawn from the lower left to the upper right."""
    points = 720
    rising = doubles([4.0 * i / points - 2.0 for i in range(points)])
    now = regime(factor_1=rising, factor_2=doubles([math.nan] * points))
    chart = RegimeChart(now, LOOK, 66, 8)
    lines = ["".join(s.text for s in row)[AXIS:] for row in chart.draw()[:8]]
    marked = [(x, y) for y, line in enumerate(lines) for x, c in enumerate(line) if c not in " ⠀"]
    below_zero = [y for x, y in marked if x < 10 and y != 4]
    above_zero = [y for x, y in marked if x > 50 and y != 4]
    assert below_zero
    assert min(below_zero) > 4
    assert above_zero
    assert max(above_zero) < 4


def test_loadings_stand_beside_where_there_is_room() -> None:
    found = rows(regime(), 120, 20)
    text = "\n".join(found)
    for line in LOADINGS:
        row = next(r for r in found if f"{line.series.ljust(12)} █" in r)
        for value in (line.first, line.second):
            assert f"{abs(value):.2f}" in row
    assert "sentiment: missing in 300 of 300" in text
    assert "log likelihood -1923, took 0.2 s" in text
    assert "loadings" not in "\n".join(rows(regime(), 60, 20))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fit": "", "fit_words": "no factors before a first fit, of five minutes"}, "no factors before"),
        ({"fit": "OFF", "fit_words": "factors need statsmodels"}, "off: factors need statsmodels"),
        ({"fit": "NOT_CONVERGED", "fit_words": "200 iterations"}, "not converged: 200 iterations"),
        ({"fit": "FLAT", "fit_words": "2 of 8 series move"}, "flat: 2 of 8 series move"),
        ({"fit": "LOST", "fit_words": "the filter lost its footing"}, "lost: the filter lost"),
    ],
)
def test_a_fit_that_is_none_is_told_of(changes: dict[str, str], said: str) -> None:
    assert said in "\n".join(rows(regime(**changes)))


def test_before_a_label_it_says_what_it_waits_for() -> None:
    now = RegimeNow(state="learning what is usual, 24 s more", fit_words="no factors before a first fit")
    found = rows(now)
    assert "not known yet" in found[0]
    assert "learning what is usual, 24 s more" in found[1]
    assert "%" not in "".join(found)


def test_a_frame_without_a_market_needs_no_panel() -> None:
    assert not Regime(LOOK).needed(frames.live())
    assert Regime(LOOK).needed(with_regime(regime()))


def test_the_header_names_the_regime() -> None:
    parts = Header(LOOK)._regime(with_regime(regime()))
    assert [segment.text for part in parts for segment in part.segments] == ["STRESSED", "93 %"]
    assert Header(LOOK)._regime(with_regime(RegimeNow(state="no book"))) == []
    assert Header(LOOK)._regime(frames.live()) == []


@settings(max_examples=60, deadline=None)
@given(
    st.integers(4, 130),
    st.integers(3, 30),
    st.integers(0, 720),
    st.sampled_from(REGIMES),
    st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
)
def test_every_size_and_history_is_drawn(
    width: int, height: int, points: int, label: str, probabilities: list[float]
) -> None:
    now = regime(points, label=label, probabilities=tuple(probabilities))
    found = rows(now, width, height)
    assert len(found) == height
    assert all(len(row) == width for row in found)
    assert "failed" not in "".join(found)


@given(st.floats(0.0, 1.0))
def test_percent_is_never_certain(probability: float) -> None:
    number = int(percent(probability).removesuffix(" %"))
    assert 1 <= number <= 99
    assert abs(number - probability * 100) <= 1.0 + 1e-9
