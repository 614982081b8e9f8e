"""Words, pairs of words and runs of 3 to 5 letters, hashed into 2^17 buckets: n-grams without a vocabulary.

A batch is hashed at once: its texts are laid end to end and every n-gram of every text comes from a few passes over
that one array. An n-gram counts once a text, however often it comes, so that shouting it a thousand times says no
more; and a short text counts as if it had some n-grams more that nobody has seen, so that one word is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

BITS = 17
BUCKETS = 1 << BITS
NOWHERE = (
    BUCKETS  # the bucket of what would reach from one text into the next, and of what a short text lacks
)
MAX_TEXTS = 1 << 13  # hashed at once: text and bucket share 32 bits
SHORTEST, LONGEST = 3, 5  # letters of a run
UNSEEN_WORDS, UNSEEN_LETTERS = 10, 40  # n-grams that a text is taken to have beside its own

_UNSEEN = np.array([UNSEEN_WORDS, UNSEEN_LETTERS])
_SIZES = np.arange(SHORTEST, LONGEST + 1)
_U = np.uint32
_STEP = _U(0x9E3779B1)  # odd: multiplying loses nothing
_MIX = _U(0x85EBCA6B)
_PAIR = _U(0xC2B2AE35)

Hashes = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]


class Grams(NamedTuple):
    """Distinct buckets of a batch: of each text its words, then its letters, rising and closed by one NOWHERE.

    Kind k of text i (words 0, letters 1) has `counts[i, k]` buckets, from `starts[i, k]` on. Each of them stands in its
    feature vector with the value sqrt(`share[i, k]`), so that the vector's length is one with the unseen n-grams in it,
    whose part is `unseen[i, k]`.
    """

    buckets: Hashes
    starts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    share: Floats
    unseen: Floats


def grams(texts: Sequence[Sequence[str]]) -> Grams:
    """The n-grams of each text's tokens; at least one text, at most MAX_TEXTS."""
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise ValueError(f"expected 1 to {MAX_TEXTS} texts at once, found {len(texts)}")
    keys = np.concatenate([_keys(_words(texts), 0), _keys(_letters(texts), 1)])
    keys.sort()
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    buckets = keys[first] & _U((1 << (BITS + 1)) - 1)
    ends = np.flatnonzero(buckets == NOWHERE)
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1] + 1
    counts = (ends - starts).reshape(-1, 2)
    share = 1.0 / (counts + _UNSEEN)
    return Grams(buckets, starts.reshape(-1, 2), counts, share, _UNSEEN * share)


Places = tuple[Hashes, npt.NDArray[np.int64]]  # buckets, a row a position; how many positions each text has


def _keys(places: Places, kind: int) -> Hashes:
    """Text, kind and bucket in one number, so that one sort orders them all."""
    buckets, lengths = places
    rows = np.arange(kind, 2 * len(lengths), 2).astype(_U) << _U(BITS + 1)
    keys: Hashes = buckets + np.repeat(rows, lengths)[:, None]
    return keys.ravel()


def _words(texts: Sequence[Sequence[str]]) -> Places:
    """Words and pairs of neighbours, and a place more a text, whose bucket is NOWHERE."""
    lengths = np.array([len(found) + 1 for found in texts])
    ends = lengths.cumsum()
    places = np.empty((int(ends[-1]), 2), _U)
    hashes = np.fromiter(chain.from_iterable(map(_word_hashes, texts)), _U, len(places))
    places[:, 0] = hashes
    places[:, 1] = hashes * _PAIR
    places[:-1, 1] += hashes[1:] * _STEP
    places = _folded(places)
    places[ends - 1] = NOWHERE
    places[(ends - 2)[lengths > 1], 1] = NOWHERE
    return places, lengths


def _letters(texts: Sequence[Sequence[str]]) -> Places:
    """Runs of SHORTEST to LONGEST letters, with a space before, between and after the words."""
    lines = [f" {' '.join(found)} " for found in texts]
    lengths = np.array([len(line) for line in lines])
    ends = lengths.cumsum()
    left = np.repeat(ends, lengths) - np.arange(int(ends[-1]))  # letters from here to the text's end
    letters = np.zeros(len(left) + LONGEST, _U)
    letters[: len(left)] = np.frombuffer("".join(lines).encode("utf-32-le"), "<u4")
    places = np.empty((len(left), LONGEST + 1 - SHORTEST), _U)
    running = np.zeros(len(left), _U)
    for offset in range(LONGEST):
        running = running * _STEP + letters[offset : offset + len(left)]
        if offset + 1 >= SHORTEST:
            places[:, offset + 1 - SHORTEST] = running + _U(offset + 1)
    places = _folded(places)
    places[left[:, None] < _SIZES] = NOWHERE
    return places, lengths


def _word_hashes(found: Sequence[str]) -> Iterator[int]:
    for word in found:
        yield crc32(word.encode())
    yield 0


def _folded(hashes: Hashes) -> Hashes:
    """To the range of buckets, by the high bits of a product, where the mixing is best."""
    mixed: Hashes = (hashes ^ (hashes >> _U(16))) * _MIX
    mixed ^= mixed >> _U(13)
    return (mixed * _STEP) >> _U(32 - BITS)
