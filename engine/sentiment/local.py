"""Tier 1: a transformers classifier on this machine, on a GPU where there is one. Needs the `models` extra.

Labels are understood by name, never by place. Weights are fetched and read as safetensors files only and no code of a
model is ever run: a stranger's folder can at worst be wrong. `microtui.json`, which training writes, holds the
temperature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from engine.sentiment.dropout import Dropout
from engine.sentiment.local_options import LocalOptions
from engine.sentiment.posts import post_text
from engine.sentiment.scores import BEARISH, BULLISH, LABELS, NEUTRAL, TIERS, Floats, Scores, from_draws
from engine.sentiment.tiers import TierMissing

FETCHED = ("*.json", "*.txt", "*.safetensors", "*.model")  # of what a hub's model offers
ADAPTER = "adapter_model.safetensors"
CARD = "microtui.json"  # beside the weights, made by training
LONGEST = 512  # tokens
# Texts at once. A processor gains nothing by more, and loses what shorter ones are padded with.
AT_ONCE = {"cpu": 8, "cuda": 64}
NAMES = dict.fromkeys(("bearish", "negative", "neg"), BEARISH)
NAMES |= dict.fromkeys(("neutral", "neu"), NEUTRAL)
NAMES |= dict.fromkeys(("bullish", "positive", "pos"), BULLISH)
# Of their places for tokens the first two are no tokens'.
ROBERTAS = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl")


class BadModel(TierMissing):
    """A model that cannot be used; says what was expected of it."""


class OutOfReach(BadModel):
    """A model that could not be fetched now, and perhaps can later."""


class Calibration(msgspec.Struct, frozen=True):
    """What `microtui.json` says that scoring needs; its other fields are for people."""

    temperature: float = 1.0
    max_length: int = LONGEST


class Local:
    """`engine.sentiment.scores.Tier` over one classifier. Not for several threads at once."""

    name = "local"

    def __init__(
        self, model: Any, tokenizer: Any, options: LocalOptions, calibration: Calibration, version: str
    ):
        self.model = version
        self._model, self._tokenizer = model.eval(), tokenizer
        self._columns = columns(model.config, options.labels)
        self._temperature = options.temperature or calibration.temperature
        self._max_length = min(calibration.max_length, longest(model.config, tokenizer))
        dropout = Dropout(model, passes=options.passes, seed=options.seed, full=options.doubt == "full")
        self._dropout = dropout if options.doubt != "none" and dropout.any else None

    @property
    def device(self) -> str:
        return str(self._model.device)

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        """Scores of any text: cleaned first, a long one by its first tokens. Without dropout no epistemic part."""
        lines = [post_text(text) for text in texts]
        order = sorted(range(len(lines)), key=lambda at: len(lines[at]))  # equal lengths waste no padding
        draws = np.empty((1, 0, 3))
        step = AT_ONCE[self._model.device.type]
        for first in range(0, len(order), step):
            rows = order[first : first + step]
            found = self._draws([lines[row] for row in rows])
            if not first:
                draws = np.empty((len(found), len(lines), 3))
            draws[:, rows] = found
        return from_draws(draws, tier=TIERS.index(self.name))

    @torch.inference_mode()
    def _draws(self, lines: Sequence[str]) -> Floats:
        """Class probabilities in the order of LABELS, shape (passes, texts, 3)."""
        inputs = self._tokenizer(
            list(lines), truncation=True, max_length=self._max_length, padding=True, return_tensors="pt"
        ).to(self._model.device)
        dropout = self._dropout
        logits = dropout.logits(dict(inputs)) if dropout else self._model(**inputs).logits[None]
        logits = logits.double().cpu()
        return probabilities(logits.numpy(), self._columns, self._temperature)


def probabilities(logits: Floats, places: Sequence[int], temperature: float) -> Floats:
    """Softmax of logits (…, classes) by class of ours: (…, 3). `places[i]` is what the model's class i means."""
    odds = logits / temperature
    odds = np.exp(odds - odds.max(-1, keepdims=True))
    odds /= odds.sum(-1, keepdims=True)
    found = np.zeros((*odds.shape[:-1], len(LABELS)))
    for at, place in enumerate(places):
        found[..., place] += odds[..., at]
    return found


def columns(config: Any, labels: Mapping[str, str]) -> list[int]:
    """What each class of a model means, as an index into LABELS. Raises BadModel for a class nobody can name."""
    found = {int(at): str(name) for at, name in (config.id2label or {}).items()}
    names = [found[at] for at in sorted(found)]
    given = {name.lower(): meaning.lower() for name, meaning in labels.items()}
    if strange := sorted(set(given.values()) - set(LABELS)):
        raise BadModel(f"labels: expected bearish, neutral or bullish, found {', '.join(strange)}")
    if strange := sorted(set(given) - {name.lower() for name in names}):
        raise BadModel(f"labels: expected names among {', '.join(names)}, found {', '.join(strange)}")
    meant = [NAMES.get(given.get(name.lower(), name.lower())) for name in names]
    if None in meant or not {BEARISH, BULLISH} <= set(meant):
        raise BadModel(
            f"expected a classifier whose labels are bearish and bullish (or negative and positive), with or without "
            f"neutral; found {', '.join(names)}. Where they mean that, say so: "
            f"labels = {{ {', '.join(f'{name} = …' for name in names[:3])} }}"
        )
    return [place for place in meant if place is not None]


