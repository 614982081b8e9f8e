"""Our own world beside a real market: agents and the person trade on paper, and shocks hit that world alone.

`Paper` is a producer: at every tick it sees the state and the batch that led to it, and answers with rows of orders and
fills, with a note where a shock begins, and with everybody's books once a second. All of it is recorded, so that a
replay shows the same with nobody trading. No order ever leaves this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.agents.plain import Trader
from engine.batch import Batch, BatchBuilder, concat
from engine.events import Note, Said, Shock
from engine.kernels.matching_state import Do
from engine.paper.books import also, note
from engine.paper.rules import Rules
from engine.paper.shocks import Running, halted, seen, set_moods
from engine.paper.state import R_CROSSED, R_DRY
from engine.paper.venue import PaperVenue, open_venue
from engine.ports import CancelOrders, Command, Inject, PlaceOrder
from engine.scenario import Counts, Scenario
from engine.shocks import BadShock, checked
from engine.text import clean

if TYPE_CHECKING:
    from engine.core import State
    from engine.instrument import Instrument
    from engine.symbol import SymbolState

SECOND_NS = 1_000_000_000
FURTHEST = 0.5  # of the mid, between it and an order's price: beyond that it is taken for a slip
MOST_SHOCKS = 20  # that run or wait
MOST_MONEY = 10**17  # ticks x lots of one order, so that no sum of them overflows
COUNTS = Counts(maker=10, informed=20, noise=0, arbitrage=5)
_WHY = {
    R_CROSSED: "it would have traded at once, and post-only was asked for",
    R_DRY: "the book displays no more",
}
_FULL = "100 orders rest there already"


class Paper:
    """`engine.ports.Producer`. Agents of `scenario` trade on the first symbol; without one only the person does.

    `plain` are agents in plain Python who trade with them.
    """

    accepts = frozenset({"shock", "order", "cancel"})

    def __init__(
        self,
        scenario: Scenario | None = None,
        rules: Rules | None = None,
        *,
        seed: int = 1,
        plain: Sequence[Trader] = (),
    ) -> None:
        self._scenario, self._rules, self._seed = scenario, rules or Rules(), seed
        self._world = (scenario or Scenario()).world
        self._plain = tuple(plain)
        self._venues: dict[int, PaperVenue] = {}  # by symbol; two symbols of one pair share theirs
        self._grids: dict[int, Instrument] = {}  # by symbol, as they were when last looked at
        self._home: PaperVenue | None = None  # where the agents are
        self._asked: list[Command] = []
        self._waiting: list[Shock] = []
        self._running: list[Running] = []
        self._numbers = 0
        self._second = 0
        self._notes: list[Note] = []

    def command(self, command: Command) -> None:
        self._asked.append(command)

    def after(self, state: State, batch: Batch) -> Batch | None:
        """Rows at the time of the tick that the batch ended with; they belong at the head of the next batch."""
        self._look_at_grids(state)
        self._open_home(state)
        self._obey(state)
        self._begin_shocks(state)
        self._grids = {symbol: state.symbols[symbol].instrument for symbol in self._venues}
        rows = [self._step(venue, state, batch) for venue in dict.fromkeys(self._venues.values())]
        self._running = [r for r in self._running if not r.over(state.ts)]
        if state.ts // SECOND_NS != self._second:
            self._second = state.ts // SECOND_NS
            self._tell_books(state)
        return self._said(state.ts, rows)

    def _said(self, ts: int, rows: list[np.ndarray]) -> Batch | None:
        said = [Batch(part) for part in rows if len(part)]
        if self._notes:
            out = BatchBuilder(len(self._notes), 0)
            for item in self._notes:
                out.add_note(item, ts)
            self._notes = []
            said.insert(0, out.take())
        return concat(said) if len(said) > 1 else said[0] if said else None

    # Venues

    def _look_at_grids(self, state: State) -> None:
        """A symbol may be listed anew, on a finer grid: what is ours is counted anew then."""
        for symbol, venue in self._venues.items():
            now = state.symbols[symbol].instrument
            before = self._grids[symbol]
            if (before.tick.value, before.lot.value) == (now.tick.value, now.lot.value):
                continue
            venue.listed_anew(before, now)
            for running in self._running:
                if running.shock.symbol == symbol:
                    running.listed_anew(float(before.lot.value / now.lot.value))
            self._second = 0  # everybody's books are told of at once

    def _open_home(self, state: State) -> None:
        """The agents' venue, once the first symbol's book is in sync."""
        if self._home is not None or self._scenario is None:
            return
        first = next(iter(state.symbols), None)
        if first is not None and state.symbols[first].trusted and _two_sided(state.symbols[first]):
            twin = _twin(state, first)
            symbols: tuple[int, ...] = (first,)
            crowd = self._scenario
            if twin is not None:
                symbols = (first, twin)
            else:  # with one venue there is nothing to arbitrage
                counts = msgspec.structs.replace(crowd.counts, arbitrage=0)
                crowd = msgspec.structs.replace(crowd, counts=counts)
            self._home = open_venue(state, symbols, crowd, self._rules, self._seed, self._plain)
            self._venues |= dict.fromkeys(symbols, self._home)

    def _venue(self, state: State, symbol: int) -> PaperVenue:
        if symbol not in self._venues:
            self._venues[symbol] = open_venue(state, (symbol,), None, self._rules, self._seed)
        return self._venues[symbol]

    def _step(self, venue: PaperVenue, state: State, batch: Batch) -> np.ndarray:
        running = [r for r in self._running if r.shock.symbol in venue.symbols]
        set_moods(venue, running, state.ts, *self._mood(state, venue))
        venue.step(state, batch, halted(running, state.ts))
        if venue.open:
            for shock in running:
                text = shock.trade(venue, state, state.ts)
                if text:
                    self._say(text, state, shock.shock.symbol)
        for number, why in venue.refusals():
            self._say(f"order {number} ended: {_WHY.get(why, _FULL)}", state, venue.symbols[0])
        return venue.told(state.ts)

    def _mood(self, state: State, venue: PaperVenue) -> tuple[float, float]:
        """What the session's posts say of the asset; without any, no mood and the usual doubt."""
        told = state.sentiment.assets.get(state.symbols[venue.symbols[0]].instrument.base)
        swift = told.mood.swift if told is not None else None
        mean = swift.mean if swift is not None else None
        doubt = swift.doubt if swift is not None else None
        return 0.0 if mean is None else mean, self._world.doubt if doubt is None else doubt

    def _tell_books(self, state: State) -> None:
        home = self._home or next(iter(self._venues.values()), None)
        if home is None:
            return
        here = state.symbols[home.symbols[0]].instrument
        others = {
            venue: state.symbols[symbol].instrument
            for symbol, venue in self._venues.items()
            if venue is not home and venue.traded
        }
        self._notes.append(also(note(home, [t.family.name for t in self._plain]), here, others))

    # Commands

    def _obey(self, state: State) -> None:
        asked, self._asked = self._asked, []
        for command in asked:
            match command:
                case PlaceOrder():
                    self._place(command, state)
                case CancelOrders():
                    self._cancel(command, state)
                case Inject():
                    self._inject(command.shock, state)

    def _place(self, order: PlaceOrder, state: State) -> None:
        fault = self._fault(order, state)
        if fault:
            self._say(f"no order was placed: {fault}", state, order.symbol)
            return
        self._numbers += 1
        kind = Do.MARKET if order.price_ticks is None else Do.POST_ONLY if order.post_only else Do.LIMIT
        venue = self._venue(state, order.symbol)
        price = order.price_ticks or 0
        if not venue.send(order.symbol, self._numbers, int(kind), order.side, price, order.lots):
            self._say("no order was placed: too many are on their way already", state, order.symbol)

    def _fault(self, order: PlaceOrder, state: State) -> str:
        """Why an order cannot be placed, or nothing."""
        symbol = state.symbols.get(order.symbol)
        if symbol is None:
            return f"expected one of the {len(state.symbols)} symbols of this session, found {order.symbol}"
        name = symbol.instrument.symbol
        if order.side not in (1, -1):
            return f"expected a side of +1 or -1, found {order.side}"
        if not symbol.trusted or not _two_sided(symbol):
            found = symbol.shown_state if not symbol.trusted else "a side empty"
            return f"expected the {name} book in sync with both sides, found {found}"
        if order.lots <= 0:
            return (
                f"expected a size of one lot ({symbol.instrument.lot_size}) or more, found {order.lots} lots"
            )
        if order.post_only and order.price_ticks is None:
            return "a post-only order waits at a price: expected one, found none"
        mid = _mid_ticks(symbol)
        price = mid if order.price_ticks is None else order.price_ticks
        if not abs(price - mid) <= FURTHEST * mid:
            tick = symbol.instrument.tick
            low, high = (tick.text_of(round(mid * (1.0 + side * FURTHEST))) for side in (-1, 1))
            return f"expected a price from {low} to {high}, found {tick.text_of(round(price))}: a slip?"
        if order.lots * price > MOST_MONEY:
            most = symbol.instrument.lot.text_of(int(MOST_MONEY / price))
            return f"expected a size up to {most}, found {symbol.instrument.lot.text_of(order.lots)}"
        return ""

    def _cancel(self, command: CancelOrders, state: State) -> None:
        venue = self._venues.get(command.symbol)
        if venue is None:
            self._say("there is no order to cancel", state, command.symbol)
            return
        if not venue.cancel(command.symbol, command.number or 0):
            self._say("nothing was cancelled: too much is on its way already", state, command.symbol)

    def _inject(self, shock: Shock, state: State) -> None:
        try:
            checked(shock)
        except BadShock as error:
            self._say(f"no shock: {clean(str(error))}", state, shock.symbol)
            return
        if shock.symbol not in state.symbols:
            self._say(f"no shock: there is no symbol {shock.symbol} in this session", state, 0)
        elif len(self._waiting) + len(self._running) >= MOST_SHOCKS:
            self._say(f"no shock: {MOST_SHOCKS} are under way already", state, shock.symbol)
        else:
            self._waiting.append(shock)

    def _begin_shocks(self, state: State) -> None:
        """Those whose time has come, where the book lets them; the others go on waiting."""
        for shock in tuple(self._waiting):
            symbol = state.symbols[shock.symbol]
            if shock.ts > state.ts or not symbol.trusted or not _two_sided(symbol):
                continue
            self._waiting.remove(shock)
            venue, instrument = self._venue(state, shock.symbol), symbol.instrument
            begun = msgspec.structs.replace(shock, ts=state.ts)
            lots_a_base = 1.0 / float(instrument.lot.value)
            self._running.append(Running(begun, state.ts, lots_a_base, instrument.base))
            if shock.kind == "whale":
                seen(venue, shock, lots_a_base, self._world)
            self._notes.append(begun)

    def _say(self, text: str, state: State, symbol: int) -> None:
        self._notes.append(Said(text, state.ts, symbol if symbol in state.symbols else 0))


def _two_sided(symbol: SymbolState) -> bool:
    return symbol.feature("mid") is not None


def _mid_ticks(symbol: SymbolState) -> float:
    mid = symbol.feature("mid")
    return 0.0 if mid is None else mid / float(symbol.instrument.tick.value)


def _twin(state: State, first: int) -> int | None:
    """The same pair on another venue, on the same grid: what arbitrageurs need."""
    here = state.symbols[first].instrument
    for index, symbol in state.symbols.items():
        there = symbol.instrument
        same = (here.base, here.quote, here.kind) == (there.base, there.quote, there.kind)
        grid = here.tick.value == there.tick.value and here.lot.value == there.lot.value
        if index != first and same and grid and here.venue != there.venue:
            return index
    return None
