"""Which assets a text speaks of: by name, ticker and cashtag, and not by words that only look like them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sentiment import assets
from engine.sentiment.assets import assets_of, implied_by


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$BTC to 100k", "BTC"),
        ("$btc and $Eth", "BTC ETH"),
        ("bitcoin's halving", "BTC"),
        ("#Bitcoin #ETH", "BTC ETH"),
        ("BTC, bitcoin and BTC again", "BTC"),
        ("ethereum over Bitcoin", "ETH BTC"),
        ("Bitcoin Cash is not bitcoin", "BCH BTC"),
        ("Ethereum Classic forked from Ethereum", "ETC ETH"),
        ("shiba inu puppies", "SHIB"),
        ("BTC的价格", "BTC"),
        ("比特币要涨了", "BTC"),
        ("купил биткоина и эфириум", "BTC ETH"),
        ("SOL/USDT broke out", "SOL"),
        ("SOLUSDT and ADA-USD", "SOL ADA"),
        ("LINK token looks good", "LINK"),
        ("$LINK in bio", "LINK"),
        ("bought $one and $near", "ONE NEAR"),
        ("Avalanche coin is cheap", "AVAX"),
        ("I'd say DOT is a worthy investment as well.", "DOT"),
        ("Harmony one , algorand , Cardano, solana , vechain gonna fly", "ONE ALGO ADA SOL VET"),
        ("ETHBTC ratio", "ETH"),
    ],
)
def test_what_is_spoken_of(text: str, found: str):
    assert assets_of(text) == tuple(found.split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the market is down",
        "one of the best, click the link, I am near",
        "CLICK THE LINK, ONE DAY ONLY, BUY THE COIN NOW",
        "salt, seashells, coins etc are money",
        "THE ONE PLACE to be",
        "see LINK below",
        "an avalanche came down, a stellar day",
        "OP is right about the price of coins",
        "abtc btcx xbtcx eths tether2",
        "https://example.com/bitcoin and www.eth.example",
        "$100 and $5k and $TSLA",
        "Methane and ethics, an ether2 net",
        "Me gusta el sol",
        "🚀🚀🚀",
    ],
)
def test_what_is_not(text: str):
    assert assets_of(text) == ()


@settings(deadline=None)
@given(st.sampled_from(sorted(assets._KNOWN)), st.text(" .,!?\n🚀的", max_size=5))
def test_a_cashtag_counts_in_any_case_between_any_signs(ticker: str, around: str):
    assert assets_of(f"{around}${ticker.lower()}{around}") == (ticker,)
    assert assets_of(f"{around}${ticker}{around}") == (ticker,)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(w for w in assets._WORDS if " " not in w)), st.sampled_from(string.ascii_letters)
)
def test_a_word_that_goes_on_is_another_word(word: str, letter: str):
    for other in (f"{word}{letter}", f"{letter}{word}"):
        assert assets_of(other) == ((assets._WORDS[other.lower()],) if other.lower() in assets._WORDS else ())


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_few_known_tickers_once_each(text: str):
    found = assets_of(text)
    assert len(set(found)) == len(found) <= assets.MOST
    assert set(found) <= assets._KNOWN


def test_a_list_of_everything_is_cut():
    assert len(assets_of("BTC ETH XRP BNB DOGE TRX LTC BCH BSV AVAX")) == assets.MOST


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("reddit:Bitcoin", ("BTC",)),
        ("reddit:ethtrader", ("ETH",)),
        ("reddit:CryptoCurrency", ()),
        ("news:bitcoin", ()),
        ("fear-greed", ("BTC",)),
        ("", ()),
    ],
)
def test_what_a_place_implies(source: str, found: tuple[str, ...]):
    assert implied_by(source) == found
