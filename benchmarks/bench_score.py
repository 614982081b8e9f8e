"""What scoring costs in the embedded tier: posts alone and in batches, the parts, loading, the command on 10,000 lines.

Times are processor time, so that they mean the same on a busy machine; only the command is timed by the clock as
well. The posts are made up of the lexicon's own words between ordinary ones, as long as posts on crypto forums are
(245 letters on average in the data that the tier was trained on).
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from engine.sentiment import embedded, lexicon
from engine.sentiment.hashing import grams
from engine.sentiment.posts import post_text, tokens

POSTS = 2000
LINES = 10_000
LETTERS = 245
ORDINARY = """
    the a to of and in that is it for on with as this people they have market price think just about more time when
    what there would been which their other than then into only some could them these now over after also money year
    years week today exchange wallet network project chain token supply trade candle chart volume
"""


def run() -> dict[str, float]:
    posts = made_up(POSTS)
    tier = embedded.load()
    lines = [post_text(post) for post in posts]
    found = [tokens(line) for line in lines]
    parts = [found[at : at + 64] for at in range(0, POSTS, 64)]
    figures = {
        "a text, in batches of 64, CPU µs (150)": _per_text(lambda: tier.predict_batch(posts)),
        "a text alone, CPU µs": _per_text(lambda: [tier.predict_batch([post]) for post in posts]),
        "cleaning and words, CPU µs": _per_text(lambda: [tokens(post_text(post)) for post in posts]),
        "lexicon pass, CPU µs (25)": _per_text(lambda: [lexicon.features(words) for words in found]),
        "n-grams, CPU µs": _per_text(lambda: [grams(part) for part in parts]),
        "load, CPU ms (10)": _least(embedded.load, 9) * 1e3,
        "40 kB of text, CPU ms": _least(lambda: tier.predict_batch(["going to zero " * 2900]), 9) * 1e3,
        "weights, kB (600)": embedded.SHIPPED.stat().st_size / 1e3,
    }
    return figures | _command(made_up(LINES))


def made_up(count: int) -> list[str]:
    rng = random.Random(11)
    known, ordinary = sorted(lexicon.ENTRIES), ORDINARY.split()
    posts = []
    for _ in range(count):
        words: list[str] = []
        letters = max(20, int(rng.expovariate(1 / LETTERS)))
        while sum(map(len, words)) + len(words) < letters:
            words.append(rng.choice(known if rng.random() < 0.2 else ordinary))
        posts.append(" ".join(words))
    return posts


def _per_text(work: Callable[[], object]) -> float:
    return _least(work, 5) * 1e6 / POSTS


def _least(work: Callable[[], object], times: int) -> float:
    """Processor seconds of the least disturbed of so many runs."""
    took = []
    for _ in range(times):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def _command(posts: list[str]) -> dict[str, float]:
    """`microtui score --json` on 10,000 lines, its start included; one process, so its processor time is one core's."""
    lines = "\n".join(posts).encode()
    command = [sys.executable, "-m", "microtui", "score", "--json"]
    took, cost = [], []
    for _ in range(3):
        spent, began = _children(), time.perf_counter()
        subprocess.run(command, input=lines, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
        cost.append(_children() - spent)
    return {
        "`microtui score` on 10,000 lines, texts/s (5000)": LINES / statistics.median(took),
        "the same, texts per CPU second": LINES / statistics.median(cost),
    }


def _children() -> float:
    used = os.times()
    return used.children_user + used.children_system
