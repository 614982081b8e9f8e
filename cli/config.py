"""`microtui config`: the settings file, what every setting is and where it comes from, and what is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from cli.settings import Settings

_DEFAULT = "default"
_MODE = 0o600


@click.group()
def config() -> None:
    """The settings: where their file is, what each is and where it comes from, what is wrong."""


@config.command()
def path() -> None:
    """Print the path of the settings file, whether it is there or not."""
    from cli import paths

    click.echo(str(paths.config_file()))


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", help="As a run with this flag would see it."
)
def show(as_json: bool, flags: tuple[str, ...]) -> None:
    """Print every setting with its value and where it comes from; secrets are only said to be set."""
    import json

    rows = settings_shown(flags)
    if as_json:
        for key, value, origin in rows:
            click.echo(json.dumps({"key": key, "value": value, "from": origin}))
        return
    width = min(44, max(len(key) for key, _, _ in rows))
    for key, value, origin in rows:
        click.echo(f"{key:{width}}  {_toml(value)}    ({origin})")


@config.command()
def init() -> None:
    """Write a settings file with every default as a comment. A file that is there is never touched."""
    from cli import paths
    from cli.errors import UserError

    file = paths.config_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8"
        ) as out:
            out.write(commented())
    except FileExistsError:
        raise UserError(
            f"{file} is there already and stays as it is; `microtui config show` prints it"
        ) from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(str(file))


@config.command()
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", help="As a run with this flag would see it."
)
def check(flags: tuple[str, ...]) -> None:
    """Read file and environment; list every fault with its place and what was probably meant."""
    from cli import paths

    file = paths.config_file()
    found = faults(file, flags)
    for text in found:
        click.echo(text)
    if found:
        sys.exit(1)
    click.echo(f"{file}: {'no fault' if file.is_file() else 'not there; all settings are the defaults'}")


def faults(file: Path, flags: tuple[str, ...] = ()) -> list[str]:
    """All that is wrong with the settings of a run with these flags."""
    from cli.errors import UserError
    from cli.settings import faults_in, lax_mode, layers

    try:
        values, places = layers(file, flags)
        return [*lax_mode(file), *faults_in(values, places, file), *_wrong_keys(values, places, file)]
    except UserError as error:
        return [error.format_message()]


def _wrong_keys(values: dict[str, Any], places: dict[str, str], file: Path) -> list[str]:
    """What the screen would refuse of [keys], where its defaults stand in."""
    from tui.actions import remap

    keys = values.get("keys")
    if not isinstance(keys, dict):
        return []
    keys = {name: key for name, key in keys.items() if isinstance(key, str)}  # others have a fault already
    place_of = {
        text: places.get(f"keys.{name}", str(file))
        for name, key in keys.items()
        for text in remap({name: key})[1]
    }
    return [f"{place_of.get(text, file)}: {text}" for text in remap(keys)[1]]


def settings_shown(flags: tuple[str, ...] = ()) -> list[tuple[str, Any, str]]:
    """(dotted key, value as JSON has it, where it comes from) of every setting. Raises UserError."""
    from cli import paths
    from cli.setting_faults import hidden, is_secret, leaves
    from cli.settings import Settings, layers, load

    file = paths.config_file()
    settings = load(file, flags)
    values, places = layers(file, flags)
    rows: list[tuple[str, Any, str]] = []
    for key, _ in leaves(Settings):
        value = _value_of(settings, key)
        shown = ("set" if value else "not set") if is_secret(key) else _without_users(hidden(value))
        rows.append((key, shown, _origin(key, values, places)))
    return rows


def _value_of(settings: Settings, key: str) -> Any:
    """As JSON has it, so that a path, or tables in a list, are plain values; a secret's is its stars."""
    value: Any = settings.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return value


def _without_users(value: Any) -> Any:
    """The same, with names, passwords and keys taken out of every address in it."""
    from engine.feeds.raw import without_secrets

    if isinstance(value, dict):
        return {key: _without_users(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_users(inner) for inner in value]
    return without_secrets(value) if isinstance(value, str) and "://" in value else value


def _origin(key: str, values: dict[str, Any], places: dict[str, str]) -> str:
    """The place of the key, or of the table that it stands in where that is written as a value."""
    here: Any = values
    parts = key.split(".")
    for part in parts:
        if not isinstance(here, dict) or part not in here:
            return _DEFAULT
        here = here[part]
    for length in range(len(parts), 0, -1):
        if (place := places.get(".".join(parts[:length]))) is not None:
            return place
    return _DEFAULT


def commented() -> str:
    """A settings file in which every setting is a comment that names its default."""
    from cli.setting_faults import is_secret, leaves
    from cli.settings import Settings

    lines = [
        "# Settings of microtui. A flag (--set KEY=VALUE) wins over the environment, that over this file, and this",
        "# file over the defaults, which stand below as comments: take the # away to change one.",
        "# What each is for: docs/settings.md. `microtui config check` tells what is wrong.",
    ]
    table = None
    for key, field in leaves(Settings):
        above, _, name = key.rpartition(".")
        if not above:
            continue
        if above != table:
            table = above
            lines += ["", f"[{above}]"]
        default = field.get_default(call_default_factory=True)
        if default is None or is_secret(key):
            lines.append(f"# {name} =    # not set")
        else:
            lines.append(f"# {name} = {_toml(_plain(default))}{_bounds(field)}")
    return "\n".join([*lines, *_lists_and_maps(), ""])


def _lists_and_maps() -> list[str]:
    """What stands at the top by itself: tables whose keys are a person's own, and lists of tables."""
    from cli.setting_faults import leaves, model_in
    from cli.settings import Settings

    lines: list[str] = []
    for key, field in leaves(Settings):
        if "." in key:
            continue
        listed = model_in(field.annotation)
        if listed is None:
            lines += ["", f"# [{key}]"]
        else:
            lines += [
                "",
                f"# [[{key}]]    # not set; as many as you like, each with {', '.join(listed.model_fields)}",
            ]
    return lines


def _bounds(field: FieldInfo) -> str:
    """The range of a number, as a comment."""
    limits = {
        sign: getattr(part, name)
        for part in field.metadata
        for name, sign in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below"))
        if getattr(part, name, None) is not None
    }
    return f"    # {' '.join(f'{sign} {limit}' for sign, limit in limits.items())}" if limits else ""


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _toml(value: Any) -> str:
    """A value as TOML writes it; what TOML cannot say, None, as `not set`."""
    import json

    from engine.text import clean

    if value is None:
        return "not set"
    if isinstance(value, dict):
        pairs = ", ".join(
            f"{json.dumps(clean(str(key), 60))} = {_toml(inner)}" for key, inner in value.items()
        )
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(inner) for inner in value)}]"
    return json.dumps(clean(value, 2000) if isinstance(value, str) else value, ensure_ascii=False)
