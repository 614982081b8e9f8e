"""The transport line: where a recording stands, how fast it plays, and where its marks are."""

from __future__ import annotations

from rich.segment import Segment

from engine.frame import Frame
from engine.frame.host import Transport
from engine.text import clean
from tui.bars.base import Part
from tui.bars.track import GAP, Tracked, stands_apart
from tui.format import clock, day

SHORTEST_TRACK = 16  # cells that notes and ends leave to it
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


class TransportLine(Tracked):
    """Shown whenever the session is not simply live."""

    def parts(self, frame: Frame) -> list[Part]:
        transport, ts = frame.host.transport, frame.market.ts
        palette, width = self.look.palette, self.size.width
        left = [Part(0, (self._how(transport), Segment(f"  {self._when(ts, transport)}", palette.bright)))]
        apart = stands_apart(transport, width)
        room = width - 2 - left[0].width - GAP  # for all that is to the right of the time
        right = []
        spare = min(LONGEST_NOTE, room - GAP - (0 if apart else SHORTEST_TRACK))
        if transport.note and spare >= SHORTEST_NOTE:
            note = Segment(clean(transport.note, spare), palette.doubt)
            room -= GAP + note.cell_length
            if transport.about:  # where no passing sentence covers it
                left.append(Part(0, (note,)))
            else:
                right.append(Part(0, (note,), right=True))
        if apart:
            self._track_at = (0, 0)
            return left
        ends = self.ends(transport)
        if room - GAP - SHORTEST_TRACK >= len(ends):
            right.append(Part(0, (Segment(ends, palette.dim),), right=True))
            room -= GAP + len(ends)
        first = 1 + sum(part.width + GAP for part in left)
        return [*left, *self.place_track(frame, first, room), *right]

    def _how(self, transport: Transport) -> Segment:
        """Whether it plays and how fast, or what it waits for."""
        palette, glyphs, utc = self.look.palette, self.look.glyphs, self.look.utc
        speed = speed_text(transport.speed)
        if glyphs.ascii:
            speed = speed.replace("¼", "1/4").replace("½", "1/2")
        if transport.waits_for:
            wanted = clock(transport.waits_for, utc)[:5]
            if self.size.width >= NARROW and day(transport.waits_for, utc) != day(transport.built, utc):
                wanted = f"{day(transport.waits_for, utc)[5:]} {wanted}"
            return Segment(f"{glyphs.pause} waits for {wanted}", palette.warning)
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
