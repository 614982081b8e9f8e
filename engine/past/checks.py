"""What a story must be for a market to be built from it, beyond the types of its fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from engine.instrument import NotOnGrid
from engine.past.tables import HOUR_NS, MINUTE_NS, Anchor
from engine.text import clean

if TYPE_CHECKING:
    from engine.past.story import Happening, Story

MOST_HOURS = 24 * 14
LEAST_LOTS = 1000  # of an hour: every minute's last price is a trade
LEAST_TICKS = 100  # of a price, so that a book has room below it
MOST_COMMENTS = 1_000_000  # of a day
MOST_AGENTS = 10_000  # as in a scenario, whose module would load the kernels of agents
_NAME = re.compile(r"\w[\w .-]{0,59}")
_RECIPE = {
    "calm_bps": (0.1, 1000.0),
    "spread_bps": (0.01, 1000.0),
    "spread_size": (1e-6, 1e6),
    "spread_exponent": (0.0, 4.0),
    "spread_least_bps": (0.01, 1000.0),
    "spread_most_bps": (0.01, 5000.0),
    "touch_share": (0.0, 0.9),
    "depth": (1e-3, 1e9),
    "depth_exponent": (0.0, 4.0),
    "depth_recovery_s": (1.0, 1e6),
    "bids_thinner": (0.0, 0.9),
    "imbalance": (0.0, 0.9),
    "basis_bps": (0.0, 1000.0),
    "trades_per_s": (0.01, 20.0),
}


def faults(story: Story) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it), the gravest first."""
    yield from _words(story)
    yield from _times(story)
    yield from _venues(story)
    yield from _bars(story)
    yield from _anchors(story)
    yield from _stretches(story)
    for name, (least, most) in _RECIPE.items():
        value = getattr(story.recipe, name)
        if not (math.isfinite(value) and least <= value <= most):
            yield f"recipe.{name}", f"expected {least:g} to {most:g}, found {value:g}"


def _words(s: Story) -> Iterator[tuple[str, str]]:
    """A story may be a stranger's: its name becomes a file's, and what it says is shown."""
    if _NAME.fullmatch(s.name) is None:
        yield (
            "name",
            f"expected up to 60 letters, digits, spaces, '-', '.' or '_', found {clean(s.name, 40)!r}",
        )
    said = [("about", s.about), ("note", s.note)]
    said += [(key, text) for key in ("recorded", "reconstructed") for text in getattr(s, key)]
    for group, names in (
        ("venues", ("name", "symbol", "base", "quote")),
        ("sources", ("title", "gives", "url")),
        ("events", ("text",)),
        ("chapters", ("name",)),
    ):
        for number, item in enumerate(getattr(s, group)):
            said += [(f"{group}[{number}].{name}", getattr(item, name)) for name in names]
    for key, text in said:
        if clean(text, len(text) + 1) != " ".join(text.split()):
            yield key, "expected text without control characters"


def _times(s: Story) -> Iterator[tuple[str, str]]:
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
    if (
        s.begins_ns % HOUR_NS
        or s.ends_ns % HOUR_NS
        or not 0 < s.ends_ns - s.begins_ns <= MOST_HOURS * HOUR_NS
    ):
        yield "ends", f"expected whole hours, one to {MOST_HOURS} of them, found {s.begins} to {s.ends}"


def _venues(s: Story) -> Iterator[tuple[str, str]]:
    if not 1 <= len(s.venues) <= 2 or len(set(s.names)) != len(s.venues):
        yield "venues", f"expected one or two venues with names of their own, found {', '.join(s.names)}"
    for number, venue in enumerate(s.venues):
        if venue.volume not in ("base", "quote_millions"):
            yield (
                f"venues[{number}].volume",
                f"expected base or quote_millions, found {clean(venue.volume, 20)!r}",
            )
        try:
            _ = venue.instrument().tick.value, venue.instrument().lot.value
        except NotOnGrid as error:
            yield f"venues[{number}].tick_size", f"expected {error}"


def _bars(s: Story) -> Iterator[tuple[str, str]]:
    if not 0 <= s.hours_source <= len(s.sources):
        yield "hours_source", f"expected a source up to {len(s.sources)}, found {s.hours_source}"
    starts = [bar.start_ns for bar in s.bars if bar.venue == 0]
    if starts != list(range(s.begins_ns, s.ends_ns, HOUR_NS)):
        wanted = (s.ends_ns - s.begins_ns) // HOUR_NS
        yield "hours", f"expected the {wanted} hours from begins to ends in order, found {len(starts)} lines"
    for bar in s.bars:
        venue = s.venues[bar.venue]
        lot, tick = venue.instrument().lot, venue.instrument().tick
        least = LEAST_LOTS * lot.to_float(1) * (bar.high / 1e6 if venue.volume == "quote_millions" else 1.0)
        if bar.volume < least:
            yield "hours", f"expected a volume of {least:g} or more for {venue.name}, found {bar.volume:g}"
            return
        if bar.low < LEAST_TICKS * tick.to_float(1):
            yield (
                "hours",
                f"expected prices of {LEAST_TICKS} ticks or more for {venue.name}, found {bar.low:g}",
            )
            return


