"""The transport line: where a recording stands, how fast it plays, and where its marks are."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message

from engine.frame import Frame
from engine.text import clean
from tui.bars.base import Bar, Part
from tui.format import clock, day
from tui.look import Look
from tui.panels.marks import kind_mark, mark_rank

GAP = 2  # cells between two parts of the line
SHORTEST_TRACK = 16  # cells that notes and ends leave to it
LONGEST_NOTE, SHORTEST_NOTE = 60, 8


def speed_text(factor: float) -> str:
    """A speed as it is written: `¼×`, `4×`, or `max`.

    >>> speed_text(0.25), speed_text(4.0), speed_text(0)
    ('¼×', '4×', 'max')
    """
    if factor == 0:
        return "max"
    return {0.25: "¼×", 0.5: "½×"}.get(factor, f"{factor:g}×")


class TransportLine(Bar):
    """Shown whenever the session is not simply live. A click on the track goes there."""

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

    def parts(self, frame: Frame) -> list[Part]:
        transport, ts = frame.host.transport, frame.market.ts
        palette, glyphs = self.look.palette, self.look.glyphs
        speed = speed_text(transport.speed)
        if glyphs.ascii:
            speed = speed.replace("¼", "1/4").replace("½", "1/2")
        if transport.paused:
            how = Segment(f"{glyphs.pause} paused {speed}", palette.warning)
        else:
            how = Segment(f"{glyphs.play} {speed}".ljust(5), palette.bid_bright)
        when = f"{day(ts, self.look.utc)} {clock(ts, self.look.utc, tenths=True)}"
        left = Part(0, (how, Segment(f"  {when}", palette.bright)))
        room = self.size.width - 2 - left.width - GAP  # for all that is to the right of the time
        right = []
        spare = min(LONGEST_NOTE, room - GAP - SHORTEST_TRACK)
        if transport.note and spare >= SHORTEST_NOTE:
            note = clean(transport.note, spare)
            right.append(Part(0, (Segment(note, palette.doubt),), right=True))
            room -= GAP + right[0].width
        ends = f"{clock(transport.start, self.look.utc)} to {clock(transport.end, self.look.utc)}"
        if room - GAP - SHORTEST_TRACK >= len(ends):
            right.append(Part(0, (Segment(ends, palette.dim),), right=True))
            room -= GAP + len(ends)
        self._track_at = (1 + left.width + GAP, max(0, room))
        track = [Part(0, self._track(frame, room))] if room > 0 else []
        return [left, *track, *right]

    def _track(self, frame: Frame, width: int) -> tuple[Segment, ...]:
        """The line with its knob; marks stand on it in their own colours, shocks before all others."""
        palette, glyphs, transport = self.look.palette, self.look.glyphs, frame.host.transport
        length = max(1, transport.end - transport.start)

        def cell(moment: int) -> int:
            return min(width - 1, max(0, (moment - transport.start) * width // length))

        knob = cell(frame.market.ts)
        cells: list[tuple[str, Style]] = [
            (glyphs.track_left, palette.accent) if x < knob else (glyphs.track, palette.faint)
            for x in range(width)
        ]
        happened = {(event.ts, event.kind) for event in frame.market.events}
        known = sorted(happened.union(transport.marks), key=lambda mark: (mark_rank(mark[1]), mark[0]))
        for moment, kind in known:
            if transport.start <= moment <= transport.end:
                cells[cell(moment)] = kind_mark(kind, self.look)
        cells[knob] = (glyphs.knob, palette.bright)
        runs: list[Segment] = []
        for text, style in cells:
            if runs and runs[-1].style is style:
                runs[-1] = Segment(runs[-1].text + text, style)
            else:
                runs.append(Segment(text, style))
        return tuple(runs)
