"""What is known of who wrote: how long their name is, and what their site tells of the account. Never the name.

An author is the keyed hash that posts carry. What a site tells is asked for once, when a post of theirs was kept, and
holds for thirty days. It is kept coarse, the day of birth and two digits of karma: enough to tell people from machines,
too little to tell one person from another.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeGuard

from engine.sentiment.bots import Account

KEPT_S = 30 * 86_400.0
ASKED_AGAIN_S = 3600.0  # an author whose site gave no answer
AUTHORS = 20_000  # remembered at once; the one heard of longest ago makes room
_DAY_S = 86_400
_BOT = re.compile(r"\bbot\b", re.IGNORECASE)


class Profile(NamedTuple):
    """An account as its site tells of it. None: it does not."""

    born_day: int | None = None  # days since 1970
    karma: int | None = None  # of posts and comments, two digits of it
    verified: int | None = None  # 1: the site has checked an address of theirs
    says_bot: int | None = None  # 1: its description speaks of a bot


class Shelf(Protocol):
    """Where profiles outlast a session; `store.authors.AuthorShelf` is one. For any thread; never raises."""

    def read(self, since_s: float) -> Iterable[tuple[str, float, tuple[int | None, ...]]]:
        """Author, when it was told (s since 1970), and the fields of a `Profile`, the oldest first."""

    def put(self, author: str, at_s: float, profile: tuple[int | None, ...]) -> None: ...


class Authors:
    """`met` and `wants` as posts come, `keep` and `learned` as accounts are told, `account` for who judges them."""

    def __init__(self, shelf: Shelf | None = None, now_s: Callable[[], float] = time.time) -> None:
        self._shelf, self._now_s = shelf, now_s
        self._names: OrderedDict[str, tuple[int, int]] = OrderedDict()  # length, and digits in it
        self._told: OrderedDict[str, tuple[float, Profile]] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()
        self.listener: Callable[[str], None] | None = None  # hears of whom more is known
        if shelf is not None:
            for author, at_s, fields in shelf.read(now_s() - KEPT_S):
                _put(self._told, author, (at_s, Profile(*fields)))

    def met(self, author: str, name: str) -> None:
        """A post of theirs was kept."""
        _put(self._names, author, (len(name), sum(c.isdigit() for c in name)))

    def wants(self, author: str) -> bool:
        """Whether their site should be asked; who hears so does it."""
        now = self._now_s()
        told_s = self._told[author][0] if author in self._told else 0.0
        if now - told_s < KEPT_S or now - self._asked.get(author, 0.0) < ASKED_AGAIN_S:
            return False
        _put(self._asked, author, now)
        return True

    def keep(self, author: str, profile: Profile) -> None:
        """For the sessions after this one. It may wait for a disk: not for the engine's loop."""
        if self._shelf is not None:
            self._shelf.put(author, self._now_s(), profile)

    def learned(self, author: str, profile: Profile) -> None:
        _put(self._told, author, (self._now_s(), profile))
        if self.listener is not None:
            self.listener(author)

    def account(self, author: str) -> Account | None:
        """All that is known; None where that is nothing."""
        now = self._now_s()
        length, digits = self._names.get(author, (None, None))
        at_s, profile = self._told.get(author, (0.0, Profile()))
        if now - at_s >= KEPT_S:
            profile = Profile()
        account = Account(
            age_days=None if profile.born_day is None else max(0.0, now / _DAY_S - profile.born_day),
            karma=profile.karma,
            verified=profile.verified,
            desc_mentions_bot=profile.says_bot,
            screen_name_len=length,
            screen_name_digits=digits,
        )
        return None if account == _NOBODY else account


_NOBODY = Account()


def reddit_profile(told: Mapping[str, Any]) -> Profile:
    """From the data of Reddit's `/user/NAME/about`, which may hold anything."""
    born, verified = told.get("created_utc"), told.get("has_verified_email")
    about = told.get("subreddit")
    words = about.get("public_description") if isinstance(about, Mapping) else None
    return Profile(
        born_day=int(born) // _DAY_S if _is_number(born) and 0 < born < 1e11 else None,
        karma=_karma(told),
        verified=int(verified) if isinstance(verified, bool) else None,
        says_bot=int(_BOT.search(words[:1000]) is not None) if isinstance(words, str) and words else None,
    )


def _karma(told: Mapping[str, Any]) -> int | None:
    parts = [told.get(name) for name in ("link_karma", "comment_karma")]
    known = [part for part in parts if _is_number(part)]
    if len(known) < len(parts) or not abs(sum(known)) < 1e12:
        return None
    return int(float(f"{sum(known):.1e}"))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _put(held: OrderedDict[str, Any], key: str, value: Any) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > AUTHORS:
        held.popitem(last=False)
