"""CPU a post of the bot filter, duplicates and cadence included: 100 posts a second in a tenth of a core."""

from __future__ import annotations

import time

import numpy as np

from engine.events import Post
from engine.sentiment.bots import Account, Bots

POSTS = 3000


def run() -> dict[str, float]:
    rng = np.random.default_rng(1)
    words = [f"word{n}" for n in range(4000)]
    posts = [
        Post(
            f"p{n}",
            "reddit:Bitcoin",
            n * 10**9,
            " ".join(rng.choice(words, 30)),
            f"author{rng.integers(500)}",
        )
        for n in range(POSTS)
    ]
    account = Account(*(float(n) for n in range(15)))
    bots = Bots(account=lambda author: account)
    for post in posts[:200]:
        bots.judge(post, post.ts_event)
    began = time.process_time()
    for post in posts:
        bots.judge(post, post.ts_event)
    us = (time.process_time() - began) / POSTS * 1e6
    print(f"bots: {us:.0f} us CPU a post; 100 posts a second take {us / 100:.1f} % of a core (asked: 10 %)")
    return {"us_a_post": us}
