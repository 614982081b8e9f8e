"""`microtui score --eval`: what a tier is worth on labelled posts, for each tier that spoke."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.errors import UserError, explained

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.sentiment.scores import Scores, Tier

    Mask = npt.NDArray[np.bool_]
    Labels = npt.NDArray[np.int8]

BATCH = 512


def evaluate(tier: Tier, file: Path, as_json: bool) -> None:
    """Print what the tier is worth on the file's posts. Raises UserError for a file that cannot be read."""
    import numpy as np

    from engine.lab.labelled import read_labelled
    from engine.sentiment.scores import TIERS, concat

    try:
        data = read_labelled(file)
    except ValueError as error:
        raise UserError(explained(error) or str(error)) from None
    with click.progressbar(
        range(0, len(data.texts), BATCH), label="scoring", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        parts = [tier.predict_batch(data.texts[at : at + BATCH]) for at in bar]
    scores = concat(parts)
    results: list[dict[str, Any]] = []
    for number in np.unique(scores.tier):
        mine = scores.tier == number
        results.append(
            {"tier": TIERS[number], "posts": int(mine.sum())} | measured(data.labels, scores, mine)
        )
    if as_json:
        click.echo(json.dumps({"file": data.name, "posts": len(data.texts), "tiers": results}))
        return
    click.echo(f"{data.name}: {len(data.texts)} posts, {', '.join(data.classes)}")
    for result in results:
        click.echo(f"\n{result.pop('tier')}: {result.pop('posts')} posts")
        for name, found in result.items():
            _print(name, found)


def measured(truth: Labels, scores: Scores, mine: Mask) -> dict[str, Any]:
    """Bullish against bearish on posts that take a side; all three classes where neutral is among the labels."""
    import numpy as np

    from engine.lab import measures
    from engine.sentiment.scores import BEARISH, BULLISH, NEUTRAL

    result = {}
    sided = mine & (truth != NEUTRAL)
    if sided.any():
        p = scores.bullish[sided]
        answers = np.where(p > 0.5, BULLISH, BEARISH).astype(np.int8)
        sure = np.maximum(p, 1.0 - p)
        result["bullish or bearish"] = measures.summary(truth[sided], answers, sure)
    if (truth == NEUTRAL).any():
        result["three classes"] = measures.summary(truth[mine], scores.label[mine], scores.confidence[mine])
    return result


def _print(name: str, found: dict[str, Any]) -> None:
    from engine.sentiment.scores import LABELS

    click.echo(
        f"  {name:<19} accuracy {found['accuracy']:.3f}  macro-F1 {found['macro_f1']:.3f}  ECE {found['ece']:.3f}"
    )
    click.echo(f"  {'truth, by row':<19}" + "".join(f"{label:>9}" for label in LABELS))
    for label, row in zip(LABELS, found["confusion"], strict=True):
        if any(row):
            click.echo(f"  {label:<19}" + "".join(f"{count:>9}" for count in row))
