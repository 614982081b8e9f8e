"""The header: which market, whether it is live, how sure we are of its book, what is recorded, the price."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.regime import REGIMES
from engine.frame.symbol import Line
from engine.text import clean
from tui.bars.base import Bar, Part, fit
from tui.format import BOOK_STATES, byte_size, clock, grouped, mean_price, price, signed, span, told_apart
from tui.look import Look
from tui.panels.regime import percent
from tui.panels.regime_chart import regime_style
from tui.where import is_paper

VENUES = {
    "binance": "Binance",
    "binance-usdm": "Binance",
    "bitmex": "BitMEX",
    "coinbase": "Coinbase",
    "kraken": "Kraken",
}
NOT_YET = {"EMPTY", "BUFFERING", "SNAPSHOT_WAIT"}  # no fault, only not there
KINDS = {"spot": "spot", "linear": "perpetual", "inverse": "inverse"}


def standing(frame: Frame, line: Line, look: Look) -> Segment:
    """Where the session stands: LIVE only while the connection is and the venue trades, else what it is instead."""
    palette, glyphs, transport = look.palette, look.glyphs, frame.host.transport
    if transport.paused:
        return Segment(f"{glyphs.pause} {transport.label} paused", palette.warning)
    if transport.label in ("REPLAY", "REWIND", "CHILD"):
        return Segment(f"{glyphs.play} {transport.label}", palette.own)
    if line.connection not in ("LIVE", "DRAINING"):
        return Segment(f"{glyphs.ring} {line.connection}", palette.warning)
    if line.trading not in ("", "TRADING"):
        return Segment(f"{glyphs.ring} {clean(line.trading, 16)}", palette.warning)
    return Segment(f"{glyphs.dot} {transport.label}", palette.bid_bright)


class Header(Bar):
    """The line at the top."""

    rate_hz = 5.0  # the price here and the tape's newest are read together

    stamp = ""  # set by the app: what must not be overlooked

    def parts(self, frame: Frame) -> list[Part]:
        market, palette = frame.market, self.look.palette
        badge = Part(0, (Segment(" microtui ", palette.badge),))
        line = market.lines[market.symbol] if market.symbol < len(market.lines) else None
        if line is None:
            return [badge, Part(0, (self._waiting(frame),))]
        parts = [badge, *self._market(line)]
        if self.stamp:
            parts.append(Part(0, (Segment(f" {self.stamp} ", palette.warning_badge),)))
        parts += [*self._state(frame, line), *self._book(line), *self._recording(frame), *self._paper(frame)]
        parts += self._regime(frame)
        parts += self._price(frame, line)
        moment = clock(market.ts, self.look.utc)
        zone = "UTC" if self.look.utc else "local"
        parts.append(Part(6, (Segment(f"{moment} ", palette.dim), Segment(zone, palette.faint)), right=True))
        return parts

    def _waiting(self, frame: Frame) -> Segment:
        """For what, or why it takes so long: the first connection that fails."""
        for feed in frame.market.feeds:
            if feed.reason and feed.state in ("BACKOFF", "BLOCKED"):
                return Segment(
                    f"{clean(feed.venue, 20)}: {clean(feed.reason, 120)}", self.look.palette.warning
                )
        return Segment("waiting for the first symbol", self.look.palette.dim)

    def _market(self, line: Line) -> list[Part]:
        instrument, palette = line.instrument, self.look.palette
        venue = VENUES.get(instrument.venue, clean(instrument.venue, 20))
        kind = KINDS.get(instrument.kind, clean(instrument.kind, 12))
        return [
            Part(0, (Segment(clean(instrument.symbol, 20), palette.bright),)),
            Part(3, (Segment(f"{venue} {kind}", palette.dim),), gap=1),
        ]

    def _state(self, frame: Frame, line: Line) -> list[Part]:
        said = standing(frame, line, self.look)
        if said.style is self.look.palette.warning:
            return [Part(0, (said,))]
        parts = [Part(1, (said,))]
        rate = [] if line.updates_per_s is None else [f"{line.updates_per_s:.1f}/s"]
        delay = [] if line.latency_ms is None else [f"+{line.latency_ms:.0f} ms"]
        if said.style is self.look.palette.bid_bright and (rate or delay):
            parts.append(Part(5, (Segment(" ".join(rate + delay), self.look.palette.dim),), gap=1))
        return parts

    def _book(self, line: Line) -> list[Part]:
        """✓ only while every decidable comparison with the venue's own top held."""
        palette, glyphs, proof = self.look.palette, self.look.glyphs, line.proof
        if line.state != "SYNCED":
            words = BOOK_STATES.get(line.state, clean(line.state, 20).lower())
            if line.state in NOT_YET:
                return [Part(0, (Segment(f"{glyphs.ring} {words}", palette.warning),))]
            return [Part(0, (Segment(f"{glyphs.cross} book {words}", palette.warning),))]
        if not proof.decided:
            return [Part(2, (Segment("book unproven", palette.dim),))]
        count = f"{grouped(str(proof.verified))}/{grouped(str(proof.decided))}"
        if proof.verified == proof.decided:
            held = Part(2, (Segment(f"{glyphs.check} book", palette.bid),))
            return [held, Part(3, (Segment(count, palette.bid),), gap=1)]
        return [Part(1, (Segment(f"{glyphs.cross} book {count}", palette.warning_bright),))]

    def _recording(self, frame: Frame) -> list[Part]:
        palette, glyphs, recording = self.look.palette, self.look.glyphs, frame.host.recording
        if recording.state == "FAILED":
            return [Part(1, (Segment(f"{glyphs.cross} recording stopped", palette.warning_bright),))]
        if recording.state != "ON":
            can = "record" in frame.host.accepts
            return (
                [Part(1, (Segment(f"{glyphs.ring} NOT RECORDING", palette.warning_bright),))] if can else []
            )
        parts = [
            Part(2, (Segment(f"{glyphs.record} rec", palette.ask),)),
            Part(4, (Segment(span(recording.seconds), palette.ask),), gap=1),
            Part(5, (Segment(byte_size(recording.bytes), palette.ask),), gap=1),
        ]
        if recording.lost_events:
            lost = f"{grouped(str(recording.lost_events))} events not recorded"
            parts.append(Part(1, (Segment(lost, palette.warning_bright),)))
        return parts

    def _paper(self, frame: Frame) -> list[Part]:
        """Said wherever something of ours may trade beside a real market."""
        agents = frame.market.agents
        trades = "order" in frame.host.accepts or (agents is not None and agents.paper)
        return [Part(2, (Segment("PAPER", self.look.palette.own),))] if trades and is_paper(frame) else []

    def _regime(self, frame: Frame) -> list[Part]:
        now = frame.market.regime
        if now is None or not now.label:
            return []
        style = regime_style(REGIMES.index(now.label), self.look)
        parts = [Part(4, (Segment(f"still {now.label}" if now.lingers else now.label, style),))]
        if now.probability is not None and not now.lingers:
            parts.append(Part(5, (Segment(percent(now.probability), self.look.palette.dim),), gap=1))
        return parts

    def _price(self, frame: Frame, line: Line) -> list[Part]:
        palette = self.look.palette
        last = frame.market.detail.last
        change = line.change_pct
        if last is not None and change is not None and line.mid:  # of the price that stands beside it
            shown_price = line.instrument.tick.to_float(last.ticks)
            change = ((1.0 + change / 100.0) * shown_price / line.mid - 1.0) * 100.0
        moved = palette.dim if not change else palette.bid_bright if change > 0 else palette.ask_bright
        text = mean_price(line.instrument, line.mid) if last is None else price(line.instrument, last.ticks)
        shown = palette.dim if line.state != "SYNCED" else moved if change else palette.bright
        since = f" since {clock(frame.market.started, self.look.utc)[:5]}"
        parts = [Segment(text, shown)]
        if change is not None:
            parts.append(Segment(f" {signed(change, 2, self.look.glyphs.minus)} %", moved))
            return [
                Part(1, tuple(parts), right=True),
                Part(7, (Segment(since.strip(), palette.dim),), right=True),
            ]
        return [Part(1, tuple(parts), right=True)]


