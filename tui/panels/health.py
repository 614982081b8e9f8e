"""Health: connections, the book's proof, latency, the recorder, this machine, and what went wrong lately."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.feeds import Feed
from engine.frame.host import Recording
from engine.frame.symbol import Line
from engine.text import clean
from tui.format import BOOK_STATES, MISSING, SECOND_NS, byte_size, grouped, span
from tui.panels.base import Row
from tui.panels.scroll import ScrollPanel, wrapped

LATE_MS = 1000.0  # a recorder so far behind is worth a look: it writes four times a second
_LABEL = 9  # cells of the column of labels
_WIDE = 60  # cells inside from which longer names of feeds find room in it


class Health(ScrollPanel):
    """One line each for what keeps the screen true."""

    title = "health"
    key = "8"
    place = "below"
    rate_hz = 2.0
    help = (
        "Each connection with its state, why, and when it tries again; messages and bytes so far; malformed "
        "messages, resyncs and reconnects.\n"
        "book: the state of this symbol's book. proof: comparisons of its top with the venue's own, of those "
        "that could be decided. latency: receive minus event time, above its rolling minimum.\n"
        "record: what the recorder has written, how far it is behind, and events it lost.\n"
        "Below: what went wrong lately, newest first. Arrow keys, page keys and the wheel scroll."
    )

    _label = _LABEL

    def draw(self, frame: Frame) -> None:
        market, host = frame.market, frame.host
        longest = max((len(clean(feed.venue, 30)) + 1 for feed in market.feeds), default=0)
        self._label = max(_LABEL, longest) if self.inner.width >= _WIDE else _LABEL
        rows: list[Row] = []
        for feed in market.feeds:
            rows += self._feed_rows(feed, market.ts)
        if market.symbol < len(market.lines):
            rows += self._book_rows(market.lines[market.symbol])
        rows += self._recorder_rows(host.recording)
        rows += self._machine(host.cpu_pct, host.memory_mb)
        for message in host.messages:
            rows += self._told(message, self.look.palette.warning)
        self.put_scrolled(rows)

    # rows

    def _labelled(self, label: str, *parts: list[Segment]) -> Iterator[Row]:
        """A label and its values; what does not fit into a row goes on in the next."""
        gap = Segment(" " * self._label, self.look.palette.dim)
        row = [Segment(label.ljust(self._label - 1) + " ", self.look.palette.dim)]
        used = start = row[0].cell_length
        for part in parts:
            width = sum(segment.cell_length for segment in part)
            if used > start and used + 2 + width > self.inner.width:
                yield row
                row, used = [gap], self._label
                start = used
            elif used > start:
                row.append(Segment("  ", self.look.palette.dim))
                used += 2
            row += part
            used += width
        yield row

    def _told(self, text: str, style: Style) -> Iterator[Row]:
        """A sentence under the values, wrapped."""
        for line in wrapped(clean(text), max(8, self.inner.width - self._label)):
            yield [Segment(" " * self._label, self.look.palette.dim), Segment(line, style)]

    def _feed_rows(self, feed: Feed, now_ns: int) -> Iterator[Row]:
        palette = self.look.palette
        style = self._state_style(feed.state)
        state = [[Segment(f"{self.look.glyphs.dot} {clean(feed.state, 20)}", style)]]
        if feed.retry_at_ns is not None:
            wait_s = max(0, math.ceil((feed.retry_at_ns - now_ns) / SECOND_NS))
            state.append([Segment(f"again in {wait_s} s", palette.text)])
        yield from self._labelled(clean(feed.venue, 30), *state)
        if feed.reason:
            yield from self._told(feed.reason, style if feed.state != "LIVE" else palette.text)
        yield from self._labelled(
            "",
            [Segment(f"{grouped(str(feed.messages))} msg", palette.text)],
            [Segment(byte_size(feed.bytes), palette.text)],
        )
        faults: list[list[Segment]] = []
        for number, name in (
            (feed.malformed, "malformed"),
            (feed.resyncs, "resync"),
            (feed.reconnects, "reconnect"),
        ):
            if number:
                tone = palette.warning if name == "malformed" else palette.text
                many = "s" if number > 1 and name != "malformed" else ""
                faults.append([Segment(f"{grouped(str(number))} {name}{many}", tone)])
        if faults:
            yield from self._labelled("", *faults)

    def _book_rows(self, line: Line) -> Iterator[Row]:
        palette, glyphs = self.look.palette, self.look.glyphs
        if line.state == "SYNCED":
            state = Segment(f"{glyphs.dot} SYNCED", palette.bid)
        else:
            state = Segment(
                f"{glyphs.ring} {BOOK_STATES.get(line.state, clean(line.state, 20))}", palette.warning
            )
        yield from self._labelled("book", [state])
        if line.reason:
            yield from self._told(line.reason, palette.warning)
        verified, decided = line.proof.verified, line.proof.decided
        count = f"{grouped(str(verified))} of {grouped(str(decided))}"
        if not decided:
            proof = Segment("nothing to compare", palette.dim)
        elif verified == decided:
            proof = Segment(f"{glyphs.check} {count}", palette.bid)
        else:
            proof = Segment(f"{glyphs.cross} {count}", palette.warning)
        yield from self._labelled("proof", [proof])
        latency = MISSING if line.latency_ms is None else f"+{line.latency_ms:.1f} ms"
        yield from self._labelled("latency", [Segment(latency, palette.text)])

    def _recorder_rows(self, recording: Recording) -> Iterator[Row]:
        palette, glyphs = self.look.palette, self.look.glyphs
        if recording.state == "OFF":
            yield from self._labelled("record", [Segment(f"{glyphs.ring} off", palette.dim)])
            return
        failed = recording.state == "FAILED"
        style = palette.warning if failed else palette.ask
        size = f"failed after {byte_size(recording.bytes)}" if failed else byte_size(recording.bytes)
        parts = [
            [Segment(f"{glyphs.record} ", style), Segment(size, palette.text)],
            [Segment(span(recording.seconds), palette.text)],
        ]
        if not failed:
            late = palette.warning if recording.lag_ms > LATE_MS else palette.dim
            parts.append([Segment(f"{recording.lag_ms:.0f} ms behind", late)])
        yield from self._labelled("record", *parts)
        if recording.reason:
            yield from self._told(recording.reason, palette.warning)
        if recording.lost_events:
            yield from self._told(f"{grouped(str(recording.lost_events))} events lost", palette.warning)

    def _machine(self, cpu_pct: float | None, memory_mb: float | None) -> Iterator[Row]:
        palette = self.look.palette
        cpu = MISSING if cpu_pct is None else f"{cpu_pct:.0f} %"
        memory = MISSING if memory_mb is None else f"{memory_mb:.0f} MB"
        yield from self._labelled(
            "machine",
            [Segment(cpu, palette.text), Segment(" of a core", palette.dim)],
            [Segment(memory, palette.text)],
        )

    def _state_style(self, state: str) -> Style:
        palette = self.look.palette
        if state == "LIVE":
            return palette.bid
        if state in ("CONNECTING", "SUBSCRIBING", "DRAINING", "BACKOFF"):
            return palette.warning
        return palette.ask if state == "BLOCKED" else palette.dim
