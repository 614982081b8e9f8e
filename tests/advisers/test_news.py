"""The event detector: what it reads as an event, and what it leaves alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.advisers.news import (
    _RULES,
    _STEMS,
    ASSETS_KEPT,
    OLD_S,
    TOLD_NS,
    NewsState,
    advise,
    check,
    event_in,
    headline_of,
)
from engine.advisers.sight import Headline, Sight
from engine.events import Post
from engine.frame.symbol import SignalNow

NOW = 1_700_000_000 * 1_000_000_000
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("sentence", "kind", "direction"),
    [
        ("Binance will list PEPE in its innovation zone", "listing", 1),
        ("Coinbase adds support for Celestia", "listing", 1),
        ("Kraken is delisting Monero in Europe", "listing", -1),
        ("Bybit hacked, $1.4 billion of ether drained", "hack", -1),
        ("A bridge exploit cost users 320 million", "hack", -1),
        ("Attackers stole 4,000 BTC from the hot wallet", "hack", -1),
        ("Binance suspends withdrawals of SOL", "outage", -1),
        ("Solana network is down, no blocks for an hour", "outage", -1),
        ("Withdrawals have been paused at the exchange", "outage", -1),
        ("Binance resumes SOL withdrawals", "outage", 1),
        ("Solana is back online after the restart", "outage", 1),
        ("SEC approves spot ether ETFs", "regulation", 1),
        ("Judge dismisses the case against Ripple", "regulation", 1),
        ("SEC sues Coinbase over unregistered securities", "regulation", -1),
        ("China bans all cryptocurrency transactions", "regulation", -1),
        ("SEC rejects the application once more", "regulation", -1),
        ("$500M of longs liquidated within an hour", "liquidation", -1),
        ("Massive short squeeze as shorts get liquidated", "liquidation", 1),
    ],
)
def test_events_are_read(sentence: str, kind: str, direction: int) -> None:
    assert event_in(sentence) == (kind, direction)


@pytest.mark.parametrize(
    "sentence",
    [
        "Was Binance hacked?",
        "No, Kraken was not hacked",
        "Binance denies that it was hacked",
        "The exchange says reports of an exploit are false",
        "Rumours of a hack are fake",
        "Funds are unaffected by the exploit",
        "If the SEC approves the ETF we moon",
        "The SEC could sue them next",
        "Three years ago Mt. Gox was hacked",
        "The 2016 hack of Bitfinex in pictures",
        "Back in the day China banned it every month",
        "Here is my list of coins to buy",
        "I am banking on a second halving",
        "good morning everyone, what a calm day",
        "",
    ],
)
def test_questions_denials_suppositions_and_memories_are_no_events(sentence: str) -> None:
    assert event_in(sentence) is None


def post(text: str, ago_s: float = 0.0, assets: tuple[str, ...] = ("BTC",), source: str = "news:x") -> Post:
    return Post("p", source, NOW - int(ago_s * SECOND), text, "a", assets)


def sight(state: NewsState, after_s: float, asset: str = "BTC") -> Sight:
    return Sight(NOW + int(after_s * SECOND), asset, [], [], SignalNow(), headline=state.about(asset))


def test_the_sentence_that_says_so_is_the_reason_and_its_weight_fades() -> None:
    state = NewsState()
    state.on_post(post("A calm day. Bybit hacked, withdrawals halted! More soon."), NOW)
    first, later = advise(sight(state, 0)), advise(sight(state, 600))
    assert first.score == pytest.approx(-0.9)
    assert "Bybit hacked, withdrawals halted!" in first.reason
    assert "news:x 0 min ago" in first.reason
    assert later.score == pytest.approx(-0.9 / 2.718281828)
    assert advise(sight(state, OLD_S + 1)).score is None


def test_old_posts_and_repetitions_are_no_news() -> None:
    state = NewsState()
    state.on_post(post("Bybit hacked", ago_s=OLD_S + 1), NOW)
    assert state.about("BTC") is None
    state.on_post(post("Bybit hacked"), NOW)
    state.on_post(post("Once more: Bybit hacked", ago_s=-1000), NOW + 1000 * SECOND)
    headline = state.about("BTC")
    assert headline is not None
    assert headline.ts == NOW
    after = NOW + TOLD_NS + SECOND
    state.on_post(Post("q", "news:x", after, "KuCoin hacked", "a", ("BTC",)), after)
    again = state.about("BTC")
    assert again is not None
    assert again.ts == after


def test_the_opposite_event_is_news_at_once() -> None:
    state = NewsState()
    state.on_post(post("Binance suspends withdrawals"), NOW)
    state.on_post(post("Binance resumes withdrawals", ago_s=-60), NOW + 60 * SECOND)
    headline = state.about("BTC")
    assert headline is not None
    assert headline.direction == 1


def test_news_about_nothing_in_particular_is_heard_by_all_at_half_its_weight() -> None:
    state = NewsState()
    state.on_post(post("SEC sues Coinbase", assets=()), NOW)
    assert advise(sight(state, 0, "ETH")).score == pytest.approx(-0.45)
    state.on_post(post("ETH exploit", assets=("ETH",), ago_s=-1), NOW + SECOND)
    about_eth, about_btc = state.about("ETH"), state.about("BTC")
    assert about_eth is not None
    assert about_btc is not None
    assert (about_eth.kind, about_btc.kind) == ("hack", "regulation")


def test_a_post_from_the_future_is_as_old_as_now() -> None:
    headline = headline_of(post("Bybit hacked", ago_s=-500), NOW)
    assert headline is not None
    assert headline.ts == NOW


@pytest.mark.parametrize("pattern", [pattern for _, _, pattern in _RULES], ids=lambda p: p.pattern[:30])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_event_is_lost_to_the_quick_look(pattern: re.Pattern[str], data: st.DataObject) -> None:
    found = data.draw(st.from_regex(pattern, fullmatch=True))
    assert _STEMS.search(found)


@given(st.text(max_size=300), st.integers(-(10**4), 10**4))
def test_any_text_is_read_without_harm(text: str, ago_s: int) -> None:
    state = NewsState()
    state.on_post(post(text, ago_s), NOW)
    check(state)


def test_it_remembers_a_bounded_number_of_assets() -> None:
    state = NewsState()
    for number in range(3 * ASSETS_KEPT):
        state.on_post(post("hacked", assets=(f"A{number}",)), NOW + number)
    check(state)
    assert len(state.latest) == len(state.told) == ASSETS_KEPT
    assert state.about(f"A{3 * ASSETS_KEPT - 1}") is not None


def test_a_headline_from_behind_the_recordings_own_clock_is_as_good_as_new() -> None:
    """A stranger's checkpoint may hold one; the weight of an age below zero would grow beyond all numbers."""
    late = Headline("hack", -1, 2**63 - 1, "news:x", "it was hacked", 0.9)
    check(NewsState({"BTC": late}))
    opinion = advise(Sight(NOW, "BTC", [], [], SignalNow(), headline=late))
    assert opinion.score == -0.9
