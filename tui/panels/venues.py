"""Venues: the same asset side by side on each, and what buying on one and selling on another would bring."""

from __future__ import annotations

import math

import msgspec
from rich.segment import Segment

from engine.frame import Frame, View
from engine.frame.across import AcrossNow, LegNow
from engine.text import clean
from tui.format import BOOK_STATES, MISSING, grouped, nearest_125, plain, signed
from tui.panels.base import Panel, Row
from tui.panels.scroll import wrapped

LADDER_FROM = 16  # rows inside from which the venues' ladders stand below the table
OLD_S = 3.0  # an older price is marked
_MOST_ROWS = 100  # of a side that are asked for
_NARROWEST, _WIDEST = 16, 44  # cells of a venue's ladder
_NAME, _AGE, _FEE = 13, 6, 8


class Venues(Panel):
    """A line a venue, the best trade between two, and where there is room all ladders on one axis of prices."""

    title = "venues"
    key = "v"
    place = "below"
    eager = True
    rate_hz = 4.0
    help = (
        "One asset on every venue that is watched. Each line: best bid and ask in the venue's own money, and how "
        "long ago it spoke of its book.\n"
        "The gap: what buying at one venue's ask and selling at another's bid brings, and what is left after both "
        "fees of taking (venues.NAME.taker_bps). It is called a spread where both are spot in the same money, or "
        "in dollars whose rate is watched too (add USDT-USD); else a basis, which nobody can simply earn. What a venue "
        "does not trade as it was asked for is said beside it.\n"
        "Both prices are as they were heard here, at their ages: an order takes longer. Zoomed (z), all ladders "
        "stand on one axis of prices, so that one can see which book leans over the other."
    )

    def needed(self, frame: Frame) -> bool:
        return frame.market.across is not None

    def wants(self, view: View) -> View:
        rows = self.inner.height - self._table_rows if self._has_ladders else 0
        return msgspec.structs.replace(view, across_rows=min(_MOST_ROWS, max(0, rows)))

    @property
    def _table_rows(self) -> int:
        across = self.frame.market.across if self.frame is not None else None
        return 5 + (len(self._table(across)) - 1 if across is not None else 2)

    @property
    def _has_ladders(self) -> bool:
        return self.inner.height >= LADDER_FROM

    def draw(self, frame: Frame) -> None:
        across = frame.market.across
        if across is None:
            self.put_all(
                [[Segment("one venue is watched; --venue binance,coinbase for two", self.look.palette.dim)]]
            )
            return
        self.put_head([Segment(f" · {clean(across.base, 10)}", self.look.palette.dim)])
        gap = self._gap(across)
        rows = [*self._table(across), *gap]
        if len(rows) > self.inner.height:  # what it brings counts for more than what each market stands for
            rows = [*self._table(across, with_asked=False), *gap]
        if self._has_ladders and across.step:
            rows += [[], *_Ladders(self, across, self.inner.height - len(rows) - 1).rows()]
            self.put_foot(
                [Segment(f"{grouped(_money(across.step, across.step))} per row", self.look.palette.dim)]
            )
        else:
            self.put_foot([])
        self.put_all(rows)

    # the table

    def _table(self, across: AcrossNow, with_asked: bool = True) -> list[Row]:
        """A line a venue; where that is too narrow, two. Then venues that do not trade what was asked for."""
        palette, inner = self.look.palette, self.inner
        width = 1 + max(
            8, *(len(_priced(value, across)) for leg in across.legs for value in (leg.bid, leg.ask))
        )
        wide = inner.width >= _NAME + 2 * width + _AGE
        if wide:
            with_fee = inner.width >= _NAME + 2 * width + _AGE + _FEE
            head = f"{'':<{_NAME}}{'bid':>{width}}{'ask':>{width}}{'age':>{_AGE}}"
            rows: list[Row] = [[Segment(head + ("fee bp".rjust(_FEE) if with_fee else ""), palette.faint)]]
            for place, leg in enumerate(across.legs):
                row = [
                    self._leg_name(across, place),
                    *self._prices(across, place, width),
                    *self._said(leg, _fee(leg).rjust(_FEE) if with_fee else ""),
                ]
                rows += self._with_asked(row, leg) if with_asked else [row]
        else:
            rows = []
            for place, leg in enumerate(across.legs):
                name = [self._leg_name(across, place), *self._said(leg, f"fee {_fee(leg)}".rjust(_FEE + 2))]
                rows += self._with_asked(name, leg) if with_asked else [name]
                rows.append([*self._prices(across, place, width)])
        for venue, symbol in across.lacking:
            said = f"{clean(venue, 20)[: _NAME - 1]:<{_NAME}}does not trade {clean(symbol, 20)}"
            rows.append([Segment(said[: inner.width], palette.dim)])
        return rows

    def _with_asked(self, row: Row, leg: LegNow) -> list[Row]:
        """What it stands for where that is something else, behind the row or, where that is too narrow, below."""
        if not leg.asked:
            return [row]
        said = Segment(f"  {clean(leg.symbol, 20)} for {clean(leg.asked, 20)}", self.look.palette.dim)
        if sum(segment.cell_length for segment in row) + said.cell_length <= self.inner.width:
            return [[*row, said]]
        return [row, [Segment(said.text[: self.inner.width], self.look.palette.dim)]]

    def _leg_name(self, across: AcrossNow, place: int) -> Segment:
        leg = across.legs[place]
        shown = _place(leg, across)[: _NAME - 1].ljust(_NAME)
        return Segment(shown, self.look.palette.text if leg.trusted else self.look.palette.dim)

    def _prices(self, across: AcrossNow, place: int, width: int) -> Row:
        palette, leg = self.look.palette, across.legs[place]
        if not leg.trusted:
            state = BOOK_STATES.get(leg.state, leg.state.lower())
            if _stands_still(leg) and leg.bid and leg.ask:
                state += f" at {_priced((leg.bid + leg.ask) / 2, across)}"
            return [Segment(state.rjust(2 * width), palette.warning)]
        bid = palette.bid_bright if place == across.dear else palette.bid
        ask = palette.ask_bright if place == across.cheap else palette.ask
        return [
            Segment(_priced(leg.bid, across).rjust(width), bid),
            Segment(_priced(leg.ask, across).rjust(width), ask),
        ]

    def _said(self, leg: LegNow, fee: str) -> Row:
        """How long ago the venue spoke, and its fee where there is room for it."""
        palette = self.look.palette
        age = MISSING if leg.age_s is None else f"{leg.age_s:.1f} s"
        row = [Segment(age.rjust(_AGE), palette.warning if (leg.age_s or 0.0) > OLD_S else palette.dim)]
        return [*row, Segment(fee, palette.dim)] if fee else row

    def _gap(self, across: AcrossNow) -> list[Row]:
        palette, minus = self.look.palette, self.look.glyphs.minus
        if across.gap_bps is None or across.cheap is None or across.dear is None:
            return self._apart(across)
        cheap, dear = across.legs[across.cheap], across.legs[across.dear]
        after = across.after_fees_bps or 0.0
        tone = palette.bid_bright if after > 0.0 and across.kind == "spread" else palette.text
        names = f"buy {_place(cheap, across)}, sell {_place(dear, across)}"
        kind = across.kind + (f": {clean(across.why, 60)}" if across.why else "")
        parts = [
            Segment(names, palette.text),
            Segment(f"{signed(across.gap_bps, 1, minus)} bp", palette.bright),
            Segment(f"{signed(after, 1, minus)} after fees", tone)
            if cheap.fee_bps or dear.fee_bps
            else Segment("before fees", palette.dim),
            *(Segment(line, palette.dim) for line in wrapped(kind, self.inner.width)),
        ]
        rows: list[list[Segment]] = [[]]
        for part in parts:
            used = sum(segment.cell_length + 2 for segment in rows[-1])
            if rows[-1] and used + part.cell_length > self.inner.width:
                rows.append([])
            rows[-1] += [Segment("  ", palette.text), part] if rows[-1] else [part]
        return list(rows)

    def _apart(self, across: AcrossNow) -> list[Row]:
        """How far a venue that trades has gone from one that stands still: nobody can earn that."""
        palette = self.look.palette
        still = next((leg for leg in across.legs if _stands_still(leg) and leg.rate), None)
        going = next((leg for leg in across.legs if leg.trusted and leg.bid and leg.ask and leg.rate), None)
        if still is None or going is None:
            return [[Segment("no two books to compare now", palette.dim)]]
        before, now = ((leg.bid + leg.ask) / 2 * leg.rate for leg in (still, going))  # type: ignore[operator]
        percent = signed((now / before - 1.0) * 100.0, 1, self.look.glyphs.minus)
        away = f"{_place(going, across)} is {percent} % from {_place(still, across)}, which stands still"
        return [[Segment(line, palette.warning)] for line in wrapped(away, self.inner.width)]


