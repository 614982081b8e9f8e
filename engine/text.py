"""Text from outside is data: what may reach a screen, a log or a recording, and what is stripped first."""

from __future__ import annotations

import unicodedata

_DROPPED = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}  # control, format (bidi, zero-width, tags), surrogates …


def clean(text: str, limit: int = 200) -> str:
    """One line without control, bidi, zero-width or tag characters, at most `limit` characters long.

    >>> clean("a\\x1b[31mred\\u202egnp")
    'a[31mredgnp'
    """
    kept = "".join(
        " " if c in "\t\n\r" else c
        for c in text[: limit * 4]
        if c in "\t\n\r" or unicodedata.category(c) not in _DROPPED
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
