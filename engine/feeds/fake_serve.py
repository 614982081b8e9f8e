"""Serving fake exchanges by hand until Ctrl+C, beside a site where made-up people write about them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.feeds.errors import FeedError
from engine.feeds.fake_capture import CapturePlayback
from engine.feeds.fake_dialect import Dialect
from engine.feeds.fake_market import MadeUpMarket
from engine.feeds.fake_raw import RawServer
from engine.feeds.fake_server import FakeServer
from engine.feeds.fake_text import FakeText, settings_of
from engine.feeds.fake_text_site import MadeUpText
from engine.feeds.fake_wire import Market
from engine.feeds.raw_formats import HFT, format_of
from engine.feeds.symbols import asset_of


async def serve(
    dialects: Sequence[Dialect],
    port: int,
    bases: Sequence[str] = (),
    seed: int = 1,
    capture: Path | None = None,
    rate: float = 1.0,
    posts_a_minute: float = 12.0,
) -> None:
    """Run an exchange for each dialect, on `port` and those that follow it, until cancelled.

    `bases` are currencies, or symbols as any venue spells them; none: all that is known. Raises
    ValueError for one that is not known, FeedError for a file that is no capture, and OSError where a port
    cannot be had.
    """
    exchanges: list[FakeServer] = []
    made: list[MadeUpMarket] = []
    for number, dialect in enumerate(dialects):
        if capture is not None and format_of(capture) not in (None, HFT):
            exchanges.append(RawServer(capture, dialect.name, rate, port and port + number))
            continue
        market: Market
        if capture is not None and number == 0:
            market = CapturePlayback(capture, rate)
        else:
            market = MadeUpMarket(_spelt(bases, dialect), seed, dialect.spell, dialect.quote)
            market.follow(made)
            made.append(market)
        pace = 1.0 if isinstance(market, CapturePlayback) else rate
        exchanges.append(FakeServer(dialect, market=market, rate=pace, port=port and port + number))
    async with contextlib.AsyncExitStack() as stack:
        for exchange in exchanges:
            await stack.enter_async_context(exchange)
        text = await stack.enter_async_context(FakeText(MadeUpText(seed, posts_a_minute / 60.0)))
        told: dict[str, str] = {}
        for exchange in exchanges:
            dialect, traded = exchange.dialect, ", ".join(exchange.market.listings)
            print(f"a fake {dialect.title} trades {traded} on {exchange.rest} and {exchange.ws}")
            setting = f"venues.{dialect.name.replace('-', '_')}"
            told[f"{setting}.rest"], told[f"{setting}.ws"] = exchange.rest, exchange.ws
        print(_of_posts(posts_a_minute, text.url))
        flags = " ".join(f"--set {key}={value}" for key, value in (told | settings_of(text)).items())
        venues = ",".join(exchange.dialect.name for exchange in exchanges)
        chosen = "" if venues == "binance" else f" --venue {venues}"
        symbols = " ".join(symbols_of([exchange.market.listings for exchange in exchanges]))
        print(f"microtui live {symbols}{chosen} {flags}", flush=True)
        await asyncio.gather(*(exchange.ended() for exchange in exchanges))


def symbols_of(traded: Sequence[Iterable[str]]) -> list[str]:
    """What to watch to see all of it: each currency's symbols as the first venue that trades it spells them."""
    chosen: list[str] = []
    known: set[str] = set()
    for symbols in traded:
        bases = {symbol: asset_of(symbol) for symbol in symbols}
        chosen += [symbol for symbol, base in bases.items() if base not in known]
        known.update(bases.values())
    return chosen


def _spelt(bases: Sequence[str], dialect: Dialect) -> list[str]:
    """How a venue calls these currencies; one that its prices are in is left out. Raises ValueError if that is all."""
    known = MadeUpMarket.bases()
    named = {asset_of(base): base for base in bases}
    spelt = [
        dialect.spell(base) if base in known else typed
        for base, typed in named.items()
        if base != dialect.quote
    ]
    if bases and not spelt:
        raise ValueError(
            f"prices of the fake {dialect.title} are in {dialect.quote}, which it does not trade for itself: "
            "name another currency as well, such as BTC"
        )
    return spelt


def _of_posts(a_minute: float, url: str) -> str:
    if not a_minute:
        return f"nobody writes posts; the text server without any is on {url}"
    return f"made-up people write {a_minute:g} {'post' if a_minute == 1 else 'posts'} a minute on {url}"


def main(dialect: Dialect) -> None:
    """A command line for one venue."""
    parser = argparse.ArgumentParser(description=f"A fake {dialect.title} exchange.")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--symbols", nargs="*", default=(), metavar="SYMBOL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--capture", type=Path, help="play this capture instead of a made-up market")
    parser.add_argument("--rate", type=float, default=1.0, help="how much faster than real time")
    chosen = parser.parse_args()
    try:
        asyncio.run(serve((dialect,), chosen.port, chosen.symbols, chosen.seed, chosen.capture, chosen.rate))
    except KeyboardInterrupt:
        return
    except (OSError, ValueError, FeedError) as fault:
        parser.error(str(fault))
