"""The transport line: where a recording stands, how fast it plays, and where its marks are."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message

from engine.frame import Frame, Transport
from engine.text import clean
from tui.bars.base import Bar, Part
from tui.format import clock, day
from tui.look import Look
from tui.panels.marks import kind_mark, mark_rank

GAP = 2  # cells between two parts of the line
SHORTEST_TRACK = 16  # cells that notes and ends leave to it
LEAST_TRACK = 3  # and those that a note leaves which must be read whole
DAY_NS = 86_400 * 1_000_000_000
NARROW = 110  # cells: below, what can be read elsewhere makes room for the note of a story
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
        palette = self.look.palette
        how = self._how(transport)
        when = self._when(ts, transport)
        left = [Part(0, (how, Segment(f"  {when}", palette.bright)))]
        room = self.size.width - 2 - left[0].width - GAP  # for all that is to the right of the time
        right = []
        least = (
            LEAST_TRACK if transport.about else SHORTEST_TRACK
        )  # what the note says of a story is never cut
        spare = min(LONGEST_NOTE, room - GAP - least)
        if transport.note and spare >= SHORTEST_NOTE:
            note = Segment(clean(transport.note, spare), palette.doubt)
            room -= GAP + note.cell_length
            if transport.about:  # where no passing sentence covers it
                left.append(Part(0, (note,)))
            else:
                right.append(Part(0, (note,), right=True))
        ends = self._ends(transport)
        if room - GAP - SHORTEST_TRACK >= len(ends):
            right.append(Part(0, (Segment(ends, palette.dim),), right=True))
            room -= GAP + len(ends)
        self._track_at = (1 + sum(part.width + GAP for part in left), max(0, room))
        track = [Part(0, self._track(frame, room))] if room > 0 else []
        return [*left, *track, *right]

    def _how(self, transport: Transport) -> Segment:
        """Whether it plays and how fast, or what it waits for."""
        palette, glyphs, utc = self.look.palette, self.look.glyphs, self.look.utc
        speed = speed_text(transport.speed)
        if glyphs.ascii:
            speed = speed.replace("¼", "1/4").replace("½", "1/2")
        if transport.waits_for:
            wanted, built = (clock(ts, utc)[:5] for ts in (transport.waits_for, transport.built))
            if self.size.width >= NARROW and day(transport.waits_for, utc) != day(transport.built, utc):
                wanted = f"{day(transport.waits_for, utc)[5:]} {wanted}"
            so_far = f", built to {built}" if self.size.width >= NARROW else ""
            return Segment(f"{glyphs.pause} waits for {wanted}{so_far}", palette.warning)
        if transport.paused:
            return Segment(f"{glyphs.pause} paused {speed}", palette.warning)
        pace = f"{glyphs.play} auto {speed}" if transport.auto else f"{glyphs.play} {speed}"
        width = 11 if transport.auto is not None else 5  # what the widest speed takes, so that nothing moves
        return Segment(pace.ljust(width), palette.bid_bright)

    def _when(self, ts: int, transport: Transport) -> str:
        """Date and time; of a story without what its pace and a narrow line leave no room for."""
        date, told = day(ts, self.look.utc), bool(transport.about)
        if told and self.size.width < NARROW:
            date = date[5:] if not transport.waits_for else ""
        return f"{date} {clock(ts, self.look.utc, tenths=not told)}".lstrip()

    def _ends(self, transport: Transport) -> str:
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
