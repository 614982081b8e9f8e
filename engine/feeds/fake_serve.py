"""Serving fake exchanges by hand until Ctrl+C, beside a site where made-up people write about them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence
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

    `bases` are currencies, or symbols as the first venue spells them; none: all that is known. Raises
    ValueError for one that is not known, FeedError for a file that is no capture, and OSError where a port
    cannot be had.
    """
    exchanges: list[FakeServer] = []
    leader: MadeUpMarket | None = None
    for number, dialect in enumerate(dialects):
        if capture is not None and format_of(capture) not in (None, HFT):
            exchanges.append(RawServer(capture, dialect.name, rate, port and port + number))
            continue
        market: Market
        if capture is not None and number == 0:
            market = CapturePlayback(capture, rate)
        else:
            names = [_spelt(base, dialects[0], dialect) for base in bases]
            market = made_up = MadeUpMarket(names, seed, dialect.spell, dialect.quote)
            if leader is None:
                leader = made_up
            else:
                made_up.follow(leader)
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
        print(f"made-up people write {posts_a_minute:g} posts a minute on {text.url}")
        flags = " ".join(f"--set {key}={value}" for key, value in (told | settings_of(text)).items())
        venues = ",".join(exchange.dialect.name for exchange in exchanges)
        chosen = "" if venues == "binance" else f" --venue {venues}"
        symbol = next(iter(exchanges[0].market.listings))
        print(f"microtui live {symbol}{chosen} {flags}", flush=True)
        await asyncio.gather(*(exchange.ended() for exchange in exchanges))


def _spelt(base: str, first: Dialect, dialect: Dialect) -> str:
    """The symbol of a currency, told by its name or by the first venue's symbol."""
    for known in MadeUpMarket.bases():
        if base.upper() in (known, first.spell(known).upper(), dialect.spell(known).upper()):
            return dialect.spell(known)
    return base


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
