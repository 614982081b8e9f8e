"""How the embedded sentiment tier is trained: two logistic heads, cross-validated, calibrated, packed into one file.

Files of labelled posts stand beside each other; a small one (people's labels on crypto posts) must not drown in a
large one (headlines), so a row of file f counts (N / N_f)^balance. The first file is the domain that the scores are
meant for: the temperature of "bullish" is fitted on its held-out folds. Equal files and recipe give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from engine.lab import measures
from engine.lab.labelled import BadData, Labelled, stratified
from engine.lab.logistic import Fit, Rows, fit, stacked
from engine.sentiment import lexicon
from engine.sentiment.embedded import from_log_odds, smoothed
from engine.sentiment.hashing import BUCKETS, NOWHERE, grams
from engine.sentiment.posts import post_text, tokens
from engine.sentiment.scores import BEARISH, BULLISH, LABELS, NEUTRAL, Scores
from engine.sentiment.weights import INPUTS, SURENESS_STEPS, Head, Header, Weights

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]  # what is being done, how many steps are, of how many

TEMPERATURES = np.geomspace(0.25, 4.0, 161)
ROWS_HASHED = 512


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be tuned. The defaults made the weights that ship."""

    prior_precision: float = 1.0  # of an n-gram's weight
    lexicon_precision: float = 0.1  # of a lexicon number's coefficient
    balance: float = 0.5  # 0: every row counts the same; 1: every file counts the same
    folds: int = 5
    repeats: int = 5  # of the cross-validation of "bullish"
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("prior_precision", "lexicon_precision"):
            if not 1e-6 <= getattr(self, name) <= 1e6:
                raise ValueError(f"expected {name} from 1e-6 to 1e6, found {getattr(self, name)}")
        if not 0.0 <= self.balance <= 1.0:
            raise ValueError(f"expected balance from 0 to 1, found {self.balance}")
        if not 2 <= self.folds <= 20 or not 1 <= self.repeats <= 100:
            raise ValueError(
                f"expected 2 to 20 folds and 1 to 100 repeats, found {self.folds} and {self.repeats}"
            )


@dataclass(frozen=True)
class Posts:
    """All files' posts, one after the other."""

    rows: Rows
    labels: npt.NDArray[np.int8]
    file: npt.NDArray[np.int64]  # the place of a row's file
    weight: Floats
    unseen: Floats

    def take(self, rows: npt.NDArray[np.int64]) -> Posts:
        return Posts(
            self.rows.take(rows), self.labels[rows], self.file[rows], self.weight[rows], self.unseen[rows]
        )


@dataclass(frozen=True)
class Held:
    """Log-odds of posts by models that have not seen them, shape (repeats, posts), NaN where not asked."""

    mean: Floats
    variance: Floats


def train(files: Sequence[Labelled], recipe: Recipe, progress: Progress) -> tuple[Weights, dict[str, object]]:
    """The weights and what the model card says of them. Raises BadData for files that do not suffice."""
    check(files, recipe)
    posts = gathered(files, recipe.balance, progress)
    bullish = held_out(posts, recipe, "bullish", recipe.repeats, progress)
    neutral = held_out(posts, recipe, "neutral", 1, progress)
    progress("final fit", 0, 2)
    heads = []
    for title, held in (("neutral", neutral), ("bullish", bullish)):
        rows = posts if title == "neutral" else posts.take(np.flatnonzero(posts.labels != NEUTRAL))
        heads.append((_fitted(rows, recipe, title), temperature(posts, held, title)))
        progress("final fit", len(heads), 2)
    weights = packed(heads, recipe, files)
    return weights, card(files, posts, recipe, weights, neutral, bullish)


def check(files: Sequence[Labelled], recipe: Recipe) -> None:
    if not files:
        raise BadData("expected at least one file of labelled posts, found none")
    counts = np.sum([np.bincount(file.labels, minlength=3) for file in files], axis=0)
    first = np.bincount(files[0].labels, minlength=3)
    for label in (BEARISH, BULLISH):
        if min(counts[label], first[label]) < recipe.folds:
            raise BadData(
                f"{files[0].name}: expected at least {recipe.folds} {LABELS[label]} posts in the first file, "
                f"found {first[label]}"
            )
    if 0 < counts[NEUTRAL] < recipe.folds:
        raise BadData(f"expected no neutral posts or at least {recipe.folds}, found {counts[NEUTRAL]}")


