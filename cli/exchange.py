"""`microtui exchange`: a made-up exchange on this machine, to try microtui without network."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@click.option(
    "--venue",
    "venues",
    default="binance",
    show_default=True,
    metavar="NAME[,NAME...]",
    help="Whose protocol it speaks; several take ports side by side.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9001, show_default=True, help="0: any free one."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Of the made-up market.")
@click.option(
    "--rate", type=click.FloatRange(0.1, 50), default=1.0, show_default=True, help="Times the usual flow."
)
@click.option(
    "--capture",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Play these recorded messages instead of a made-up market.",
)
@click.option(
    "--posts",
    type=click.FloatRange(0, 60_000),
    default=12.0,
    show_default=True,
    help="Made-up posts a minute, on a text server beside it; 0: none.",
)
def exchange(
    symbols: tuple[str, ...],
    venues: str,
    port: int,
    seed: int,
    rate: float,
    capture: Path | None,
    posts: float,
) -> None:
    """Serve a venue's protocol on 127.0.0.1: a made-up market in SYMBOL... (BTC ETH), and posts.

    Venues whose prices are in different dollars trade USDT as well, unless symbols are named.

    Nothing it shows is real. It prints the command that connects to it, and serves until Ctrl+C.
    """
    import asyncio
    import contextlib
    import os

    from cli.errors import UserError
    from engine.feeds.errors import FeedError
    from engine.feeds.fake_serve import serve
    from engine.feeds.fake_venues import DIALECTS, dialect_of
    from engine.text import clean

    names = list(dict.fromkeys(name.strip().lower() for name in venues.split(",") if name.strip()))
    unknown = [name for name in names if name not in DIALECTS]
    if unknown or not names:
        found = clean(", ".join(unknown), 60) or "no name"
        raise UserError(f"--venue takes {', '.join(DIALECTS)}; found {found}")
    dialects = [dialect_of(name) for name in names]
    several = len({dialect.quote for dialect in dialects}) > 1
    bases = symbols or ("BTC", "ETH", *(("USDT",) if several else ()))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(dialects, port, bases, seed, capture, rate, posts))
    except (ValueError, FeedError) as error:
        raise UserError(str(error)) from None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UserError(f"port {port} cannot be served: {why}; --port 0 takes any free one") from None
