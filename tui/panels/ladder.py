"""Depth: the book as a ladder, asks above the spread and bids below, and what the two sides add up to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events

from engine.frame import Frame, View
from engine.frame.symbol import Band, Detail, Features, Level, Line
from engine.text import clean
from tui.format import (
    BOOK_STATES,
    MISSING,
    band_text,
    basis_points,
    grouped,
    mean_price,
    plain,
    price,
    signed,
    size,
    size_decimals,
    step_125,
)
from tui.look import Look
from tui.panels.base import Panel, Row
from tui.panels.tags import Tags, with_own

FLASH_NS = 500_000_000  # how long a trade's row stands out, in session time
MAX_ROWS = 200
STAT_ROWS = 5  # a blank and four lines below the book
SMALL = 18  # below this many rows inside, the book needs the room more than the sums do


class Ladder(Panel):
    """Price, size, running total and a bar a row; rows fill the height."""

    title = "depth"
    key = "1"
    place = "left"
    rate_hz = 10.0
    help = (
        "The order book. Asks stand above the spread line, bids below, the best next to it.\n"
        "Each row: price, resting size, the total from the best price to here, and a bar (its length "
        "goes with the square root of the size, so that small levels show beside walls).\n"
        "A row just traded at stands out. Below the book: depth on both sides of the mid within the band "
        "named at the left (±24 bp means the known book reaches no further), their ratio and imbalance, the "
        "microprice, order-flow imbalance of the last second, and what buying and selling at once costs.\n"
        "◂ with a size: an order of your own, and where there is room how much stands before it; ◂ alone: what "
        "the agents have resting there on paper.\n"
        "Grey with a label: the book is not to be trusted right now, and why."
    )

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._groups: dict[str, int] = {}  # price a row in ticks, by instrument; absent: the engine's choice

    # what it asks for

    def wants(self, view: View) -> View:
        group = 0
        if self.frame is not None and view.symbol < len(self.frame.market.lines):
            group = self._groups.get(self.frame.market.lines[view.symbol].instrument.key, 0)
        return msgspec.structs.replace(view, ladder_rows=self._rows_a_side(), group_ticks=group)

    def keeps(self) -> dict[str, str | int]:
        return dict(self._groups)

    def restore(self, kept: Mapping[str, object]) -> None:
        for key, ticks in kept.items():
            if isinstance(ticks, int) and not isinstance(ticks, bool) and 0 < ticks < 2**53:
                self._groups[key] = ticks

    def act(self, action: str) -> None:
        if action in ("coarser", "finer") and self.frame is not None:
            market = self.frame.market
            if market.symbol < len(market.lines):
                key = market.lines[market.symbol].instrument.key
                now = self._groups.get(key) or market.detail.group_ticks
                self._groups[key] = step_125(now, up=action == "coarser")
                self.post_message(self.Wish())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.act("finer")
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.act("coarser")
        event.stop()

    # what it draws

    def _stat_rows(self) -> int:
        return STAT_ROWS if self.inner.height >= SMALL else 0

    def _rows_a_side(self) -> int:
        """All rows but the heading, the spread line and the sums, shared by the two sides."""
        return min(MAX_ROWS, max(1, (self.inner.height - 2 - self._stat_rows()) // 2))

    def draw(self, frame: Frame) -> None:
        market, palette = frame.market, self.look.palette
        if market.symbol >= len(market.lines):
            self.put_all([[Segment("waiting for the first symbol", palette.dim)]])
            return
        line, detail = market.lines[market.symbol], market.detail
        sheet = _Sheet(self.look, line, detail, market.ts, self.inner.width)
        count = self._rows_a_side()
        asks = with_own(detail.asks, detail, -1)[:count]
        rows: list[Row] = [sheet.heading(), *([()] * (count - len(asks)))]
        rows += [sheet.level(level, -1) for level in reversed(asks)]
        rows.append(sheet.spread())
        bids = with_own(detail.bids, detail, +1)[:count]
        rows += [sheet.level(level, +1) for level in bids]
        rows += [()] * (count - len(bids))
        if self._stat_rows():
            spare = self.inner.height - len(rows) - STAT_ROWS
            rows += [()] * (1 + max(0, spare))
            rows += sheet.sums()
        self.put_all(rows)
        if detail.bids or detail.asks:
            step = price(line.instrument, detail.group_ticks)
            self.put_foot([Segment(f"{step} per row", palette.dim)])
        else:
            self.put_foot([])


class _Sheet:
    """One drawing of the ladder: its columns, its scale, and whether the book may be trusted."""

    def __init__(self, look: Look, line: Line, detail: Detail, ts: int, width: int) -> None:
        self.look, self.line, self.detail, self.ts, self.width = look, line, detail, ts, width
        self.good = line.state == "SYNCED"
        self.instrument = line.instrument
        self.lot = line.instrument.lot.to_float(1)
        best = detail.asks[0].ticks if detail.asks else detail.bids[0].ticks if detail.bids else None
        self.decimals = size_decimals(
            line.instrument, None if best is None else line.instrument.tick.to_float(best)
        )
        ends = [side[-1] for side in (detail.asks, detail.bids) if side]
        self.price_width = max([9, *(len(price(line.instrument, level.ticks)) for level in ends)])
        self.with_total = width >= self.price_width + 24
        # A scale in steps of 1, 2, 5 keeps bars still while the largest level changes a little.
        largest = max((level.lots for level in (*detail.asks, *detail.bids)), default=1)
        self.full = step_125(max(1, largest - 1), up=True)
        used = self.price_width + 2 + 8 + (8 if self.with_total else 0) + 2
        self.bar_width = max(0, width - used)
        self.tags = Tags(look, detail, self.instrument, self.bar_width)

    def style(self, good: Style) -> Style:
        """The style for a book in good order; grey when it is not to be trusted."""
        return good if self.good else self.look.palette.dim

    def back_style(self, good: Style) -> Style:
        """The same for what stands behind: totals and bars."""
        return good if self.good else self.look.palette.faint

    def heading(self) -> Row:
        faint = self.look.palette.faint
        total = self.look.glyphs.total.rjust(8) if self.with_total else ""
        return [Segment("price".rjust(self.price_width) + "size".rjust(10) + total, faint)]

    def level(self, level: Level, side: int) -> Row:
        palette = self.look.palette
        tag = self.tags.at(level.ticks, side)
        room = self.bar_width - sum(segment.cell_length for segment in tag)  # a mark covers the end of a bar
        if not level.lots:
            empty = price(self.instrument, level.ticks).rjust(self.price_width)
            return [Segment(empty.ljust(self.width - self.bar_width + room), palette.faint), *tag]
        flash = self._flashes(level, side)
        side_style = palette.bid if side > 0 else palette.ask
        lifted = palette.bid_flash if side > 0 else palette.ask_flash
        shown = self.style(lifted if flash else side_style)
        if not self._known(level.ticks):
            shown = palette.faint
        amount = self.look.amount(size(level.lots * self.lot, self.decimals).rjust(8))
        row = [
            Segment(price(self.instrument, level.ticks).rjust(self.price_width), shown),
            Segment("  " + amount, self.style(lifted if flash else palette.text)),
        ]
        if self.with_total:
            total = size(level.total_lots * self.lot, max(0, self.decimals - 1)).rjust(8)
            row.append(Segment(self.look.amount(total), self.back_style(palette.dim)))
        if self.bar_width:
            share = (level.lots / self.full) ** 0.5
            bar = self.look.glyphs.bar(share, self.bar_width)[:room]
            row.append(Segment("  " + bar, self.back_style(side_style)))
        return [*row, *tag]

    def _flashes(self, level: Level, side: int) -> bool:
        """Whether the last trade was at this row just now. A row's price is its edge nearer the touch."""
        last, group = self.detail.last, max(1, self.detail.group_ticks)
        if last is None or not self.good or self.ts - last.ts > FLASH_NS:
            return False
        if side > 0:
            return last.side < 0 and level.ticks <= last.ticks < level.ticks + group
        return last.side > 0 and level.ticks - group < last.ticks <= level.ticks

    def _known(self, ticks: int) -> bool:
        low, high = self.detail.known_low_ticks, self.detail.known_high_ticks
        return (low is None or ticks >= low) and (high is None or ticks <= high)

    def spread(self) -> Row:
        """The line between the sides: last price and spread, or why the book is not to be trusted."""
        palette, glyphs, detail = self.look.palette, self.look.glyphs, self.detail
        if not self.good:
            words = BOOK_STATES.get(self.line.state, clean(self.line.state, 20).lower())
            text = f"{words}: {self.line.reason}" if self.line.reason else words
            return self._ruled([Segment(clean(text, max(1, self.width - 4)), palette.warning_bright)])
        parts = []
        if detail.last is not None:
            rising = detail.last.side > 0
            arrow, tone = (glyphs.rise, palette.bid) if rising else (glyphs.fall, palette.ask)
            parts += [
                Segment(f"{arrow} ", tone),
                Segment(price(self.instrument, detail.last.ticks), palette.bright),
            ]
        spread = detail.features.spread_ticks
        if spread is None:
            missing = "no asks" if detail.bids else "no bids" if detail.asks else "empty book"
            text = missing if not (detail.bids and detail.asks) else "no spread"
            parts.append(Segment(f"  {text}", palette.warning))
        else:
            unit = "tick" if spread == 1 else "ticks"
            wide = f"{basis_points(detail.features.spread_bps)} bp"
            count = f"{grouped(str(spread))} {unit}"
            room = self.width - 4 - sum(len(part.text) for part in parts)
            whole = f"  {count} {glyphs.middle} {wide}"
            parts.append(Segment(whole if len(whole) <= room else f"  {wide}", palette.dim))
        return self._ruled(parts)

    def _ruled(self, parts: list[Segment]) -> Row:
        across, border = self.look.glyphs.across, self.look.palette.border
        used = sum(len(segment.text) for segment in parts) + 2
        left = min(2, max(0, self.width - used))
        return [
            Segment(across * left + " ", border),
            *parts,
            Segment(" " + across * max(0, self.width - used - left), border),
        ]

    def sums(self) -> list[Row]:
        """What the two sides hold within the widest known band, and what follows from it."""
        palette, glyphs, features = self.look.palette, self.look.glyphs, self.detail.features
        minus, label, value = glyphs.minus, self.style(palette.dim), self.style(palette.text)
        band = features.bands[0] if features.bands else Band(100.0)
        tone = palette.text
        if band.imbalance is not None:
            tone = palette.bid if band.imbalance > 0 else palette.ask if band.imbalance < 0 else palette.text
        ratio = [
            Segment("ratio".ljust(9), label),
            Segment(plain(band.ratio, 2).rjust(8), self.style(tone)),
            Segment("   imbalance ", label),
            Segment(signed(band.imbalance, 2, minus), self.style(tone)),
        ]
        micro = [
            Segment("micro".ljust(7), label),
            Segment(mean_price(self.instrument, features.microprice).rjust(10), value),
            Segment("   OFI 1 s ", label),
            Segment(self.look.amount(signed(features.ofi, 2, minus).ljust(5)), value),
        ]
        return [self._depth(band), ratio, micro, self._round_trip(features)]

    def _depth(self, band: Band) -> Row:
        palette, glyphs = self.look.palette, self.look.glyphs
        bid = self._depth_text(band.bid_depth).rjust(8)
        ask = self._depth_text(band.ask_depth)
        label = band_text(band.bps, band.reach_bps, glyphs.plus_minus).ljust(9)
        room = max(0, self.width - len(label) - len(bid) - len(ask) - 2)
        length = min(room, 16)
        row = [
            Segment(label, self.style(palette.dim)),
            Segment(self.look.amount(bid), self.style(palette.bid)),
        ]
        if band.imbalance is not None and length:
            ours = round((band.imbalance + 1) / 2 * length)
            row += [
                Segment(" " + glyphs.track_left * ours, self.style(palette.bid)),
                Segment(glyphs.track_left * (length - ours), self.style(palette.ask)),
            ]
        if band.bid_depth is not None or band.ask_depth is not None:
            row.append(Segment(" " + self.look.amount(ask), self.style(palette.ask)))
        return row

    def _depth_text(self, depth: float | None) -> str:
        return MISSING if depth is None else size(depth, max(1, self.decimals - 1))

    def _round_trip(self, features: Features) -> Row:
        label, value = self.style(self.look.palette.dim), self.style(self.look.palette.text)
        if not features.round_trip_size:
            return []
        lots = f"{features.round_trip_size:.{self.decimals + 1}f}".rstrip("0").rstrip(".")
        lots += f" {clean(self.instrument.base, 10)}"
        cost = basis_points(features.round_trip_bps)
        amount = self.look.amount(lots)
        return [Segment("round trip ", label), Segment(f"{amount}  ", label), Segment(f"{cost} bp", value)]
