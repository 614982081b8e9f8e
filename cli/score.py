"""`microtui score`: what posts say of the market, and with how much doubt; or how good a tier is on labelled ones."""

from __future__ import annotations

import itertools
import json
import math
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from cli.errors import UserError, explained

if TYPE_CHECKING:
    from engine.sentiment.scores import Scores, Tier

MAX_LINE = 1 << 20  # bytes; a longer line is reported and skipped
READ = 1 << 18  # bytes
SHOWN = 500  # characters of a text that come back
TIERS = ("embedded", "local", "gateway", "auto")


@click.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "--tier", "name", type=click.Choice(TIERS), default="embedded", show_default=True, help="Who scores."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.option(
    "--uncertainty", is_flag=True, help="Show both kinds of doubt, as standard deviations of polarity."
)
@click.option(
    "--eval", "labelled", type=click.Path(path_type=Path), metavar="FILE", help="Measure on labelled posts."
)
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE", help="The embedded tier's weights."
)
def score(
    texts: tuple[str, ...],
    name: str,
    as_json: bool,
    uncertainty: bool,
    labelled: Path | None,
    weights: Path | None,
) -> None:
    """Score each TEXT, or the lines of standard input: plain text, or JSON objects with a "text".

    Polarity goes from -1 (bearish) to 1 (bullish). With --json both kinds of doubt are there in nats and as standard
    deviations, null where a tier cannot know one.
    """
    tier = opened(name, weights)
    if labelled is not None:
        from cli.score_eval import evaluate

        evaluate(tier, labelled, as_json)
    elif texts:
        show = Printer(as_json, uncertainty)
        show.rows(texts, tier.predict_batch(texts))
    elif sys.stdin.isatty():
        raise UserError('expected a text, as in: microtui score "to the moon", or lines on standard input')
    else:
        _stream(tier, Printer(as_json, uncertainty))
    if complaint := getattr(tier, "complaint", ""):
        click.echo(f"microtui: {complaint}", err=True)


def opened(name: str, weights: Path | None) -> Tier:
    """The tier, with the user's own weights where there are some. Raises UserError."""
    from cli import paths
    from engine.sentiment.tiers import open_tier

    own = paths.sentiment_weights()
    options = {} if name == "embedded" else tier_options(name)
    try:
        return open_tier(name, weights or (own if own.is_file() else None), options)
    except ValueError as error:
        raise UserError(explained(error) or str(error)) from None


def tier_options(name: str) -> dict[str, object]:
    """What the settings say of the higher tiers, by name, for the tier `name`. Raises UserError.

    Whoever asks for the local tier by its name gets it, though `auto` is to do without.
    """
    from cli.gateway import gateway
    from cli.settings import load_settings

    settings = load_settings()
    local = settings.local_options() if name != "auto" or settings.sentiment.local.on else None
    return {"local": local, "gateway": lambda: gateway(settings)}


def _stream(tier: Tier, show: Printer) -> None:
    """Score standard input as it comes, in order; a line that cannot be read is told of and skipped."""
    faults = read = 0
    with Progress() as progress:
        for lines in blocks(sys.stdin.buffer):
            posts = []
            for number, line in enumerate(lines, read + 1):
                text = text_of(line)
                if isinstance(text, Fault):
                    faults += 1
                    click.echo(f"microtui: line {number}: {text}", err=True)
                elif text:
                    posts.append(text)
            show.rows(posts, tier.predict_batch(posts))
            read += len(lines)
            progress(len(lines), sum(map(len, lines)) + len(lines))
    if faults:
        raise UserError(f"{faults} of {read} lines could not be read and were left out")


class Progress:
    """A bar on standard error: of bytes where the input is a file, of lines where its end is not known.

    Only where somebody watches it and the rows do not: the rows themselves are progress enough.
    """

    def __init__(self) -> None:
        hidden = not sys.stderr.isatty() or sys.stdout.isatty()
        found = None if hidden else os.fstat(sys.stdin.fileno())
        self._bytes = found.st_size if found and stat.S_ISREG(found.st_mode) else None
        endless = itertools.count() if self._bytes is None else None
        self._bar = click.progressbar(
            endless,
            length=self._bytes,
            file=sys.stderr,
            hidden=hidden,
            label="scoring",
            show_pos=endless is not None,
        )

    def __call__(self, lines: int, size: int) -> None:
        self._bar.update(lines if self._bytes is None else size)

    def __enter__(self) -> Progress:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.render_finish()


