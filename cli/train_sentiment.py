"""`microtui train sentiment`: the embedded tier's weights from labelled posts, with a model card beside them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.errors import UserError, explained

if TYPE_CHECKING:
    from engine.lab.train_sentiment import Recipe

MODELS = ("embedded", "distilroberta")
# What the YAML file may hold.
_SHAPES: dict[str, tuple[type, str]] = {
    "data": (list, "a list of files"),
    "credits": (list, "a list of texts"),
    "out": (str, "a file"),
    "recipe": (dict, "names and numbers"),
}


@click.command()
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--data",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="CSV with text and label (bearish, neutral, bullish); more may follow. The first is the domain that counts.",
)
@click.option(
    "--model", type=click.Choice(MODELS), default="embedded", show_default=True, help="What is trained."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to (distilroberta: a folder); default: your own.",
)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="YAML with data, out, credits, recipe."
)
def sentiment(
    more: tuple[Path, ...], files: tuple[Path, ...], model: str, out: Path | None, config: Path | None
) -> None:
    """Train on labelled posts, calibrate, and write the weights and their card. Distilroberta is the local tier's
    model and needs the models extra; Ctrl+C keeps where it stands, and the same command goes on.

    Equal data and recipe give an equal file. Weights in the config folder are used from then on instead of those
    that ship; others by `microtui score --weights`.
    """
    from cli import paths
    from engine.lab.labelled import read_labelled
    from engine.lab.train_sentiment import train
    from engine.sentiment.weights import to_bytes

    settings = _settings(config)
    chosen = (*files, *more) or tuple(Path(name) for name in settings.pop("data", ()))
    if not chosen:
        raise UserError(
            "expected labelled posts: --data FILE and more files, each a CSV with the columns text and label"
        )
    if model == "distilroberta":
        from cli.train_local import train_folder

        train_folder(chosen, out, settings)
        return
    target = out or Path(settings.pop("out", None) or paths.sentiment_weights())
    beside = target.with_suffix(".json")
    if beside == target:
        raise UserError(
            f"expected a file for weights, such as sentiment.bin, found {target}: its card goes there"
        )
    credits_ = settings.pop("credits", [])
    progress = Progress()
    try:
        weights, card = train([read_labelled(file) for file in chosen], _recipe(settings, config), progress)
    except ValueError as error:
        raise UserError(explained(error) or str(error)) from None
    finally:
        progress.close()
    blob = to_bytes(weights)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, blob)
        write_whole(beside, (json.dumps(card | {"credits": credits_}, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
    _tell(card)
    click.echo(f"{len(blob) / 1000:.0f} kB of {model} weights in {target}, their card in {beside}")


def _settings(config: Path | None) -> dict[str, Any]:
    """The YAML file as plain values: data, out, credits and the recipe's own names."""
    if config is None:
        return {}
    import msgspec

    try:
        found: Any = msgspec.yaml.decode(config.read_bytes())
    except ImportError:
        raise UserError("reading a YAML file needs PyYAML: pip install pyyaml") from None
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{config}: expected a YAML file, found {error}") from None
    if not isinstance(found, dict) or not found.keys() <= _SHAPES.keys():
        raise UserError(f"{config}: expected the keys {', '.join(_SHAPES)}, found {str(found)[:100]}")
    for name, value in found.items():
        shape, words = _SHAPES[name]
        if not isinstance(value, shape) or (
            shape is list and not all(isinstance(item, str) for item in found[name])
        ):
            raise UserError(f"{config}: expected {name} to be {words}, found {str(value)[:60]}")
    return found


def _recipe(settings: dict[str, Any], config: Path | None) -> Recipe:
    import msgspec

    from engine.lab.train_sentiment import Recipe

    try:
        return msgspec.convert(settings.get("recipe", {}), Recipe)
    except msgspec.ValidationError as error:
        raise UserError(f"{config}: recipe: {error}") from None


def write_whole(path: Path, blob: bytes) -> None:
    """Whole or not at all: a session may be reading it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(blob)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _tell(card: dict[str, Any]) -> None:
    for data in card["data"]:
        if "bullish_or_bearish" in data:
            found = data["bullish_or_bearish"]
            click.echo(
                f"{data['file']}: held out, bullish or bearish: accuracy {found['accuracy']['mean']:.3f} "
                f"± {found['accuracy']['sd']:.3f}, macro-F1 {found['macro_f1']['mean']:.3f} "
                f"± {found['macro_f1']['sd']:.3f}, ECE {found['ece']:.3f}"
            )
        if "three_classes" in data:
            found = data["three_classes"]
            click.echo(
                f"{data['file']}: held out, three classes: accuracy {found['accuracy']:.3f}, "
                f"macro-F1 {found['macro_f1']:.3f}, ECE {found['ece']:.3f}"
            )


class Progress:
    """What is being done and how far it is: a line that is written over, on a terminal only."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __call__(self, what: str, done: int, of: int) -> None:
        if self._shown:
            filled = 24 * done // max(of, 1)
            click.echo(
                f"\r\x1b[K{what:<28} {'█' * filled}{'░' * (24 - filled)} {done}/{of}", err=True, nl=False
            )

    def close(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
