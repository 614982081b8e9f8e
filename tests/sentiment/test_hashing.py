"""Hashed n-grams against a slow twin that takes one n-gram at a time."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sentiment.hashing import BUCKETS, MAX_TEXTS, NOWHERE, grams

MASK = 2**32 - 1
STEP = 0x9E3779B1

WORDS = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Z", "Cc")), min_size=1, max_size=8), max_size=12
)


def folded(value: int) -> int:
    value = (value ^ (value >> 16)) * 0x85EBCA6B & MASK
    value ^= value >> 13
    return (value * STEP & MASK) >> 15


def slow_words(found: list[str]) -> set[int]:
    hashes = [crc32(word.encode()) for word in found]
    pairs = [(a * 0xC2B2AE35 + b * STEP) & MASK for a, b in pairwise(hashes)]
    return {folded(value) for value in hashes + pairs}


def slow_letters(found: list[str]) -> set[int]:
    line = f" {' '.join(found)} "
    result = set()
    for size in (3, 4, 5):
        for at in range(len(line) - size + 1):
            value = 0
            for letter in line[at : at + size]:
                value = (value * STEP + ord(letter)) & MASK
            result.add(folded((value + size) & MASK))
    return result


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=5))
def test_a_batch_hashes_like_its_n_grams_one_by_one(texts: list[list[str]]) -> None:
    found = grams(texts)
    for at, text in enumerate(texts):
        for kind, slow in enumerate((slow_words, slow_letters)):
            start, count = found.starts[at, kind], found.counts[at, kind]
            assert found.buckets[start : start + count].tolist() == sorted(slow(text))
            assert found.buckets[start + count] == NOWHERE
    assert len(found.buckets) == found.counts.sum() + 2 * len(texts)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4))
def test_a_feature_vector_has_length_one_with_its_unseen_part(texts: list[list[str]]) -> None:
    found = grams(texts)
    np.testing.assert_allclose(found.counts * found.share + found.unseen, 1.0)


def test_buckets_are_spread_evenly() -> None:
    """Chi-squared of 8,000 words over 64 parts of the range: its mean is 63, its deviation 11."""
    found = grams([[f"word{n}"] for n in range(8000)])
    counts = np.bincount(found.buckets[found.starts[:, 0]] * 64 // BUCKETS, minlength=64)
    assert ((counts - 125) ** 2 / 125).sum() < 63 + 6 * 11.2


@pytest.mark.parametrize("count", [0, MAX_TEXTS + 1])
def test_too_few_or_too_many_texts_at_once_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to {MAX_TEXTS} texts at once, found {count}"):
        grams([["a"]] * count)
