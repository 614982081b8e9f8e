"""What a story must be for a market to be built from it, beyond the types of its fields.

What its tables say, each against the others, is looked at in `engine.past.table_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from engine.instrument import NotOnGrid, Step
from engine.past.table_checks import table_faults
from engine.past.tables import HOUR_NS, MINUTE_NS
from engine.text import clean

if TYPE_CHECKING:
    from engine.past.story import Happening, Story, Venue

MOST_HOURS = 24 * 14
PACE = (0.25, 1024.0)  # times session time
MOST_DEVIATION_BPS = 1000.0  # of 1-minute returns, over an hour or more
FEE_BPS = (-100.0, 1000.0)
MOST_COMMENTS = 1_000_000  # of a day
MOST_AGENTS = 10_000  # as in a scenario, whose module would load the kernels of agents
KINDS = ("spot", "linear", "inverse")  # of a venue's instrument
_DAY_NS = 24 * HOUR_NS
_NAME = re.compile(r"\w[\w .-]{0,59}")
_URL = re.compile(r"https?://[^\s/]+\S*")
_RECIPE = {
    "calm_bps": (0.1, 1000.0),
    "spread_bps": (0.01, 1000.0),
    "spread_size": (1e-6, 1e6),
    "spread_exponent": (0.0, 4.0),
    "spread_least_bps": (0.01, 1000.0),
    "spread_most_bps": (0.01, 5000.0),
    "spread_scar": (0.0, 0.9),
    "touch_share": (0.0, 0.9),
    "depth": (1e-3, 1e9),
    "depth_exponent": (0.0, 4.0),
    "depth_recovery_s": (1.0, 1e6),
    "bids_thinner": (0.0, 0.9),
    "imbalance": (0.0, 0.9),
    "basis_bps": (0.0, 1000.0),
    "trades_per_s": (0.01, 20.0),
}
Faults = Iterator[tuple[str, str]]


def faults(story: Story) -> Faults:
    """(key, what is wrong with it), the gravest first. A key such as `hours@3` is of line 3 of a table, from 0.

    What comes behind a fault may follow from it.
    """
    yield from _words(story)
    yield from _times(story)
    yield from _venues(story)
    yield from table_faults(story)
    yield from _chapters(story)
    yield from _events(story)
    yield from _deviations(story)
    yield from _days(story)
    yield from _recipe(story)
    counts = msgspec.structs.asdict(story.agents)
    if min(counts.values()) < 0 or sum(counts.values()) > MOST_AGENTS:
        yield "agents", f"expected zero or more of each and at most {MOST_AGENTS} agents"


def _outside(key: str, value: float, bounds: tuple[float, float]) -> Faults:
    least, most = bounds
    if not least <= value <= most:  # so written, it refuses what is not a number too
        yield key, f"expected {least:g} to {most:g}, found {value:g}"


def _source(s: Story, key: str, source: int) -> Faults:
    if not 0 <= source <= len(s.sources):
        yield key, f"expected a source from 0 (the author) to {len(s.sources)}, found {source}"


def _words(s: Story) -> Faults:
    """A story may be a stranger's: its name becomes a file's, and what it says is shown."""
    if _NAME.fullmatch(s.name) is None:
        yield (
            "name",
            f"expected up to 60 letters, digits, spaces, '-', '.' or '_', found {clean(s.name, 40)!r}",
        )
    said = [("note", s.note)]
    said += [(key, text) for key in ("recorded", "reconstructed") for text in getattr(s, key)]
    for group, names in (
        ("venues", ("name", "symbol", "base", "quote")),
        ("sources", ("title", "gives")),
        ("events", ("text",)),
        ("chapters", ("name",)),
    ):
        for number, item in enumerate(getattr(s, group)):
            said += [(f"{group}[{number}].{name}", getattr(item, name)) for name in names]
    for key, text in (("about", s.about), *said):
        if clean(text, len(text) + 1) != " ".join(text.split()):
            yield key, "expected text without control characters"
    for key, text in said:
        if not text.strip():
            yield key, "expected some words, found none"
    for number, source in enumerate(s.sources):
        if source.url and _URL.fullmatch(source.url) is None:
            yield f"sources[{number}].url", f"expected http:// or https://, found {clean(source.url, 60)!r}"


def _times(s: Story) -> Faults:
    yield from _outside("speed", s.speed, PACE)
    moments = [("begins", s.begins), ("ends", s.ends)]
    for group, names in (
        ("chapters", ("begins", "ends")),
        ("events", ("at", "until", "disorderly_until")),
        ("deviations", ("begins", "ends")),
        ("days", ("date",)),
    ):
        for number, item in enumerate(getattr(s, group)):
            moments += [(f"{group}[{number}].{name}", getattr(item, name)) for name in names]
    for key, moment in moments:
        if moment is not None and (moment.tzinfo is None or moment.microsecond):
            yield key, f"expected whole seconds of UTC such as 2020-03-12T00:00:00Z, found {moment}"
            return
    if s.begins_ns % HOUR_NS:
        yield "begins", f"expected a whole hour, found {s.begins}"
    if s.ends_ns % HOUR_NS or not 0 < s.ends_ns - s.begins_ns <= MOST_HOURS * HOUR_NS:
        yield "ends", f"expected whole hours, one to {MOST_HOURS} of them, found {s.begins} to {s.ends}"


def _venues(s: Story) -> Faults:
    if not 1 <= len(s.venues) <= 2:
        yield "venues", f"expected one or two venues, found {len(s.venues)}"
    elif len(set(s.names)) != len(s.venues):
        yield "venues[1].name", f"expected venues with names of their own, found {s.names[1]!r} twice"
    for number, venue in enumerate(s.venues):
        for name, fault in _venue(venue):
            yield f"venues[{number}].{name}", fault


def _venue(venue: Venue) -> Faults:
    for name, wanted in (("volume", ("base", "quote_millions")), ("kind", KINDS)):
        if (found := getattr(venue, name)) not in wanted:
            yield name, f"expected {', '.join(wanted[:-1])} or {wanted[-1]}, found {clean(found, 20)!r}"
    for name in ("tick_size", "lot_size"):
        try:
            _ = Step(getattr(venue, name)).value
        except NotOnGrid:
            yield (
                name,
                f"expected a positive decimal such as 0.01, found {clean(getattr(venue, name), 30)!r}",
            )
    for name in ("maker_fee_bps", "taker_fee_bps"):
        yield from _outside(name, getattr(venue, name), FEE_BPS)


def _chapters(s: Story) -> Faults:
    for number, chapter in enumerate(s.chapters):
        before = s.chapters[number - 1].ends_ns if number else s.begins_ns
        if not before <= chapter.begins_ns < chapter.ends_ns <= s.ends_ns:
            yield (
                f"chapters[{number}].begins",
                "expected chapters in order, inside the story, without overlap",
            )
        yield from _outside(f"chapters[{number}].speed", chapter.speed, PACE)


def _events(s: Story) -> Faults:
    down: set[tuple[str, int]] = set()
    for number, event in enumerate(s.events):
        key = f"events[{number}]"
        if not s.begins_ns <= event.at_ns < s.ends_ns:
            yield f"{key}.at", f"expected a time inside the story, found {event.at}"
        yield from _source(s, f"{key}.source", event.source)
        if event.kind not in ("event", "outage"):
            yield f"{key}.kind", f"expected event or outage, found {clean(event.kind, 20)!r}"
        if event.venue and event.venue not in s.names:
            yield f"{key}.venue", f"expected one of {', '.join(s.names)}, found {clean(event.venue, 30)!r}"
        if event.kind == "outage":
            yield from _outage(s, event, key)
            hour = (event.venue, event.at_ns // HOUR_NS)
            if hour in down:
                yield f"{key}.at", f"expected one outage of {event.venue} in an hour, found another"
            down.add(hour)


def _outage(s: Story, event: Happening, key: str) -> Faults:
    """What a venue that is down stands between must be possible, and nothing else is known of it meanwhile."""
    if not (
        event.venue
        and event.at_ns < event.until_ns <= event.disorderly_until_ns
        and event.at_ns // HOUR_NS == (event.disorderly_until_ns - 1) // HOUR_NS
        and not event.at_ns % MINUTE_NS
        and not event.until_ns % MINUTE_NS
        and 0 < event.low <= event.high
    ):
        yield (
            f"{key}.until",
            "expected an outage with its venue, whole minutes inside one hour, and low <= high",
        )
        return
    venue = s.names.index(event.venue)
    bar = next(b for b in s.bars if b.venue == venue and b.start_ns == event.at_ns // HOUR_NS * HOUR_NS)
    if not bar.low <= event.low <= event.high <= bar.high:
        yield f"{key}.low", f"expected prices inside the hour's bar, found {event.low:g} and {event.high:g}"
    for name in ("low", "high"):
        try:
            s.venues[venue].instrument().tick.count(repr(getattr(event, name)))
        except NotOnGrid as error:
            yield f"{key}.{name}", f"expected a price that {event.venue} can have: {error}"
    for anchor in s.anchors:
        if anchor.venue == venue and event.at_ns <= anchor.at_ns < event.until_ns:
            minute = anchor.at_ns // MINUTE_NS % 60
            yield (
                f"path@{anchor.line}",
                f"expected no price of a venue that is down, found {anchor.kind} {anchor.price:g} of {event.venue} "
                f"at minute {minute}",
            )


def _deviations(s: Story) -> Faults:
    for number, deviation in enumerate(s.deviations):
        key = f"deviations[{number}]"
        if deviation.venue != s.names[0]:
            yield (
                f"{key}.venue",
                f"expected the first venue, {s.names[0]}, found {clean(deviation.venue, 30)!r}",
            )
        if not s.begins_ns <= deviation.begins_ns < deviation.ends_ns <= s.ends_ns:
            yield (
                f"{key}.begins",
                f"expected a stretch inside the story, found {deviation.begins} to {deviation.ends}",
            )
        for name in ("begins", "ends"):
            if getattr(deviation, f"{name}_ns") % HOUR_NS:
                yield f"{key}.{name}", f"expected a whole hour, found {getattr(deviation, name)}"
        yield from _outside(f"{key}.bps", deviation.bps, (0.1, MOST_DEVIATION_BPS))
        yield from _source(s, f"{key}.source", deviation.source)
    inside = sorted(s.deviations, key=lambda deviation: deviation.begins_ns)
    for one, other in pairwise(inside):
        if other.begins_ns < one.ends_ns:
            yield (
                f"deviations[{s.deviations.index(other)}].begins",
                "expected stretches that do not overlap: an hour is made to have one deviation",
            )


def _days(s: Story) -> Faults:
    seen: set[int] = set()
    for number, day in enumerate(s.days):
        key, at = f"days[{number}]", int(day.date.timestamp()) * 1_000_000_000
        if at % _DAY_NS or not s.begins_ns - _DAY_NS < at < s.ends_ns:
            yield f"{key}.date", f"expected midnight UTC of a day of the story, found {day.date}"
        if at in seen:
            yield f"{key}.date", f"expected each day once, found {day.date:%Y-%m-%d} again"
        seen.add(at)
        for name, most in (("fear_greed", 100), ("comments", MOST_COMMENTS)):
            if not 0 <= getattr(day, name) <= most:
                yield f"{key}.{name}", f"expected 0 to {most}, found {getattr(day, name)}"
        yield from _source(s, f"{key}.source", day.source)


def _recipe(s: Story) -> Faults:
    for name, bounds in _RECIPE.items():
        yield from _outside(f"recipe.{name}", getattr(s.recipe, name), bounds)
    least, most = s.recipe.spread_least_bps, s.recipe.spread_most_bps
    if least > most:
        yield "recipe.spread_least_bps", f"expected at most spread_most_bps, {most:g}, found {least:g}"
