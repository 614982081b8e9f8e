"""How likely it is that no person wrote a post: from the account, from what it repeats, and from how often it writes.

Everything adds up in log odds. An account is judged by a scorecard (points by ranges of each quantity): the one here
is set by hand and ships; `microtui train bots` fits one of the same form to a user's data. What is not known adds
nothing, and where nothing is known the answer is missing. Posts are weighed by 1 - p, never dropped.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from engine.events import Post
from engine.sentiment.duplicates import NearDuplicates

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
AUTHORS_KEPT = 20_000
POSTS_KEPT = 2000  # that may be judged again
TIMES_KEPT = 32  # of an author's latest posts
MAX_MODEL_BYTES = 1 << 20
MAX_EDGES = 512


class BadModel(ValueError):
    """Says what was expected of a model file and what was found."""

    for_people = True


class Account(msgspec.Struct, frozen=True):
    """What a site tells of an author. None: it does not tell."""

    age_days: float | None = None
    followers: float | None = None
    friends: float | None = None  # accounts that it follows
    statuses: float | None = None  # posts so far
    favourites: float | None = None
    listed: float | None = None
    default_profile: float | None = None  # 1 yes, 0 no
    default_image: float | None = None
    has_url: float | None = None
    has_location: float | None = None
    desc_len: float | None = None
    desc_mentions_bot: float | None = None
    screen_name_len: float | None = None
    screen_name_digits: float | None = None
    name_len: float | None = None
    karma: float | None = None  # what others gave for its posts and comments
    verified: float | None = None  # 1: an address has been checked


RAW = Account.__struct_fields__
# quantities made of two: name, above, below (one is added)
RATIOS = (
    ("followers_per_friend", "followers", "friends"),
    ("statuses_per_day", "statuses", "age_days"),
    ("favourites_per_day", "favourites", "age_days"),
    ("favourites_per_status", "favourites", "statuses"),
    ("listed_per_follower", "listed", "followers"),
)
QUANTITIES = (*RAW, *(name for name, _, _ in RATIOS))


def quantities(account: Account) -> dict[str, float]:
    """What a scorecard looks at, as far as it is known."""
    known = {name: float(v) for name in RAW if (v := getattr(account, name)) is not None and math.isfinite(v)}
    for name, above, below in RATIOS:
        if above in known and below in known:
            known[name] = max(known[above], 0.0) / (max(known[below], 0.0) + 1.0)
    return known


class Scorecard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Log odds: `base` plus, for each known quantity, the points of the range that it falls in.

    `edges[name]` are ascending; `points[name]` has one more: below the first edge, from each edge on.
    """

    base: float
    edges: dict[str, tuple[float, ...]]
    points: dict[str, tuple[float, ...]]
    name: str = "by hand"
    threshold: float = 0.5  # of the probability, at the operating point that it was measured for

    def log_odds(self, account: Account) -> float | None:
        """None where nothing of the account is known that the card has points for."""
        known = quantities(account)
        seen = [name for name in self.edges if name in known]
        if not seen:
            return None
        return self.base + sum(
            self.points[name][bisect.bisect_right(self.edges[name], known[name])] for name in seen
        )


BY_HAND = Scorecard(
    base=-1.1,
    edges={
        "age_days": (60.0, 365.0, 2000.0),
        "followers": (20.0, 200.0, 5000.0),
        "followers_per_friend": (0.1, 2.0, 20.0),
        "statuses": (20.0,),
        "statuses_per_day": (40.0, 150.0),
        "favourites": (1.0, 50.0),
        "favourites_per_status": (0.02,),
        "listed": (1.0, 20.0),
        "default_profile": (0.5,),
        "default_image": (0.5,),
        "has_url": (0.5,),
        "has_location": (0.5,),
        "desc_len": (1.0,),
        "desc_mentions_bot": (0.5,),
        "screen_name_digits": (4.0,),
        "karma": (10.0, 100.0, 1000.0, 20_000.0),
        "verified": (0.5,),
    },
    points={
        "age_days": (1.2, 0.6, 0.0, -0.6),
        "followers": (1.0, 0.5, 0.0, -1.2),
        "followers_per_friend": (0.6, 0.0, -0.4, -0.8),
        "statuses": (0.6, 0.0),
        "statuses_per_day": (0.0, 0.7, 1.5),
        "favourites": (1.2, 0.5, -0.3),
        "favourites_per_status": (0.6, -0.2),
        "listed": (0.7, 0.0, -1.0),
        "default_profile": (-0.3, 0.6),
        "default_image": (0.0, 1.5),
        "has_url": (0.3, -0.2),
        "has_location": (0.4, -0.3),
        "desc_len": (0.6, -0.1),
        "desc_mentions_bot": (0.0, 3.5),
        "screen_name_digits": (0.0, 0.6),
        "karma": (1.0, 0.5, 0.0, -0.6, -1.2),
        "verified": (0.4, -0.2),
    },
)
_NAME = frozenset(("screen_name_len", "screen_name_digits", "name_len"))


