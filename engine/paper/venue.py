"""One paper venue from Python's side: its arrays, the symbols it stands beside, and what it tells after a tick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.agents.plain import Trader
from engine.agents.trading import FAIR, SLOTS
from engine.batch import MISSING, OWN, ROW, Batch, Rows
from engine.events import Kind
from engine.kernels.level_book import ASK, BEST, BID, levels_of
from engine.kernels.matching_state import Do
from engine.market.state import FILLS, POSITION
from engine.paper.kernel import step, trade_now
from engine.paper.regrid import ratios, regrid
from engine.paper.rules import Rules
from engine.paper.state import (
    AGENT_NUMBERS,
    C_BLOCK,
    C_CHANGED,
    C_FILLS,
    C_HEAD,
    C_LOST,
    C_REFUSED,
    C_TAIL,
    C_TICK,
    F_FEE,
    F_LOTS,
    F_NUMBER,
    F_OWNER,
    F_PRICE,
    F_SIDE,
    F_VENUE,
    F_WAITED,
    M_NOW,
    M_STEP,
    MOST_OWN,
    NOWHERE,
    O_AHEAD,
    O_CHANGED,
    O_LOTS,
    O_NUMBER,
    O_OWNER,
    O_PRICE,
    O_SIDE,
    O_TOLD,
    PROGRAMME,
    U_JITTED,
    U_LATENCY,
    U_LOTS,
    U_TICKS,
    W_ORDERS,
    W_PRICE,
    W_SIDE,
    Floor,
    new_floor,
)
from engine.scenario import Scenario

if TYPE_CHECKING:
    from engine.core import State
    from engine.instrument import Instrument
    from engine.symbol import SymbolState

AGENT_TICK = 1.7e-5  # of the price: the tick that agents' parameters are written for
UNITS_WITHIN_BPS = 10.0
UNITS_A_SIDE = 200.0  # agents' units that a side displays within that: ten makers then quote a tenth of it


class PaperVenue:
    """`symbols`: one, or two of the same pair on two venues."""

    def __init__(self, symbols: tuple[int, ...], floor: Floor, plain: Sequence[Trader] = ()) -> None:
        self.symbols = symbols
        self.floor = floor
        self._mids = [math.nan, math.nan]
        self._plain = plain
        self.you = len(floor.family)
        self.programme = self.you + 1
        self._symbols = np.array([symbols[0], symbols[-1]], np.int64)
        self._live = np.zeros(2, np.int64)
        self._fresh = np.ones(2, np.int64)

    def listed_anew(self, before: Instrument, now: Instrument) -> None:
        """Its symbol is on another grid from now on. Raises ValueError where that cannot be followed."""
        if len(self.symbols) > 1:
            raise ValueError(f"{now.key} was listed anew on a grid that its other venue does not have")
        ticks, lots = ratios(before, now)
        regrid(self.floor, ticks, lots)
        self._mids = [mid * float(ticks) for mid in self._mids]
        self._live[:] = 0

    def step(self, state: State, batch: Batch, halted: bool) -> None:
        """A tick of the real market. Stands still while halted, or while the first symbol's book is not in sync."""
        here = [state.symbols[s] for s in self.symbols]
        was = self._live.copy()
        self._live[: len(here)] = [symbol.trusted and not halted for symbol in here]
        self._fresh = 1 - was
        if not self._live[0]:
            self._live[1] = 0  # it stands still too, and what happens there meanwhile is not followed
            return
        floor = self.floor
        floor.moods[M_NOW] = (state.ts - state.started) / 1e9
        floor.moods[M_STEP] = 0.1
        self._ask_plain()
        step(
            floor,
            (here[0].market.book, here[-1].market.book),
            self._symbols,
            self._live,
            self._fresh,
            _plain(batch.rows),
            _plain(batch.levels),
        )

    def _ask_plain(self) -> None:
        """Agents in plain Python decide on what they saw at the tick before, as far as there was one."""
        floor = self.floor
        if math.isnan(floor.sight[0, FAIR]):
            return
        unit, first = float(floor.rules[U_LOTS]), int(floor.rules[U_JITTED])
        for agent, trader in enumerate(self._plain, first):
            count = trader.decide(floor.sight, 0, int(floor.ledger[agent, POSITION]), unit, floor.out)
            if count:
                self._post([self._decided(agent, *said) for said in floor.out[:count].tolist()])

    def _decided(
        self, agent: int, venue: int, kind: int, side: int, price: int, lots: int, slot: int
    ) -> tuple[int, ...]:
        """A row of `out` as one of `pending`."""
        price, places = price * int(self.floor.rules[U_TICKS]), self.floor.orders.shape[1]
        place = agent * SLOTS + slot if slot >= 0 else NOWHERE
        number = AGENT_NUMBERS + venue * places + agent * SLOTS + max(slot, 0)
        return venue, agent, kind, side, price, lots, place, number

    def _post(self, rows: Sequence[tuple[int, ...]], now: int = 0) -> bool:
        """Send orders on their way, as one decision; what finds no room is lost, and False.

        `now` is 1 for what was decided since the last step, 0 for what it led to.
        """
        floor, counts = self.floor, self.floor.counts
        room = len(floor.pending)
        if counts[C_TAIL] + len(rows) - counts[C_HEAD] > room:
            counts[C_LOST] += len(rows)
            return False
        due = int(counts[C_TICK]) + now + int(floor.rules[U_LATENCY])
        for row in rows:
            floor.pending[counts[C_TAIL] % room] = due, counts[C_BLOCK], *row
            counts[C_TAIL] += 1
        counts[C_BLOCK] += 1
        return True

    def mids(self) -> list[float]:
        """The last mid known of each symbol, ticks; NaN before any."""
        for venue, (bid, ask) in enumerate(self.floor.marks.tolist()):
            if not math.isnan(bid + ask):
                self._mids[venue] = 0.5 * (bid + ask)
        return self._mids

    @property
    def traded(self) -> bool:
        """Whether the person has traded here, or has an order resting."""
        return bool(self.floor.ledger[self.you, FILLS]) or bool((self.floor.orders[:, :, O_LOTS] > 0).any())

    @property
    def open(self) -> bool:
        """Whether orders were dealt with at the last tick."""
        return bool(self._live[0])

    # The person's orders

    def send(self, symbol: int, number: int, kind: int, side: int, price_ticks: int, lots: int) -> bool:
        """An order of the person's on its way, False where too many are; `side` is +1 to buy, -1 to sell."""
        at = self.symbols.index(symbol)
        side_index = BID if side > 0 else ASK
        return self._post([(at, self.you, kind, side_index, price_ticks, lots, NOWHERE, number)], now=1)

    def cancel(self, symbol: int, number: int) -> bool:
        """One order of the person's, or all for 0; False where too much is on its way."""
        at = self.symbols.index(symbol)
        if self.open:
            return self._post([(at, self.you, int(Do.CANCEL), 0, 0, 0, NOWHERE, number)], now=1)
        self._cancel_now(at, number)  # nothing moves, so there is nothing to be late for
        return True

    def _cancel_now(self, at: int, number: int) -> None:
        floor = self.floor
        first = floor.orders.shape[1] - MOST_OWN
        for place, order in enumerate(floor.orders[at, first:], first):
            if order[O_LOTS] > 0 and number in (0, order[O_NUMBER]):
                order[O_LOTS] = 0
                watch = floor.watch[at]
                here = (watch[:, W_PRICE] == order[O_PRICE]) & (watch[:, W_SIDE] == order[O_SIDE])
                watch[here, W_ORDERS] -= 1
                if not order[O_CHANGED]:
                    order[O_CHANGED] = 1
                    floor.changed[floor.counts[C_CHANGED]] = at, place
                    floor.counts[C_CHANGED] += 1

    # Shocks

    def trade(self, state: State, symbol: int, owner: int, side: int, lots: int) -> int:
        """A market order at once, for an agent or the programme; returns the lots that found nobody."""
        at, book = self.symbols.index(symbol), state.symbols[symbol].market.book
        return int(trade_now(self.floor, book, at, owner, BID if side > 0 else ASK, lots))

    # What it tells

    def told(self, ts: int) -> Rows:
        """FILL and ORDER rows of what happened since this was last asked."""
        floor = self.floor
        fills = _merged(floor.fills[: int(floor.counts[C_FILLS])])
        changed = floor.changed[: int(floor.counts[C_CHANGED])]
        if not len(fills) and not len(changed) and not floor.counts[C_REFUSED]:
            return _NOTHING
        orders = floor.orders[changed[:, 0], changed[:, 1]]
        shown = (orders[:, O_LOTS] > 0) | (orders[:, O_TOLD] > 0)
        rows = np.zeros(len(fills) + int(shown.sum()), ROW)
        rows["ts_recv"], rows["ts_event"] = ts, MISSING
        self._tell_fills(rows[: len(fills)], fills)
        self._tell_orders(rows[len(fills) :], orders[shown], changed[shown, 0])
        floor.orders[changed[:, 0], changed[:, 1], O_CHANGED] = 0
        floor.orders[changed[:, 0], changed[:, 1], O_TOLD] = orders[:, O_LOTS] > 0
        floor.counts[[C_FILLS, C_CHANGED, C_REFUSED]] = 0
        return rows

    def refusals(self) -> list[tuple[int, int]]:
        """(number, why) of orders of the person's that did not do what was asked. Before `told`."""
        refused: list[list[int]] = self.floor.refused[: int(self.floor.counts[C_REFUSED])].tolist()
        return [(number, why) for number, why in refused]

    def _tell_fills(self, rows: Rows, fills: np.ndarray) -> None:
        rows["kind"] = Kind.FILL
        rows["symbol"] = self._symbols[fills[:, F_VENUE]]
        rows["first_id"] = fills[:, F_NUMBER]
        rows["last_id"] = self._whose(fills[:, F_OWNER])
        rows["side"] = 1 - 2 * fills[:, F_SIDE]
        rows["price_ticks"], rows["size_lots"] = fills[:, F_PRICE], fills[:, F_LOTS]
        rows["ask_ticks"], rows["flags"] = fills[:, F_FEE], fills[:, F_WAITED]

    def _tell_orders(self, rows: Rows, orders: np.ndarray, venues: np.ndarray) -> None:
        rows["kind"] = Kind.ORDER
        rows["symbol"] = self._symbols[venues]
        rows["first_id"] = orders[:, O_NUMBER]
        rows["last_id"] = self._whose(orders[:, O_OWNER])
        rows["side"] = 1 - 2 * orders[:, O_SIDE]
        rows["price_ticks"], rows["size_lots"] = orders[:, O_PRICE], orders[:, O_LOTS]
        rows["ask_lots"] = orders[:, O_AHEAD]

    def _whose(self, owners: np.ndarray) -> np.ndarray:
        whose: np.ndarray = np.where(
            owners == self.you, OWN, np.where(owners == self.programme, PROGRAMME, owners)
        )
        return whose


