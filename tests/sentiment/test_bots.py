"""Bots: points that add up, behaviour, models that may be anyone's, and a fit against independent sums."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.train import train
from engine.events import Post
from engine.lab.train_bots import BadAccounts, cross_validate, fit, judge, operating_point, read_accounts
from engine.sentiment.bots import (
    BY_HAND,
    QUANTITIES,
    RAW,
    Account,
    BadModel,
    Bots,
    Scorecard,
    quantities,
    read_model,
)

S = 1_000_000_000
START = 1_700_000_000 * S
HUMAN = Account(
    age_days=3000, followers=800, friends=300, statuses=9000, favourites=6000, listed=25, default_profile=0,
    default_image=0, has_url=1, has_location=1, desc_len=90, desc_mentions_bot=0, screen_name_digits=0,
)  # fmt: skip
FARMED = Account(
    age_days=20, followers=3, friends=900, statuses=4, favourites=0, listed=0, default_profile=1,
    default_image=1, has_url=0, has_location=0, desc_len=0, desc_mentions_bot=0, screen_name_digits=6,
)  # fmt: skip
NOBODY = Account()


def post(number: int, text: str, author: str = "a", at_s: float = 0.0) -> Post:
    return Post(f"p{number}", "reddit:Bitcoin", START + int(at_s * S), text, author)


def words(number: int) -> str:
    """Eight words that no other number has."""
    return " ".join(f"w{number}x{i}" for i in range(8))


def test_accounts_are_told_apart_by_hand_and_nothing_known_is_missing() -> None:
    human, farmed = BY_HAND.log_odds(HUMAN), BY_HAND.log_odds(FARMED)
    assert human is not None
    assert farmed is not None
    assert human < -3 < 3 < farmed
    assert BY_HAND.log_odds(NOBODY) is None
    known = {"a": HUMAN, "b": FARMED}
    bots = Bots(account=known.get)
    assert bots.judge(post(1, words(1), "a"), START) == pytest.approx(1 / (1 + math.exp(-human)))
    assert bots.judge(post(2, words(2), "b"), START) == pytest.approx(1 / (1 + math.exp(-farmed)))
    assert bots.judge(post(3, words(3), "unknown"), START) is None
    assert bots.judge(post(4, words(4), ""), START) is None


def test_the_same_words_again_and_again_count_whoever_writes_them() -> None:
    bots = Bots()
    answers = [
        bots.judge(post(n, f"buy this great coin now {words(0)}", f"author {n}"), START) for n in range(15)
    ]
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[1] < answers[4] < answers[14]  # type: ignore[operator]
    assert answers[14] > 0.7  # type: ignore[operator]


def test_an_author_that_writes_too_often_or_too_evenly_is_doubted() -> None:
    often, even, person = Bots(), Bots(), Bots()
    rng = np.random.default_rng(3)
    often_p = [often.judge(post(n, words(n), at_s=n * 40 + 30 * rng.random()), START) for n in range(32)]
    even_p = [even.judge(post(n, words(n), at_s=n * 1800), START) for n in range(12)]
    times = np.cumsum(rng.exponential(5000, 12))
    person_p = [person.judge(post(n, words(n), at_s=float(t)), START) for n, t in enumerate(times)]
    assert often_p[-1] > 0.5 > often_p[8]  # type: ignore[operator]
    assert even_p[-1] > 0.4 > even_p[3]  # type: ignore[operator]
    assert max(p for p in person_p if p is not None) < 0.2


accounts = st.builds(Account, **{name: st.none() | st.floats(-1e6, 1e9) | st.just(math.nan) for name in RAW})


@given(accounts)
@settings(max_examples=200, deadline=None)
def test_points_add_up_as_in_a_slow_table(account: Account) -> None:
    known = quantities(account)
    total, seen = BY_HAND.base, False
    for name, edges in BY_HAND.edges.items():
        if name in known:
            seen = True
            total += BY_HAND.points[name][sum(known[name] >= edge for edge in edges)]
    assert BY_HAND.log_odds(account) == (pytest.approx(total) if seen else None)
    row = np.array([[known.get(name, math.nan) for name in QUANTITIES]])
    if seen:
        assert judge(BY_HAND, row)[0] == pytest.approx(total)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (b"{", "wrote"),
        (b'{"base": 1, "edges": {"x": [1]}, "points": {"x": [1, 2]}}', "quantities among"),
        (b'{"base": 1, "edges": {"listed": [1]}, "points": {"listed": [1]}}', "one more point"),
        (b'{"base": 1, "edges": {"listed": [2, 1]}, "points": {"listed": [1, 2, 3]}}', "ascending"),
        (b'{"base": 1, "edges": {"listed": [1]}, "points": {}}', "same quantities"),
        (b'{"base": 1, "edges": {}, "points": {}, "threshold": 2}', "threshold"),
        (b'{"base": 1, "edges": {}, "points": {}, "code": "x"}', "wrote"),
        (b" " * ((1 << 20) + 1), "at most"),
    ],
    ids=["cut", "unknown", "short", "order", "apart", "threshold", "code", "long"],
)
def test_a_strangers_model_is_refused_with_a_reason(tmp_path: Path, model: bytes, says: str) -> None:
    path = tmp_path / "bots.json"
    path.write_bytes(model)
    with pytest.raises(BadModel, match=says):
        read_model(path)


def made(path: Path, count: int = 300, seed: int = 1) -> Path:
    """Accounts whose label follows from two numbers, one of them sometimes missing."""
    rng = np.random.default_rng(seed)
    lines = ["set,label,followers,age_days,listed"]
    for n in range(count):
        followers, age = 1 + rng.lognormal(4, 2), rng.uniform(1, 4000)
        odds = 3.0 * (math.log(200) - math.log(followers)) + (2.0 if age < 800 else -1.0)
        label = "bot" if rng.random() < 1 / (1 + math.exp(-odds)) else "human"
        shown = "" if n % 9 == 0 else f"{age:.0f}"
        lines.append(f"{'one' if n % 2 else 'two'},{label},{followers:.1f},{shown},7")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_fit_finds_what_was_planted_and_a_constant_column_says_nothing(tmp_path: Path) -> None:
    found = read_accounts(made(tmp_path / "a.csv", 1500))
    card = fit(found.values, found.bots, rounds=150)
    assert "listed" not in card.edges
    assert np.all(
        np.diff(card.points["followers"]) <= 1e-9 + 0.8
    )  # more followers, fewer points, but for noise
    assert card.points["followers"][0] > 1 > -1 > card.points["followers"][-1]
    other = read_accounts(made(tmp_path / "b.csv", 1500, seed=2))
    odds = judge(card, other.values)
    truth = 3.0 * (math.log(200) - np.log(other.values[:, QUANTITIES.index("followers")]))
    assert np.corrcoef(odds, truth)[0, 1] > 0.85
    point = operating_point(odds, other.bots)
    assert point.recall >= 0.95
    cut = math.log(point.threshold / (1 - point.threshold))
    assert point.false_positives == pytest.approx(np.mean(odds[other.bots == 0] >= cut - 1e-9), abs=0.01)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "expected the column label"),
        ("label,followers\nrobot,3\n", r"\.csv:2: expected the label bot or human, found 'robot'"),
        ("label,followers\nbot,many\n", r"\.csv:2: followers: expected a number or nothing, found 'many'"),
        ("label,followers\n" + "bot,3\n" * 60, "at least 50 accounts labelled human, found 0"),
    ],
)
def test_faults_in_the_data_name_their_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(BadAccounts, match=says):
        read_accounts(path)


def test_the_command_writes_a_scorecard_that_is_used(tmp_path: Path) -> None:
    out = tmp_path / "model" / "bots.json"
    ran = CliRunner().invoke(train, ["bots", "--data", str(made(tmp_path / "a.csv")), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert "across: trained on one, on two" in ran.output
    card = read_model(out)
    assert card.name == "fitted"
    about = json.loads(out.with_suffix(".card.json").read_text())
    assert len(about["within"]["false positives"]) == 3
    assert Bots(card, lambda _: Account(followers=1, age_days=10)).judge(post(1, words(1)), START) > 0.8  # type: ignore[operator]


def test_on_the_real_accounts_the_fit_reaches_its_mark(data: Path) -> None:
    found = read_accounts(data / "bot_accounts.csv")
    half = np.random.default_rng(1).permutation(len(found.bots))
    first, second = half[::2], half[1::2]
    card = fit(found.values[first], found.bots[first], rounds=150)
    point = operating_point(judge(card, found.values[second]), found.bots[second])
    assert point.recall >= 0.95
    assert point.false_positives <= 0.06
    hand = judge(BY_HAND, found.values) >= 0.0
    assert np.mean(hand[found.bots == 1]) > 0.5
    assert np.mean(hand[found.bots == 0]) < 0.01


def test_cross_validation_judges_no_account_by_a_card_that_saw_it(tmp_path: Path) -> None:
    """Labels drawn by lot cannot be learned: at 95 % recall nearly everybody else is taken for a bot too."""
    rng = np.random.default_rng(5)
    lines = ["label,followers,age_days"]
    lines += [f"{'bot' if rng.random() < 0.5 else 'human'},{rng.integers(1, 999)},{n}" for n in range(300)]
    path = tmp_path / "lot.csv"
    path.write_text("\n".join(lines) + "\n")
    points = cross_validate(read_accounts(path))
    assert min(point.false_positives for point in points) > 0.85


def test_a_model_file_is_numbers_only() -> None:
    again = msgspec.json.decode(msgspec.json.encode(BY_HAND), type=Scorecard)
    assert again == BY_HAND