def gathered(files: Sequence[Labelled], balance: float, progress: Progress) -> Posts:
    texts = [text for file in files for text in file.texts]
    parts = []
    for at in range(0, len(texts), ROWS_HASHED):
        parts.append(rows_of([tokens(post_text(text)) for text in texts[at : at + ROWS_HASHED]]))
        progress("reading", min(at + ROWS_HASHED, len(texts)), len(texts))
    sizes = np.array([len(file.texts) for file in files])
    place = np.repeat(np.arange(len(files)), sizes)
    labels = np.concatenate([file.labels for file in files])
    weight = ((sizes.max() / sizes) ** balance)[place]
    return Posts(
        stacked([rows for rows, _ in parts]),
        labels,
        place,
        weight,
        np.concatenate([unseen for _, unseen in parts]),
    )


def rows_of(lines: Sequence[Sequence[str]]) -> tuple[Rows, Floats]:
    """The same numbers as the tier computes, and beside them the share of each post that is doubt for its brevity."""
    found = grams(lines)
    kind = np.repeat(np.arange(2 * len(lines)), found.counts.ravel() + 1)
    somewhere = found.buckets != NOWHERE
    values = np.sqrt(found.share).ravel()[kind[somewhere]]
    dense = np.array([lexicon.features(line) for line in lines])
    columns = found.buckets[somewhere].astype(np.int64)
    return Rows(columns, values, np.cumsum(found.counts.sum(1)), dense), found.unseen.sum(1)


def _fitted(posts: Posts, recipe: Recipe, title: str) -> Fit:
    truth = posts.labels == (NEUTRAL if title == "neutral" else BULLISH)
    return fit(
        posts.rows,
        truth.astype(np.float64),
        posts.weight,
        BUCKETS,
        recipe.prior_precision,
        recipe.lexicon_precision,
    )


def held_out(posts: Posts, recipe: Recipe, title: str, repeats: int, progress: Progress) -> Held:
    """Repeated stratified cross-validation of one head; folds are drawn inside every file."""
    opinion = posts.labels != NEUTRAL
    shape = (repeats, len(posts.labels))
    mean, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    name = f"cross-validation of {title}"
    progress(name, 0, repeats * recipe.folds)
    for repeat in range(repeats):
        strata = (posts.file * len(LABELS) + posts.labels).astype(np.int8)
        fold = stratified(strata, recipe.folds, recipe.seed + repeat)
        for number in range(recipe.folds):
            known = fold != number
            asked = np.flatnonzero(~known)
            model = _fitted(
                posts.take(np.flatnonzero(known & opinion if title == "bullish" else known)), recipe, title
            )
            rows = posts.rows.take(asked)
            mean[repeat, asked] = model.log_odds(rows)
            variance[repeat, asked] = model.variance(rows) + posts.unseen[asked] / recipe.prior_precision
            progress(name, repeat * recipe.folds + number + 1, repeats * recipe.folds)
    return Held(mean, variance)


def temperature(posts: Posts, held: Held, title: str) -> float:
    """The one that makes held-out posts likeliest: of "bullish" those of the first file, of "neutral" all."""
    rows = (
        (posts.file == 0) & (posts.labels != NEUTRAL)
        if title == "bullish"
        else np.ones(len(posts.labels), bool)
    )
    truth = posts.labels[rows] == (BULLISH if title == "bullish" else NEUTRAL)
    mean, variance, weight = held.mean[:, rows], held.variance[:, rows], posts.weight[rows]

    def surprise(t: float) -> float:
        p = smoothed(mean, variance, t)
        return float(-(weight * np.log(np.where(truth, p, 1.0 - p))).sum())

    return float(TEMPERATURES[int(np.argmin([surprise(float(t)) for t in TEMPERATURES]))])


