"""Training: the optimiser against plain gradients, the Laplace precisions, equal data equal file, faults by line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.train import train as command
from engine.lab import measures
from engine.lab.labelled import BadData, read_labelled, stratified
from engine.lab.logistic import Rows, fit, stacked
from engine.lab.train_sentiment import Recipe, check, rows_of, train
from engine.sentiment.embedded import Embedded, load
from engine.sentiment.posts import tokens
from engine.sentiment.scores import BULLISH
from engine.sentiment.weights import BadWeights, read

GOOD = [
    "to the moon",
    "great gains ahead",
    "love this rally",
    "buying more today",
    "strong bounce",
    "so bullish",
]
BAD = [
    "going to zero",
    "what a scam",
    "hate this crash",
    "selling everything",
    "weak and dying",
    "so bearish",
]
PLAIN = [
    "the meeting is on tuesday",
    "a table of prices",
    "opening hours",
    "see the agenda",
    "a note",
    "list of coins",
]


def write(path: Path, *, neutral: bool, times: int = 2) -> Path:
    rows = [("bullish", GOOD), ("bearish", BAD), *([("neutral", PLAIN)] if neutral else [])]
    lines = [f'"{text} number {n}",{label}' for n in range(times) for label, texts in rows for text in texts]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def dense_of(rows: Rows, columns: int) -> np.ndarray:
    matrix = np.zeros((len(rows), columns))
    np.add.at(matrix, (rows.row_of, rows.columns), rows.values)
    return np.hstack([matrix, rows.dense])


@st.composite
def problems(draw: st.DrawFn) -> tuple[Rows, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, columns = draw(st.integers(2, 30)), 12
    full = rng.random((count, columns)) < 0.3
    values = rng.normal(size=(count, columns))
    row, column = np.nonzero(full)
    ends = np.cumsum(full.sum(1))
    rows = Rows(column.astype(np.int64), values[row, column], ends, rng.normal(size=(count, 3)))
    return rows, (rng.random(count) < 0.5).astype(float), rng.uniform(0.5, 4, count)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_a_fit_is_the_minimum_and_its_precision_the_hessians_diagonal(
    problem: tuple[Rows, np.ndarray, np.ndarray],
) -> None:
    rows, truth, weight = problem
    found = fit(rows, truth, weight, 12, 1.0, 0.5)
    x = dense_of(rows, 12)
    coefficients = np.concatenate([found.weights, found.coefficients])
    z = x @ coefficients + found.bias
    np.testing.assert_allclose(found.log_odds(rows), z, atol=1e-9)
    p = 1 / (1 + np.exp(-z))
    held = np.concatenate([np.ones(12), np.full(3, 0.5)])

    def loss(c: np.ndarray, bias: float) -> float:
        z = x @ c + bias
        each = np.logaddexp(0, np.where(truth > 0, -z, z))
        return float((weight * each).sum() + 0.5 * (held * c * c).sum() + 0.5e-3 * bias**2)

    best = loss(coefficients, found.bias)
    rng = np.random.default_rng(1)
    newton = np.linalg.solve(
        x.T @ (x * (weight * p * (1 - p))[:, None]) + np.diag(held),
        x.T @ (weight * (p - truth)) + held * coefficients,
    )
    assert loss(coefficients - newton, found.bias) > best * (1 - 1e-3), (
        "a Newton step finds nothing much lower"
    )
    for _ in range(5):
        assert loss(coefficients + rng.normal(0, 0.3, 15), found.bias) > best * (1 - 1e-3)
    bend = (x[:, :12] ** 2 * (weight * p * (1 - p))[:, None]).sum(0)
    np.testing.assert_allclose(found.precision, 1.0 + bend)
    np.testing.assert_allclose(found.variance(rows), (x[:, :12] ** 2 / found.precision).sum(1))


@settings(deadline=None)
@given(problems(), st.lists(st.integers(0, 1), max_size=6))
def test_rows_taken_and_stacked_are_those_of_a_plain_matrix(
    problem: tuple[Rows, np.ndarray, np.ndarray], chosen: list[int]
) -> None:
    rows = problem[0]
    at = np.array(chosen, np.int64)
    np.testing.assert_array_equal(dense_of(rows.take(at), 12), dense_of(rows, 12)[at])
    both = stacked([rows, rows.take(at)])
    np.testing.assert_array_equal(dense_of(both, 12), np.vstack([dense_of(rows, 12), dense_of(rows, 12)[at]]))


def test_training_rows_are_the_features_that_the_tier_computes() -> None:
    """The unit length of a row, and equal log-odds from a fit and from the packed tier, are what training stands on."""
    lines = [tokens("buy the dip now"), tokens(""), tokens("moon moon moon")]
    rows, unseen = rows_of(lines)
    length = np.bincount(rows.row_of, rows.values**2, 3)
    np.testing.assert_allclose(length + unseen, 2.0)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2]), min_size=30, max_size=90), st.integers(2, 6))
def test_folds_hold_every_class_evenly(labels: list[int], folds: int) -> None:
    array = np.array(labels, np.int8)
    fold = stratified(array, folds, 3)
    for label in np.unique(array):
        sizes = np.bincount(fold[array == label], minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(fold, stratified(array, folds, 3))


def test_measures_by_hand() -> None:
    truth = np.array([0, 0, 0, 2, 2, 1], np.int8)
    answers = np.array([0, 0, 2, 2, 0, 1], np.int8)
    table = measures.confusion(truth, answers)
    assert table.tolist() == [[2, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert measures.accuracy(table) == pytest.approx(4 / 6)
    assert measures.macro_f1(table) == pytest.approx((4 / 6 + 1 + 2 / 4) / 3)
    sure = np.array([0.95, 0.95, 0.95, 0.55])
    right = np.array([True, True, False, True])
    assert measures.calibration_error(sure, right) == pytest.approx((3 * (0.95 - 2 / 3) + 0.45) / 4)


def test_equal_data_gives_an_equal_file_that_has_learned_it(tmp_path: Path) -> None:
    crypto = write(tmp_path / "crypto.csv", neutral=False)
    news = write(tmp_path / "news.csv", neutral=True)
    outs = []
    for name in ("a.bin", "b.bin"):
        done = CliRunner().invoke(
            command, ["sentiment", "--data", str(crypto), str(news), "--out", str(tmp_path / name)]
        )
        assert done.exit_code == 0, done.output
        outs.append((tmp_path / name).read_bytes())
    assert outs[0] == outs[1]
    assert "crypto.csv: held out, bullish or bearish: accuracy" in done.output
    card = json.loads((tmp_path / "b.json").read_text())
    assert card["data"][0]["rows"] == {"bearish": 12, "neutral": 0, "bullish": 12}
    assert read(tmp_path / "b.bin").header.data_sha256 == (
        card["data"][0]["sha256"],
        card["data"][1]["sha256"],
    )
    scores = load(tmp_path / "b.bin").predict_batch(
        ["strong bounce number 0", "going to zero number 1", "see the agenda"]
    )
    assert scores.bullish[0] > 0.7
    assert scores.bullish[1] < 0.3
    assert scores.neutral[2] > scores.neutral[:2].max()


def test_real_posts_alone_reach_the_mark_held_out(data: Path) -> None:
    """300 crypto posts in five folds, without the headlines that the shipped weights have learned from as well."""
    posts = read_labelled(data / "crypto_reddit_train.csv")
    weights, card = train([posts], Recipe(repeats=1), lambda *_: None)
    (found,) = card["data"]
    assert found["bullish_or_bearish"]["accuracy"]["mean"] >= 0.77
    assert found["bullish_or_bearish"]["macro_f1"]["mean"] >= 0.76
    packed = Embedded(weights)
    learned = (packed.predict_batch(posts.texts).bullish > 0.5) == (posts.labels == BULLISH)
    assert learned.mean() > found["bullish_or_bearish"]["accuracy"]["mean"], (
        "what it has seen it knows better"
    )


def test_a_yaml_file_holds_data_credits_and_the_recipe(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    data = write(tmp_path / "posts.csv", neutral=True)
    config = tmp_path / "recipe.yaml"
    config.write_text(
        f"data: [{data}]\nout: {tmp_path / 'own.bin'}\ncredits: [someone]\nrecipe: {{folds: 3, repeats: 1}}\n"
    )
    done = CliRunner().invoke(command, ["sentiment", "--config", str(config)])
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "own.json").read_text())
    assert card["recipe"]["folds"] == 3
    assert card["credits"] == ["someone"]
    for text, reason in {
        "dat: 1": "expected the keys data, credits, out, recipe",
        "data: 5": "expected data to be a list of files",
        "recipe: {folds: many}": "Expected `int`",
        "recipe: {folds: 1}": "expected 2 to 20 folds",
        "recipe: {fold: 2}": "unknown field",
        "a: [": "expected a YAML file",
    }.items():
        config.write_text(text)
        done = CliRunner().invoke(command, ["sentiment", "--data", str(data), "--config", str(config)])
        assert done.exit_code == 1
        assert reason in done.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"text,label\ngood,bullish\nbad,sad\n,bearish\n",
            "line 3: expected bearish, neutral or bullish, found 'sad'",
        ),
        (b"text,label\ngood,bullish\n,bearish\n", "line 3: expected a text, found none"),
        (
            b'text,label\n"a\nb",bullish\nc,d,bearish\n',
            "line 4: expected 2 columns as in the header, found 3",
        ),
        (b"post,mood\na,b\n", "found post, mood"),
        (b"", "found nothing"),
        (b"text,label\n", "found none"),
        (b"text,label\n\xff,bullish\n", "line 2: expected UTF-8 text, found the byte 0xff"),
        (b'text,label\n"open,bullish\n', "expected CSV"),
    ],
)
def test_faults_of_data_are_named_with_their_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(BadData, match=re.escape(reason)):
        read_labelled(path)


def test_other_columns_and_words_for_labels_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('id,Sentiment,Comment Text\n1,Positive,"up, up"\n2,NEGATIVE,down\n', "utf-8-sig")
    found = read_labelled(path)
    assert found.texts == ("up, up", "down")
    assert found.classes == ("bearish", "bullish")


def test_too_little_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("text,label\n" + "up,bullish\n" * 9 + "down,bearish\n" * 2)
    with pytest.raises(BadData, match="at least 5 bearish posts in the first file, found 2"):
        check([read_labelled(path)], Recipe())
    with pytest.raises(BadData, match="at least one file"):
        check([], Recipe())


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    good = write(tmp_path / "posts.csv", neutral=False)
    bad = tmp_path / "bad.csv"
    bad.write_text("text,label\nfine,bullish\nso so,meh\n")
    for args, reason in (
        ((), "expected labelled posts: --data FILE"),
        (("--data", str(good), "--out", str(tmp_path / "w.json")), "w.json: its card goes there"),
        (("--data", str(good), str(bad)), "line 3: expected bearish, neutral or bullish, found 'meh'"),
        (("--data", str(tmp_path / "none.csv")), "none.csv: cannot be read: No such file"),
    ):
        done = CliRunner().invoke(command, ["sentiment", *args])
        assert done.exit_code == 1
        assert reason in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "posts.csv"]


def test_a_weights_file_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"")
    with pytest.raises(BadWeights, match=r"w\.bin: expected weights made by"):
        load(tmp_path / "w.bin")
