"""The local tier over a real RoBERTa, if a small one: labels, dropout, adapters, folders that are not what they say."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the models extra is not installed")
pytest.importorskip("transformers", reason="the models extra is not installed")

from transformers import AutoModelForSequenceClassification, AutoTokenizer, RobertaConfig  # noqa: E402

from cli.main import main  # noqa: E402
from engine.sentiment import local  # noqa: E402
from engine.sentiment.dropout import Dropout  # noqa: E402
from engine.sentiment.local_options import LocalOptions  # noqa: E402
from engine.sentiment.scores import BEARISH, BULLISH, NEUTRAL, TIERS, from_draws  # noqa: E402
from engine.sentiment.tiers import TierMissing, open_tier  # noqa: E402
from tests.sentiment import tiny  # noqa: E402

POSTS = ["going to zero", "new highs again, buyers everywhere", "", "down only " * 40, "比特币 🚀"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def head(folder: Path) -> local.Local:
    return local.load(LocalOptions(model=str(folder)))


def by_hand(folder: Path, texts: list[str]) -> np.ndarray:
    """Class probabilities as transformers gives them, a text at a time, in the model's own order."""
    model = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    with torch.inference_mode():
        rows = [model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0] for text in texts]
    return torch.stack(rows).softmax(-1).double().numpy()


def test_without_dropout_scores_are_the_models_own_probabilities(folder: Path) -> None:
    scores = local.load(LocalOptions(model=str(folder), doubt="none")).predict_batch(POSTS)
    negative, neutral, positive = by_hand(folder, [post.strip() for post in POSTS]).T
    np.testing.assert_allclose(scores.polarity, positive - negative, atol=1e-5)
    np.testing.assert_allclose(scores.neutral, neutral, atol=1e-5)
    np.testing.assert_allclose(scores.bullish, positive / (positive + negative), atol=1e-5)
    assert np.isnan(scores.epistemic).all(), "one pass knows nothing of the model's own doubt"
    assert {TIERS[at] for at in scores.tier} == {"local"}


def test_a_temperature_divides_log_odds(folder: Path) -> None:
    plain, warm = (
        local.load(LocalOptions(model=str(folder), doubt="none", temperature=t)).predict_batch(POSTS)
        for t in (1, 2)
    )
    p, q = plain.bullish, warm.bullish
    np.testing.assert_allclose(np.log(q / (1 - q)), np.log(p / (1 - p)) / 2, rtol=1e-6)


@pytest.mark.parametrize("full", [False, True])
def test_the_thinned_networks_are_spread_as_torchs_own_dropout_spreads_them(folder: Path, full: bool) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    inputs = dict(AutoTokenizer.from_pretrained(str(folder))(["new highs again"], return_tensors="pt"))
    passes = 1000
    with torch.inference_mode():
        ours = Dropout(model, passes=passes, seed=3, full=full).logits(inputs)[:, 0]
        torch.manual_seed(5)
        for module in (model if full else model.classifier).modules():
            if isinstance(module, torch.nn.Dropout):
                module.train()
        many = {name: value.expand(4000, -1) for name, value in inputs.items()}
        theirs = model(**many).logits
    error = theirs.std(0) * (1 / passes + 1 / 4000) ** 0.5
    assert ((ours.mean(0) - theirs.mean(0)).abs() < 5 * error).all()
    ratio = ours.std(0) / theirs.std(0)
    assert (ratio > 0.85).all()
    assert (ratio < 1.15).all()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*POSTS, *tiny.GOOD, *tiny.BAD]), min_size=1, max_size=40))
def test_a_text_has_the_same_score_and_doubt_alone_and_in_any_batch(
    head: local.Local, texts: list[str]
) -> None:
    together = head.predict_batch(texts)
    alone = [head.predict_batch([text]) for text in texts[:4]]
    for name in ("polarity", "aleatoric", "epistemic", "epistemic_sd"):
        found = np.concatenate([getattr(scores, name) for scores in alone])
        np.testing.assert_allclose(getattr(together, name)[:4], found, atol=2e-5)


def test_head_and_full_know_doubt_and_leave_the_model_as_it_was(folder: Path) -> None:
    full, head, none = (
        local.load(LocalOptions(model=str(folder), doubt=doubt)) for doubt in ("full", "head", "none")
    )
    for tier in (full, head):
        scores = tier.predict_batch(POSTS)
        assert (scores.epistemic > 0).all()
        assert (scores.epistemic_sd > 0).all()
        model = tier._model
        assert not any(module.training for module in model.modules())
        assert not any(module._forward_hooks for module in model.modules())
        tier._dropout = None
        np.testing.assert_array_equal(tier.predict_batch(POSTS).polarity, none.predict_batch(POSTS).polarity)


