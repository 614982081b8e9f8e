"""An order of one's own: side, how, price and size; and those that rest, to be cancelled one by one or all."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType

from engine.frame import Frame
from engine.frame.symbol import OwnOrder
from engine.ports import CancelOrders, Command, PlaceOrder
from engine.text import clean
from tui.format import grouped, price, trimmed
from tui.look import Look
from tui.panels.base import Row
from tui.panels.scroll import wrapped
from tui.screens.card import Card
from tui.screens.prompt import Prompt
from tui.ticket import MARKET, WAYS, NotANumber, Ticket, in_words, takes_at_once
from tui.where import acts, is_paper

LISTED = 9  # resting orders, each with a digit


class OrderScreen(Card):
    """Sets a `Ticket`; `send` takes the commands. Stays open, so that what was placed is seen to rest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,shift+tab", "turn", show=False, priority=True),
        Binding("b", "side(0)", show=False),
        Binding("s", "side(1)", show=False),
        Binding("k", "next_way", show=False),
        Binding("up", "step(1)", show=False),
        Binding("down", "step(-1)", show=False),
        Binding("shift+up,pageup", "step_row(1)", show=False),
        Binding("shift+down,pagedown", "step_row(-1)", show=False),
        Binding("backspace", "follow", show=False),
        Binding("left,minus", "resize(-1)", show=False),
        Binding("right,plus,equals_sign", "resize(1)", show=False),
        Binding("p", "type_price", show=False),
        Binding("a", "type_size", show=False),
        Binding("enter", "place", show=False),
        Binding("c", "cancel_all", show=False),
        Binding("o", "leave", show=False),
        *(Binding(str(digit + 1), f"cancel({digit})", show=False) for digit in range(LISTED)),
    ]

    def __init__(
        self,
        look: Look,
        latest: Callable[[], Frame | None],
        ticket: Ticket,
        send: Callable[[Command], None],
    ) -> None:
        super().__init__(look, latest)
        self._ticket, self._send = ticket, send
        self._wrong = ""

    # what a person changes

    def action_turn(self) -> None:
        self._ticket.turn(-self._ticket.side)
        self.again()

    def action_side(self, place: int) -> None:
        self._ticket.turn(-1 if place else 1)
        self.again()

    def action_next_way(self) -> None:
        self._ticket.next_way()
        self.again()

    def action_way(self, place: int) -> None:
        self._ticket.way = WAYS[place]
        self.again()

    def action_step(self, ticks: int) -> None:
        self._ticket.step_price(self.frame.market, ticks)
        self.again()

    def action_step_row(self, rows: int) -> None:
        """By what the ladder shows as one row."""
        self.action_step(rows * self.frame.market.detail.group_ticks)

    def action_follow(self) -> None:
        self._ticket.follow(self.frame.market)
        self.again()

    def action_resize(self, by: int) -> None:
        self._ticket.resize(self.frame, by)
        self.again()

    def action_type_price(self) -> None:
        self._type("a price", self._ticket.type_price)

    def action_type_size(self) -> None:
        self._type("a size", self._ticket.type_size)

    def _type(self, what: str, take: Callable[..., None]) -> None:
        market = self.frame.market
        instrument = market.lines[market.symbol].instrument
        step = instrument.tick if what == "a price" else instrument.lot

        def check(text: str) -> str:
            try:
                take(text, market)
            except NotANumber as wrong:
                return str(wrong)
            return ""

        self.app.push_screen(
            Prompt(what, f"in steps of {step.text}; enter takes it, esc closes", check),
            lambda _: self.again(),
        )

    def action_place(self) -> None:
        order = self._ticket.order(self.frame)
        if order is not None:
            self._send(order)

    def action_cancel(self, place: int) -> None:
        market = self.frame.market
        own = market.detail.own
        if place < len(own):
            self._send(CancelOrders(market.symbol, own[place].number))

    def action_cancel_all(self) -> None:
        if self.frame.market.detail.own:
            self._send(CancelOrders(self.frame.market.symbol))

    # what is shown

    def titles(self, frame: Frame) -> tuple[str, str]:
        if is_paper(frame):
            return "order of your own · PAPER", "no order leaves this machine"
        return "order of your own", acts(frame)

    def rows(self, frame: Frame) -> list[Row]:
        order = self._ticket.order(frame)
        rows = self._fields(frame)
        rows.append([])
        rows += self._sentence(frame, order)
        rows.append(self.keys(("enter", "places it", "place"), ("p", "type a price", "type_price"),
                              ("a", "a size", "type_size"), ("esc", "closes", "leave")))  # fmt: skip
        own = frame.market.detail.own
        rows += [[], self._heading(own)]
        spare = max(1, self.room.height - len(rows))
        rows += [self._resting(frame, place, one) for place, one in enumerate(own[: min(LISTED, spare)])]
        return rows

    def _fields(self, frame: Frame) -> list[Row]:
        palette, ticket, market = self._look.palette, self._ticket, frame.market
        instrument = market.lines[market.symbol].instrument
        ticks = ticket.price_ticks(market)
        if ticket.way == MARKET or ticks is None:
            shown = [
                Segment("whatever rests" if ticket.way == MARKET else "no price is known", palette.faint)
            ]
        else:
            how = "" if ticket.is_set(market) else self._which_best(frame)
            shown = [*self.stepped(price(instrument, ticks), "step"), Segment(f"   {how}", palette.dim)]
        lots = ticket.lots(frame)
        amount = f"{trimmed(instrument.lot.text_of(lots))} {clean(instrument.base, 10)}"
        worth = instrument.lot.to_float(lots) * instrument.tick.to_float(ticks or 0)
        about = f"   about {grouped(f'{worth:.0f}')} {clean(instrument.quote, 10)}" if ticks else ""
        return [
            self.field("tab b s", "side", *self.options(("buy", "sell"), int(ticket.side < 0), "side")),
            self.field("k", "kind", *self.options(WAYS, WAYS.index(ticket.way), "way")),
            self.field("↑ ↓", "price", *shown),
            self.field("← →", "size", *self.stepped(self._look.amount(amount), "resize"),
                       Segment(self._look.amount(about), palette.dim)),
        ]  # fmt: skip

    def _which_best(self, frame: Frame) -> str:
        return "the best bid" if self._ticket.side > 0 else "the best ask"

    def _sentence(self, frame: Frame, order: PlaceOrder | None) -> list[Row]:
        palette, market = self._look.palette, frame.market
        if order is None:
            text = "no price is known to place an order at; type one with p, or choose market with k"
        else:
            line = market.lines[market.symbol]
            text = f"{in_words(order, line.instrument)}, {acts(frame)}"
            if order.price_ticks is not None and takes_at_once(order, line):
                text += (
                    "; it would be refused: it meets the other side"
                    if order.post_only
                    else "; it takes at once"
                )
        return [[Segment("  " + part, palette.own)] for part in wrapped(text, self.room.width - 4)]

    def _heading(self, own: tuple[OwnOrder, ...]) -> Row:
        palette = self._look.palette
        if not own:
            return [Segment("  none of yours rests", palette.dim)]
        more = f", {len(own) - LISTED} more" if len(own) > LISTED else ""
        return [
            Segment(f"  {len(own)} of yours rest{'s' if len(own) == 1 else ''}{more}   ", palette.dim),
            self.link("1-9", palette.title, "cancel(0)") if len(own) == 1 else Segment("1-9", palette.title),
            Segment(" cancels one   ", palette.dim),
            self.link("c", palette.title, "cancel_all"),
            self.link(" cancels all", palette.dim, "cancel_all"),
        ]

    def _resting(self, frame: Frame, place: int, one: OwnOrder) -> Row:
        palette, market = self._look.palette, frame.market
        instrument = market.lines[market.symbol].instrument
        bought = one.side > 0
        ahead = (
            f"{trimmed(instrument.lot.text_of(one.ahead_lots))} ahead"
            if one.ahead_lots
            else "first in the queue"
        )
        cancel = f"cancel({place})"
        return [
            self.link(f"  {place + 1}  ", palette.title, cancel),
            self.link("buy   " if bought else "sell  ", palette.bid if bought else palette.ask, cancel),
            self.link(
                self._look.amount(f"{trimmed(instrument.lot.text_of(one.lots)):>9}"), palette.own, cancel
            ),
            Segment(f" at {price(instrument, one.ticks)}   ", palette.text),
            Segment(self._look.amount(ahead), palette.dim),
        ]
