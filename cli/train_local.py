"""`microtui train sentiment --model distilroberta`: a local model fine-tuned, its folder and card written."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli.errors import UserError, explained
from cli.train_sentiment import Progress


def train_folder(files: Sequence[Path], out: Path | None, settings: dict[str, Any]) -> None:
    """`settings`: recipe, out and credits of the YAML file. Raises UserError."""
    import msgspec

    from cli import paths
    from engine.lab.labelled import read_labelled
    from engine.sentiment.local_options import LACKING, installed

    if not installed():
        raise UserError(LACKING)
    from engine.lab.train_local import Recipe, Stopped, train

    target = out or Path(settings.get("out") or paths.sentiment_model())
    progress = Progress()
    try:
        recipe = msgspec.convert(settings.get("recipe", {}), Recipe)
        data = [read_labelled(file) for file in files]
        with stopping() as stop:
            card = train(data, recipe, target, progress, stop, settings.get("credits", ()))
    except msgspec.ValidationError as error:
        raise UserError(f"recipe: {error}") from None
    except (ValueError, Stopped) as error:
        raise UserError(explained(error) or str(error)) from None
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
    finally:
        progress.close()
    for name, found in card["held_out"].items():
        if name != "rows":
            click.echo(
                f"held out, {name.replace('_', ' ')}: accuracy {found['accuracy']:.3f}, "
                f"macro-F1 {found['macro_f1']:.3f}, ECE {found['ece']:.3f}"
            )
    click.echo(f"the model and its card are in {target}; {_used(target)}")


def _used(target: Path) -> str:
    from cli import paths

    if target == paths.sentiment_model():
        return "the local tier uses it from now on"
    return f'the local tier uses it with sentiment.local.model = "{target}"'


@contextmanager
def stopping() -> Iterator[Any]:
    """A function that says whether Ctrl+C was pressed. Pressed again, it ends the command at once."""
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
