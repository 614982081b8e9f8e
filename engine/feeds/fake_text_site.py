"""What people write on the fake text server, and how the real sites wrap it: Atom, RSS, JSON. No I/O."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

SUBREDDITS = (
    *("CryptoCurrency", "Bitcoin", "ethereum", "CryptoMarkets"),
    *("BitcoinMarkets", "ethtrader", "SatoshiStreetBets"),
)
_ASSETS = ("Bitcoin", "BTC", "ETH", "Ethereum", "$SOL", "Dogecoin", "XRP", "Chainlink", "the market")
_MOODS = (
    # how often, what people write when they think so
    (
        4,
        (
            "{a} is going to the moon 🚀🚀",
            "Just bought the dip on {a}, feeling bullish",
            "{a} broke out of the range, next stop a new high",
            "Never selling my {a}, diamond hands",
        ),
    ),
    (
        3,
        (
            "{a} is going to zero, I am out",
            "Got rekt on {a} again, this dump is not over",
            "{a} looks weak, expecting lower lows",
            "Sold all my {a} before the crash",
        ),
    ),
    (
        4,
        (
            "What is everyone's view on {a} this week?",
            "How do I move {a} to a hardware wallet?",
            "{a} fees compared over the last year",
            "Daily discussion about {a}",
        ),
    ),
)
_HEADLINES = (
    "{a} climbs as funds see inflows",
    "{a} slides after regulator's statement",
    "Exchange lists new {a} contracts",
)
_MACHINES = ("Crypto", "Moon", "Gains")  # so their names begin
_SPAM = "Claim your free {a} airdrop now, only today, link in my profile!!!"
_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
KEPT = 1000  # posts of a place that can still be had, as on Reddit


@dataclass(frozen=True)
class Written:
    """A post, a comment (kind t1) or an article. `place` is its subreddit, or "news"."""

    number: int
    place: str
    author: str
    title: str
    text: str
    written_ns: int
    score: int = 1
    kind: str = "t3"

    @property
    def fullname(self) -> str:
        """Reddit's id: the kind, and a number in base 36."""
        digits, number = "", self.number
        while number:
            number, digit = divmod(number, 36)
            digits = _SIGNS[digit] + digits
        return f"{self.kind}_{digits or '0'}"

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.written_ns // 10**9, UTC)


@dataclass(frozen=True)
class Account:
    """Who writes, as `/user/NAME/about` tells of them."""

    age_days: float = 2500.0
    karma: int = 12_345
    verified: bool = True
    about: str = ""


class MadeUpText:
    """People who write at random, the same for the same seed. Posts of a place are in the order of writing."""

    def __init__(self, seed: int = 1, rate_hz: float = 0.2, bots: float = 0.1) -> None:
        self._rng = random.Random(seed)
        self._rate_hz = rate_hz
        self._bots = bots
        self._next = 1_000_000
        self.posts: dict[str, list[Written]] = {name: [] for name in (*SUBREDDITS, "news")}
        self.comments: list[Written] = []
        self.accounts: dict[str, Account] = {}  # those that are not like all others

    def account(self, name: str) -> Account:
        """A machine's is young and liked by nobody, anybody else's is old."""
        if name in self.accounts:
            return self.accounts[name]
        machine = name.startswith(_MACHINES)
        return Account(age_days=9, karma=1, verified=False) if machine else Account()

    def write(
        self, place: str, title: str, text: str = "", author: str = "alice", *, at_ns: int, score: int = 1
    ) -> Written:
        """Someone writes exactly this."""
        self._next += 1
        written = Written(self._next, place, author, title, text, at_ns, score)
        self._keep(self.posts.setdefault(place, []), written)
        return written

    def comment(self, place: str, text: str, author: str = "bob", *, at_ns: int, score: int = 1) -> Written:
        self._next += 1
        written = Written(self._next, place, author, "", text, at_ns, score, kind="t1")
        self._keep(self.comments, written)
        return written

    def advance(self, elapsed_s: float, now_ns: int) -> None:
        """What is written in the next `elapsed_s`, everywhere together; a tenth of it is news."""
        expected = elapsed_s * self._rate_hz
        count = int(expected) + (self._rng.random() < expected % 1)
        for _ in range(count):
            at_ns = now_ns - int(self._rng.random() * elapsed_s * 1e9)
            asset = self._rng.choice(_ASSETS)
            place = self._rng.choice(SUBREDDITS)
            draw = self._rng.random()
            if draw < 0.1:
                self.write("news", self._rng.choice(_HEADLINES).format(a=asset), author="desk", at_ns=at_ns)
            elif draw < 0.1 + self._bots:
                name = f"{self._rng.choice(_MACHINES)}{self._rng.randrange(10**6)}"
                self.write(place, _SPAM.format(a=asset), author=name, at_ns=at_ns)
            else:
                _, lines = self._rng.choices(_MOODS, [weight for weight, _ in _MOODS])[0]
                line = self._rng.choice(lines).format(a=asset)
                author, score = f"holder_{self._rng.randrange(300)}", self._rng.randrange(200)
                if draw > 0.7:
                    self.comment(place, line, author, at_ns=at_ns, score=score)
                else:
                    self.write(place, line, "", author, at_ns=at_ns, score=score)

    def newest(self, place: str, limit: int, after: str = "") -> list[Written]:
        """Newest first, from the one behind `after` on."""
        posts = sorted(self.posts.get(place, ()), key=lambda p: (p.written_ns, p.number), reverse=True)
        if after:
            names = [p.fullname for p in posts]
            posts = posts[names.index(after) + 1 :] if after in names else []
        return posts[:limit]

    def _keep(self, posts: list[Written], written: Written) -> None:
        posts.append(written)
        del posts[:-KEPT]


