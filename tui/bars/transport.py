"""The transport line: where a recording stands, how fast it plays, and where its marks are."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame, Transport
from engine.text import clean
from tui.bars.base import Bar, Part
from tui.format import clock, day


def speed_text(factor: float) -> str:
    """A speed as it is written: `¼×`, `4×`, or `max`.

    >>> speed_text(0.25), speed_text(4.0), speed_text(0)
    ('¼×', '4×', 'max')
    """
    if factor == 0:
        return "max"
    return {0.25: "¼×", 0.5: "½×"}.get(factor, f"{factor:g}×")


class TransportLine(Bar):
    """Shown whenever the session is not simply live."""

    rate_hz = 5.0

    def parts(self, frame: Frame) -> list[Part]:
        transport, ts = frame.host.transport, frame.market.ts
        palette, glyphs = self.look.palette, self.look.glyphs
        speed = speed_text(transport.speed)
        if glyphs.ascii:
            speed = speed.replace("¼", "1/4").replace("½", "1/2").replace("×", "x")
        if transport.paused:
            how = Segment(f"{glyphs.pause} paused", palette.warning)
        else:
            how = Segment(f"{glyphs.play} {speed}".ljust(5), palette.bid_bright)
        when = f"{day(ts, self.look.utc)} {clock(ts, self.look.utc, tenths=True)}"
        left = Part(0, (how, Segment(f"  {when}", palette.bright)))
        ends = f"{clock(transport.start, self.look.utc)} to {clock(transport.end, self.look.utc)}"
        right = Part(3, (Segment(ends, palette.dim),), right=True)
        note = clean(transport.note, 60)
        said = [Part(1, (Segment(note, palette.doubt),), right=True)] if note else []
        used = left.width + right.width + sum(part.width + 2 for part in said) + 8
        track = self._track(transport, ts, max(8, self.size.width - used))
        return [left, Part(2, track), *said, right]

    def _track(self, transport: Transport, ts: int, width: int) -> tuple[Segment, ...]:
        """The line with its knob; marks stand on it in their own colours."""
        palette, glyphs = self.look.palette, self.look.glyphs
        length = max(1, transport.end - transport.start)

        def cell(moment: int) -> int:
            return min(width - 1, max(0, (moment - transport.start) * width // length))

        knob = cell(ts)
        cells: list[tuple[str, Style]] = [
            (glyphs.track_left, palette.accent) if x < knob else (glyphs.track, palette.faint)
            for x in range(width)
        ]
        for moment, kind in transport.marks:
            cells[cell(moment)] = self._mark(kind)
        cells[knob] = (glyphs.knob, palette.bright)
        runs: list[Segment] = []
        for text, style in cells:
            if runs and runs[-1].style is style:
                runs[-1] = Segment(runs[-1].text + text, style)
            else:
                runs.append(Segment(text, style))
        return tuple(runs)

    def _mark(self, kind: str) -> tuple[str, Style]:
        palette, glyphs = self.look.palette, self.look.glyphs
        known = {
            "LONG": (glyphs.rise, palette.bid),
            "SHORT": (glyphs.fall, palette.ask),
            "MARK": (glyphs.mark, palette.own),
        }
        return known.get(kind, (glyphs.dot, palette.warning))