def read_model(path: Path) -> Scorecard:
    """A scorecard file (JSON). It may be anyone's: raises BadModel for what cannot be computed with."""
    try:
        with path.open("rb") as file:
            blob = file.read(MAX_MODEL_BYTES + 1)
        if len(blob) > MAX_MODEL_BYTES:
            raise BadModel(f"{path}: expected a model of at most {MAX_MODEL_BYTES:,} bytes")
        card = msgspec.json.decode(blob, type=Scorecard)
    except OSError as error:
        raise BadModel(f"{path} cannot be read: {error.strerror or error}") from None
    except msgspec.MsgspecError as error:
        raise BadModel(f"{path}: expected a model that `microtui train bots` wrote: {error}") from None
    _check(card, str(path))
    return card


def _check(card: Scorecard, place: str) -> None:
    if card.edges.keys() != card.points.keys():
        raise BadModel(f"{place}: expected edges and points of the same quantities")
    for name, edges in card.edges.items():
        if name not in QUANTITIES:
            known = ", ".join(QUANTITIES)
            raise BadModel(f"{place}: expected quantities among {known}, found {name[:40]!r}")
        points = card.points[name]
        if len(points) != len(edges) + 1 or len(edges) > MAX_EDGES or list(edges) != sorted(edges):
            raise BadModel(f"{place}: {name}: expected ascending edges and one more point than edges")
        if not all(map(math.isfinite, (*edges, *points))):
            raise BadModel(f"{place}: {name}: expected finite numbers")
    if not math.isfinite(card.base) or not 0.0 < card.threshold < 1.0:
        raise BadModel(f"{place}: expected a finite base and a threshold between 0 and 1")


# Points for behaviour, set by hand: log odds against what people do.
_NOBODY_KNOWN = -2.0  # where no account is told: one post in eight
_COPIES = ((1, 0.8), (3, 1.8), (10, 3.0))  # near-duplicates within a day
_HOURLY = ((10, 0.6), (20, 1.6), (30, 3.0))  # posts of one author within an hour
_EVEN = 2.0  # posts at even intervals
_EVEN_BELOW = 0.1  # coefficient of variation
_EVEN_NEEDS = 6


class Bots:
    """`judge` remembers who wrote when, and what was said; bounded. `again` judges a late post by what is known now.

    `account` tells what is known of an author's hash, from a cache, without waiting.
    """

    def __init__(
        self,
        card: Scorecard = BY_HAND,
        account: Callable[[str], Account | None] = lambda author: None,
        duplicates: NearDuplicates | None = None,
    ) -> None:
        self._card, self._account = card, account
        self._duplicates = duplicates or NearDuplicates()
        self._times: OrderedDict[str, list[int]] = OrderedDict()
        self._habits: OrderedDict[str, float | None] = OrderedDict()  # by post; None: nothing was seen of any

    def judge(self, post: Post, now: int) -> float | None:
        """Probability that no person wrote it; None where nothing speaks for or against. Ask once a post."""
        copies = self._duplicates.copies(post.text, post.ts_event)
        times = self._seen(post)
        habits: float | None = None
        if copies or len(times) > 1:
            habits = _points(_COPIES, copies) + _points(_HOURLY, _within_hour(times)) + _evenness(times)
        self._habits[post.id] = habits
        if len(self._habits) > POSTS_KEPT:
            self._habits.popitem(last=False)
        return self._probability(post.author, habits)

    def again(self, post: Post) -> float | None:
        """The same of a post that was judged lately, once more is known of its author; None where nothing is."""
        return self._probability(post.author, self._habits[post.id]) if post.id in self._habits else None

    def _probability(self, author: str, habits: float | None) -> float | None:
        odds = self._odds(author)
        if odds is None and habits is None:
            return None
        return 1.0 / (1.0 + math.exp(-((_NOBODY_KNOWN if odds is None else odds) + (habits or 0.0))))

    def _odds(self, author: str) -> float | None:
        """What the account says; a name alone adds its points to what is thought of anybody."""
        account = self._account(author) if author else None
        odds = self._card.log_odds(account) if account is not None else None
        if account is None or odds is None or not quantities(account).keys() <= _NAME:
            return odds
        points = odds - self._card.base
        return _NOBODY_KNOWN + points if points else None

    def _seen(self, post: Post) -> list[int]:
        """When this author wrote, this post among them, in order."""
        if not post.author:
            return []
        times = self._times.setdefault(post.author, [])
        self._times.move_to_end(post.author)
        bisect.insort(times, post.ts_event)
        del times[:-TIMES_KEPT]
        if len(self._times) > AUTHORS_KEPT:
            self._times.popitem(last=False)
        return times


def _points(steps: tuple[tuple[int, float], ...], found: int) -> float:
    return max((points for least, points in steps if found >= least), default=0.0)


def _within_hour(times: list[int]) -> int:
    return len(times) - bisect.bisect_left(times, times[-1] - HOUR_NS) if times else 0


def _evenness(times: list[int]) -> float:
    gaps = [b - a for a, b in itertools.pairwise(times)]
    if len(gaps) < _EVEN_NEEDS - 1:
        return 0.0
    mean = sum(gaps) / len(gaps)
    if mean < SECOND_NS:
        return 0.0
    deviation = math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps))
    return _EVEN if deviation / mean < _EVEN_BELOW else 0.0


def account_of(row: Mapping[str, float]) -> Account:
    """An account from named numbers; names it does not know are left out."""
    return Account(**{name: float(row[name]) for name in RAW if name in row})
