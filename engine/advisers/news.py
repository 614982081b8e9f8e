"""The event detector: listings, hacks, outages, regulation and liquidations that a post tells of, with its sentence.

Rules and keywords, no model: whoever reads the reason can see what it saw. A sentence that asks, supposes, denies or
remembers tells of nothing; a post that is old does not either, and what was told before is not told anew.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import msgspec

from engine.advisers.sight import Headline, Opinion, Sight
from engine.events import Post

OLD_S = 1800.0  # a post older than this tells nothing new
TOLD_NS = 6 * 3600 * 1_000_000_000  # the same kind and direction about an asset is no news again so soon
FADES_S = 600.0  # time constant of a headline's weight
ASSETS_KEPT = 200
EVERYONE = "*"  # of posts about no asset in particular
_SURENESS = {"news": 0.9, "synthetic": 0.5, "reddit": 0.5}  # by kind of source; what people write is hearsay
_READ = 1000  # characters of a post

# (kind, direction, pattern). Found in their order: resumption is looked for before the outage that it ends.
_RULES: tuple[tuple[str, int, re.Pattern[str]], ...] = tuple(
    (kind, direction, re.compile(pattern))
    for kind, direction, pattern in (
        ("listing", -1, r"\bdelist(?:s|ed|ing)?\b"),
        ("listing", 1, r"\b(?:will list|to list|lists|adds? support for|listing of|now live on|launches on)\b"),
        ("outage", 1, r"\b(?:withdrawals?|deposits?|trading|network|services?)\b.{0,30}\b(?:resum\w+|restored)\b"),
        ("outage", 1, r"\b(?:resum(?:es|ed)|restor(?:es|ed))\b.{0,30}\b(?:withdrawals?|trading|network|services?)\b"),
        ("outage", 1, r"\bback online\b"),
        ("hack", -1, r"\b(?:hack(?:ed|s)?|exploit(?:ed|s)?|drained|breach(?:ed)?|rug ?pull(?:ed)?)\b"),
        ("hack", -1, r"\bstolen\b|\bstole\b"),
        ("outage", -1, r"\b(?:halt|suspend|paus|freez|froze)\w*\b.{0,30}\b(?:withdrawals?|trading|deposits?)\b"),
        ("outage", -1, r"\b(?:withdrawals?|trading|deposits?)\b.{0,30}\b(?:halted|suspended|paused|frozen)\b"),
        ("outage", -1, r"\b(?:outage|network (?:is )?down|stopped producing blocks|goes? offline|went offline)\b"),
        ("regulation", 1, r"\b(?:approv(?:es|ed|al)|legali[sz]es?|dismiss(?:es|ed)|drops? (?:its )?(?:case|suit))\b"),
        ("regulation", -1, r"\b(?:ban(?:s|ned)?|outlaw(?:s|ed)?|sues?|sued|lawsuit|crackdown|indict(?:s|ed))\b"),
        ("regulation", -1, r"\b(?:sec|cftc|regulators?|court)\b.{0,40}\b(?:rejects?|charge[sd]|fine[sd]|denies)\b"),
        ("liquidation", 1, r"\bshorts?\b.{0,30}\b(?:liquidat\w+|squeez\w+)|\bliquidat\w+\b.{0,20}\bshorts?\b"),
        ("liquidation", -1, r"\blongs?\b.{0,30}\bliquidat\w+|\bliquidat\w+\b.{0,20}\blongs?\b"),
    )
)  # fmt: skip
# One of these is in whatever a rule finds: most sentences are left at once.
_STEMS = re.compile(
    r"list|support for|live on|launches|resum|restor|line|hack|exploit|drained|breach|rug|stole|halt"
    r"|suspend|paus|freez|froz|outage|down|producing|approv|legali|dismiss|drops? (?:its )?(?:case|suit)|\bbans?\b"
    r"|banned|outlaw|sues?\b|sued|lawsuit|crackdown|indict|rejects?|charge[sd]|fine[sd]|denies|liquidat|squeez"
)
_SENTENCES = re.compile(r"[^.!?\n;]+[.!?;]*")
_FALSE = r"den(?:y|ies|ied)|refut\w+|debunk\w*|false|fake|rumou?rs?|hoax|unaffected"
_DENIED = re.compile(
    rf"\b(?:no|not|never|without|nobody|none|{_FALSE})\b|n't\b"
)  # in front of what is denied
_REFUTED = re.compile(rf"\b(?:{_FALSE})\b")  # behind it
_SUPPOSED = re.compile(r"\b(?:if|could|would|might|may|should|imagine|hypothetical\w*|what happens when)\b")
_REMEMBERED = re.compile(
    r"\b(?:ago|last (?:year|month|week)|anniversary|history of|back in|remember|throwback|recap|since)\b"
    r"|\b(?:in|of) (?:19|20)\d\d\b|\b(?:19|20)\d\d (?:hack|exploit|ban|outage|lawsuit)"
)
_NEAR = 6  # words around what a denial denies


class NewsState(msgspec.Struct):
    """The latest headline by asset, and what was told when."""

    latest: dict[str, Headline] = msgspec.field(default_factory=dict)
    told: dict[str, int] = msgspec.field(default_factory=dict)  # "asset kind direction" -> ns

    def on_post(self, post: Post, now: int) -> None:
        """Look for an event in a post that has just come."""
        if now - post.ts_event > OLD_S * 1e9:
            return
        headline = headline_of(post, now)
        if headline is None:
            return
        for asset in post.assets or (EVERYONE,):
            key = f"{asset} {headline.kind} {headline.direction:+d}"
            before = self.told.get(key)
            if before is not None and now - before < TOLD_NS:
                continue
            if before is None and len(self.told) >= ASSETS_KEPT:
                self.told.pop(next(iter(self.told)))
            self.told[key] = now
            if asset not in self.latest and len(self.latest) >= ASSETS_KEPT:
                self.latest.pop(next(iter(self.latest)))
            self.latest[asset] = headline

    def about(self, asset: str) -> Headline | None:
        """The newest headline about an asset, or about no asset in particular."""
        own, general = self.latest.get(asset), self.latest.get(EVERYONE)
        if own is None or general is None:
            return own or general
        return own if own.ts >= general.ts else general


def check(state: NewsState) -> None:
    """Raises ValueError for a state that no session could have come to; it may come from a stranger."""
    if len(state.latest) > ASSETS_KEPT or len(state.told) > ASSETS_KEPT:
        raise ValueError(f"expected headlines of up to {ASSETS_KEPT} assets, found more")
    for headline in state.latest.values():
        if headline.direction not in (-1, 1) or not 0.0 <= headline.sureness <= 1.0:
            raise ValueError("expected a headline that points up or down, with a sureness from 0 to 1")


def headline_of(post: Post, now: int) -> Headline | None:
    """The first event that a post tells of, or None. Its time is never after `now`."""
    for sentence in _sentences(post.text[:_READ]):
        found = event_in(sentence)
        if found is not None:
            kind, direction = found
            sureness = _SURENESS.get(post.source.partition(":")[0], 0.5)
            if not post.assets:
                sureness /= 2.0
            return Headline(kind, direction, min(post.ts_event, now), post.source, sentence[:200], sureness)
    return None


def event_in(sentence: str) -> tuple[str, int] | None:
    """Kind and direction of what a sentence tells of; None where it asks, supposes, denies, remembers or tells nothing.

    >>> event_in("Binance suspends withdrawals of SOL"), event_in("Nobody was hacked, that is false")
    (('outage', -1), None)
    """
    low = sentence.lower()
    if _STEMS.search(low) is None:
        return None
    if low.rstrip().endswith("?") or _SUPPOSED.search(low) or _REMEMBERED.search(low):
        return None
    for kind, direction, pattern in _RULES:
        match = pattern.search(low)
        if match is None:
            continue
        before = " ".join(low[: match.start()].split()[-_NEAR:])
        after = " ".join(low[match.end() :].split()[:_NEAR])
        if _DENIED.search(before) or _REFUTED.search(after):
            return None
        return kind, direction
    return None


def _sentences(text: str) -> Iterator[str]:
    return (match.group().strip() for match in _SENTENCES.finditer(text))


def advise(sight: Sight) -> Opinion:
    headline = sight.headline
    # Never negative: a stranger's recording may tell of what was written after its own clock.
    age_s = max(0.0, (sight.ts - headline.ts) / 1e9) if headline is not None else math.inf
    if headline is None or age_s > OLD_S:
        return Opinion(None, f"no event about {sight.asset} in the last half hour")
    score = headline.direction * headline.sureness * math.exp(-age_s / FADES_S)
    told = f"{headline.kind}, {headline.source} {age_s / 60.0:.0f} min ago: {headline.text}"
    return Opinion(score, told)
