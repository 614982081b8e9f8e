"""`microtui train bots`: a scorecard of bots from labelled accounts, with its figures within and across collections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.errors import UserError

if TYPE_CHECKING:
    from engine.lab.train_bots import Accounts


@click.command()
@click.option(
    "--data",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="CSV with label (bot, human) and what is known of each account; set names the collection.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Where to; default: your own model."
)
def bots(file: Path, out: Path | None) -> None:
    """Fit a scorecard on labelled accounts, cross-validate it, and write it with its card.

    A scorecard in the config folder is used from then on instead of the one set by hand.
    """
    import hashlib

    import msgspec

    from cli import paths
    from cli.train_sentiment import Progress, write_whole
    from engine.lab import train_bots as lab

    progress = Progress()
    try:
        accounts = lab.read_accounts(file)
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            progress("cross-validating", done, lab.FOLDS * lab.REPEATS)

        within = lab.cross_validate(accounts, tick=tick)
        across = list(lab.across_sets(accounts))
        card = msgspec.structs.replace(
            lab.fit(accounts.values, accounts.bots), threshold=min(p.threshold for p in within)
        )
    except lab.BadAccounts as error:
        raise UserError(str(error)) from None
    finally:
        progress.close()
    about = _card(accounts, within, across) | {
        "data": {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
    }
    target = out or paths.bots_model()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, msgspec.json.encode(card))
        write_whole(target.with_suffix(".card.json"), (json.dumps(about, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
    _tell(about)
    click.echo(f"scorecard of {len(card.edges)} quantities in {target}")


def _card(accounts: Accounts, within: list[Any], across: list[tuple[str, str, Any]]) -> dict[str, Any]:
    from engine.lab.train_bots import RECALL, judge, operating_point
    from engine.sentiment.bots import BY_HAND

    hand = judge(BY_HAND, accounts.values)
    even = hand >= 0.0
    bot = accounts.bots == 1.0
    return {
        "accounts": {"bots": int(bot.sum()), "people": int((~bot).sum())},
        "within": {
            "recall": RECALL,
            "false positives": [round(point.false_positives, 4) for point in within],
        },
        "across": [
            {
                "trained on": trained,
                "tested on": tested,
                "recall": round(point.recall, 4),
                "false positives": round(point.false_positives, 4),
            }
            for trained, tested, point in across
        ],
        "by hand": {
            "at .5": {
                "recall": round(float(even[bot].mean()), 4),
                "false positives": round(float(even[~bot].mean()), 4),
            },
            f"at {RECALL:.0%} recall": {
                "false positives": round(operating_point(hand, accounts.bots).false_positives, 4)
            },
        },
        "note": "accounts of one collection resemble each other; on bots of another kind expect what `across` says",
    }


def _tell(about: dict[str, Any]) -> None:
    found = about["within"]["false positives"]
    click.echo(f"{about['accounts']['bots']} bots, {about['accounts']['people']} people")
    click.echo(
        f"within: {about['within']['recall']:.0%} of bots found at {min(found):.1%} to {max(found):.1%} of people "
        f"taken for one ({len(found)} repetitions of cross-validation)"
    )
    for row in about["across"]:
        click.echo(
            f"across: trained on {row['trained on']}, on {row['tested on']}: "
            f"{row['recall']:.0%} found at {row['false positives']:.1%}"
        )
    hand = about["by hand"]["at .5"]
    click.echo(f"by hand (what ships): {hand['recall']:.0%} found at {hand['false positives']:.1%}")