class Symbols(Bar):
    """The second line, when several symbols run: one short entry each, the chosen one bright; those without room are
    counted."""

    def fitted(self, width: int) -> list[Part]:
        parts = list(self._parts)
        kept = fit(parts, width)
        while len(kept) < len(parts):
            count = f"+{len(parts) - len(kept)}"
            find = Style.from_meta({"@click": "app.do('find_symbol')"})
            more = Part(0, (Segment(count, self.look.palette.dim + find),))
            narrower = fit([*kept, more], width)
            if len(narrower) > len(kept) or len(kept) == 1:  # the chosen one stays, whatever else goes
                return narrower
            kept = narrower[:-1]
        return kept

    def parts(self, frame: Frame) -> list[Part]:
        market, palette = frame.market, self.look.palette
        parts = []
        for index, line in enumerate(market.lines):
            chosen = index == market.symbol
            good = line.state == "SYNCED"
            name = palette.title if chosen else palette.dim
            entry = [
                Segment(f"{told_apart(line, market.lines)} ", name),
                Segment(mean_price(line.instrument, line.mid), palette.text if good else palette.faint),
            ]
            if not good:
                entry.append(Segment(f" {BOOK_STATES.get(line.state, line.state.lower())}", palette.warning))
            elif line.change_pct is not None:
                style = (
                    palette.bid
                    if line.change_pct > 0
                    else palette.ask
                    if line.change_pct < 0
                    else palette.dim
                )
                entry.append(Segment(f" {signed(line.change_pct, 2, self.look.glyphs.minus)} %", style))
            click = Style.from_meta({"@click": f"app.symbol({index})"})
            linked = tuple(Segment(text, style + click if style else click) for text, style, _ in entry)
            parts.append(Part(0 if chosen else index + 1, linked))
        return parts
