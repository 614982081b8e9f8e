"""How a local sentiment model is fine-tuned: class weights, early stopping, one temperature, a model card.

Rows of a file without neutral posts teach only bullish against bearish: their neutral logit is left out of the loss,
so that two-class and three-class data train one model. A tenth of the rows stops the training and sets the
temperature, another tenth gives the scores on the card. What is drawn by chance depends on seed, epoch and step alone,
so that a training that was stopped ends where it would have ended.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from engine.lab import local_checkpoint, measures
from engine.lab.labelled import BadData, Labelled, stratified
from engine.lab.local_checkpoint import Progress
from engine.lab.train_sentiment import TEMPERATURES
from engine.sentiment import local
from engine.sentiment.local_options import MODEL, LocalOptions
from engine.sentiment.posts import post_text
from engine.sentiment.scores import BEARISH, BULLISH, LABELS, NEUTRAL

Ints = npt.NDArray[np.int64]
Tell = Callable[[str, int, int], None]  # what is being done, how many steps are, of how many

FOLDS = 10  # one to score, one to stop and calibrate, the others to learn from
WEIGHT_DECAY = 0.01
WARM_UP = 0.1  # share of the steps in which the learning rate rises
LONGEST_GRADIENT = 1.0
ROWS_SCORED = 64


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be tuned."""

    base: str = MODEL  # what is trained further: a folder or a hub's model
    lr: float = 2e-5
    epochs: int = 4
    batch: int = 16
    freeze_layers: int = 0  # of the encoder, from below, and with the first the embeddings
    patience: int = 2  # epochs that may be worse on validation before it is given up
    max_length: int = 128  # tokens
    seed: int = 1

    def __post_init__(self) -> None:
        for name, lowest, highest in (
            *(("lr", 1e-7, 1.0), ("epochs", 1, 1000), ("batch", 1, 1024), ("freeze_layers", 0, 200)),
            *(("patience", 0, 1000), ("max_length", 8, local.LONGEST), ("seed", 0, 2**31)),
        ):
            if not lowest <= (found := getattr(self, name)) <= highest:
                raise ValueError(f"expected {name} from {lowest} to {highest}, found {found}")


class Stopped(Exception):
    """Somebody wished it to stop; where it stood is kept."""

    for_people = True


@dataclass(frozen=True)
class Data:
    texts: list[str]
    labels: Ints
    sided: npt.NDArray[np.bool_]  # rows that say nothing of neutral
    fold: Ints

    def rows(self, part: str) -> Ints:
        """Rows to "score", to "stop" at, or to "learn" from."""
        chosen = {"score": self.fold == 0, "stop": self.fold == 1, "learn": self.fold > 1}[part]
        return np.flatnonzero(chosen)


@dataclass
class Trainee:
    """The model and what is needed to ask it; `places[i]` is what its class i means."""

    model: Any
    tokenizer: Any
    places: list[int]
    device: str
    max_length: int

    def odds(self, texts: Sequence[str], sided: npt.NDArray[np.bool_]) -> Tensor:
        """Logits in the order of LABELS, of a class that is out of question -inf. Shape (texts, 3)."""
        inputs = self.tokenizer(
            list(texts), truncation=True, max_length=self.max_length, padding=True, return_tensors="pt"
        )
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            logits = self.model(**inputs.to(self.device)).logits
        found = torch.full((len(texts), len(LABELS)), -torch.inf, device=self.device)
        found = found.index_copy(1, torch.tensor(self.places, device=self.device), logits.float())
        out = torch.zeros_like(found, dtype=torch.bool)
        out[:, NEUTRAL] = torch.tensor(sided, device=self.device)
        return found.masked_fill(out, -torch.inf)