def atom(place: str, posts: Sequence[Written]) -> bytes:
    """A subreddit's feed, as Reddit writes it."""
    entries = "".join(_atom_entry(post) for post in posts)
    name = html.escape(place)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        f'xmlns:media="http://search.yahoo.com/mrss/"><category term="{name}" label="r/{name}"/>'
        f"<id>/r/{name}/new/.rss</id><title>newest submissions : {name}</title>{entries}</feed>"
    ).encode()


def _atom_entry(post: Written) -> str:
    text = f'<!-- SC_OFF --><div class="md"><p>{html.escape(post.text)}</p></div><!-- SC_ON -->'
    page = f"https://www.reddit.com/user/{post.author}"
    content = (
        f'{text if post.text else ""} &#32; submitted by &#32; <a href="{page}"> /u/{post.author} </a> '
        '<br/> <span><a href="https://www.reddit.com/">[link]</a></span>'
    )
    name, moment = html.escape(post.place), post.moment.isoformat()
    return (
        f"<entry><author><name>/u/{html.escape(post.author)}</name><uri>{html.escape(page)}</uri></author>"
        f'<category term="{name}" label="r/{name}"/><content type="html">{html.escape(content)}</content>'
        f'<id>{post.fullname}</id><link href="https://www.reddit.com/r/{name}/comments/"/>'
        f"<updated>{moment}</updated><published>{moment}</published>"
        f"<title>{html.escape(post.title)}</title></entry>"
    )


def rss(posts: Sequence[Written]) -> bytes:
    """A news site's feed."""
    items = "".join(
        f"<item><title><![CDATA[{post.title}]]></title><link>https://news.example/{post.number}</link>"
        f'<guid isPermaLink="false">{post.number}</guid><dc:creator>{html.escape(post.author)}</dc:creator>'
        f"<pubDate>{format_datetime(post.moment, usegmt=True)}</pubDate>"
        f"<description><![CDATA[<p>{post.text}</p>]]></description></item>"
        for post in posts
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel><title>Fake news desk</title>{items}</channel></rss>"
    ).encode()


def about(name: str, account: Account, now_ns: int) -> bytes:
    """What Reddit's API tells of an account, as far as anybody here looks."""
    data = {
        "name": name,
        "id": "abc12",
        "created_utc": now_ns / 1e9 - account.age_days * 86_400,
        "link_karma": account.karma // 3,
        "comment_karma": account.karma - account.karma // 3,
        "has_verified_email": account.verified,
        "subreddit": {"display_name": f"u_{name}", "public_description": account.about},
    }
    return json.dumps({"kind": "t2", "data": data}).encode()


def index(days: int, now_ns: int) -> bytes:
    """The Fear & Greed index of the last days, newest first; every figure is text, as there."""
    midnight = now_ns // 10**9 // 86_400 * 86_400
    rows = []
    for day in range(days):
        at = midnight - day * 86_400
        value = random.Random(at).randrange(5, 95)
        names = ("Extreme Fear", "Fear", "Neutral", "Greed", "Extreme Greed")
        rows.append(
            {"value": str(value), "value_classification": names[value * 5 // 100], "timestamp": str(at)}
        )
    return json.dumps(
        {"name": "Fear and Greed Index", "data": rows, "metadata": {"error": None}}, indent="\t"
    ).encode()


def listing(posts: Sequence[Written], whole: bool = True) -> bytes:
    """Posts or comments as Reddit's API lists them, newest first. Not `whole`: there are older ones."""
    children = [{"kind": post.kind, "data": _thing(post)} for post in posts]
    after = None if whole or not posts else posts[-1].fullname
    data = {"after": after, "before": None, "dist": len(children), "modhash": None, "children": children}
    return json.dumps({"kind": "Listing", "data": data}).encode()


def _thing(post: Written) -> dict[str, object]:
    shared = {
        "id": post.fullname[3:],
        "name": post.fullname,
        "author": post.author,
        "subreddit": post.place,
        "score": post.score,
        "created_utc": post.written_ns / 1e9,
        "permalink": f"/r/{post.place}/comments/{post.fullname[3:]}/",
    }
    if post.kind == "t1":
        return shared | {"body": post.text, "link_id": "t3_1", "parent_id": "t3_1"}
    return shared | {"title": post.title, "selftext": post.text, "is_self": bool(post.text), "url": ""}