def _anchors(s: Story) -> Iterator[tuple[str, str]]:
    bars = {(bar.venue, bar.start_ns): bar for bar in s.bars}
    seen = set()
    for anchor in s.anchors:
        bar = bars.get((anchor.venue, anchor.at_ns // HOUR_NS * HOUR_NS))
        if bar is None or not bar.low <= anchor.price <= bar.high:
            yield "path", f"expected a price inside its hour's bar, found {_said(s, anchor)}"
            return
        recorded = {"high": bar.high, "low": bar.low}.get(anchor.kind, anchor.price)
        if anchor.price != recorded:
            yield "path", f"expected the hour's own {anchor.kind} of {recorded:g}, found {_said(s, anchor)}"
        key = (anchor.venue, anchor.at_ns if anchor.kind == "close" else bar.start_ns, anchor.kind)
        if key in seen:
            yield "path", f"expected one {anchor.kind} there, found another: {_said(s, anchor)}"
        seen.add(key)
        last = anchor.at_ns % HOUR_NS == HOUR_NS - MINUTE_NS
        if last and anchor.kind == "close" and anchor.price != bar.close:
            yield "path", f"expected the hour's own close of {bar.close:g}, found {_said(s, anchor)}"


def _said(s: Story, anchor: Anchor) -> str:
    minute = anchor.at_ns // MINUTE_NS % 60
    return f"{anchor.kind} {anchor.price:g} of {s.names[anchor.venue]} at minute {minute}"


def _stretches(s: Story) -> Iterator[tuple[str, str]]:
    for number, chapter in enumerate(s.chapters):
        before = s.chapters[number - 1].ends_ns if number else s.begins_ns
        if not before <= chapter.begins_ns < chapter.ends_ns <= s.ends_ns:
            yield (
                f"chapters[{number}].begins",
                "expected chapters in order, inside the story, without overlap",
            )
    for number, event in enumerate(s.events):
        key = f"events[{number}]"
        if not s.begins_ns <= event.at_ns < s.ends_ns:
            yield f"{key}.at", f"expected a time inside the story, found {event.at}"
        if not 0 <= event.source <= len(s.sources):
            yield f"{key}.source", f"expected a source up to {len(s.sources)}, found {event.source}"
        if event.kind not in ("event", "outage"):
            yield f"{key}.kind", f"expected event or outage, found {clean(event.kind, 20)!r}"
        if event.venue and event.venue not in s.names:
            yield f"{key}.venue", f"expected one of {', '.join(s.names)}, found {clean(event.venue, 30)!r}"
        if event.kind == "outage" and not (
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
        elif event.kind == "outage":
            yield from _stands_still(s, event, key)
    for number, deviation in enumerate(s.deviations):
        if deviation.venue != s.names[0]:
            yield f"deviations[{number}].venue", f"expected the first venue, {s.names[0]}"
    for number, day in enumerate(s.days):
        for name, most in (("fear_greed", 100), ("comments", MOST_COMMENTS)):
            if not 0 <= getattr(day, name) <= most:
                yield f"days[{number}].{name}", f"expected 0 to {most}, found {getattr(day, name)}"
    counts = msgspec.structs.asdict(s.agents)
    if min(counts.values()) < 0 or sum(counts.values()) > MOST_AGENTS:
        yield "agents", f"expected zero or more of each and at most {MOST_AGENTS} agents"


def _stands_still(s: Story, event: Happening, key: str) -> Iterator[tuple[str, str]]:
    """What a venue that is down stands between must be possible, and nothing else is known of it meanwhile."""
    venue = s.names.index(event.venue)
    bar = next(b for b in s.bars if b.venue == venue and b.start_ns == event.at_ns // HOUR_NS * HOUR_NS)
    if not bar.low <= event.low <= event.high <= bar.high:
        yield f"{key}.low", f"expected prices inside the hour's bar, found {event.low:g} and {event.high:g}"
    for anchor in s.anchors:
        if anchor.venue == venue and event.at_ns <= anchor.at_ns < event.until_ns:
            yield "path", f"expected no price of a venue that is down, found {_said(s, anchor)}"
