"""The length of a recording as a line, with a knob where it stands and its marks; a click on it goes there."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message

from engine.frame import Frame
from engine.frame.host import Transport
from tui.bars.base import Bar, Part
from tui.format import clock, day
from tui.look import Look
from tui.panels.marks import kind_mark, mark_rank

GAP = 2  # cells between two parts of a line
APART = 150  # cells: on a narrower screen a story, which brings a sentence with it, has a line for its track alone
DAY_NS = 86_400 * 1_000_000_000
# Of a story one wants to find what it tells and what was done oneself, not every signal of days.
TOLD = frozenset({"MARK", "SHOCK", "FILL"})


def stands_apart(transport: Transport, width: int) -> bool:
    """Whether the track has a line of its own on a screen so wide."""
    return bool(transport.about) and width < APART


class Tracked(Bar):
    """A line with a track in it. A subclass calls `place_track` with the cells that it has."""

    rate_hz = 5.0

    class Sought(Message):
        """A person pointed at a moment of the recording."""

        def __init__(self, ts: int) -> None:
            super().__init__()
            self.ts = ts

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._track_at = (0, 0)  # first cell and width of the track

    def on_click(self, event: events.Click) -> None:
        first, width = self._track_at
        if self.frame is not None and width and first <= event.x < first + width:
            transport = self.frame.host.transport
            length = transport.end - transport.start
            self.post_message(self.Sought(transport.start + (event.x - first) * length // width))

    def place_track(self, frame: Frame, first: int, width: int) -> list[Part]:
        """The track from this cell of the line on, nothing where there is no room."""
        self._track_at = (first, max(0, width))
        return [Part(0, track(frame, width, self.look))] if width > 0 else []

    def ends(self, transport: Transport) -> str:
        """From when to when, and how far it is made yet."""
        utc = self.look.utc
        start, end = clock(transport.start, utc), clock(transport.end, utc)
        if transport.end - transport.start >= DAY_NS:
            start, end = (
                f"{day(ts, utc)[5:]} {text[:5]}"
                for ts, text in ((transport.start, start), (transport.end, end))
            )
        if transport.built and transport.built < transport.end:
            return f"built to {day(transport.built, utc)[5:]} {clock(transport.built, utc)[:5]}"
        return f"{start} to {end}"


class TrackLine(Tracked):
    """The track alone, as wide as the screen, with its ends."""

    def parts(self, frame: Frame) -> list[Part]:
        ends = Segment(self.ends(frame.host.transport), self.look.palette.dim)
        width = self.size.width - 2 - GAP - ends.cell_length
        return [*self.place_track(frame, 1, width), Part(0, (ends,), right=True)]


def track(frame: Frame, width: int, look: Look) -> tuple[Segment, ...]:
    """The line with its knob; marks stand on it in their own colours, shocks before all others."""
    palette, glyphs, transport = look.palette, look.glyphs, frame.host.transport
    length = max(1, transport.end - transport.start)

    def cell(moment: int) -> int:
        return min(width - 1, max(0, (moment - transport.start) * width // length))

    knob = cell(frame.market.ts)
    cells: list[tuple[str, Style]] = [
        (glyphs.track_left, palette.accent) if x < knob else (glyphs.track, palette.faint)
        for x in range(width)
    ]
    happened = {(event.ts, event.kind) for event in frame.market.events}
    if transport.about:
        happened = {mark for mark in happened if mark[1] in TOLD}
    known = sorted(happened.union(transport.marks), key=lambda mark: (mark_rank(mark[1]), mark[0]))
    for moment, kind in known:
        if transport.start <= moment <= transport.end:
            cells[cell(moment)] = kind_mark(kind, look)
    if transport.built:
        for x in range(cell(transport.built) + 1, width):
            if cells[x][0] == glyphs.track:
                cells[x] = (glyphs.unbuilt, palette.faint)
    cells[knob] = (glyphs.knob, palette.bright)
    runs: list[Segment] = []
    for text, style in cells:
        if runs and runs[-1].style is style:
            runs[-1] = Segment(runs[-1].text + text, style)
        else:
            runs.append(Segment(text, style))
    return tuple(runs)