_NOTHING = np.zeros(0, ROW)


def _merged(fills: np.ndarray) -> np.ndarray:
    """One row for what an order traded at one price in one tick: twenty small trades are no twenty alerts."""
    if len(fills) < 2:
        return fills
    found: dict[tuple[int, ...], list[int]] = {}
    for row in fills.tolist():
        key = (row[F_VENUE], row[F_NUMBER], row[F_OWNER], row[F_SIDE], row[F_PRICE], row[F_WAITED])
        if key in found:
            found[key][F_LOTS] += row[F_LOTS]
            found[key][F_FEE] += row[F_FEE]
        else:
            found[key] = row
    return np.array(list(found.values()), np.int64)


def _plain(array: np.ndarray) -> np.ndarray:
    """Another memory layout would be another type, and compile the kernel anew."""
    flags = array.flags
    return array if flags.writeable and flags.c_contiguous and flags.aligned else array.copy()


def open_venue(
    state: State,
    symbols: tuple[int, ...],
    scenario: Scenario | None,
    rules: Rules,
    seed: int,
    plain: Sequence[Trader] = (),
) -> PaperVenue:
    """A venue beside symbols of which the first's book is in sync: its ticks and lots choose agents' units now."""
    ticks, lots = agents_units(state.symbols[symbols[0]])
    floor = new_floor(scenario, rules, ticks, lots, len(symbols), seed, len(plain))
    return PaperVenue(symbols, floor, plain)


def agents_units(symbol: SymbolState) -> tuple[int, int]:
    """Ticks of the symbol that are one of the agents', and lots that are one of their units.

    The unit follows what the book displays within 10 bp, so that agents are large enough to matter in it and small
    enough to be one among many.
    """
    book = symbol.market.book
    bid, ask = -int(book.head[BID, BEST]), int(book.head[ASK, BEST])
    mid = 0.5 * (bid + ask)
    reach = max(1, round(mid * UNITS_WITHIN_BPS * 1e-4))
    shown = sum(
        int(lots)
        for side in (BID, ASK)
        for price, lots in levels_of(book, side).tolist()
        if abs(price - mid) <= reach
    )
    return max(1, round(mid * AGENT_TICK)), max(1, round(shown / 2 / UNITS_A_SIDE))
