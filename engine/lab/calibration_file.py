"""A calibrated scenario as the TOML file that `microtui sim` runs, with its provenance at its head."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.scenario import BadScenario, Scenario, parse
from engine.text import clean

_LINE_CHARS = 100
_HEAD = ("name", "about", "symbol", "base", "quote", "tick_size", "lot_size", "start_ticks", "seed")


def written(scenario: Scenario, provenance: Mapping[str, str]) -> str:
    """The file's text: every constant is told, so that other defaults tomorrow change nothing.

    Raises BadScenario where a constant lies outside what a scenario may have: a market that cannot be simulated here.
    """
    values: dict[str, Any] = msgspec.to_builtins(scenario)
    lines = [f"# {clean(key, 40)}: {clean(text, _LINE_CHARS * 3)}" for key, text in provenance.items()]
    lines += ["", *(f"{key} = {_text(values[key])}" for key in _HEAD)]
    for venue in values["venues"]:
        lines += ["", "[[venues]]", *_table(venue)]
    lines += ["", "[counts]", *_table(values["counts"]), "", "[world]", *_table(values["world"])]
    for family, params in values["agents"].items():
        lines += ["", f"[agents.{family}]", *_table(params)]
    text = "\n".join(lines) + "\n"
    if parse(text, "the calibrated scenario", scenario.name) != msgspec.structs.replace(
        scenario, own=(), shocks=()
    ):
        raise BadScenario("expected the written scenario to be read as it was, found another")
    return text


def provenance_of(text: str) -> dict[str, str]:
    """What a calibrated file says of where it comes from; empty for any other file."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        key, colon, value = line[2:].partition(": ")
        if colon:
            found[key] = value
    return found


def _table(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{key} = {_text(value)}"


def _text(value: Any) -> str:
    """A string, a number or a truth as TOML: JSON's form is TOML's too."""
    return json.dumps(value, ensure_ascii=True)
