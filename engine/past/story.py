"""A story: what is recorded of some days of a market, from where, and how the rest is made up around it.

Read from TOML (`kind = "replay"`) and checked before anything is built from it. Prices in quote units, times UTC; an
error names the file, the line, what was expected and what was found. docs/replays.md tells how to write one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec

from engine.instrument import Instrument
from engine.past import tables
from engine.past.checks import faults
from engine.past.tables import Anchor, Bar, Move
from engine.text import clean
from engine.toml_lines import line_in, line_of, meant, unknown_field, where

KIND = "replay"
RECIPE_VERSION = 5  # of what is made from a story: a new one makes cached sessions stale


class BadStory(ValueError):
    """Says where, what was expected and what was found."""

    for_people = True


class Venue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`volume` says what the bars' last column counts: base units, or millions of the quote currency."""

    name: str
    symbol: str
    base: str
    quote: str
    tick_size: str
    lot_size: str
    kind: str = "spot"
    volume: str = "base"  # base | quote_millions
    maker_fee_bps: float = 0.0
    taker_fee_bps: float = 10.0

    def instrument(self) -> Instrument:
        return Instrument(
            self.name, self.symbol, self.base, self.quote, self.tick_size, self.lot_size, self.kind
        )


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    gives: str
    url: str = ""


class Happening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event with its time and source. An outage lasts `until` and holds its venue between two prices."""

    at: datetime
    text: str
    kind: str = "event"  # event | outage
    source: int = 0
    venue: str = ""
    until: datetime | None = None
    low: float = 0.0
    high: float = 0.0
    disorderly_until: datetime | None = None  # left out of extremes with the outage itself

    @property
    def at_ns(self) -> int:
        return ns(self.at)

    @property
    def until_ns(self) -> int:
        return ns(self.until) if self.until is not None else self.at_ns

    @property
    def disorderly_until_ns(self) -> int:
        return ns(self.disorderly_until) if self.disorderly_until is not None else self.until_ns


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch told at ten ticks a second, and how fast to watch it."""

    name: str
    begins: datetime
    ends: datetime
    speed: float = 8.0

    @property
    def begins_ns(self) -> int:
        return ns(self.begins)

    @property
    def ends_ns(self) -> int:
        return ns(self.ends)


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Standard deviation of one venue's 1-minute returns in a stretch; the path is made to have it."""

    venue: str
    begins: datetime
    ends: datetime
    bps: float
    source: int = 0

    @property
    def begins_ns(self) -> int:
        return ns(self.begins)

    @property
    def ends_ns(self) -> int:
        return ns(self.ends)


