"""Which venues and symbols a session watches, from what was typed."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import main
from cli.settings import load
from cli.watching import Market, market_of, watched
from engine.batch import BatchBuilder
from engine.feeds.binance import Binance
from engine.feeds.symbols import is_symbol, pair_of
from engine.feeds.venues import VENUES


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("BTCUSDT", ("BTC", "USDT")),
        ("btc-usd", ("BTC", "USD")),
        ("XBT/USD", ("BTC", "USD")),
        ("XDG/EUR", ("DOGE", "EUR")),
        ("ETHBTC", ("ETH", "BTC")),
        ("1000PEPEUSDT", ("1000PEPE", "USDT")),
        ("BTCUSDT_260626", None),
        ("USDTUSD", ("USDT", "USD")),
        ("BTCTUSD", ("BTC", "TUSD")),
        ("USDT", None),
        ("BTC", None),
    ],
)
def test_a_pair_is_found_in_every_spelling(text: str, pair: tuple[str, str] | None):
    assert pair_of(text) == pair


def test_every_venue_spells_it_its_own_way_and_falls_back_on_its_own_dollar():
    asked = market_of(["btcusdt", "BTC-USDT", "eth/usd"], "binance, BINANCE_USDM")
    assert asked == Market(("BTCUSDT", "ETH/USD"), ("binance", "binance-usdm"))
    assert VENUES["binance"].spell(asked.symbols) == [("BTCUSDT",), ("ETHUSD", "ETHUSDT", "ETHUSDC")]
    assert VENUES["coinbase"].spell(["BTCUSDT"]) == [("BTC-USDT", "BTC-USD")]
    assert VENUES["kraken"].spell(["XBTUSD", "ETH-EUR"])[0][0] == "BTC/USD"
    assert VENUES["kraken"].spell(["ETH-EUR"]) == [("ETH/EUR",)]
    assert VENUES["binance-usdm"].spell(["BTCUSDT_260626"]) == [("BTCUSDT_260626",)]


def test_an_asset_without_a_quote_is_taken_in_each_venues_own_dollar():
    asked = market_of(["btc", "USDT", "OP", "XBT"], "binance,kraken")
    assert asked.symbols == ("BTC", "USDT", "OP")
    assert VENUES["binance"].spell(["BTC"]) == [("BTC", "BTCUSDT", "BTCUSDC", "BTCUSD")]
    assert VENUES["kraken"].spell(["XBT"])[0][:2] == ("BTC", "BTC/USD")
    assert VENUES["coinbase"].spell(["USDT"]) == [("USDT", "USDT-USD")]  # and never in itself
    for info in VENUES.values():
        protocol = info.protocol()(info.spell(["BTC"]), info.options, BatchBuilder())
        assert protocol.names == (info.example,)  # which is asked for first


@pytest.mark.parametrize("symbol", ["B", "BTC USD", "BTC--USD", "../etc", "BTC\x1b[31m", "Ж" * 6, "A" * 40])
def test_what_is_no_symbol_is_refused_with_what_would_do(symbol: str):
    assert not is_symbol(symbol) or not symbol.isascii()
    with pytest.raises(click.BadParameter, match="expected a symbol such as BTCUSDT"):
        market_of([symbol], "binance")


def test_a_venue_that_is_not_known_is_named_with_those_that_are():
    with pytest.raises(click.BadParameter, match=r"among binance, .*coinbase.*found 'nyse'"):
        market_of(["BTCUSDT"], "binance,nyse")
    with pytest.raises(click.BadParameter, match="found ''"):
        market_of(["BTCUSDT"], " , ")


def test_too_many_symbols_over_all_venues():
    with pytest.raises(click.BadParameter, match="at most 100 symbols"):
        market_of([f"A{i}USDT" for i in range(51)], "binance,coinbase")


def test_settings_reach_each_venue(tmp_path: Path):
    flags = ["venues.binance_usdm.ws=ws://127.0.0.1:1", "venues.binance.depth_limit=1000"]
    settings = load(tmp_path / "none.toml", flags, {})
    spot, futures = watched(market_of(["BTCUSDT"], "binance,binance-usdm"), settings)
    assert spot.venue is Binance
    assert spot.options.depth_limit == 1000
    assert spot.options.ws == VENUES["binance"].options.ws
    assert futures.options.ws == ("ws://127.0.0.1:1",)
    assert futures.options.weight_limit == VENUES["binance-usdm"].options.weight_limit
    assert settings.setup().taker_bps == {name: info.taker_bps for name, info in VENUES.items()}


def test_the_table_of_venues_names_all_and_its_json_can_be_read():
    text = CliRunner().invoke(main, ["venues"]).output
    told = [json.loads(line) for line in CliRunner().invoke(main, ["venues", "--json"]).output.splitlines()]
    assert [row["venue"] for row in told] == list(VENUES)
    for info in VENUES.values():
        assert f"microtui live {info.example} --venue {info.name}" in text
        assert info.protocol().name == info.name
