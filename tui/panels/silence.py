"""Why the chart has nothing to draw: the last price there was, what the book waits for, and what the network does."""

from __future__ import annotations

import math

from rich.segment import Segment

from engine.frame import Frame
from engine.frame.feeds import BESIDE_FEEDS
from engine.frame.symbol import Line
from engine.text import clean
from tui.format import BOOK_STATES, SECOND_NS, clock, price, span
from tui.look import Look
from tui.panels.base import Row
from tui.panels.scroll import wrapped

NO_NETWORK = (
    "no network? `microtui sim` needs none; `microtui exchange` serves a made-up market here; "
    "`microtui replay` plays a recording"
)
_TROUBLED = ("BACKOFF", "BLOCKED")


def why_nothing(frame: Frame, line: Line | None, look: Look, width: int) -> list[Row]:
    """No price is known: why not, as far as that is known, and when it is tried again; rows of `width` cells."""
    palette = look.palette
    said = [(text, palette.bright) for text in _last_known(frame, line, look)]
    if line is not None and line.state in BOOK_STATES:
        said.append((BOOK_STATES[line.state], palette.dim))
    for feed in frame.market.feeds:
        if feed.state not in _TROUBLED or feed.venue in BESIDE_FEEDS:
            continue
        said.append((f"{clean(feed.venue, 30)}: {clean(feed.reason) or feed.state.lower()}", palette.warning))
        if feed.retry_at_ns is not None:
            wait_s = math.ceil((feed.retry_at_ns - frame.market.ts) / SECOND_NS)
            said.append((f"trying again in {max(0, wait_s)} s", palette.text))
        if line is None:  # not one answer so far
            said.append((NO_NETWORK, palette.text))
    return [[Segment(text.center(width), style)] for part, style in said for text in wrapped(part, width)]


def _last_known(frame: Frame, line: Line | None, look: Look) -> list[str]:
    """The last price, and since when there is none; or that there never was one."""
    last = frame.market.detail.last
    if line is None or last is None:
        return ["no price yet"]
    moment = clock(last.ts, look.utc)
    known = f"last price {price(line.instrument, last.ticks)}"
    if line.state == "SYNCED":  # trades go on, but one side of the book is empty
        return [f"{known} at {moment}"]
    return [known, f"stale since {moment}, {span((frame.market.ts - last.ts) / SECOND_NS)} ago"]
