"""What people wrote: as many posts a day as comments were counted, made up, and said to be.

When they come follows how much the price moves, which way they lean the day's index, the fall since the peak and the
last hour. The index leads, and what the price does moves the mood around it: falls frighten more than rebounds console.
The index itself is recorded and comes at midnight, as its site publishes it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from engine.events import Post
from engine.past.bridge import Floats
from engine.past.draws import generator
from engine.past.minutes import LeadPath
from engine.past.story import Day, Story, ns
from engine.past.tables import MINUTE_NS
from engine.sentiment.synthetic import written

DAY_NS = 86_400_000_000_000
QUIET = 0.35  # how much is written when nothing happens, beside EXCITED for a move of `MOVE`
EXCITED, MOVE, MOVE_MINUTES = 1.0, 0.05, 30
# What a mood is made of, see `mood`; moves are in logarithms.
INDEX = 0.45
DEPTH, DEPTH_MOVE = 0.25, 0.3
FALL, REBOUND, HOUR_MINUTES, HOUR_MOVE = 0.3, 0.12, 60, 0.08
_CLASSES = ((25, "Extreme Fear"), (45, "Fear"), (55, "Neutral"), (75, "Greed"), (101, "Extreme Greed"))


def posts(story: Story, path: LeadPath, seed: int) -> Iterator[Post]:
    """Every post of a story, in order of time."""
    draw = random.Random(f"posts {seed}")
    asset = story.venues[0].base
    moods = mood(story, path)
    times = _times(story, path, seed)
    index = {ns(day.date): day for day in story.days}
    waiting = sorted((at, day) for at, day in index.items() if story.begins_ns <= at < story.ends_ns)
    for number, at in enumerate(times, 1):
        while waiting and waiting[0][0] <= at:
            yield _index_post(*waiting.pop(0))
        minute = (at - story.begins_ns) // MINUTE_NS
        yield written(draw, asset, float(moods[minute]), at, number)
    for at, day in waiting:
        yield _index_post(at, day)


def mood(story: Story, path: LeadPath) -> Floats:
    """In (-1, 1), at each minute: the day's index around 50, the fall since the peak, the last hour's return."""
    minutes = len(path.closes)
    depth = np.tanh((path.closes - np.maximum.accumulate(path.closes)) / DEPTH_MOVE)
    hour_before = np.concatenate([np.full(HOUR_MINUTES, path.opens[0]), path.closes])[:minutes]
    hour = np.tanh((path.closes - hour_before) / HOUR_MOVE)
    days = [_day(story, story.begins_ns + minute * MINUTE_NS) for minute in range(minutes)]
    index = np.array([(day.fear_greed - 50) / 50 if day is not None else 0.0 for day in days])
    out = INDEX * index + DEPTH * depth + np.where(hour < 0.0, FALL, REBOUND) * hour
    return np.asarray(np.clip(out, -0.97, 0.97))


def _times(story: Story, path: LeadPath, seed: int) -> list[int]:
    """When posts are written, ns: each day has its number of comments, spread as its minutes are eventful."""
    minutes = len(path.closes)
    earlier = np.concatenate([np.full(MOVE_MINUTES, path.opens[0]), path.closes])[:minutes]
    eager = QUIET + EXCITED * np.abs(path.closes - earlier) / MOVE
    found: list[int] = []
    for number, day in enumerate(story.days):
        first = (ns(day.date) - story.begins_ns) // MINUTE_NS
        span = np.arange(max(first, 0), min(first + DAY_NS // MINUTE_NS, minutes))
        if not len(span):
            continue
        share = len(span) * MINUTE_NS / DAY_NS  # a story may begin or end inside a day
        steps = np.concatenate([[0.0], np.cumsum(eager[span])])
        drawn = generator(seed, f"posts {number}").uniform(0.0, steps[-1], round(day.comments * share))
        at = np.interp(np.sort(drawn), steps, np.arange(len(steps)) + float(span[0]))
        found += [story.begins_ns + int(minute * MINUTE_NS) for minute in at.tolist()]
    return sorted(found)


def _day(story: Story, ts: int) -> Day | None:
    return next((day for day in story.days if ns(day.date) <= ts < ns(day.date) + DAY_NS), None)


def _index_post(at: int, day: Day) -> Post:
    """The index as `engine.feeds.text_pages` reads it."""
    word = next(name for below, name in _CLASSES if day.fear_greed < below)
    text = f"Crypto Fear & Greed Index: {day.fear_greed}, {word}"
    return Post(f"fng:{at // 10**9}", "fear-greed", at, text, score=day.fear_greed)