def test_another_seed_is_another_draw_and_the_same_one_the_same(folder: Path) -> None:
    first, again, other = (
        local.load(LocalOptions(model=str(folder), seed=seed)).predict_batch(POSTS).epistemic
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_without_dropout_in_the_network_doubt_is_zero_between_passes_and_missing_in_scores(
    tmp_path: Path,
) -> None:
    folder = tiny.make(tmp_path / "sure", dropout=0.0)
    tier = local.load(LocalOptions(model=str(folder)))
    assert np.isnan(tier.predict_batch(POSTS).epistemic).all()
    dropout = Dropout(tier._model, passes=5, seed=1, full=True)
    assert not dropout.any
    with torch.inference_mode():
        logits = dropout.logits(dict(tier._tokenizer(["going to zero"], return_tensors="pt")))
    draws = local.probabilities(logits.double().numpy(), [BEARISH, NEUTRAL, BULLISH], 1.0)
    np.testing.assert_allclose(from_draws(draws).epistemic, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("names", "mapping", "places"),
    [
        (("positive", "negative", "neutral"), {}, [BULLISH, BEARISH, NEUTRAL]),
        (("Bearish", "Neutral", "Bullish"), {}, [BEARISH, NEUTRAL, BULLISH]),
        (("NEGATIVE", "POSITIVE"), {}, [BEARISH, BULLISH]),
        (("LABEL_0", "LABEL_1"), {"label_0": "bullish", "LABEL_1": "bearish"}, [BULLISH, BEARISH]),
        (("1 star", "2 stars", "3 stars"), {"1 star": "bearish", "2 stars": "bearish", "3 stars": "bullish"},
         [BEARISH, BEARISH, BULLISH]),
    ],
)  # fmt: skip
def test_labels_are_read_by_name(names: tuple[str, ...], mapping: dict[str, str], places: list[int]) -> None:
    config = RobertaConfig(id2label=dict(enumerate(names)))
    assert local.columns(config, mapping) == places


@pytest.mark.parametrize(
    ("names", "mapping", "reason"),
    [
        (("LABEL_0", "LABEL_1"), {}, "found LABEL_0, LABEL_1. Where they mean that, say so"),
        (("joy", "anger", "neutral"), {}, "whose labels are bearish and bullish"),
        (("positive", "neutral"), {}, "whose labels are bearish and bullish"),
        (
            ("LABEL_0", "LABEL_1"),
            {"LABEL_2": "bullish"},
            "expected names among LABEL_0, LABEL_1, found label_2",
        ),
        (("LABEL_0", "LABEL_1"), {"LABEL_0": "up"}, "expected bearish, neutral or bullish, found up"),
    ],
)
def test_labels_that_nobody_can_name_are_refused(
    names: tuple[str, ...], mapping: dict[str, str], reason: str
) -> None:
    config = RobertaConfig(id2label=dict(enumerate(names)))
    with pytest.raises(local.BadModel) as caught:
        local.columns(config, mapping)
    assert reason in str(caught.value)


def test_two_classes_leave_neutral_out(tmp_path: Path) -> None:
    folder = tiny.make(tmp_path / "two", ("bullish", "bearish"))
    scores = local.load(LocalOptions(model=str(folder), doubt="none")).predict_batch(POSTS[:2])
    bullish, bearish = by_hand(folder, POSTS[:2]).T
    np.testing.assert_allclose(scores.polarity, bullish - bearish, atol=1e-5)
    assert (scores.neutral == 0).all()


def test_a_long_text_is_cut_to_the_models_places(head: local.Local) -> None:
    long = "going to zero " * 2900
    scores = head.predict_batch([long, long + "new highs again"])
    assert scores.polarity[0] == pytest.approx(scores.polarity[1])
    assert np.isfinite(scores.epistemic).all()


def test_of_no_texts_there_are_no_scores(head: local.Local) -> None:
    assert len(head.predict_batch([])) == 0


class _Bomb:
    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self._file,)


