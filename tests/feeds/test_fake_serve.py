"""What a made-up exchange trades on several venues at once, and the command by which it says how to watch all of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest

from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_serve import serve, symbols_of
from engine.feeds.fake_venues import dialect_of


def told(
    capsys: pytest.CaptureFixture[str], venues: Sequence[str], bases: Sequence[str], posts: float = 12.0
) -> list[str]:
    """The lines that it prints."""

    said = ""

    async def briefly() -> None:
        nonlocal said
        serving = asyncio.create_task(serve([dialect_of(v) for v in venues], 0, bases, posts_a_minute=posts))
        async with asyncio.timeout(20.0):
            while "microtui live" not in said and not serving.done():
                await asyncio.sleep(0.02)
                said += capsys.readouterr().out
        serving.cancel()
        await asyncio.wait({serving})

    asyncio.run(briefly())
    return said.splitlines()


@pytest.mark.parametrize(
    ("venues", "bases", "command"),
    [
        (("binance",), ("BTC", "ETH"), "microtui live BTCUSDT ETHUSDT --set"),
        (("kraken",), ("xbt",), "microtui live BTC/USD --venue kraken --set"),
        (
            ("binance", "coinbase"),
            ("BTC", "USDT-USD", "BTCUSDT"),
            "microtui live BTCUSDT USDT-USD --venue binance,coinbase --set",
        ),
        (("coinbase", "kraken"), ("USDT",), "microtui live USDT-USD --venue coinbase,kraken --set"),
    ],
)
def test_the_command_watches_all_that_is_traded(
    capsys: pytest.CaptureFixture[str], venues: Sequence[str], bases: Sequence[str], command: str
) -> None:
    assert told(capsys, venues, bases)[-1].startswith(command)


def test_every_symbol_of_a_venue_is_watched_and_a_later_venues_only_where_it_is_new() -> None:
    traded = [("BTCUSDT", "BTCUSDC"), ("BTC-USD", "USDT-USD"), ("USDT/USD", "BTC/USD", "ADA/USD")]
    assert symbols_of(traded) == ["BTCUSDT", "BTCUSDC", "USDT-USD", "ADA/USD"]


def test_who_writes_nothing_is_said_to_write_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, ("binance",), ("BTC",), 0.0)[1].startswith("nobody writes posts; the text server")
    assert told(capsys, ("binance",), ("BTC",), 1.0)[1].startswith("made-up people write 1 post a minute on")


def test_a_venue_left_with_nothing_to_trade_is_an_error_with_what_would_do() -> None:
    binance = [dialect_of("binance")]
    with pytest.raises(ValueError, match=r"prices of the fake Binance .*are in USDT, .*such as BTC$"):
        asyncio.run(serve(binance, 0, ("USDT",)))
    with pytest.raises(ValueError, match=r"trades BTCUSDT, .*; not FOO"):
        asyncio.run(serve(binance, 0, ("BTC", "FOO")))


def market(venue: str, *bases: str) -> MadeUpMarket:
    dialect = dialect_of(venue)
    return MadeUpMarket([dialect.spell(base) for base in bases], 3, dialect.spell, dialect.quote)


def mid(made: MadeUpMarket, symbol: str) -> float:
    book = made.oracle(symbol).now
    return (max(book.bids) + min(book.asks)) / 2 / 1e8


def test_one_dollar_in_another_is_traded_where_prices_are_in_the_other_only() -> None:
    for venue, symbol in (("coinbase", "USDT-USD"), ("kraken", "USDT/USD")):
        assert symbol in MadeUpMarket((), 1, dialect_of(venue).spell, "USD").listings
    for venue in ("binance", "binance-usdm"):
        assert len(MadeUpMarket((), 1, dialect_of(venue).spell, "USDT").listings) == 10


def test_one_dollar_in_another_is_calm() -> None:
    made = market("coinbase", "USDT", "BTC")
    moves: dict[str, list[float]] = {"USDT-USD": [], "BTC-USD": []}
    first = {symbol: mid(made, symbol) for symbol in moves}
    for second in range(60):
        made.advance(1.0, second * 1000)
        for symbol, seen in moves.items():
            seen.append(abs(math.log(mid(made, symbol) / first[symbol])))
    assert 0.0 < max(moves["USDT-USD"]) < 2e-4 < max(moves["BTC-USD"])


def test_a_coin_follows_in_the_other_dollar_at_the_rate_that_is_traded() -> None:
    leader, follower = market("binance", "BTC"), market("coinbase", "BTC", "USDT")
    dollar = follower._symbols["USDT-USD"]
    dollar._fair *= 0.99
    follower.follow([leader])
    for beat in range(80):
        for each in (leader, follower):
            each.advance(0.1, beat * 100)
    assert mid(follower, "BTC-USD") / mid(leader, "BTCUSDT") == pytest.approx(dollar.fair, rel=1e-3)
    assert dollar.fair == pytest.approx(0.99, rel=1e-3)
