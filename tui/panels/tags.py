"""Marks in the ladder: a person's own orders with size and place in the queue, and what agents rest on paper."""

from __future__ import annotations

from rich.segment import Segment

from engine.frame.symbol import Detail, Level
from engine.instrument import Instrument
from tui.format import size, size_decimals
from tui.look import Look

MARK_WIDTH, QUEUE_WIDTH = 2, 9  # cells of a mark, and of the queue before it


class Tags:
    """What stands at the right end of each row, within the `room` that the bars have."""

    def __init__(self, look: Look, detail: Detail, instrument: Instrument, room: int) -> None:
        self._look, self._instrument, self._room = look, instrument, room
        group = max(1, detail.group_ticks)
        self._own: dict[tuple[int, int], tuple[int, int]] = {}  # by side and row: lots, fewest lots ahead
        for order in detail.own:
            key = order.side, row_of(order.ticks, order.side, group)
            lots, ahead = self._own.get(key, (0, order.ahead_lots))
            self._own[key] = lots + order.lots, min(ahead, order.ahead_lots)
        self._paper = {(level.side, row_of(level.ticks, level.side, group)) for level in detail.paper}

    def at(self, ticks: int, side: int) -> list[Segment]:
        """The mark of a row, nothing where nobody of ours rests."""
        palette, own = self._look.palette, self._look.glyphs.own
        mine = self._own.get((side, ticks))
        if self._room < MARK_WIDTH or (mine is None and (side, ticks) not in self._paper):
            return []
        if mine is None:
            return [Segment(f" {own}", palette.dim)]
        decimals = size_decimals(self._instrument, self._instrument.tick.to_float(ticks))
        lots, ahead = (self._look.amount(size(self._instrument.lot.to_float(n), decimals)) for n in mine)
        tag, queue = f" {own}{lots}", f" +{ahead}".rjust(QUEUE_WIDTH)
        if len(tag) > self._room:
            return [Segment(f" {own}", palette.own)]
        if len(tag) + len(queue) > self._room:
            return [Segment(tag, palette.own)]
        return [Segment(tag, palette.own), Segment(queue, palette.dim)]


def row_of(ticks: int, side: int, group: int) -> int:
    """The ladder's row that a price falls into: bids round down, asks up."""
    return ticks // group * group if side > 0 else -(-ticks // group) * group


def with_own(levels: tuple[Level, ...], detail: Detail, side: int) -> tuple[Level, ...]:
    """A side's rows, best first, with an empty one for each own order where the book itself has none.

    Beyond the last row shown nothing is added: there the book goes on out of sight.
    """
    group = max(1, detail.group_ticks)
    own = {row_of(order.ticks, side, group) for order in detail.own if order.side == side}
    missing = own - {level.ticks for level in levels}
    if levels:
        missing = {ticks for ticks in missing if side * ticks > side * levels[-1].ticks}
    if not missing:
        return levels
    added = (Level(ticks, 0, 0) for ticks in missing)
    return tuple(sorted((*levels, *added), key=lambda level: -side * level.ticks))