def train(
    files: Sequence[Labelled],
    recipe: Recipe,
    out: Path,
    tell: Tell,
    stop: Callable[[], bool],
    credit: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the model's folder and return its card. Goes on where an earlier call with equal arguments stopped.

    Raises Stopped once `stop` says so, BadData, and `engine.sentiment.local.BadModel`.
    """
    if out.exists() and not (out / local.CARD).is_file():
        raise BadData(
            f"{out}: expected no such folder, or a model that was trained here; nothing else is overwritten"
        )
    data = gathered(files, recipe.seed)
    trainee = opened(recipe, bool((data.labels == NEUTRAL).any()))
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    base = local.digest(sorted(local.folder_of(recipe.base).glob("*.safetensors")))
    identity = msgspec.json.encode([msgspec.to_builtins(recipe), [f.sha256 for f in files], base]).decode()
    history = fitted(trainee, data, recipe, checkpoint, identity, tell, stop)
    temperature = calibrated(trainee, data)
    card = card_of(trainee, data, recipe, files, temperature, history) | {"credits": list(credit)}
    write(trainee, card, out)
    checkpoint.unlink(missing_ok=True)
    return card


def gathered(files: Sequence[Labelled], seed: int) -> Data:
    if not files:
        raise BadData("expected at least one file of labelled posts, found none")
    labels = np.concatenate([file.labels for file in files]).astype(np.int64)
    place = np.repeat(np.arange(len(files)), [len(file.texts) for file in files])
    counts = np.bincount(labels, minlength=3)
    for label in range(3):
        if counts[label] < FOLDS and (counts[label] or label != NEUTRAL):
            raise BadData(f"expected at least {FOLDS} {LABELS[label]} posts in all, found {counts[label]}")
    sided = np.array([not (file.labels == NEUTRAL).any() for file in files])[place]
    return Data(
        [post_text(text) for file in files for text in file.texts],
        labels,
        sided,
        stratified(labels.astype(np.int8), FOLDS, seed),
    )


def opened(recipe: Recipe, neutral: bool) -> Trainee:
    """The base with its own head where that names our classes, else with a new one, its numbers drawn from the seed."""
    local.quiet()
    folder, device = local.folder_of(recipe.base), local.device_of("auto")
    options = {"use_safetensors": True, "trust_remote_code": False, "dtype": torch.float32}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            str(folder), output_loading_info=True, **options
        )
        places = own_places(model.config)
        if loading["missing_keys"] or not places or (neutral and NEUTRAL not in places):
            places = [at for at in range(3) if neutral or at != NEUTRAL]
            names = {at: LABELS[place] for at, place in enumerate(places)}
            torch.manual_seed(recipe.seed)
            model = AutoModelForSequenceClassification.from_pretrained(
                str(folder),
                num_labels=len(names),
                id2label=names,
                label2id={name: at for at, name in names.items()},
                ignore_mismatched_sizes=True,
                **options,
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise local.BadModel(
            f"{recipe.base}: expected a model that can become a classifier, found: {local.said(error)}"
        ) from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
    freeze(model, recipe.freeze_layers)
    longest = min(recipe.max_length, local.longest(model.config, tokenizer))
    return Trainee(model.to(device), tokenizer, places, device, longest)


def own_places(config: Any) -> list[int]:
    """What the model's classes mean, if each is one of ours and no two are the same; else none."""
    try:
        places = local.columns(config, {})
    except local.BadModel:
        return []
    return places if len(set(places)) == len(places) else []


def freeze(model: nn.Module, layers: int) -> None:
    if not layers:
        return
    body = getattr(model, str(model.base_model_prefix))
    stack = next((part for part in body.modules() if isinstance(part, nn.ModuleList)), None)
    if stack is None or layers > len(stack):
        raise BadData(f"expected at most {len(stack or ())} layers to freeze, found {layers}")
    for part in (getattr(body, "embeddings", None) or body.get_input_embeddings(), *stack[:layers]):
        part.requires_grad_(False)


def fitted(
    trainee: Trainee,
    data: Data,
    recipe: Recipe,
    checkpoint: Path,
    identity: str,
    tell: Tell,
    stop: Callable[[], bool],
) -> list[float]:
    """Train until validation no longer gains; the best epoch's weights stay in the model. Its losses, by epoch."""
    model, learn = trainee.model, data.rows("learn")
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=recipe.lr, weight_decay=WEIGHT_DECAY
    )
    found = local_checkpoint.restore(checkpoint, identity, model, optimizer)
    progress, best = found or (Progress(), {})
    weights = class_weights(data.labels[learn], trainee.device)
    steps = -(-len(learn) // recipe.batch)
    while progress.epoch < recipe.epochs and progress.worse <= recipe.patience:
        order = np.random.default_rng([recipe.seed, progress.epoch]).permutation(learn)
        title = f"epoch {progress.epoch + 1} of {recipe.epochs}"
        while progress.step < steps:
            if stop():
                local_checkpoint.save(checkpoint, identity, progress, model, best, optimizer)
                raise Stopped(f"stopped in {title}; the same command goes on from there ({checkpoint})")
            done = progress.epoch * steps + progress.step
            rows = order[progress.step * recipe.batch : (progress.step + 1) * recipe.batch]
            learned(trainee, optimizer, data, rows, weights, recipe, done, recipe.epochs * steps)
            progress.step += 1
            tell(title, progress.step, steps)
        loss = validated(trainee, data, weights)
        progress.history.append(loss)
        progress.epoch, progress.step = progress.epoch + 1, 0
        if progress.best is None or loss < progress.best:
            progress.best, progress.worse = loss, 0
            best = {name: value.detach().clone() for name, value in model.state_dict().items()}
        else:
            progress.worse += 1
        local_checkpoint.save(checkpoint, identity, progress, model, best, optimizer)
    model.load_state_dict(best)
    model.eval()
    return progress.history


def learned(
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    data: Data,
    rows: Ints,
    weights: Tensor,
    recipe: Recipe,
    done: int,
    of: int,
) -> None:
    """One step on those rows, the step `done` of `of`."""
    torch.manual_seed(recipe.seed * 1_000_003 + done)
    trainee.model.train()
    warm = max(1, round(WARM_UP * of))
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr * min((done + 1) / warm, (of - done) / max(1, of - warm))
    loss = loss_of(trainee, data, rows, weights)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(trainee.model.parameters(), LONGEST_GRADIENT)
    optimizer.step()


def loss_of(trainee: Trainee, data: Data, rows: Ints, weights: Tensor) -> Tensor:
    odds = trainee.odds([data.texts[row] for row in rows], data.sided[rows])
    truth = torch.tensor(data.labels[rows], device=trainee.device)
    return nn.functional.cross_entropy(odds, truth, weights)


@torch.inference_mode()
def validated(trainee: Trainee, data: Data, weights: Tensor) -> float:
    """Mean loss on the rows to stop at, each class with its weight."""
    trainee.model.eval()
    rows, total, weight = data.rows("stop"), 0.0, 0.0
    for at in range(0, len(rows), ROWS_SCORED):
        part = rows[at : at + ROWS_SCORED]
        share = float(weights[torch.tensor(data.labels[part], device=trainee.device)].sum())
        total += share * float(loss_of(trainee, data, part, weights))
        weight += share
    return total / weight


def class_weights(labels: Ints, device: str) -> Tensor:
    """Each class counts the same, however many rows it has; a class without any has no weight."""
    counts = np.bincount(labels, minlength=len(LABELS))
    weights = np.divide(len(labels), counts * (counts > 0).sum(), out=np.zeros(3), where=counts > 0)
    return torch.tensor(weights, dtype=torch.float32, device=device)


@torch.inference_mode()
def calibrated(trainee: Trainee, data: Data) -> float:
    """The temperature under which the rows to stop at are likeliest (Guo et al. 2017, section 4.2)."""
    rows = data.rows("stop")
    parts = [rows[at : at + ROWS_SCORED] for at in range(0, len(rows), ROWS_SCORED)]
    odds = torch.cat([trainee.odds([data.texts[row] for row in part], data.sided[part]) for part in parts])
    truth = torch.tensor(data.labels[rows], device=trainee.device)
    losses = [float(nn.functional.cross_entropy(odds.double() / t, truth)) for t in TEMPERATURES]
    return float(f"{TEMPERATURES[int(np.argmin(losses))]:.6g}")


def card_of(
    trainee: Trainee,
    data: Data,
    recipe: Recipe,
    files: Sequence[Labelled],
    temperature: float,
    history: Sequence[float],
) -> dict[str, Any]:
    """What a person should know before trusting the folder, and what scoring needs of it, as plain values."""
    calibration = local.Calibration(temperature, trainee.max_length)
    tier = local.Local(trainee.model, trainee.tokenizer, LocalOptions(doubt="none"), calibration, "")
    rows = data.rows("score")
    scores = tier.predict_batch([data.texts[row] for row in rows])
    truth, sided = data.labels[rows].astype(np.int8), data.labels[rows] != NEUTRAL
    answers = np.where(scores.bullish > 0.5, BULLISH, BEARISH).astype(np.int8)
    sure = np.maximum(scores.bullish, 1.0 - scores.bullish)
    found = {"bullish_or_bearish": measures.summary(truth[sided], answers[sided], sure[sided])}
    if not sided.all():
        found["three_classes"] = measures.summary(truth, scores.label, scores.confidence)
    return {
        **msgspec.to_builtins(calibration),
        "recipe": msgspec.to_builtins(recipe),
        "data": [{"file": file.name, "sha256": file.sha256, "rows": len(file.texts)} for file in files],
        "validation_loss": [round(loss, 5) for loss in history],
        "held_out": {"rows": len(rows)} | found,
        "made_with": {"torch": str(torch.__version__), "device": trainee.device},
        "limits": "scores are of a tenth of these files' rows; on posts of another kind it will do worse",
    }


def write(trainee: Trainee, card: dict[str, Any], out: Path) -> None:
    """The folder, complete or as it was."""
    fresh, old = out.with_name(f"{out.name}.new"), out.with_name(f"{out.name}.old")
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    fresh.mkdir(parents=True)
    trainee.model.save_pretrained(str(fresh))
    trainee.tokenizer.save_pretrained(str(fresh))
    (fresh / local.CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)
