"""Fitting a scorecard of bots: additive logistic regression by boosted stumps, cross-validated and across sets.

Stumps of one quantity each add up to a table of points by range (Friedman, Annals of Statistics 2001; Lou, Caruana and
Gehrke, KDD 2012), so that what is learned can be read, and a model file is numbers only. Accounts of one collection
resemble each other far more than those of another: figures within a set flatter, so those across stand beside them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.sentiment.bots import QUANTITIES, RAW, Scorecard, account_of, quantities
from engine.text import clean

Floats = npt.NDArray[np.float64]
RANGES = 48
ROUNDS = 400
RATE = 0.1
RIDGE = 1.0
FOLDS, REPEATS = 5, 3
RECALL = 0.95
LEAST = 50  # accounts of each label


class BadAccounts(ValueError):
    """Says what was expected of a file of accounts, where, and what was found."""

    for_people = True


@dataclass(frozen=True)
class Accounts:
    """`values`, shape (accounts, QUANTITIES), NaN where missing; `bots`, ones and zeros; `sets`, who collected them."""

    values: Floats
    bots: Floats
    sets: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """An operating point: share of bots that are found, share of people that are taken for one."""

    recall: float
    false_positives: float
    threshold: float


def read_accounts(path: Path) -> Accounts:
    """A CSV with `label` (bot, human), numbers named as in `Account`, and `set` if it has several collections."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            known = [name for name in RAW if name in names]
            if "label" not in names or not known:
                raise BadAccounts(
                    f"{path}: expected the column label and some of {', '.join(RAW)}; "
                    f"found {clean(', '.join(names), 120) or 'no header'}"
                )
            rows = [_row(row, known, f"{path}:{number}") for number, row in enumerate(reader, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadAccounts(f"{path} cannot be read: {clean(str(error))}") from None
    values = np.array([row[0] for row in rows]).reshape(-1, len(QUANTITIES))
    bots = np.array([row[1] for row in rows], np.float64)
    for label, count in (("bot", int(bots.sum())), ("human", int(len(bots) - bots.sum()))):
        if count < LEAST:
            raise BadAccounts(f"{path}: expected at least {LEAST} accounts labelled {label}, found {count}")
    return Accounts(values, bots, tuple(row[2] for row in rows))


def _row(row: dict[str, str], known: list[str], place: str) -> tuple[list[float], float, str]:
    if row["label"] not in ("bot", "human"):
        raise BadAccounts(f"{place}: expected the label bot or human, found {clean(str(row['label']), 30)!r}")
    numbers: dict[str, float] = {}
    for name in known:
        text = (row[name] or "").strip()
        if text:
            try:
                numbers[name] = float(text)
            except ValueError:
                raise BadAccounts(
                    f"{place}: {name}: expected a number or nothing, found {clean(text, 30)!r}"
                ) from None
    found = quantities(account_of(numbers))
    return (
        [found.get(name, math.nan) for name in QUANTITIES],
        float(row["label"] == "bot"),
        row.get("set") or "",
    )


def fit(values: Floats, bots: Floats, rounds: int = ROUNDS) -> Scorecard:
    """A scorecard by boosted stumps. A missing quantity adds nothing, there as here."""
    edges = [_edges(column) for column in values.T]
    places = np.column_stack(
        [np.searchsorted(e, column, side="right") for e, column in zip(edges, values.T, strict=True)]
    )
    missing = np.isnan(values)
    width = RANGES + 1
    points = np.zeros((values.shape[1], width))
    share = bots.mean()
    base = math.log(share / (1.0 - share))
    odds = np.full(len(bots), base)
    columns = [j for j in range(values.shape[1]) if len(edges[j])]
    for _ in range(rounds):
        p = 1.0 / (1.0 + np.exp(-odds))
        stump = _best_stump(places, missing, bots - p, p * (1.0 - p), columns, width)
        if stump is None:
            break
        j, cut, below, above = stump
        points[j, : cut + 1] += RATE * below
        points[j, cut + 1 :] += RATE * above
        odds += RATE * np.where(missing[:, j], 0.0, np.where(places[:, j] <= cut, below, above))
    used = [j for j in columns if points[j].any()]
    return Scorecard(
        base,
        {QUANTITIES[j]: tuple(edges[j].tolist()) for j in used},
        {QUANTITIES[j]: tuple(points[j, : len(edges[j]) + 1].tolist()) for j in used},
        name="fitted",
    )


def _edges(column: Floats) -> Floats:
    known = column[~np.isnan(column)]
    if len(known) == 0:
        return np.empty(0)
    found = np.unique(np.quantile(known, np.linspace(0.0, 1.0, RANGES + 1)[1:-1], method="higher"))
    kept: Floats = found[found > known.min()]  # nothing lies below the smallest
    return kept


def _best_stump(
    places: npt.NDArray[np.intp],
    missing: npt.NDArray[np.bool_],
    gradient: Floats,
    weight: Floats,
    columns: list[int],
    width: int,
) -> tuple[int, int, float, float] | None:
    best, gained = None, 1e-9
    for j in columns:
        kept = ~missing[:, j]
        left = np.cumsum(np.bincount(places[kept, j], gradient[kept], width))
        heavy = np.cumsum(np.bincount(places[kept, j], weight[kept], width))
        right, light = left[-1] - left, heavy[-1] - heavy
        gain = left**2 / (heavy + RIDGE) + right**2 / (light + RIDGE) - left[-1] ** 2 / (heavy[-1] + RIDGE)
        cut = int(np.argmax(gain[:-1]))
        if gain[cut] > gained:
            gained = float(gain[cut])
            below, above = left[cut] / (heavy[cut] + RIDGE), right[cut] / (light[cut] + RIDGE)
            best = (j, cut, float(below), float(above))
    return best


def judge(card: Scorecard, values: Floats) -> Floats:
    """Log odds of many accounts at once; equal to `Scorecard.log_odds`, `base` where nothing is known."""
    odds = np.full(len(values), card.base)
    for name, edges in card.edges.items():
        column = values[:, QUANTITIES.index(name)]
        points = np.array(card.points[name])[np.searchsorted(edges, column, side="right").clip(0, len(edges))]
        odds += np.where(np.isnan(column), 0.0, points)
    return odds


def operating_point(odds: Floats, bots: Floats, recall: float = RECALL) -> Point:
    """The highest threshold at which at least `recall` of the bots are found."""
    ranked = np.sort(odds[bots == 1.0])[::-1]
    cut = float(ranked[min(len(ranked) - 1, math.ceil(recall * len(ranked)) - 1)])
    found = odds >= cut
    return Point(
        float(found[bots == 1.0].mean()),
        float(found[bots == 0.0].mean()),
        float(1.0 / (1.0 + np.exp(-cut))),
    )


def cross_validate(accounts: Accounts, seed: int = 1, tick: Callable[[], None] = lambda: None) -> list[Point]:
    """Repeated, stratified: one operating point a repetition, each account judged by a card that never saw it."""
    points = []
    for repeat in range(REPEATS):
        rng = np.random.default_rng([seed, repeat])
        fold = np.empty(len(accounts.bots), np.int64)
        for label in (0.0, 1.0):
            mine = rng.permutation(np.flatnonzero(accounts.bots == label))
            fold[mine] = np.arange(len(mine)) % FOLDS
        odds = np.empty(len(fold))
        for k in range(FOLDS):
            card = fit(accounts.values[fold != k], accounts.bots[fold != k])
            odds[fold == k] = judge(card, accounts.values[fold == k])
            tick()
        points.append(operating_point(odds, accounts.bots))
    return points


def across_sets(accounts: Accounts, seed: int = 1) -> Iterator[tuple[str, str, Point]]:
    """Bots of one collection against those of another, people split in halves; at the threshold of the first."""
    sets = np.array(accounts.sets)
    collections = [s for s in sorted(set(accounts.sets)) if (accounts.bots[sets == s] == 1.0).any()]
    people = np.random.default_rng(seed).permutation(np.flatnonzero(accounts.bots == 0.0))
    halves = people[: len(people) // 2], people[len(people) // 2 :]
    for trained in collections:
        for tested in collections:
            if trained == tested:
                continue
            own = np.concatenate([np.flatnonzero((sets == trained) & (accounts.bots == 1.0)), halves[0]])
            other = np.concatenate([np.flatnonzero((sets == tested) & (accounts.bots == 1.0)), halves[1]])
            card = fit(accounts.values[own], accounts.bots[own])
            at = operating_point(judge(card, accounts.values[own]), accounts.bots[own]).threshold
            found = judge(card, accounts.values[other]) >= math.log(at / (1.0 - at))
            bots = accounts.bots[other] == 1.0
            yield trained, tested, Point(float(found[bots].mean()), float(found[~bots].mean()), at)
