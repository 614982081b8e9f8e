"""Frames with sentiment, made by the engine's own fold of posts and scores, so that the numbers belong together."""

from __future__ import annotations

import math
import random

import frames
import msgspec
import worlds
from frames import NOW, SECOND

from engine.events import Post, Scored, SentimentRule
from engine.frame import Frame, View
from engine.frame.feeds import Feed
from engine.frame.sentiment import SentimentNow
from engine.signals.sentiment import SentimentState, sentiment_now

TEXTS = (
    ("Spot inflows again, this dip gets eaten", 0.82),
    ("funding still positive after that move?", -0.64),
    ("to the moon 🚀🚀 loading up before the next leg", 0.91),
    ("rekt again, it just keeps dumping 東京 everywhere and nobody seems to care anymore", -0.88),
    ("what wallet do you use?", 0.02),
    ("strong bid under us, bulls are in control", 0.47),
    ("another lower high, shorting this", -0.38),
    ("[b]not markup[/b] \x1b[31mred\u202egnp ❤\ufe0f", 0.22),
)
SOURCES = ("reddit:Bitcoin", "reddit:BitcoinMarkets", "reddit:CryptoCurrency", "news:coindesk", "fear-greed")
TIERS = ("embedded", "embedded", "embedded", "local", "embedded", "gateway")


def sentiment(
    minutes: float = 55.0,
    *,
    asset: str = "BTC",
    about: str = "BTC",
    synthetic: bool = False,
    quiet_s: int = 0,
    end: int = NOW,
) -> SentimentNow:
    """Posts over so many minutes, of which the last came `quiet_s` before `end`, folded second by second."""
    rng, state, number = random.Random(5), SentimentState(), 0
    seconds = int(minutes * 60)
    for second in range(seconds):
        now = end - (seconds - 1 - second) * SECOND
        mood = 0.55 * math.sin(second / 700.0 + 0.4)
        if (rng.random() < 1 / 25 and second < seconds - quiet_s) or second == 0:
            text, polarity = TEXTS[number % len(TEXTS)]
            polarity = max(-0.98, min(0.98, 0.6 * polarity + mood + rng.gauss(0, 0.15)))
            source = "synthetic" if synthetic else SOURCES[number % len(SOURCES)]
            post = Post(f"p{number}", source, now - SECOND, text, assets=(about,), synthetic=synthetic)
            state.on_post(post)
            tier = "embedded" if synthetic else TIERS[number % len(TIERS)]
            if number % 17 != 16:  # one waits for its score
                scored = Scored(
                    post.id, post.ts_event, (about,), polarity, 0.35 + 0.6 * abs(polarity), 0.3, 0.05, 0.5, tier,
                    bot=None if number % 5 == 4 else 0.97 if number % 11 == 3 else 0.04,
                    cost_micro=180 if tier == "gateway" else 0, synthetic=synthetic,
                    took_ms=None if synthetic else 5 if tier == "embedded" else 1400,
                )  # fmt: skip
                state.on_scored(scored, now, dict, SentimentRule())
            number += 1
        list(state.tick(now, {}, {about: (20.0 + second % 60, mood + rng.gauss(0, 1.0))}))
    found = sentiment_now(state, asset, 42.0)
    assert found is not None
    return found


WHOLE = sentiment()
SYNTHETIC = sentiment(12.0, synthetic=True)
OTHERS = sentiment(4.0, about="ETH")
OLD = sentiment(40.0, quiet_s=1500)
FEEDS = (
    Feed("reddit", "LIVE", "", None, 214, 1_930_221),
    Feed("news", "LIVE", "", None, 31, 411_870),
    Feed("fear-greed", "LIVE", "", None, 1, 980),
)
TROUBLE = (
    Feed("reddit", "BACKOFF", "7 of 7 fail, r/Bitcoin: too many requests (429)", NOW + 48 * SECOND),
    *FEEDS[1:],
)


def with_mood(frame: Frame, mood: SentimentNow | None = WHOLE, feeds: tuple[Feed, ...] = FEEDS) -> Frame:
    """The same session with text coming in."""
    market = msgspec.structs.replace(frame.market, sentiment=mood, feeds=(*frame.market.feeds, *feeds))
    return msgspec.structs.replace(frame, market=market)


def live(view: View = frames.ANY) -> Frame:
    return with_mood(frames.live(view))


def troubled(view: View = frames.ANY) -> Frame:
    return with_mood(frames.live(view), OLD, TROUBLE)


def waiting(view: View = frames.ANY) -> Frame:
    """Asked, and nothing has come."""
    return with_mood(frames.live(view), None, (Feed("reddit", "CONNECTING"), FEEDS[1]))


def others(view: View = frames.ANY) -> Frame:
    """Posts, but none about this symbol's asset."""
    return with_mood(frames.live(view), OTHERS)


def simulated(view: View = frames.ANY) -> Frame:
    """A made-up market with made-up posts."""
    return with_mood(worlds.simulated(view), SYNTHETIC, ())
