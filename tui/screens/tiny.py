"""What remains below 40 by 12 cells: the price, the spread and the balance of the book."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from engine.frame import Frame
from engine.frame.symbol import Band
from engine.text import clean
from tui.bars.base import Bar, Part
from tui.bars.header import standing
from tui.format import BOOK_STATES, band_text, basis_points, mean_price, plain, price, signed


class Tiny(Bar):
    """Three numbers, a line each, with the symbol and where the session stands above them, any trouble below."""

    DEFAULT_CSS = "Tiny { height: 1fr; width: 1fr; background: $background; }"

    def parts(self, frame: Frame) -> list[Part]:
        market, palette = frame.market, self.look.palette
        if market.symbol >= len(market.lines):
            return [Part(0, (Segment("waiting", palette.dim),))]
        line, detail = market.lines[market.symbol], market.detail
        good = line.state == "SYNCED"
        tone = palette.bright if good else palette.faint
        shown = (
            mean_price(line.instrument, line.mid)
            if detail.last is None
            else price(line.instrument, detail.last.ticks)
        )
        change = "" if line.change_pct is None else f" {signed(line.change_pct, 2, self.look.glyphs.minus)} %"
        band = detail.features.bands[0] if detail.features.bands else Band(100.0)
        over = band_text(band.bps, band.reach_bps, self.look.glyphs.plus_minus)
        rows: list[tuple[Segment, ...]] = [
            (
                Segment(clean(line.instrument.symbol, 20) + "  ", palette.dim),
                standing(frame, line, self.look),
            ),
            (Segment(shown, tone), Segment(change, palette.dim)),
            (Segment("spread ", palette.dim), Segment(f"{basis_points(line.spread_bps)} bp", tone)),
            (Segment(f"ratio {over}  ", palette.dim), Segment(plain(band.ratio, 2), tone)),
        ]
        if not good:
            words = BOOK_STATES.get(line.state, clean(line.state, 20).lower())
            rows.append((Segment(words, palette.warning),))
        return [Part(0, row) for row in rows]

    def render_line(self, y: int) -> Strip:
        ground = self.look.palette.ground
        row = [Segment(" ", ground), *self._segments(self._parts[y])] if y < len(self._parts) else []
        return Strip(row).adjust_cell_length(self.size.width, ground)