class Day(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people said on a day, midnight to midnight."""

    date: datetime
    fear_greed: int
    comments: int
    source: int = 0


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the book is made up. Every number here is the author's choice, not a measurement."""

    calm_bps: float = 12.0  # σ0: deviation of 1-minute returns in calm days
    spread_bps: float = 5.0  # effective spread of `spread_size` at σ0
    spread_size: float = 25.0  # base units
    spread_exponent: float = 1.4
    spread_least_bps: float = 3.0
    spread_most_bps: float = 800.0
    spread_scar: float = 0.065  # of the widest spread so far, below which it does not go back
    touch_share: float = 0.15  # of the effective spread that stands between the best quotes
    depth: float = 600.0  # base units a side within 1 % at σ0
    depth_exponent: float = 1.0
    depth_recovery_s: float = 7200.0  # half-life of what volatility took away
    bids_thinner: float = 0.15  # most that a stressed bid side lacks, as a share
    imbalance: float = 0.6  # of (close - open) / (high - low) of the hour
    basis_bps: float = 3.0  # deviation of the second venue around the common path
    trades_per_s: float = 1.2  # of a venue in the middle of its hours


class Families(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Agents that trade beside it on paper; none: as the settings say."""

    maker: int = 0
    informed: int = 0
    noise: int = 0
    arbitrage: int = 0


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """`hours`, `path` and `facts` are compact tables (`engine.past.tables`); the first venue leads."""

    begins: datetime
    ends: datetime
    venues: tuple[Venue, ...]
    hours: str
    name: str = ""
    kind: str = KIND
    about: str = ""
    note: str = "reconstructed book around recorded prices"
    seed: int = 1
    speed: float = 64.0
    path: str = ""
    facts: str = ""
    hours_source: int = 0  # 0: the author made them up
    recorded: tuple[str, ...] = ()
    reconstructed: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    events: tuple[Happening, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    days: tuple[Day, ...] = ()
    recipe: Recipe = Recipe()
    agents: Families = Families()

    @property
    def begins_ns(self) -> int:
        return ns(self.begins)

    @property
    def ends_ns(self) -> int:
        return ns(self.ends)

    @cached_property
    def bars(self) -> tuple[Bar, ...]:
        """Hours in order, the venues of each in theirs."""
        return tables.bars(self.hours, len(self.venues))

    @cached_property
    def anchors(self) -> tuple[Anchor, ...]:
        return tables.anchors(self.path, self.names, len(self.sources))

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        return tables.moves(self.facts, self.names, len(self.sources))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(venue.name for venue in self.venues)

    @property
    def hash(self) -> str:
        """SHA-256 over everything that can change what happens, and the recipe's version."""
        body = msgspec.json.encode(self, order="sorted")
        return hashlib.sha256(b"%d " % RECIPE_VERSION + body).hexdigest()


_TABLES: dict[str, type[msgspec.Struct]] = {
    "venues": Venue,
    "sources": Source,
    "events": Happening,
    "chapters": Chapter,
    "deviations": Deviation,
    "days": Day,
    "recipe": Recipe,
    "agents": Families,
}


def ns(moment: datetime) -> int:
    """A whole second of UTC as ns."""
    return int(moment.timestamp()) * 1_000_000_000


def is_story(path: Path) -> bool:
    """Whether a TOML file is a story rather than a scenario of a simulated market."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig")).get("kind") == KIND
    except (OSError, ValueError):
        return False


def read(path: Path) -> Story:
    """A story's file. Raises BadStory with the first fault in it."""
    try:
        text = path.read_text("utf-8-sig")  # as editors under Windows write it
    except (OSError, UnicodeDecodeError) as error:
        raise BadStory(f"{path} cannot be read: {clean(str(error))}") from None
    return parse(text, str(path), path.stem)


def parse(text: str, place: str, name: str = "story") -> Story:
    """A story from TOML text; `place` stands before the line in errors."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadStory(f"{place} is not valid TOML: {error}") from None
    if values.get("kind") != KIND:
        found = clean(repr(values["kind"]), 30) if "kind" in values else "no kind"
        raise BadStory(f"{line_of(place, text, 'kind')}: expected kind = {KIND!r}, found {found}")
    values.setdefault("name", name)
    try:
        story = msgspec.convert(values, Story)
    except msgspec.ValidationError as error:
        raise BadStory(_said(*where(error), place, text)) from None
    for key, fault in faults(story):
        table, _, line = key.partition("@")
        at = line_in(place, text, table, int(line)) if line else line_of(place, text, key)
        raise BadStory(f"{at}: {table} {fault}")
    return story


def _said(message: str, key: str, place: str, text: str) -> str:
    """msgspec's sentence in ours."""
    here = key or "the file"
    if field := unknown_field(message):
        known = (_TABLES.get(key.partition("[")[0]) or Story).__struct_fields__
        at = line_of(place, text, f"{key}.{field}".lstrip("."))
        return f"{at}: {here}: unknown field `{clean(field, 40)}`: {meant(field, known)}"
    return f"{line_of(place, text, key)}: {here}: {clean(message[0].lower() + message[1:], 200)}"


def hours_of(story: Story) -> Iterator[tuple[int, tuple[Bar, ...]]]:
    """(start of the hour in ns, the bar of each venue), in order."""
    found = story.bars
    step = len(story.venues)
    for first in range(0, len(found), step):
        yield found[first].start_ns, found[first : first + step]
