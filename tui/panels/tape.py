"""The tape: trades as they print, newest first, with the side that took."""

from __future__ import annotations

import msgspec
from rich.segment import Segment

from engine.frame import Frame, View
from tui.format import clock, price, size, size_decimals, step_125
from tui.panels.base import Panel, Row

NARROWEST_BAR, WIDEST_BAR = 6, 40  # cells; the bar fills what the columns leave
LARGE = 4.0  # times the mean size of the trades in sight: set in bold


class Tape(Panel):
    """One trade a row: side, price, size, time."""

    title = "tape"
    key = "6"
    place = "below"
    rate_hz = 2.0
    help = (
        "Trades, newest first. The mark says who took: ▲ the buyer (an ask was lifted), ▼ the seller "
        "(a bid was hit). Each row: price, size, and the venue's time of the trade.\n"
        "Where there is room, a bar goes with the square root of the size.\n"
        "A trade of more than four times the mean size in sight is bold."
    )

    def wants(self, view: View) -> View:
        return msgspec.structs.replace(view, tape_rows=max(1, self.inner.height))

    def draw(self, frame: Frame) -> None:
        market, palette, glyphs = frame.market, self.look.palette, self.look.glyphs
        if market.symbol >= len(market.lines) or not market.detail.tape:
            self.put_all([[Segment("no trades yet", palette.dim)]])
            self.put_foot([])
            return
        instrument = market.lines[market.symbol].instrument
        prints = market.detail.tape[: self.inner.height]
        lot = instrument.lot.to_float(1)
        decimals = 1 + size_decimals(instrument, instrument.tick.to_float(prints[0].ticks))
        decimals = min(decimals, instrument.lot.decimals)
        mean = sum(p.lots for p in prints) / len(prints)
        wide = max(len(price(instrument, p.ticks)) for p in prints)
        room = self.inner.width - (2 + wide + 12 + 10) - 2
        full = step_125(max(1, max(p.lots for p in prints) - 1), up=True)
        rows: list[Row] = []
        for p in prints:
            bought = p.side > 0
            large = p.lots > LARGE * mean
            tones = (
                (palette.bid, palette.bid_bright, palette.bid_soft)
                if bought
                else (palette.ask, palette.ask_bright, palette.ask_soft)
            )
            tone = tones[large]
            amount = self.look.amount(size(p.lots * lot, decimals).rjust(9))
            row = [
                Segment(f"{glyphs.rise if bought else glyphs.fall} ", tone),
                Segment(price(instrument, p.ticks).rjust(wide), tone),
                Segment(f" {amount} ", palette.bright if large else palette.text),
                Segment(" " + clock(p.ts, self.look.utc, tenths=True), palette.dim),
            ]
            if room >= NARROWEST_BAR:
                row.append(
                    Segment("  " + glyphs.bar((p.lots / full) ** 0.5, min(room, WIDEST_BAR)), tones[2])
                )
            rows.append(row)
        self.put_all(rows)
        self._say_flow(frame)

    def _say_flow(self, frame: Frame) -> None:
        """Trades a second in the frame's foot."""
        rate = frame.market.detail.features.trades_per_s
        said = [] if rate is None else [Segment(f"{rate:.1f}/s over 10 s", self.look.palette.dim)]
        self.put_foot(said)
