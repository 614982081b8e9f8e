"""Where in a TOML file a key stands, so that an error can name the line that a person has to change.

The file has been read by `tomllib` before; here only lines are counted, past strings and arrays that go over several.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import msgspec

_HEAD = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(
    r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=\s*(.*)""", re.S
)
_QUOTES = re.compile(r'''"""|\'\'\'|"(?:\\.|[^"\\])*"|'[^']*'|#|[\[\]]''')


def line_of(place: str, text: str, key: str) -> str:
    """`file:line` of a dotted key such as `shocks[1].at_s`, or of its table, or of the first line."""
    found = lines_of(text)
    while key and key not in found:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return f"{place}:{found.get(key, 1)}"


def line_in(place: str, text: str, key: str, number: int) -> str:
    """`file:line` of a line of a key's text, counted from 0: TOML leaves out a line break right behind the quotes."""
    first = lines_of(text).get(key, 1)
    match = _KEY.match(text.split("\n")[first - 1])
    value = match[2].strip() if match else ""
    if not value.startswith(('"""', "'''")):
        return f"{place}:{first}"
    return f"{place}:{first + number + (len(value) == 3)}"


def lines_of(text: str) -> dict[str, int]:
    """The line of each key and table, from 1: `seed`, `recipe`, `recipe.depth`, `venues[0]`, `venues[0].name`.

    >>> lines_of('seed = 7\\n[[venues]]\\nname = "a"\\n')
    {'seed': 1, 'venues': 2, 'venues[0]': 2, 'venues[0].name': 3}
    """
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, closes, depth = "", "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not closes and not depth:
            if head := _HEAD.fullmatch(line):
                table = _plain(head[2])
                found[table] = number
                if head[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                    table = f"{table}[{counts[table]}]"
                    found[table] = number
                continue
            if match := _KEY.match(line):
                found.setdefault(f"{table}.{_plain(match[1])}" if table else _plain(match[1]), number)
                line = match[2]
        closes, depth = _open_behind(line, closes, depth)
    return found


def _plain(key: str) -> str:
    """A key without quotes and spaces."""
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _open_behind(line: str, closes: str, depth: int) -> tuple[str, int]:
    """What a long string that is open behind this line ends with, and how many arrays are open there."""
    while line:
        if closes:
            _, there, line = line.partition(closes)
            if not there:
                return closes, depth
            closes = ""
            continue
        mark = _QUOTES.search(line)
        if mark is None or mark[0] == "#":
            break
        closes = mark[0] if mark[0] in ('"""', "'''") else ""
        depth += {"[": 1, "]": -1}.get(mark[0], 0)
        line = line[mark.end() :]
    return closes, depth


def where(error: msgspec.ValidationError) -> tuple[str, str]:
    """msgspec's sentence and the dotted key it speaks of."""
    message, _, key = str(error).partition(" - at `$")
    return message, key.rstrip("`").lstrip(".")


def unknown_field(message: str) -> str:
    """The field that a sentence of msgspec's does not know; empty where it says something else."""
    _, there, field = message.partition("unknown field `")
    return field.removesuffix("`") if there else ""


def meant(name: str, known: Sequence[str]) -> str:
    """What may have been meant by a name that is not known, and all that are.

    >>> meant("sed", ("seed", "speed", "hours"))
    'is seed meant? known are seed, speed, hours'
    """
    close = difflib.get_close_matches(name, known, 1)
    return f"{f'is {close[0]} meant? ' if close else ''}known are {', '.join(known)}"
