"""The lexicon and the tokens it reads: plain cases, negation, phrases, and bounds that no text breaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sentiment import words
from engine.sentiment.lexicon import ENTRIES, FEATURES, NONE, features
from engine.sentiment.posts import MAX_CHARS, post_text, tokens

LEAN = FEATURES.index("lean")


def lean(text: str) -> float:
    return features(tokens(post_text(text)))[LEAN]


@pytest.mark.parametrize(
    "text",
    [
        "to the moon",
        "🚀🚀",
        "buy the dip",
        "diamond hands 💎🙌",
        "not bearish at all",
        "I'm never selling",
        "don't sell",
        "WAGMI",
        "this will moooooon",
        "bull market soon",
    ],
)
def test_plain_bulls_lean_up(text: str) -> None:
    assert lean(text) > 0.3


@pytest.mark.parametrize(
    "text",
    [
        "not going to moon",
        "rekt",
        "this is going to zero",
        "it's a scam",
        "dump it",
        "📉📉",
        "rug pull",
        "isn't going to be a bull market",
        "don't buy this shitcoin",
        "I am not bullish",
        "capitulation",
    ],
)
def test_plain_bears_lean_down(text: str) -> None:
    assert lean(text) < -0.3


def test_a_negation_ends_with_its_clause() -> None:
    assert lean("no, it will moon") > 0.3
    assert lean("not today. bullish") > 0.3
    assert lean("not really that bullish") < 0


def test_after_a_but_a_post_says_what_it_means() -> None:
    assert lean("it may crash but bullish") > lean("bullish but it may crash")


def test_a_booster_strengthens_and_a_doubt_weakens() -> None:
    assert lean("very bullish") > lean("bullish") > lean("maybe bullish") > 0


def test_a_phrase_takes_its_words_with_it() -> None:
    """ "diamond" and "hands" apart are one word less than the phrase; "hold me" is no holding."""
    assert lean("diamond hands") == pytest.approx(lean("to the moon"))
    assert lean("hold me") == 0
    assert lean("short squeeze") > 0 > lean("short")


def test_every_word_of_the_list_has_its_own_valence_and_sign() -> None:
    """A slow reading of the list, phrase by phrase: each leans as its group says when it stands alone."""
    for groups in (words.WORDS, words.PHRASES):
        for valence, text in groups.items():
            for entry in text.split(","):
                phrase = entry.strip().removesuffix("~")
                found = features(tokens(post_text(phrase)))[LEAN]
                assert (found > 0) == (valence > 0), phrase
                assert (found < 0) == (valence < 0), phrase


def test_no_entry_stands_under_two_valences() -> None:
    for groups in (words.WORDS, words.PHRASES):
        seen: dict[str, float] = {}
        for valence, text in groups.items():
            for entry in (item.strip() for item in text.split(",")):
                assert seen.setdefault(entry, valence) == valence, entry


def test_regular_forms_are_known() -> None:
    for form in (
        "dumps",
        "dumped",
        "dumping",
        "collapses",
        "collapsed",
        "collapsing",
        "rallies",
        "plummeting",
    ):
        assert form in ENTRIES
    assert ENTRIES["crashes"].valence == ENTRIES["crash"].valence


def test_tokens_are_words_marks_and_emoji_without_links() -> None:
    assert tokens("Don't SELL, https://t.co/abc www.x.com now!!") == ["don't", "sell", ",", "now", "!", "!"]
    assert tokens("❤️👍🏽") == ["❤", "👍"]
    assert tokens("比特币 привет") == ["比特币", "привет"]


def test_coins_are_one_word() -> None:
    assert tokens("buy $PEPE now, BTC later; Ethereum") == [
        *("buy", "$", "asset", "now", ",", "asset", "later", ";", "asset"),
    ]


def test_what_cannot_be_seen_is_gone() -> None:
    assert post_text("a\x1b[31m\u202eb\u200bc\ud800d\n\te\U000e0041") == "a[31mbcd e"
    assert post_text("𝗯𝘂𝗹𝗹𝗶𝘀𝗵") == "bullish"
    assert lean("bul\u200blish") == lean("bullish")
    assert len(post_text("ﷺ" * 40_000)) == MAX_CHARS


@settings(deadline=None)
@given(st.text())
def test_any_text_becomes_bounded_numbers(text: str) -> None:
    line = post_text(text)
    assert line.isprintable()
    assert len(line) <= MAX_CHARS
    found = features(tokens(line))
    assert len(found) == len(FEATURES)
    assert all(-1 <= value <= 1 for value in found)


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(ENTRIES)), max_size=30))
def test_any_words_of_the_list_become_bounded_numbers(found: list[str]) -> None:
    assert all(-1 <= value <= 1 for value in features(found))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["tuesday", "meeting", "7", "比特币", "table"]), max_size=20))
def test_words_it_does_not_know_say_nothing(found: list[str]) -> None:
    assert features(found) == NONE
