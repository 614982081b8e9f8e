"""Text that people read. From outside it is data: what may reach a screen, a log or a recording, and what is
stripped first; of our own, how a number stands in a sentence.
"""

from __future__ import annotations

import unicodedata

MINUS = "−"
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


def grouped(text: str) -> str:
    """Decimal text with a space between groups of three digits before the point.

    >>> grouped("61693.73"), grouped("−1234567"), grouped("+106613"), grouped("12.5")
    ('61 693.73', '−1 234 567', '+106 613', '12.5')
    """
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-", MINUS) else ("", text)
    whole, point, rest = digits.partition(".")
    head = len(whole) % 3
    parts = ([whole[:head]] if head else []) + [whole[i : i + 3] for i in range(head, len(whole), 3)]
    return sign + " ".join(parts) + point + rest


def signed(value: float, decimals: int) -> str:
    """A number with its sign always written, its digits grouped; what rounds to zero has none of its own.

    >>> signed(-0.333, 2), signed(12345.6, 0), signed(-0.001, 2)
    ('−0.33', '+12 346', '+0.00')
    """
    return grouped(f"{value:+z.{decimals}f}").replace("-", MINUS)