def longest(config: Any, tokenizer: Any) -> int:
    """Tokens that the model has places for, LONGEST at most."""
    places = int(getattr(config, "max_position_embeddings", None) or LONGEST)
    if config.model_type in ROBERTAS:
        places -= 2
    return int(min(places, tokenizer.model_max_length, LONGEST))


def load(options: LocalOptions) -> Local:
    """The tier over a folder or a hub's model. Raises BadModel; OutOfReach where trying again may help."""
    device = device_of(options.device)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    quiet()
    folder = folder_of(options.model)
    model, tokenizer = opened(folder, options, dtype)
    if model.config.problem_type == "multi_label_classification" or model.config.num_labels < 2:
        raise BadModel(f"{options.model}: expected a classifier that gives a text one label")
    if tokenizer.pad_token_id is None:  # a language model, as a rule: it has an end where others have padding
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    version = version_of(options, folder)
    return Local(model.to(device), tokenizer, options, calibration_of(folder), version)


def opened(folder: Path, options: LocalOptions, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model, its adapter worked in, and tokenizer. Raises BadModel."""
    # An adapter may bring the head with it; how many classes that has, only the labels can tell.
    classes = {"num_labels": len(options.labels)} if options.adapter and options.labels else {}
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            str(folder),
            use_safetensors=True,
            trust_remote_code=False,
            dtype=dtype,
            output_loading_info=True,
            **classes,
        )
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadModel(
            f"{options.model}: expected a model for sequence classification, found: {said(error)}"
        ) from None
    if options.adapter is not None:
        return adapted(model, Path(options.adapter).expanduser()), tokenizer
    if lacking := sorted(loading["missing_keys"]):
        raise BadModel(
            f"{options.model}: expected a trained classifier, found no weights for {', '.join(lacking[:3])}; "
            "microtui train sentiment --model distilroberta makes one of it"
        )
    return model, tokenizer


def open_tier(options: LocalOptions | None = None) -> Local:
    """For `engine.sentiment.tiers`."""
    return load(options or LocalOptions())


def quiet() -> None:
    """What transformers would write to the terminal it says to nobody here: errors come as exceptions."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def device_of(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise BadModel("expected a GPU that torch can use, found none; device = auto works without")
    return name


def folder_of(model: str) -> Path:
    """The model's folder; a hub's model is fetched into the hub's own cache first. Raises BadModel."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise BadModel(f"{model}: expected a model's folder, found none there")
        folder = fetched(model)
    if not (folder / "config.json").is_file():
        raise BadModel(f"{model}: expected a model's folder, with a config.json in it")
    if not list(folder.glob("*.safetensors")):
        raise BadModel(f"{model}: expected weights in safetensors files, found none; others are not opened")
    return folder


def fetched(model: str) -> Path:
    """Where the hub's model lies on this machine, in its newest state if the hub answers."""
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        return Path(snapshot_download(model, allow_patterns=list(FETCHED)))
    except (HFValidationError, RepositoryNotFoundError) as error:
        raise BadModel(
            f"expected a model's folder or what the hub calls one, found {model}: {said(error)}"
        ) from None
    except OSError as error:
        raise OutOfReach(
            f"the model {model} is not on this machine and the hub does not give it ({said(error)}). Where there is "
            'no network, copy its folder here and name that in the settings: sentiment.local.model = "FOLDER"'
        ) from None


def said(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def adapted(model: Any, folder: Path) -> Any:
    """The model with a PEFT adapter's changes worked into its weights."""
    try:
        from peft import PeftModel
    except ImportError:
        raise BadModel("an adapter needs peft: pip install 'microtui[models]'") from None
    if not (folder / ADAPTER).is_file():
        raise BadModel(f"{folder}: expected an adapter, with an {ADAPTER} in it")
    try:
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadModel(f"{folder}: expected an adapter for this model, found: {said(error)}") from None


def calibration_of(folder: Path) -> Calibration:
    """Of a folder that training made; of any other the default. Raises BadModel."""
    card = folder / CARD
    try:
        found = msgspec.json.decode(card.read_bytes(), type=Calibration)
    except FileNotFoundError:
        return Calibration()
    except (OSError, msgspec.DecodeError) as error:
        raise BadModel(f"{card}: expected a model card, found: {error}") from None
    if not 0.01 <= found.temperature <= 100 or not 8 <= found.max_length <= LONGEST:
        raise BadModel(
            f"{card}: expected a temperature from 0.01 to 100 and 8 to {LONGEST} tokens, found {found}"
        )
    return found


def version_of(options: LocalOptions, folder: Path) -> str:
    """A name that tells one set of weights from another by the beginning of their digest."""
    name, files = Path(options.model).name, sorted(folder.glob("*.safetensors"))
    if options.adapter is not None:
        adapter = Path(options.adapter).expanduser()
        name, files = f"{name}+{adapter.name}", [*files, adapter / ADAPTER]
    return f"{name}@{digest(files)}"


def digest(files: Sequence[Path]) -> str:
    """Eight digits of the sha256 of all the files."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as blob:
            total.update(hashlib.file_digest(blob, "sha256").digest())
    return total.hexdigest()[:8]