class _Ladders:
    """All books on one axis of prices around the middle of their touches."""

    def __init__(self, panel: Venues, across: AcrossNow, height: int) -> None:
        self.look, self.across = panel.look, across
        self.height = max(0, height - 1)  # below the names
        self.axis = 1 + max(8, *(len(_priced(leg.ask, across)) for leg in across.legs))
        room = (panel.inner.width - self.axis) // max(1, len(across.legs))
        self.legs = (
            across.legs
            if room >= _NARROWEST
            else across.legs[: (panel.inner.width - self.axis) // _NARROWEST]
        )
        self.width = min(_WIDEST, (panel.inner.width - self.axis) // max(1, len(self.legs)))
        sizes = [size for leg in self.legs for _, size in (*leg.bids, *leg.asks)]
        self.full = nearest_125(max(sizes)) if sizes else 1.0

    def rows(self) -> list[Row]:
        mids = [(leg.bid + leg.ask) / 2 * leg.rate for leg in self.legs if leg.bid and leg.ask and leg.rate]
        if not mids or self.height < 3:
            return []
        top = round(sum(mids) / len(mids) / self.across.step) + self.height // 2
        books = [self._buckets(leg) for leg in self.legs]
        palette = self.look.palette
        names = [
            Segment(clean(leg.venue, 20)[: self.width - 2].ljust(self.width), palette.title)
            for leg in self.legs
        ]
        rows: list[Row] = [[Segment(" " * self.axis, palette.text), *names]]
        for place in range(top, top - self.height, -1):
            text = grouped(_money(place * self.across.step, self.across.step))
            row = [Segment(text.rjust(self.axis - 1) + " ", palette.dim)]
            for leg, book in zip(self.legs, books, strict=True):
                row += self._cell(leg, book.get(place))
            rows.append(row)
        return rows

    def _buckets(self, leg: LegNow) -> dict[int, tuple[int, float, bool]]:
        """By price row: +1 for a bid, -1 for an ask, the size, and whether it is the best of its side."""
        found: dict[int, tuple[int, float, bool]] = {}
        for side, levels in ((+1, leg.bids), (-1, leg.asks)):
            best = True
            for price, size in levels:
                if size > 0.0:
                    found[round(price / self.across.step)] = side, size, best
                    best = False
        return found

    def _cell(self, leg: LegNow, level: tuple[int, float, bool] | None) -> Row:
        if level is None:
            return [Segment(" " * self.width, self.look.palette.text)]
        palette, (side, size, best) = self.look.palette, level
        if side > 0:
            tone, bar_tone = (palette.bid_bright, palette.bid) if best else (palette.bid, palette.bid_soft)
        else:
            tone, bar_tone = (palette.ask_bright, palette.ask) if best else (palette.ask, palette.ask_soft)
        if not leg.trusted:
            tone = bar_tone = palette.faint
        bar = self.look.glyphs.bar(min(1.0, (size / self.full) ** 0.5), self.width - 10)
        return [
            Segment(self.look.amount(_sized(size).rjust(8)), tone),
            Segment(" " + bar.ljust(self.width - 10) + " ", bar_tone),
        ]


def _stands_still(leg: LegNow) -> bool:
    """Its book is as it was when the venue last spoke."""
    return leg.state == "STALE" and bool(leg.bid and leg.ask)


def _place(leg: LegNow, across: AcrossNow) -> str:
    twins = sum(other.venue == leg.venue for other in across.legs) > 1
    return clean(leg.symbol if twins else leg.venue, 20)


def _fee(leg: LegNow) -> str:
    """Nothing is known of a venue's fee where a recording, a story or a simulation does not tell it."""
    return f"{leg.fee_bps:g}" if leg.fee_bps else MISSING


def _priced(value: float | None, across: AcrossNow) -> str:
    """With six digits at least, and the same number of decimals for all legs."""
    if value is None:
        return MISSING
    top = max((leg.ask or leg.bid or 0.0 for leg in across.legs), default=value)
    decimals = max(2, 6 - len(str(int(top)))) if top > 0 else 2
    return plain(value, decimals)


def _money(value: float, step: float) -> str:
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _sized(size: float) -> str:
    return "<.001" if 0 < size < 0.0005 else f"{size:.3f}" if size < 1000 else f"{size:.0f}"
