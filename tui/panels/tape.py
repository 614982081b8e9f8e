"""The tape: trades as they print, newest first, with the side that took."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from rich.segment import Segment

from engine.frame import Frame, View
from engine.frame.symbol import Print
from engine.instrument import Instrument
from tui.format import clock, price, size, size_decimals, step_125
from tui.panels.base import Panel, Row

NARROWEST_BAR, WIDEST_BAR = 6, 40  # cells; the bar fills what the columns leave
LARGE = 4.0  # times the mean size of the trades in sight: set in bold


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the rows of one drawing have in common."""

    instrument: Instrument
    price_width: int
    decimals: int
    large_lots: float
    full_lots: int  # fills the bar


class Tape(Panel):
    """One trade a row: side, price, size, time."""

    title = "tape"
    key = "6"
    place = "below"
    rate_hz = 5.0
    help = (
        "Trades, newest first. The mark says who took: ▲ the buyer (an ask was lifted), ▼ the seller "
        "(a bid was hit). Each row: price, size, and the venue's time of the trade.\n"
        "Where there is room, a bar goes with the square root of the size.\n"
        "A trade of more than four times the mean size in sight is bold."
    )

    def wants(self, view: View) -> View:
        return msgspec.structs.replace(view, tape_rows=max(1, self.inner.height))

    def draw(self, frame: Frame) -> None:
        market = frame.market
        if market.symbol >= len(market.lines) or not market.detail.tape:
            self.put_all([[Segment("no trades yet", self.look.palette.dim)]])
            self.put_foot([])
            return
        instrument = market.lines[market.symbol].instrument
        prints = market.detail.tape[: self.inner.height]
        decimals = 1 + size_decimals(instrument, instrument.tick.to_float(prints[0].ticks))
        columns = _Columns(
            instrument,
            price_width=max(len(price(instrument, one.ticks)) for one in prints),
            decimals=min(decimals, instrument.lot.decimals),
            large_lots=LARGE * sum(one.lots for one in prints) / len(prints),
            full_lots=step_125(max(1, max(one.lots for one in prints) - 1), up=True),
        )
        self.put_all([self._row(one, columns) for one in prints])
        self._say_flow(frame)

    def _row(self, one: Print, columns: _Columns) -> Row:
        palette, glyphs, instrument = self.look.palette, self.look.glyphs, columns.instrument
        bought, large = one.side > 0, one.lots > columns.large_lots
        if bought:
            tone, bar_tone = palette.bid_bright if large else palette.bid, palette.bid_soft
        else:
            tone, bar_tone = palette.ask_bright if large else palette.ask, palette.ask_soft
        amount = size(instrument.lot.to_float(one.lots), columns.decimals).rjust(9)
        row = [
            Segment(f"{glyphs.rise if bought else glyphs.fall} ", tone),
            Segment(price(instrument, one.ticks).rjust(columns.price_width), tone),
            Segment(f" {self.look.amount(amount)} ", palette.bright if large else palette.text),
            Segment(" " + clock(one.ts, self.look.utc, tenths=True), palette.dim),
        ]
        room = self.inner.width - columns.price_width - len("▲  0.000000   00:00:00.0  ")
        if room >= NARROWEST_BAR:
            bar = glyphs.bar((one.lots / columns.full_lots) ** 0.5, min(room, WIDEST_BAR))
            row.append(Segment("  " + bar, bar_tone))
        return row

    def _say_flow(self, frame: Frame) -> None:
        """Trades a second in the frame's foot."""
        rate = frame.market.detail.features.trades_per_s
        if rate is None:
            self.put_foot([])
        else:
            self.put_foot([Segment(f"{self.look.amount(f'{rate:.1f}')}/s over 10 s", self.look.palette.dim)])
