"""What is usual, against all of the past with its weights written out."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.alerts import usual as module
from engine.alerts.keep import check_watch
from engine.alerts.usual import BINS, MEMORY_S, Usual, bin_of, edge
from engine.alerts.watch import Watch

VALUES = st.lists(st.floats(1e-9, 1e13), min_size=1, max_size=200)


def weights(count: int) -> np.ndarray:
    return np.exp(-(count - 1 - np.arange(count)) / MEMORY_S)


@given(VALUES, st.floats(0.5, 0.999))
def test_quantiles_and_ranks_are_those_of_the_weighted_past(values: list[float], q: float) -> None:
    usual = Usual()
    for value in values:
        usual.learn(value)
    bins, weight = np.array([bin_of(v) for v in values]), weights(len(values))
    total = weight.sum()
    place = round((math.log2(usual.quantile(q)) + 24) * 8)
    assert weight[bins >= place].sum() / total <= 1.0 - q + 1e-9
    assert weight[bins >= place - 1].sum() / total > 1.0 - q - 1e-9  # a bin lower is reached too often
    for value in values[:5]:
        assert math.isclose(
            usual.share_below(value), weight[bins < bin_of(value)].sum() / total, abs_tol=1e-9
        )


@given(st.floats(2.0**-24, 2.0**40 * 0.99))
def test_a_value_lies_in_its_bin(value: float) -> None:
    place = bin_of(value)
    assert edge(place) <= value * (1 + 1e-12)
    assert value < edge(place + 1) * (1 + 1e-12)


def test_it_forgets_with_its_memory() -> None:
    usual = Usual()
    for _ in range(7200):
        usual.learn(1.0)
    for _ in range(7200):
        usual.learn(100.0)
    # The first two hours weigh (1 - 1/e)/e of all, the last two 1 - 1/e.
    whole = 1 - math.exp(-2)
    assert math.isclose(usual.share_below(100.0), (math.exp(-1) - math.exp(-2)) / whole, rel_tol=1e-3)


def test_weights_are_brought_down_before_they_are_too_large_for_a_float() -> None:
    heavy, plain = Usual(weight=0.999 * module._TOO_HEAVY), Usual()
    for i in range(3000):
        heavy.learn(1.0 + i % 7)
        plain.learn(1.0 + i % 7)
    assert heavy.weight < 2.0
    assert np.allclose(np.array(heavy.counts) / heavy.total, np.array(plain.counts) / plain.total, rtol=1e-9)


@settings(max_examples=20)
@given(VALUES)
def test_a_packed_copy_goes_on_the_same(values: list[float]) -> None:
    one = Usual()
    for value in values:
        one.learn(value)
    two = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Usual)
    for value in values:
        one.learn(value)
        two.learn(value)
    assert one == two
    assert len(one.counts) == BINS


def test_a_median_without_a_past_is_refused_where_it_comes_from_a_stranger() -> None:
    watch = Watch()
    for _ in range(400):
        watch.spread.learn(3.0)
    check_watch(watch)
    watch.spread.counts, watch.spread.total = [0.0] * BINS, 0.0
    with pytest.raises(ValueError, match="a past of which there is a median"):
        check_watch(watch)
