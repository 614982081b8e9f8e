"""Decimal text and integer steps: one exact bridge, both ways."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.instrument import NotOnGrid, Step

steps = st.sampled_from(["0.01", "0.00001000", "1", "0.5", "0.25", "10", "100.0", "0.00000001", "1E-8"])


@given(steps, st.integers(-(10**15), 10**15))
def test_text_and_count_are_each_others_inverse(step: str, count: int) -> None:
    grid = Step(step)
    text = grid.text_of(count)
    assert grid.count(text) == count
    assert Decimal(text) == count * Decimal(step)
    assert grid.to_float(count) == pytest.approx(float(text), rel=1e-12)


@pytest.mark.parametrize(
    ("step", "text", "message"),
    [
        ("0.01", "1.005", "1.005 is not a multiple of the step 0.01"),
        ("0.01", "abc", "expected a decimal number, found 'abc'"),
        ("0.01", "NaN", "expected a finite number, found 'NaN'"),
        ("0.00000001", "999999999999999", "does not fit in 64 bits"),
        ("0.01", "1e99999999", "does not fit in 64 bits"),
        ("0.01", "1e-99999999", "is not a multiple of the step"),
        ("0.01", "1.00000000000000000000000000000000001", "is not a multiple of the step"),
    ],
)
def test_what_is_off_the_grid_is_refused(step: str, text: str, message: str) -> None:
    with pytest.raises(NotOnGrid, match=re.escape(message)):
        Step(step).count(text)


@pytest.mark.parametrize("step", ["0", "-1", "NaN", "x", "1e-30", "1e30"])
def test_a_step_is_a_positive_decimal(step: str) -> None:
    with pytest.raises(NotOnGrid, match="a step is a positive decimal"):
        Step(step).count("1")


def test_digits_follow_the_step() -> None:
    assert Step("0.01").text_of(6173763) == "61737.63"
    assert Step("0.01").text_of(-5) == "-0.05"
    assert Step("0.5").text_of(3) == "1.5"
    assert Step("10").text_of(3) == "30"
