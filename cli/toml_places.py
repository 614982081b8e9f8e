"""Where in a TOML file each key stands, so that a fault can name the line that a person has to change.

The standard library reads TOML without saying where; here only tables and keys are found, and values are stepped over,
with their strings, comments, arrays and inline tables. The text has been read as TOML before.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

_HEADER = re.compile(r"\[\[?([^\n]*?)\]\]?[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
# What may stand in a value; a comment and a string hide brackets and ends of lines.
_TOKEN = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"""+' r"|'''[\s\S]*?'''+" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'" r"|#[^\n]*"
    r"|[\[{]|[\]}]|\n|[^\"'#\[\]{}\n]+"
)  # fmt: skip
_KEY = re.compile(r'(?:"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|[A-Za-z0-9_\-. \t])+')


def lines_of(text: str) -> dict[str, int]:
    """Dotted key -> line number, of tables, keys and the dotted parts above them; a list's tables count from 0.

    >>> lines_of("a = 1\\n[[alerts]]\\nname = 'x'\\n")
    {'a': 1, 'alerts': 2, 'alerts.0': 2, 'alerts.0.name': 3}
    """
    places: dict[str, int] = {}
    counts: dict[str, int] = {}  # of lists of tables
    table: list[str] = []
    at, line = 0, 1
    while at < len(text):
        if text[at] in " \t\r\n":
            line += text[at] == "\n"
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        elif text[at] == "[" and (header := _HEADER.match(text, at)):
            table = _inside(_parts(header[1].strip(" \t[]")), counts, header[0].startswith("[["))
            _place(places, table, line)
            at = header.end()
        elif key := _KEY.match(text, at):
            _place(places, table + _parts(key[0]), line)
            end = _value_end(text, key.end())
            line += text.count("\n", at, end)
            at = end
        else:
            at = _line_end(text, at)
    return places


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _value_end(text: str, at: int) -> int:
    """The end of the line on which the value that begins here ends."""
    depth = 0
    while (token := _TOKEN.match(text, at)) is not None:
        if token[0] == "\n" and depth <= 0:
            return at
        depth += (token[0] in "[{") - (token[0] in "]}")
        at = token.end()
    return len(text)


def _parts(key: str) -> list[str]:
    """The parts of a key as it is written, such as `a."b.c"`."""
    try:
        found: Any = tomllib.loads(f"{key.strip()} = 0")
    except tomllib.TOMLDecodeError:
        return [key.strip()]
    parts = []
    while isinstance(found, dict):
        name, found = next(iter(found.items()))
        parts.append(name)
    return parts


def _inside(parts: list[str], counts: dict[str, int], is_list: bool) -> list[str]:
    """A header's path with the number of the list's table that each part speaks of."""
    path: list[str] = []
    for position, part in enumerate(parts):
        path.append(part)
        name = ".".join(path)
        if is_list and position == len(parts) - 1:
            counts[name] = counts.get(name, -1) + 1
        if name in counts:
            path.append(str(counts[name]))
    return path


def _place(places: dict[str, int], path: list[str], line: int) -> None:
    for length in range(1, len(path) + 1):
        places.setdefault(".".join(path[:length]), line)
