"""Fine-tuning a small RoBERTa: it learns, goes on where it was stopped, and overwrites nothing that is not its own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="the models extra is not installed")
pytest.importorskip("transformers", reason="the models extra is not installed")

import msgspec
from safetensors.torch import load_file

from cli.main import main
from cli.train_local import stopping
from engine.lab import train_local
from engine.lab.labelled import BadData, read_labelled
from engine.lab.train_local import Recipe, Stopped, train
from engine.sentiment import local
from engine.sentiment.local_options import LocalOptions
from tests.sentiment import tiny

TUNED: dict[str, Any] = {"epochs": 8, "lr": 3e-3, "batch": 4, "max_length": 32}
PLAIN = ["the meeting is on", "a table of", "opening hours", "see the agenda for", "a note about"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("models") / "base", spread=0.1)


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_csv(tmp_path_factory.mktemp("data") / "posts.csv", 40)


def quiet(what: str, done: int, of: int) -> None:
    assert 0 <= done <= of, what


def trained(
    base: Path, files: list[Path], out: Path, stop: Callable[[], bool] = bool, **tuned: Any
) -> dict[str, Any]:
    recipe = Recipe(**TUNED | {"base": str(base)} | tuned)
    return train([read_labelled(file) for file in files], recipe, out, quiet, stop)


def right(folder: Path) -> float:
    texts, labels = tiny.texts(50)
    scores = local.load(LocalOptions(model=str(folder))).predict_batch(texts)
    return float(((scores.bullish > 0.5) == (np.array(labels) == "bullish")).mean())


def test_forty_rows_are_learned_and_the_card_says_from_what(base: Path, posts: Path, tmp_path: Path) -> None:
    card = trained(base, [posts], tmp_path / "out")
    assert right(base) < 0.6
    assert right(tmp_path / "out") > 0.8
    assert card["validation_loss"][-1] < 0.5 * card["validation_loss"][0]
    assert card["data"] == [{"file": "posts.csv", "sha256": read_labelled(posts).sha256, "rows": 40}]
    assert card["held_out"]["rows"] == 4
    assert json.loads((tmp_path / "out" / local.CARD).read_text()) == card
    tier = local.load(LocalOptions(model=str(tmp_path / "out"), doubt="none"))
    sharp = local.load(LocalOptions(model=str(tmp_path / "out"), doubt="none", temperature=1.0))
    p, q = (t.predict_batch(["going to zero"]).bullish for t in (tier, sharp))
    np.testing.assert_allclose(np.log(p / (1 - p)) * card["temperature"], np.log(q / (1 - q)), rtol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing else is left behind"


@pytest.mark.parametrize("steps", [0, 3, 8, 13])
def test_a_training_that_was_stopped_ends_where_it_would_have_ended(
    base: Path, posts: Path, tmp_path: Path, steps: int
) -> None:
    left = iter([False] * steps + [True])
    with pytest.raises(Stopped, match=rf"epoch {steps // 8 + 1} of 3; the same command goes on"):
        trained(base, [posts], tmp_path / "parts", lambda: next(left), epochs=3)
    assert not (tmp_path / "parts").exists()
    card = trained(base, [posts], tmp_path / "parts", epochs=3)
    assert card == trained(base, [posts], tmp_path / "whole", epochs=3)
    parts, whole = (load_file(tmp_path / name / "model.safetensors") for name in ("parts", "whole"))
    assert parts.keys() == whole.keys()
    assert all(parts[name].equal(whole[name]) for name in parts)


def test_another_recipe_does_not_go_on_with_it(base: Path, posts: Path, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        trained(base, [posts], tmp_path / "out", lambda: True)
    with pytest.raises(BadData, match="another recipe's, base's or other data's; delete it"):
        trained(base, [posts], tmp_path / "out", seed=2)
    (tmp_path / "out.checkpoint").write_bytes(b"nothing")
    with pytest.raises(BadData, match="expected where a training stood, found"):
        trained(base, [posts], tmp_path / "out")


def test_frozen_layers_stay_and_the_others_do_not(base: Path, posts: Path, tmp_path: Path) -> None:
    trained(base, [posts], tmp_path / "out", epochs=1, freeze_layers=1)
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "out"))
    frozen = {name for name in before if before[name].equal(after[name])}
    assert frozen == {name for name in before if "embeddings" in name or "layer.0." in name}
    with pytest.raises(BadData, match="expected at most 2 layers to freeze, found 3"):
        trained(base, [posts], tmp_path / "more", freeze_layers=3)


def test_it_stops_when_validation_gains_no_more_and_keeps_the_best(
    base: Path, posts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.9, 0.5, 0.7, 0.6, 0.4])
    monkeypatch.setattr(train_local, "validated", lambda *_: next(losses))
    card = trained(base, [posts], tmp_path / "out", patience=1)
    assert card["validation_loss"] == [0.9, 0.5, 0.7, 0.6]
    losses = iter([0.9, 0.5])
    left = iter([False] * 16 + [True])
    with pytest.raises(Stopped):
        trained(base, [posts], tmp_path / "two", lambda: next(left), patience=1)
    best = {
        name.removeprefix("best."): value
        for name, value in load_file(tmp_path / "two.checkpoint").items()
        if name.startswith("best.")
    }
    kept = load_file(tmp_path / "out" / "model.safetensors")
    assert all(value.equal(best[name]) for name, value in kept.items())


def test_files_with_and_without_neutral_train_one_model_with_a_new_head(tmp_path: Path, posts: Path) -> None:
    two = tiny.make(tmp_path / "two", ("POSITIVE", "NEGATIVE"), spread=0.1)
    rows = [f'"{text} {at}",neutral' for at in range(5) for text in PLAIN]
    rows += [f'"{text}",{label}' for text, label in zip(*tiny.texts(50), strict=True)][:26]
    news = tmp_path / "news.csv"
    news.write_text("text,label\n" + "\n".join(rows) + "\n")
    card = trained(two, [posts, news], tmp_path / "out")
    assert "three_classes" in card["held_out"]
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == {"0": "bearish", "1": "neutral", "2": "bullish"}
    scores = local.load(LocalOptions(model=str(tmp_path / "out"))).predict_batch(
        [*PLAIN, *tiny.GOOD, *tiny.BAD]
    )
    assert scores.neutral[:5].min() > scores.neutral[5:].max()
    assert right(tmp_path / "out") > 0.8


def test_rows_of_a_file_without_neutral_do_not_move_what_is_said_of_neutral(base: Path, posts: Path) -> None:
    data = train_local.gathered([read_labelled(posts)], 1)
    trainee = train_local.opened(Recipe(**TUNED | {"base": str(base)}), neutral=False)
    train_local.loss_of(trainee, data, np.arange(8), train_local.class_weights(data.labels, "cpu")).backward()
    gradient = trainee.model.classifier.out_proj.bias.grad
    assert gradient[1] == 0
    assert (gradient[[0, 2]] != 0).all()


def test_classes_count_the_same_however_many_rows_they_have() -> None:
    labels = np.array([0] * 30 + [2] * 10)
    weights = train_local.class_weights(labels, "cpu").numpy()
    np.testing.assert_allclose(np.bincount(labels, weights[labels], 3), [20, 0, 20])


def test_what_was_not_made_here_is_not_overwritten(base: Path, posts: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years")
    with pytest.raises(BadData, match="nothing else is overwritten"):
        trained(base, [posts], mine)
    assert (mine / "thesis.tex").read_text() == "years"
    trained(base, [posts], tmp_path / "out", epochs=1)
    assert trained(base, [posts], tmp_path / "out", epochs=1, seed=2)["recipe"]["seed"] == 2


def test_too_little_data_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="expected at least 10 bearish posts in all, found 9"):
        trained(base, [tiny.write_csv(tmp_path / "few.csv", 19)], tmp_path / "out")
    with pytest.raises(BadData, match="expected at least one file"):
        trained(base, [], tmp_path / "out")


@pytest.mark.parametrize("wrong", [{"lr": 0}, {"epochs": 0}, {"max_length": 513}, {"seed": -1}])
def test_recipes_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"expected {next(iter(wrong))} from"):
        msgspec.convert(wrong, Recipe)


def test_the_command_trains_what_the_local_tier_then_uses(
    base: Path, posts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    config = tmp_path / "recipe.yaml"
    config.write_text(f"credits: [someone]\nrecipe: {{base: {base}, epochs: 1, lr: 0.001, max_length: 16}}\n")
    command = [
        "train",
        "sentiment",
        "--model",
        "distilroberta",
        "--data",
        str(posts),
        "--config",
        str(config),
    ]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "held out, bullish or bearish: accuracy" in done.output
    assert "the local tier uses it from now on" in done.output
    (card,) = (tmp_path / "data").rglob(local.CARD)
    assert json.loads(card.read_text())["credits"] == ["someone"]
    done = CliRunner().invoke(main, ["score", "--tier", "local", "--json", "going to zero"])
    assert done.exit_code == 0, done.output
    found = local.load(LocalOptions(model=str(card.parent))).predict_batch(["going to zero"])
    assert json.loads(done.stdout)["polarity"] == pytest.approx(float(found.polarity[0]), abs=1e-4)
    config.write_text("recipe: {learning: 1}\n")
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "unknown field `learning`" in done.output


def test_the_first_ctrl_c_is_a_wish_and_the_second_an_order() -> None:
    with stopping() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