def packed(heads: Sequence[tuple[Fit, float]], recipe: Recipe, files: Sequence[Labelled]) -> Weights:
    """Weights as int8 times a scale, precisions in sixteenths of a doubling. Numbers keep six digits, so that a
    last bit that another processor computes otherwise does not make another file."""
    tables = np.empty((2, BUCKETS), np.int8)
    sureness = np.empty((2, BUCKETS), np.uint8)
    kept = []
    for at, (found, divided_by) in enumerate(heads):
        scale = _six(max(float(np.abs(found.weights).max()) / 127.0, 1e-9))
        tables[at] = np.rint(np.clip(found.weights / scale, -127, 127)).astype(np.int8)
        doublings = np.log2(found.precision / recipe.prior_precision)
        sureness[at] = np.rint(np.clip(doublings * SURENESS_STEPS, 0, 255)).astype(np.uint8)
        kept.append(
            Head(
                bias=_six(found.bias),
                lexicon=tuple(map(_six, found.coefficients)),
                scale=scale,
                prior_precision=recipe.prior_precision,
                temperature=_six(divided_by),
            )
        )
    header = Header(
        inputs=INPUTS,
        neutral=kept[0],
        bullish=kept[1],
        data_sha256=tuple(file.sha256 for file in files),
        recipe=msgspec.json.encode(recipe).decode(),
    )
    return Weights(header, tables, sureness)


def card(
    files: Sequence[Labelled], posts: Posts, recipe: Recipe, weights: Weights, neutral: Held, bullish: Held
) -> dict[str, object]:
    """What a person should know before trusting the file, as plain values."""
    heads = (weights.header.neutral, weights.header.bullish)
    said = from_log_odds(
        np.stack([neutral.mean[0], bullish.mean[0]]),
        np.stack([neutral.variance[0], bullish.variance[0]]),
        heads,
    )
    found = [_file_card(file, at, posts, bullish, said) for at, file in enumerate(files)]
    return {
        "model": "embedded: crypto lexicon and hashed n-grams, two logistic heads",
        "inputs": list(INPUTS),
        "recipe": msgspec.to_builtins(recipe),
        "temperature": {"neutral": heads[0].temperature, "bullish": heads[1].temperature},
        "data": found,
        "cross_validation": (
            f"{recipe.folds} stratified folds, {recipe.repeats} times for bullish against bearish and once for three "
            "classes; a row is scored by models that have not seen it; the temperatures are fitted on the same folds"
        ),
        "meant_for": "short English posts about coins; bullish against bearish among posts that take a side",
        "limits": (
            "sarcasm, quotation and other languages are not understood; no neutral crypto posts were labelled, so "
            "neutral is learned from the files that have it"
        ),
    }


def _file_card(file: Labelled, at: int, posts: Posts, bullish: Held, said: Scores) -> dict[str, object]:
    own = posts.file == at
    sided = own & (posts.labels != NEUTRAL)
    truth = posts.labels[sided]
    tables = [
        measures.confusion(truth, np.where(mean[sided] > 0, BULLISH, BEARISH).astype(np.int8))
        for mean in bullish.mean
    ]
    right = (said.bullish[sided] > 0.5) == (truth == BULLISH)
    sure = np.maximum(said.bullish[sided], 1.0 - said.bullish[sided])
    result: dict[str, object] = {
        "file": file.name,
        "sha256": file.sha256,
        "rows": {LABELS[label]: int((file.labels == label).sum()) for label in range(3)},
    }
    if len(truth):
        result["bullish_or_bearish"] = {
            "accuracy": spread([measures.accuracy(table) for table in tables]),
            "macro_f1": spread([measures.macro_f1(table) for table in tables]),
            "ece": round(measures.calibration_error(sure, right), 4),
        }
    if (file.labels == NEUTRAL).any():
        table = measures.confusion(posts.labels[own], said.label[own])
        result["three_classes"] = {
            "accuracy": round(measures.accuracy(table), 4),
            "macro_f1": round(measures.macro_f1(table), 4),
            "ece": round(
                measures.calibration_error(said.confidence[own], said.label[own] == posts.labels[own]), 4
            ),
        }
    return result


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean over the repeats, and their standard deviation."""
    return {"mean": round(float(np.mean(values)), 4), "sd": round(float(np.std(values)), 4)}


def _six(value: float) -> float:
    return float(f"{value:.6g}")