def test_neither_pickles_nor_code_of_a_strangers_folder_are_run(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    shutil.copytree(folder, trap)
    sprung = tmp_path / "sprung"
    (trap / "pytorch_model.bin").write_bytes(pickle.dumps(_Bomb(sprung)))
    (trap / "own.py").write_text(f"open({str(sprung)!r}, 'w')\nclass Model: pass\n")
    config = json.loads((trap / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "own.Model"}
    (trap / "config.json").write_text(json.dumps(config))
    assert len(local.load(LocalOptions(model=str(trap))).predict_batch(POSTS)) == len(POSTS)
    (trap / "model.safetensors").unlink()
    with pytest.raises(local.BadModel, match="expected weights in safetensors files, found none"):
        local.load(LocalOptions(model=str(trap)))
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: (f / "config.json").unlink(), "with a config.json in it"),
        (
            lambda f: (f / "config.json").write_text("{"),
            "expected a model for sequence classification, found",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"nothing"),
            "expected a model for sequence classification",
        ),
        (
            lambda f: (f / "microtui.json").write_text('{"temperature": 0}'),
            "expected a temperature from 0.01",
        ),
        (lambda f: (f / "microtui.json").write_text('{"temperature": "x"}'), "expected a model card, found"),
        (shutil.rmtree, "expected a model's folder, found none there"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(folder: Path, tmp_path: Path, spoil: Any, reason: str) -> None:
    spoiled = tmp_path / "spoiled"
    shutil.copytree(folder, spoiled)
    spoil(spoiled)
    with pytest.raises(local.BadModel) as caught:
        local.load(LocalOptions(model=str(spoiled)))
    assert reason in str(caught.value)
    assert "spoiled" in str(caught.value)


def test_a_language_model_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    folder = tiny.make(tmp_path / "plain", head=False)
    with pytest.raises(local.BadModel, match=r"found no weights for classifier\.dense\.bias"):
        local.load(LocalOptions(model=str(folder)))


def test_a_hub_out_of_reach_names_the_model_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(local.OutOfReach) as caught:
        local.load(LocalOptions(model="nobody/nothing-at-all"))
    assert "the model nobody/nothing-at-all is not on this machine" in str(caught.value)
    assert 'sentiment.local.model = "FOLDER"' in str(caught.value)
    with pytest.raises(local.BadModel, match="expected a model's folder or what the hub calls one"):
        local.load(LocalOptions(model="not a name"))


def test_an_adapter_is_worked_into_the_weights(folder: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(4)
    model = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    adapted = peft.get_peft_model(
        model,
        peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"], init_lora_weights=False),
    ).eval()
    adapted.save_pretrained(str(tmp_path / "adapter"))
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    with torch.inference_mode():
        p = adapted(**tokenizer(POSTS[0], return_tensors="pt")).logits[0].softmax(-1)
    options = LocalOptions(model=str(folder), adapter=str(tmp_path / "adapter"), doubt="none")
    tier = local.load(options)
    assert tier.predict_batch(POSTS[:1]).polarity[0] == pytest.approx(float(p[2] - p[0]), abs=1e-5)
    assert tier.model.startswith("tiny+adapter@")
    assert tier.model != local.load(LocalOptions(model=str(folder))).model
    with pytest.raises(local.BadModel, match=r"expected an adapter, with an adapter_model\.safetensors"):
        local.load(LocalOptions(model=str(folder), adapter=str(folder)))


def test_the_command_asks_the_model_that_the_settings_name(
    folder: Path, head: local.Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROTUI_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(f'[sentiment.local]\nmodel = "{folder}"\n')
    done = CliRunner().invoke(main, ["score", "--tier", "local", "--json", POSTS[0]])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert row["tier"] == "local"
    assert row["polarity"] == pytest.approx(float(head.predict_batch(POSTS[:1]).polarity[0]), abs=1e-4)
    (tmp_path / "config.toml").write_text(f'[sentiment.local]\nmodel = "{tmp_path}/none"\n')
    done = CliRunner().invoke(main, ["score", "--tier", "local", POSTS[0]])
    assert done.exit_code == 1
    assert "expected a model's folder, found none there" in done.output


def test_without_the_extra_the_tier_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("engine.sentiment.tiers.importlib.import_module", gone)
    with pytest.raises(TierMissing, match=r"pip install 'microtui\[models\]'"):
        open_tier("local")


@pytest.mark.parametrize(
    "wrong",
    [{"doubt": "some"}, {"passes": 1}, {"device": "tpu"}, {"temperature": 0.0}],
    ids=lambda w: next(iter(w)),
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        LocalOptions(**wrong)
