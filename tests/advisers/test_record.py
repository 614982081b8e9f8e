"""Records of advice: marks, intervals against scipy, first probabilities and what a record makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.advisers.calibration import FIRST, isotonic, probabilities
from engine.advisers.record import (
    Piece,
    Record,
    added,
    mean_interval,
    standing,
    strength_of,
    student_95,
    wilson,
)
from engine.advisers.sight import TECHNICAL

pieces = st.lists(
    st.tuples(st.sampled_from((-1, 1)), st.floats(-0.9, 0.9), st.floats(90, 110), st.floats(0, 5), st.floats(0, 1)),
    max_size=60,
)  # fmt: skip


def piece(direction: int, score: float, confidence: float = 0.5, cost: float = 1.0) -> Piece:
    return Piece(0, 1, direction, strength_of(score), confidence, 100.0, cost, "CALM")


@given(pieces)
def test_a_record_adds_up_to_what_its_pieces_say(drawn: list[tuple[int, float, float, float, float]]) -> None:
    record = Record()
    moves, hits, briers = [], [], []
    for direction, score, mid, cost, confidence in drawn:
        move, hit = record.mark(piece(direction, score, confidence, cost), mid)
        assert move == pytest.approx((mid - 100.0) * 100.0 * direction, abs=1e-9)
        moves.append(move - cost)
        hits.append(hit)
        briers.append((confidence - hit) ** 2)
    found = standing(record)
    assert found.pieces == len(drawn)
    if drawn:
        assert found.hit == pytest.approx(np.mean(hits))
        assert found.brier == pytest.approx(np.mean(briers))
        assert found.net_bps == pytest.approx(np.mean(moves), abs=1e-6)
        ups = np.mean([mid > 100.0 for _, _, mid, _, _ in drawn])
        downs = np.mean([mid < 100.0 for _, _, mid, _, _ in drawn])
        assert found.base == pytest.approx(max(ups, downs))
    if len(drawn) > 4:
        half = stats.sem(moves) * stats.t.ppf(0.975, len(moves) - 1)
        assert found.net_low == pytest.approx(np.mean(moves) - half, abs=1e-3 * half + 1e-4)
    assert sum(record.pieces) == len(drawn)
    again = added([record.tally("x", 60.0), record.tally("x", 30.0)], "x", 60.0)
    assert again == record


def test_a_mid_that_stands_still_is_no_hit_for_anybody() -> None:
    record = Record()
    assert record.mark(piece(1, 0.9), 100.0) == (0.0, False)
    assert record.mark(piece(-1, 0.9), 100.0) == (0.0, False)
    assert standing(record).base == 0.0


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (18, 30), (0, 40), (999, 1000)])
def test_wilson_is_scipys(hits: int, n: int) -> None:
    theirs = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 9, 29, 100, 10_000])
def test_students_quantile_is_scipys(freedom: int) -> None:
    assert student_95(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=4e-3)


def test_one_value_has_a_mean_and_no_interval() -> None:
    assert mean_interval(1, 3.0, 9.0) == (3.0, None, None)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 50)), min_size=1, max_size=8))
def test_isotonic_never_falls_and_is_the_nearest_by_min_max(drawn: list[tuple[float, float]]) -> None:
    """The min-max formula of isotonic regression: max over starts of the min over ends of the block's mean."""
    values, weights = [v for v, _ in drawn], [w for _, w in drawn]
    n = len(values)

    def mean(i: int, j: int) -> float:
        return math.fsum(v * w for v, w in drawn[i : j + 1]) / math.fsum(weights[i : j + 1])

    wanted = [max(min(mean(i, j) for j in range(k, n)) for i in range(k + 1)) for k in range(n)]
    assert isotonic(values, weights) == pytest.approx(wanted, abs=1e-9)


def recorded(pieces: tuple[int, int, int], hits: tuple[int, int, int]) -> Record:
    return Record(list(pieces), list(hits))


def test_without_a_record_the_table_speaks_and_with_one_the_record_does() -> None:
    assert probabilities(TECHNICAL, Record(), None, 50.0) == pytest.approx(FIRST[TECHNICAL])
    much = recorded((10_000, 10_000, 10_000), (5_000, 5_500, 6_000))
    assert probabilities(TECHNICAL, much, None, 50.0) == pytest.approx((0.5, 0.55, 0.6), abs=1e-3)
    assert probabilities(TECHNICAL, Record(), much, 50.0) == probabilities(TECHNICAL, much, None, 50.0)


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), min_size=3, max_size=3), st.floats(1, 1000))
def test_no_probability_is_above_both_the_table_and_every_measured_rate(
    drawn: list[tuple[int, float]], prior: float
) -> None:
    counts = [(n, round(n * share)) for n, share in drawn]
    record = Record([n for n, _ in counts], [hits for _, hits in counts])
    levels = probabilities(TECHNICAL, record, None, prior)
    most = max(*FIRST[TECHNICAL], *(hits / n for n, hits in counts if n))
    assert list(levels) == sorted(levels)
    assert max(levels) <= most + 1e-12
    nothing_right = Record([n for n, _ in counts], [0, 0, 0])
    assert all(
        a <= b + 1e-12
        for a, b in zip(probabilities(TECHNICAL, nothing_right, None, prior), levels, strict=True)
    )


def test_every_first_probability_is_close_to_a_coin() -> None:
    for table in FIRST.values():
        assert list(table) == sorted(table)
        assert table[0] >= 0.5
        assert table[-1] <= 0.55
