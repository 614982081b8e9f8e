"""What posts cost the engine's thread: a feed read, a post made, copies looked for, and how long the loop is held."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable

from engine.events import FeedCount, FeedStatus, Post
from engine.feeds.fake_text_site import Written, atom
from engine.feeds.hosts import Hosts
from engine.feeds.text_health import Count
from engine.feeds.text_options import TextOptions
from engine.feeds.text_pages import read_subreddit
from engine.feeds.text_posts import Posts
from engine.feeds.text_source import TextSource
from engine.sentiment.duplicates import NearDuplicates

S = 1_000_000_000
NOW = 1_795_000_000 * S
RATE_HZ = 200.0
WATCHED_S = 8.0
_WORDS = (
    *(
        "bitcoin",
        "eth",
        "price",
        "going",
        "up",
        "down",
        "never",
        "the",
        "a",
        "of",
        "to",
        "moon",
        "sell",
        "buy",
    ),
    *("market", "today", "really", "think", "$SOL", "fees"),
)


def _posts(count: int, words: int) -> list[Written]:
    rng = random.Random(1)
    return [
        Written(n, "Bitcoin", f"user{n}", f"title {n}", " ".join(rng.choices(_WORDS, k=words)), NOW)
        for n in range(1, count + 1)
    ]


def _cpu_s(work: Callable[[], object], rounds: int) -> float:
    began = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - began) / rounds


def run() -> dict[str, float]:
    feed = atom("Bitcoin", _posts(100, 80))
    items = read_subreddit(feed).items
    near = NearDuplicates()
    texts = [item.text[:500] for item in items]
    for number in range(660):  # fill the ring: a day at 45 posts a minute
        for text in texts:
            near.copies(f"{number} {text}", NOW)
    options = TextOptions()
    return {
        "reading a feed of 100 posts, ms": 1e3 * _cpu_s(lambda: read_subreddit(feed), 50),
        "item to post, us": 1e4
        * _cpu_s(lambda: Posts(options, b"k").take(items, NOW, 0, Count("reddit")), 50),
        "near copies among 65,536, us": 1e4 * _cpu_s(lambda: [near.copies(t, NOW) for t in texts], 20),
        **asyncio.run(_held()),
    }


async def _held() -> dict[str, float]:
    """How late the loop is at most while posts pour in from a site in another process."""
    heard: list[Post | FeedStatus | FeedCount] = []
    idle_s = await _lateness()
    site = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.feeds.fake_text", "--port", "0", "--rate", str(RATE_HZ)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert site.stdout is not None
        url = (await site.stdout.readline()).decode().split()[-1]
        options = TextOptions(
            reddit=url,
            news=(f"{url}/news/rss",),
            fear_greed="",
            gap_s=0,
            reddit_every_s=0.5,
            news_every_s=0.5,
        )
        source = TextSource(options, author_key=b"k", hosts=Hosts())
        task = asyncio.create_task(source.run(heard.append))
        late_s = await _lateness()
        await source.close()
        await task
    finally:
        site.terminate()
        await site.wait()
    posts = sum(isinstance(note, Post) for note in heard)
    return {
        "posts a second through the loop": posts / WATCHED_S,
        "an idle loop late p99, ms": 1e3 * idle_s[int(0.99 * len(idle_s))],
        "an idle loop late at most, ms": 1e3 * idle_s[-1],
        "loop late p99, ms": 1e3 * late_s[int(0.99 * len(late_s))],
        "loop late at most, ms": 1e3 * late_s[-1],
    }


async def _lateness() -> list[float]:
    """By how many seconds a sleep of 5 ms was too long, shortest first."""
    late_s: list[float] = []
    ends = time.monotonic() + WATCHED_S
    while time.monotonic() < ends:
        before = time.monotonic()
        await asyncio.sleep(0.005)
        late_s.append(time.monotonic() - before - 0.005)
    return sorted(late_s)


if __name__ == "__main__":
    print(run())
