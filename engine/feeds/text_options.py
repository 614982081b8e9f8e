"""Where text comes from and how politely it is asked for: every number of the text sources, with its origin."""

from __future__ import annotations

import msgspec

SUBREDDITS = (
    *("CryptoCurrency", "Bitcoin", "ethereum", "CryptoMarkets"),
    *("BitcoinMarkets", "ethtrader", "SatoshiStreetBets"),
)
NEWS = ("https://cointelegraph.com/rss", "https://www.coindesk.com/arc/outboundfeeds/rss/")
USER_AGENT = "python:microtui:0.1 (terminal for market microstructure)"


class RedditKeys(msgspec.Struct, frozen=True):
    """An application's key pair, as https://www.reddit.com/prefs/apps gives it. Never shown."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return "RedditKeys(hidden)"


class TextOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which sites are asked, how often, and what is taken from them. An empty address or list asks nobody."""

    reddit: str = "https://www.reddit.com"
    reddit_oauth: str = "https://oauth.reddit.com"  # only asked with keys
    subreddits: tuple[str, ...] = SUBREDDITS
    news: tuple[str, ...] = NEWS
    fear_greed: str = "https://api.alternative.me/fng/"
    keys: RedditKeys | None = None
    user_agent: str = USER_AGENT  # Reddit refuses clients that do not say who they are

    # Reddit allows ten requests a minute without keys: seven subreddits a minute, six seconds apart.
    reddit_every_s: float = 60.0
    news_every_s: float = 300.0
    fear_greed_every_s: float = 3600.0  # a new figure comes once a day
    api_every_s: float = 5.0  # with keys; two requests a round of the hundred a minute
    gap_s: float = 6.0  # between two requests to one host
    jitter: float = 0.1  # of every period, so that many who start together do not stay together

    request_timeout_s: float = 15.0  # for the whole answer, however slowly it trickles
    max_body_bytes: int = 2 * 2**20  # a hundred long posts are 0.2 MB
    max_redirects: int = 5
    backoff_min_s: float = 5.0
    backoff_max_s: float = 900.0
    refused_wait_s: float = 300.0  # after a 403 or 429 that does not say how long
    gone_wait_s: float = 3600.0  # after a 404: a subreddit may open again, but not soon

    max_text: int = 500  # characters of a post that are kept
    max_age_s: float = 3600.0  # older posts say nothing of now: 12 time constants of the average
    ahead_s: float = 120.0  # of our clock that a post may be dated, before its date counts as wrong
    ids_kept: int = 20_000  # of each site, to know what came before
    queue_posts: int = 1000  # between the Reddit API's thread and the engine's loop
