"""One pass over a post's words with a crypto lexicon: negation, boosters, phrases, emoji, in microseconds.

The ideas are those of rule-based valence scoring (Hutto and Gilbert 2014, VADER); words and weights are ours.
What comes out is a handful of numbers that the embedded model weighs together with its n-grams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from engine.sentiment import words

REACH = 3  # words that a negation reaches over, those of STEPS_OVER not counted
NEGATED = -0.7  # "not good" is bad, though less bad than "bad"
BEFORE_TURN = 0.6  # what stood before a "but" counts less
SOFTENING = 12.0  # valence² at which a sum counts as 0.7; keeps long posts within bounds
PLAIN = 2.0  # stronger words than this are not those of a headline: whoever uses them takes a side

# What `features` returns, in order.
FEATURES = ("lean", "positive", "negative", "outcry", "last", "negations", "questions", "exclamations")
NONE = (0.0,) * len(FEATURES)

# Second word -> the words after it and the phrase's valence, the longest first.
Tails = dict[str, list[tuple[list[str], float]]]


class Entry(NamedTuple):
    """All that the lexicon knows of one word."""

    valence: float = 0.0
    tails: Tails | None = None  # the phrases that begin with it
    boost: float = 1.0
    negates: bool = False
    ends_clause: bool = False
    turns: bool = False
    stepped_over: bool = False


def features(found: Sequence[str]) -> tuple[float, ...]:
    """The numbers of FEATURES for a post's tokens, each within -1 … 1; all zero where the lexicon knows nothing.

    >>> from engine.sentiment.posts import tokens
    >>> features(tokens("not going to moon"))[0] < -0.4 < 0.4 < features(tokens("to the moon"))[0]
    True
    """
    positive = negative = loudest = last = 0.0
    negations = stepped_over = 0
    negated_at = boosted_at = (
        taken
    ) = -9  # the last negation's place, the last booster's, the last phrase's end
    boost = 1.0
    get = ENTRIES.get
    for at, word in enumerate(found):
        entry = get(word)
        if entry is None or at <= taken:
            continue
        value, tails, boosts, negates, ends_clause, turns, steps_over = entry
        if tails and at + 1 < len(found) and found[at + 1] in tails:
            for rest, phrase in tails[found[at + 1]]:
                if not rest or found[at + 2 : at + 2 + len(rest)] == rest:
                    value, taken = phrase, at + 1 + len(rest)
                    break
        if value:
            if boosted_at == at - 1:
                value *= boost
            if at - stepped_over - negated_at <= REACH:
                value *= NEGATED
                negations += 1
            if value > 0:
                positive += value
                loudest = max(loudest, value)
            else:
                negative -= value
                loudest = max(loudest, -value)
            last = value
        if ends_clause:
            negated_at = -9
            if turns:
                positive *= BEFORE_TURN
                negative *= BEFORE_TURN
        elif taken < at:
            if negates:
                negated_at = at - stepped_over
            if boosts != 1.0:
                boost, boosted_at = boosts, at
            stepped_over += steps_over
    questions, exclamations = found.count("?"), found.count("!")
    if not (positive or negative or questions or exclamations):
        return NONE
    return (
        _soft(positive - negative),
        _soft(positive),
        _soft(negative),
        min(max(loudest - PLAIN, 0.0) / PLAIN, 1.0),
        _soft(last),
        min(negations, 3) / 3,
        min(questions, 3) / 3,
        min(exclamations, 3) / 3,
    )


def _soft(value: float) -> float:
    return value / math.sqrt(value * value + SOFTENING)


def _forms(word: str) -> tuple[str, ...]:
    """A word, and with a tilde its regular forms."""
    if not word.endswith("~"):
        return (word,)
    stem = word[:-1]
    if stem.endswith("y") and stem[-2] not in "aeiou":
        return stem, f"{stem[:-1]}ies", f"{stem[:-1]}ied", f"{stem}ing"
    if stem.endswith("e"):
        return stem, f"{stem}s", f"{stem}d", f"{stem[:-1]}ing"
    ending = "es" if stem.endswith(("s", "x", "z", "ch", "sh")) else "s"
    doubled = stem + stem[-1] if stem.endswith(("b", "g", "m", "n", "p", "t")) else stem
    return stem, stem + ending, f"{stem}ed", f"{stem}ing", f"{doubled}ed", f"{doubled}ing"


def _entries() -> dict[str, Entry]:
    valence: dict[str, float] = {}
    phrases: dict[str, Tails] = {}
    for groups in (words.WORDS, words.PHRASES):
        for value, text in groups.items():
            for item in text.split(","):
                first, *rest = item.split()
                if rest:
                    phrases.setdefault(first, {}).setdefault(rest[0], []).append((rest[1:], value))
                else:
                    valence.update({form: value for form in _forms(first) if form not in valence})
    for tails in phrases.values():
        for found in tails.values():
            found.sort(key=lambda phrase: -len(phrase[0]))
    for value, text in words.EMOJI.items():
        valence |= dict.fromkeys(text.split(), value)
    boosts = {word: factor for factor, text in words.BOOSTS.items() for word in text.split()}
    negations, ends, turns, stepped_over = (
        frozenset(text.split())
        for text in (words.NEGATIONS, words.CLAUSE_ENDS, words.TURNS, words.STEPS_OVER)
    )
    return {
        word: Entry(
            valence.get(word, 0.0),
            phrases.get(word),
            boosts.get(word, 1.0),
            negates=word in negations,
            ends_clause=word in ends,
            turns=word in turns,
            stepped_over=word in stepped_over,
        )
        for word in {*valence, *phrases, *boosts, *negations, *ends, *stepped_over}
    }


ENTRIES = _entries()