class Fault(str):
    """Why a line holds no post."""

    __slots__ = ()


def text_of(line: bytes) -> str | Fault:
    """The post in a line: the line itself, or the "text" of the JSON object it is; empty for a blank line."""
    if len(line) > MAX_LINE:
        return Fault(f"expected at most {MAX_LINE} bytes, found more")
    try:
        plain = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        return Fault(f"expected UTF-8, found the byte 0x{line[error.start]:02x}")
    if not plain.startswith("{"):
        return plain
    try:
        found = json.loads(plain)
    except (ValueError, RecursionError) as error:
        return Fault(f'expected a JSON object with a "text", found {str(error)[:100]}')
    text = found.get("text")
    return (
        text if isinstance(text, str) else Fault(f'expected a "text" that is a string, found {_kind(text)}')
    )


def _kind(value: object) -> str:
    return "none" if value is None else json.dumps(value)[:40]


def blocks(source: BinaryIO) -> Iterator[list[bytes]]:
    """Lines as they arrive: what one read brings is answered before the next, so that nobody waits for more.

    Memory is bounded: of a line longer than MAX_LINE enough is kept to see that it is.
    """
    open_line = b""
    while block := source.read1(READ):  # type: ignore[attr-defined]
        *lines, open_line = (open_line + block).split(b"\n")
        open_line = open_line[: MAX_LINE + 1]
        if lines:
            yield lines
    if open_line:
        yield [open_line]


class Printer:
    """Rows as a table for people, or as JSON lines."""

    def __init__(self, as_json: bool, uncertainty: bool) -> None:
        self._as_json = as_json
        self._uncertainty = uncertainty
        self._headed = False

    def rows(self, texts: Sequence[str], scores: Scores) -> None:
        if not texts:
            return
        lines = (self._json if self._as_json else self._table)(texts, scores)
        click.echo("\n".join(lines))

    def _json(self, texts: Sequence[str], scores: Scores) -> list[str]:
        from engine.sentiment.scores import LABELS, TIERS

        names = ("polarity", "confidence", "aleatoric", "epistemic", "aleatoric_sd", "epistemic_sd")
        columns = [getattr(scores, name).tolist() for name in names]
        tiers, labels = scores.tier.tolist(), scores.label.tolist()
        return [
            json.dumps(
                {
                    **{name: _number(value) for name, value in zip(names, values, strict=True)},
                    "tier": TIERS[tier],
                    "label": LABELS[label],
                    "text": text[:SHOWN],
                }
            )
            for text, tier, label, *values in zip(texts, tiers, labels, *columns, strict=True)
        ]

    def _table(self, texts: Sequence[str], scores: Scores) -> list[str]:
        from engine.sentiment.scores import LABELS, TIERS
        from engine.text import clean

        doubt = f"{'aleatoric':>10}{'epistemic':>10}" if self._uncertainty else ""
        head = f"{'label':<8}{'polarity':>9}{'conf':>6}{doubt}  {'tier':<9}text"
        lines = [] if self._headed else [head]
        self._headed = True
        for at, text in enumerate(texts):
            spread = (
                f"{_cell(scores.aleatoric_sd[at])}{_cell(scores.epistemic_sd[at])}"
                if self._uncertainty
                else ""
            )
            lines.append(
                f"{LABELS[scores.label[at]]:<8}{scores.polarity[at]:>+9.2f}{scores.confidence[at]:>6.2f}{spread}  "
                f"{TIERS[scores.tier[at]]:<9}{clean(text, 80)}"
            )
        return lines


def _number(value: float) -> float | None:
    """Four digits; a missing number is null in JSON, never zero."""
    return None if math.isnan(value) else round(value, 4)


def _cell(value: float) -> str:
    return f"{'–':>10}" if math.isnan(value) else f"{value:>10.2f}"
