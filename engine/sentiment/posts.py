"""A post as the scoring sees it: one clean line of bounded length, and its words in lower case."""

from __future__ import annotations

import re
import unicodedata

from engine.sentiment.words import COINS
from engine.text import clean

ASSET = "asset"
_COINS = dict.fromkeys(COINS.split(), ASSET)
MAX_CHARS = 4096  # a longer text is scored by its beginning, so that time is bounded

_LINK = re.compile(r"https?://\S*|\bwww\.\S+")
# What `str.replace` does in a microsecond takes a regular expression ten: most posts never reach one.
_MARKS = tuple((mark, f" {mark} ") for mark in ".,!?;:$%")  # they end a clause, or say something themselves
_SPACES = '"()[]{}<>*_/\\-#&+=@~^|`'
_FACES = ((":)", " 🙂 "), (":-)", " 🙂 "), (":(", " 🙁 "), (":-(", " 🙁 "))
_REPEATED = re.compile(r"([a-z])\1{2,}")
_STRETCHED = tuple(letter * 3 for letter in "aeioumshpylnrg")
_SIGN = re.compile(r"[^\w\s.,!?;:$%']")  # an emoji, or a mark that is not ASCII, each for itself
_VARIANT = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")  # how an emoji is drawn, and its skin


def post_text(text: str) -> str:
    """One line of printable characters, compatibility forms folded (NFKC), at most MAX_CHARS long.

    Newlines are spaces; control, format (bidi, zero-width, tags), surrogate and unassigned characters are gone.
    """
    line = " ".join(text[: 4 * MAX_CHARS].split())
    if not line.isprintable():  # exactly when it holds something that `clean` drops, or an odd space
        line = clean(line, MAX_CHARS)
    if not line.isascii():
        line = " ".join(unicodedata.normalize("NFKC", line).split())
    return line[:MAX_CHARS]


def tokens(line: str) -> list[str]:
    """Words, numbers, clause marks and emoji of a clean line, lower case, links left out.

    Well-known coins and whatever follows a dollar sign become one word, ASSET: which coin it is says where a
    post belongs, and must not say what it thinks. A letter that comes three times or more comes twice, so that
    "sooooo" and "sooo" are one word.

    >>> tokens("Don't sell $BTC — to the MOOOON 🚀🚀 https://t.co/x")
    ["don't", 'sell', '$', 'asset', '—', 'to', 'the', 'moon', '🚀', '🚀']
    """
    low = line.lower()
    if "http" in low or "www." in low:
        low = _LINK.sub(" ", low)
    for face, emoji in _FACES:
        if face in low:
            low = low.replace(face, emoji)
    for mark, spaced in _MARKS:
        if mark in low:
            low = low.replace(mark, spaced)
    for mark in _SPACES:
        if mark in low:
            low = low.replace(mark, " ")
    if not low.isascii():
        low = _SIGN.sub(r" \g<0> ", _VARIANT.sub("", low.replace("’", "'")))
    for letters in _STRETCHED:
        if letters in low:
            low = _REPEATED.sub(r"\1\1", low)
            break
    known = _COINS.get
    found = [known(word, word) for word in low.split()]
    if "$" in low:
        for at, word in enumerate(found[1:], 1):
            if found[at - 1] == "$" and word.isalpha():
                found[at] = ASSET
    return found
