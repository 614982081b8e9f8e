"""Alerts and marks: what a person should have seen, newest first, each with its reason in words."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.alerts import Event
from engine.text import clean
from tui.format import clock, told_apart
from tui.panels.base import Row
from tui.panels.marks import kind_mark
from tui.panels.scroll import ScrollPanel, wrapped

_INDENT = 9  # the clock's width and a blank: reasons stand under the kind
_NARROW = 24  # below so many cells reasons start at the left edge


class Alerts(ScrollPanel):
    """The session's alerts and marks."""

    title = "alerts"
    key = "5"
    place = "right"
    rate_hz = 2.0
    help = (
        "What happened, newest first: ▲ LONG and ▼ SHORT when the imbalance signal changes, with its "
        "confidence from 0 to 1 and its reason; ● FEED and ● BOOK when a connection or a book was in doubt; "
        "◆ your own marks; ○ REGIME when the kind of market changes; ↯ SHOCK what was done to the market, or to "
        "our world on paper; ◂ FILL your own orders' trades, and why one was refused. They are on the chart at "
        "their times as well.\n"
        "By rules, yours and those that are there from the start (docs/alerts.md): ○ SPREAD and DEPTH far from what "
        "is usual, ○ MOVE of the price, ○ GAP between venues, ○ SWING of sentiment, ○ WHALE on a chain, ● STALE books, "
        "● RISK of those who trade here. HELD: there were too many, and how many more there were. Above: which "
        "conditions hold now, and since when.\n"
        "Arrow keys, page keys and the wheel scroll; home goes back to the newest."
    )

    def draw(self, frame: Frame) -> None:
        palette = self.look.palette
        self.put_head(self._holding(frame))
        if not frame.market.events:
            self.put_scrolled([[Segment("none so far", palette.dim)]])
            return
        rows: list[Row] = []
        for event in frame.market.events:
            rows += self._event_rows(event, frame)
        self.put_scrolled(rows, newest_first=True)

    def _holding(self, frame: Frame) -> list[Segment]:
        """The conditions that hold now, and since when; then how many alerts wait for their turn."""
        alerts, palette = frame.market.alerts, self.look.palette
        words = [
            f"{clean(now.subject, 20) + ' ' if now.subject else ''}{clean(now.rule, 40)} "
            f"{_for((frame.market.ts - now.since) / 1e9)}"
            for now in alerts.standing
        ]
        held = [f"{alerts.held} held{more}" for more in (" back", "")] if alerts.held else [""]
        room = self.inner.width - len(f"{self.key} {self.title} {self.look.glyphs.middle} ") - 2
        said = ""
        for shown in range(len(words), -1, -1):  # what does not fit is counted
            rest = [f"{len(words) - shown} more"] if shown < len(words) else []
            said = next((fit for last in held if len(fit := _listed(words[:shown], rest, last)) <= room), "")
            if said:
                break
        return [Segment(f" {self.look.glyphs.middle} {said}", palette.warning)] if said else []

    def _event_rows(self, event: Event, frame: Frame) -> list[Row]:
        palette, lines = self.look.palette, frame.market.lines
        glyph, style = kind_mark(event.kind, self.look)
        width = self.inner.width
        first = [
            Segment(clock(event.ts, self.look.utc), palette.dim),
            Segment(f" {glyph} {clean(event.kind, 12)}", style + Style(bold=True)),
        ]
        if event.confidence is not None:
            first.append(Segment(f" {event.confidence:.2f}", style))
        if event.symbol is not None and len(lines) > 1 and event.symbol < len(lines):
            first.append(Segment("  " + told_apart(lines[event.symbol], lines), palette.dim))
        indent = 0 if width < _NARROW else _INDENT
        reason = wrapped(clean(event.text), width - indent) if event.text else []
        return [first, *([Segment(" " * indent + text, palette.text)] for text in reason)]


def _listed(shown: list[str], rest: list[str], last: str) -> str:
    return ", ".join([*shown, *rest, *([last] if last else [])])


def _for(seconds: float) -> str:
    return f"{max(seconds, 0.0):.0f} s" if seconds < 120.0 else f"{seconds / 60.0:.0f} min"
