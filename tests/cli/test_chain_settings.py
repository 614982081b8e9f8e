"""Public chains in the settings: off unless asked for, keys where nobody sees them, own addresses over shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import chain, paths
from cli.errors import UserError
from cli.settings import Settings, load
from engine.feeds.chain_options import ChainOptions
from engine.feeds.chain_reading import ChainReading
from engine.feeds.clock import SystemClock

KEY = "MICROTUI_CHAIN__ETHERSCAN__API_KEY"


def settings(*flags: str, file: Path = Path("/nowhere"), **environment: str) -> Settings:
    return load(file, flags, environment)


def test_nobody_is_asked_unless_a_person_says_so() -> None:
    said: list[str] = []
    assert chain.chain_reading(settings(), SystemClock(), said.append) is None
    reading = chain.chain_reading(settings("chain.on=true"), SystemClock(), said.append)
    assert isinstance(reading, ChainReading)
    assert said == []


def test_the_defaults_are_those_of_the_feed() -> None:
    assert settings().chain.options() == ChainOptions()


def test_what_is_set_reaches_the_feed() -> None:
    options = settings(
        "chain.blockchain=",
        "chain.least.btc=50",
        "chain.etherscan.url=http://127.0.0.1:9/v2/api",
        **{KEY: "ABC1"},
    ).chain.options()
    assert (options.blockchain, options.least["BTC"], options.least["ETH"]) == ("", 50.0, 1000.0)
    assert options.key is not None
    assert options.key.value == "ABC1"
    assert "ABC1" not in repr(options)
    assert "ABC1" not in repr(settings(**{KEY: "ABC1"}))


def test_an_empty_key_is_none() -> None:
    assert settings(**{KEY: ""}).chain.options().key is None


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("chain.blockchain=http://x", "expected an address that begins with ws:// or wss://"),
        ("chain.etherscan.api_key=ABC1", "every process can read a secret on the command line"),
        ("chain.etherscan.url=http://example.org/v2/api", "the key could be read on the way"),
        ("chain.etherscan.url=https://example.org/v2/api?apikey=1", "expected https:// and no ? or #"),
        ("chain.least.btc=0", "chain.least.btc: expected"),
        ("chain.least.doge=5", "chain.least.doge is not a setting"),
    ],
)
def test_what_cannot_be_is_named(flag: str, said: str) -> None:
    with pytest.raises(UserError) as found:
        settings(flag)
    assert said in str(found.value)


def test_a_key_of_other_signs_is_refused_without_repeating_it() -> None:
    with pytest.raises(UserError) as found:
        settings(**{KEY: "SEC&RET"})
    assert "letters and digits" in str(found.value)
    assert "SEC&RET" not in str(found.value)


def test_own_addresses_stand_over_those_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "config_folder", lambda: tmp_path)
    said: list[str] = []
    assert "Binance" in chain.addresses(said.append).bitcoin.values()
    chain.own_addresses().write_text(
        '[[exchange]]\nname = "Mine"\nethereum = ["0x%s"]' % ("ab" * 20), "utf-8"
    )
    both = chain.addresses(said.append)
    assert both.ethereum["0x" + "ab" * 20] == "Mine"
    assert "Binance" in both.ethereum.values()
    assert said == []
    chain.own_addresses().write_text("[[exchange]]\nname = 5", "utf-8")
    assert "Binance" in chain.addresses(said.append).bitcoin.values()
    assert said[0].startswith("your own list of addresses is left out: addresses.toml")
