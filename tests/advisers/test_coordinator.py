"""The coordinator against a slow forecaster written from the book, its regret bound, and when it abstains."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.advisers.coordinator import BASE, RATE, SHARE, Coordinator, learn, predict
from engine.events import AdviserRule

SECOND = 1_000_000_000
RULE = AdviserRule(decision_s=10.0)

rounds = st.lists(
    st.tuples(
        st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=3, max_size=3),
        st.floats(0, 1),
        st.sampled_from((0.0, 0.5, 1.0)),
    ),
    min_size=1,
    max_size=60,
)


def slow_forecasts(table: list[tuple[list[float | None], float]]) -> list[float]:
    """Cesa-Bianchi and Lugosi (2.1) with squared loss, from all of the past each time; sleepers get the own loss.

    `table`: what each expert said (None: asleep) and the outcome. Weights are exp(-rate x cumulative loss).
    """
    own: list[float] = []
    for t, (said, _) in enumerate(table):
        weights = []
        for i in range(len(said)):
            loss = 0.0
            for s in range(t):
                past, outcome = table[s]
                word = past[i]
                loss += ((own[s] if word is None else word) - outcome) ** 2
            weights.append(math.exp(-RATE * loss))
        awake = [(w, p) for w, p in zip(weights, said, strict=True) if p is not None]
        own.append(sum(w * p for w, p in awake) / sum(w for w, _ in awake))
    return own


@settings(deadline=None)
@given(rounds)
def test_without_a_floor_it_is_the_forecaster_of_the_book(
    drawn: list[tuple[list[float | None], float, float]],
) -> None:
    weights = dict.fromkeys("abcd", 0.25)
    table = [([*said, sure], outcome) for said, sure, outcome in drawn]
    for (said, outcome), wanted in zip(table, slow_forecasts(table), strict=True):
        forecasts = {name: p for name, p in zip("abcd", said, strict=True) if p is not None}
        found = predict(weights, forecasts)
        assert found == pytest.approx(wanted, abs=1e-9)
        learn(weights, forecasts, found, outcome, share=0.0)


@settings(deadline=None)
@given(rounds, st.sampled_from((0.0, SHARE, 0.2)))
def test_regret_is_within_its_bound_whatever_happens(
    drawn: list[tuple[list[float | None], float, float]], share: float
) -> None:
    """Loss less that of any expert, over its awake rounds: at most (ln N - n ln(1 - share + share / N)) / rate."""
    names = "abcd"
    weights = dict.fromkeys(names, 0.25)
    regret = dict.fromkeys(names, 0.0)
    for said, sure, outcome in drawn:
        forecasts = {n: p for n, p in zip(names, [*said, sure], strict=True) if p is not None}
        found = predict(weights, forecasts)
        for name, p in forecasts.items():
            regret[name] += (found - outcome) ** 2 - (p - outcome) ** 2
        learn(weights, forecasts, found, outcome, share=share)
        assert sum(weights.values()) == pytest.approx(1.0)
        assert min(weights.values()) >= share / 4 - 1e-12
    bound = (math.log(4) - len(drawn) * math.log(1 - share + share / 4)) / RATE
    assert max(regret.values()) <= bound + 1e-9


def test_an_adversary_comes_close_to_nothing_but_luck() -> None:
    """Two experts that always differ and an outcome against the heavier one: the bound holds over 5,000 rounds."""
    weights = {"a": 0.5, "b": 0.5}
    loss, best = 0.0, {"a": 0.0, "b": 0.0}
    for _ in range(5000):
        forecasts = {"a": 0.9, "b": 0.1}
        found = predict(weights, forecasts)
        outcome = 0.0 if found > 0.5 else 1.0
        loss += (found - outcome) ** 2
        for name, p in forecasts.items():
            best[name] += (p - outcome) ** 2
        learn(weights, forecasts, found, outcome, share=0.0)
    assert loss - min(best.values()) <= math.log(2) / RATE


def play(
    coordinator: Coordinator, speakers: dict[str, float], seconds: int, drift: float, seed: int = 1
) -> list[int]:
    """Run it on a mid that rises with probability `drift` in a round. Returns its directions."""
    rng = np.random.default_rng(seed)
    mid, directions = 100.0, []
    for second in range(seconds):
        if second % 10 == 0:
            mid *= 1.001 if rng.random() < drift else 0.999
        verdict = coordinator.second(second * SECOND, mid, "CALM", speakers, RULE)
        directions.append(verdict.direction)
    return directions


def test_it_abstains_on_words_no_better_than_a_coin() -> None:
    assert not any(play(Coordinator(), {"a": 0.5, "b": 0.52}, 3000, 0.5))


def test_it_abstains_where_the_base_rate_says_as_much() -> None:
    one_way = Coordinator()
    play(one_way, {"a": 0.65}, 20_000, 0.8)
    assert one_way.verdict.direction == 0
    assert "nobody foretells better than the base rate" in one_way.verdict.reason


def test_it_decides_with_those_who_know_and_what_it_says_comes_true() -> None:
    """One adviser foretells 80 % of rises and falls, another guesses; forecasts are as often true as they say."""
    rng = np.random.default_rng(2)
    good, mid, decided, right = Coordinator(), 100.0, 0, 0
    for number in range(3000):
        up = bool(rng.random() < 0.5)
        knows = 0.8 if up == (rng.random() < 0.8) else 0.2
        guess = 0.6 if rng.random() < 0.5 else 0.4
        verdict = good.second(number * 10 * SECOND, mid, "CALM", {"knows": knows, "guess": guess}, RULE)
        mid *= 1.001 if up else 0.999
        if number > 500 and verdict.direction:
            decided += 1
            right += verdict.direction == (1 if up else -1)
    assert decided > 2000
    assert right / decided == pytest.approx(0.8, abs=0.03)
    weights = good.regimes["CALM"].weights
    assert weights["knows"] > 0.9
    told = [found for found in good.bins if found.rounds > 200]
    assert told
    for found in told:
        assert found.said / found.rounds == pytest.approx(found.right / found.rounds, abs=0.06)


def test_the_base_rate_takes_over_where_confident_words_are_wrong() -> None:
    liar = Coordinator()
    play(liar, {"a": 0.9}, 30_000, 0.5)
    weights = liar.regimes["CALM"].weights
    assert weights[BASE] > 0.9
    assert weights["a"] >= SHARE / 2 - 1e-12
    assert liar.verdict.direction == 0
    assert "abstains" in liar.verdict.reason


def test_it_abstains_where_advisers_disagree_and_says_so() -> None:
    torn = Coordinator()
    verdict = torn.second(0, 100.0, "CALM", {"a": 0.99, "b": 0.02}, RULE)
    assert verdict.direction == 0
    assert "disagree" in verdict.reason
    assert [name for name, _, _ in verdict.shares] == ["a", "b", BASE]


def test_regimes_learn_apart_and_a_round_belongs_to_where_it_began() -> None:
    coordinator = Coordinator()
    coordinator.second(0, 100.0, "CALM", {"a": 0.9}, RULE)
    coordinator.second(11 * SECOND, 99.0, "STRESSED", {"a": 0.9}, RULE)
    assert coordinator.regimes["CALM"].rounds == 1
    assert coordinator.regimes["STRESSED"].rounds == 0
    assert coordinator.regimes["CALM"].weights["a"] < coordinator.regimes["CALM"].weights[BASE]


def test_a_round_whose_end_nobody_saw_is_given_up() -> None:
    coordinator = Coordinator()
    coordinator.second(0, 100.0, "", {"a": 0.9}, RULE)
    coordinator.late(15 * SECOND, RULE)
    assert coordinator.round is not None
    coordinator.late(21 * SECOND, RULE)
    assert coordinator.round is None
    assert coordinator.rounds == 0
