"""`microtui ingest`: what the text sources still offer of the past, as JSON lines or as a session that replays."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.events import Post
    from engine.feeds.text_backfill import Told
    from engine.sentiment.authors import Authors


@click.command()
@click.option("--since", required=True, metavar="TIME", help="The oldest to fetch, such as 2026-11-01 (UTC).")
@click.option(
    "--record", is_flag=True, help="Instead of printing: score the posts and record them as a session."
)
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", help="A setting, such as sources.gap_s=10"
)
def ingest(since: str, record: bool, flags: tuple[str, ...]) -> None:
    """Fetch the posts of all text sources, one JSON object a line on stdout, an account of each on stderr.

    With --record they become a session instead: scored by the embedded tier, weighed and smoothed as they would have
    been then. `microtui replay` plays it, `microtui sessions export` exports it.

    Sites keep little of the past: Reddit the newest thousand posts of a subreddit, news sites a page. It asks
    one page every few seconds, so that a long past takes minutes.
    """
    import asyncio

    from cli.durations import moment_ns
    from cli.errors import UserError
    from cli.reading import authors
    from cli.settings import load_settings

    now = time.time_ns()
    try:
        since_ns = moment_ns(since, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    if since_ns >= now:
        raise click.BadParameter(f"expected a time in the past, found {since!r}", param_hint="--since")
    settings = load_settings(flags)
    posts: list[Post] = []
    known = authors()
    answered, asked = asyncio.run(_run(settings, since_ns, posts.append if record else _print, known))
    if not asked:
        raise UserError("no text source is set: sources.reddit.subreddits and sources.news.feeds are empty")
    if not answered:
        raise UserError("no text source answered")
    if record and not posts:
        raise UserError("there is nothing to record: no source offered a post of that time")
    if record:
        from cli.ingest_session import recorded

        path = recorded(posts, settings, known, lambda text: click.echo(text, err=True))
        click.echo(f"recorded: {path}", err=True)


def _print(post: Post) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(post).decode() + "\n")


async def _run(
    settings: Settings, since_ns: int, take: Callable[[Post], None], authors: Authors
) -> tuple[int, int]:
    """How many sources answered, of how many that were asked."""
    from cli import paths
    from cli.text import author_key
    from engine.feeds.clock import SystemClock
    from engine.feeds.driver import Internet
    from engine.feeds.hosts import PROCESS_HOSTS
    from engine.feeds.options import FeedOptions
    from engine.feeds.text_backfill import Backfill

    options = settings.text_options()
    network = Internet(FeedOptions(request_timeout_s=options.request_timeout_s))
    accounts: list[Told] = []
    watched = sys.stderr.isatty() and not sys.stdout.isatty()
    written = 0

    def put(post: Post) -> None:
        nonlocal written
        take(post)
        written += 1
        if watched and written % 25 == 0:
            click.echo(f"\r{written} posts …", err=True, nl=False)

    def say(told: Told) -> None:
        sys.stdout.flush()
        accounts.append(told)
        click.echo(("\r" if watched else "") + _account(told), err=True)

    key = author_key(paths.author_key_file())
    backfill = Backfill(options, network, SystemClock(), PROCESS_HOSTS, key, authors.met)
    try:
        await backfill.run(since_ns, put, say)
    finally:
        await network.close()
    return sum(told.refused is None or told.posts > 0 for told in accounts), len(accounts)


def _account(told: Told) -> str:
    back = ""
    if told.oldest_ns is not None:
        back = f", it offers back to {time.strftime('%Y-%m-%d %H:%M', time.gmtime(told.oldest_ns // 10**9))}"
    trouble = f"; {told.refused.reason}" if told.refused is not None else ""
    return f"{told.label}: {told.posts} post{'s' if told.posts != 1 else ''}{back}{trouble}"
