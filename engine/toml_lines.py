"""Where in a TOML file a key stands, so that an error can name the line that a person has to change."""

from __future__ import annotations

import msgspec


def line_of(place: str, text: str, key: str) -> str:
    """`file:line` of a dotted key such as `shocks[1].at_s`, or of its table, or the file alone."""
    leaf = key.split(".")[-1].split("[")[0]
    top, _, which = key.partition("[")
    number = int(which.partition("]")[0]) if which else -1  # of an array's tables
    table = ""
    best = seen = 0
    for line_number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            table = bare.strip("[] ")
            seen += table == top
            if table == top and number in (-1, seen - 1):
                best = line_number
        elif bare.split("=")[0].strip().strip('"') != leaf or not top.startswith(table):
            continue
        elif number in (-1, seen - 1):
            return f"{place}:{line_number}"
    return f"{place}:{best}" if best else place


def where(error: msgspec.ValidationError) -> tuple[str, str]:
    """msgspec's sentence and the dotted key it speaks of."""
    message, _, key = str(error).partition(" - at `$")
    return message, key.rstrip("`").lstrip(".")
