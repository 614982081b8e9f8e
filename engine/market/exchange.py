"""The venues as their participants meet them: orders go in, trades are booked, what changed is noted.

Every array is large enough for every order that can rest, so that the matching engine never asks for room here.
Whoever stands behind the agents (the person, a programme, forced closings) sends through the same functions.
Functions take the whole market only where they must: each that does costs the compiler half a second.
"""

from __future__ import annotations

import math
from typing import Any

from engine.agents.trading import (
    ASK,
    BID,
    KIND,
    LOTS,
    PRICE,
    SAID,
    SIDE,
    SLOT,
    SLOTS,
    TRANSFER,
    VENUE,
    Floats,
    Ints,
)
from engine.kernels import helper, inlined
from engine.kernels import matching_state as matching
from engine.kernels.matching import Records, submit
from engine.kernels.matching_state import Do, Outcome
from engine.market.inventory import book_trade
from engine.market.state import (
    CHANGES,
    F_AGENT,
    F_STEP,
    HALTED,
    K_LOTS,
    MAKER,
    NOISE,
    NUMBER,
    O_NUMBER,
    PRINTS,
    QUOTES,
    R_MAKER_PPM,
    R_STEPS,
    R_TAKER_PPM,
    REFUSED,
    STEPS,
    T_FEE,
    T_LOTS,
    T_MAKER,
    T_NUMBER,
    T_PRICE,
    T_SIDE,
    T_TAKER,
    T_VENUE,
    TRADES,
    UNDER_WAY,
    VENUE_INCOME,
    YOU,
    Market,
)
from engine.market.world import excited, pressed

_CANCEL, _MARKET, _LIMIT, _POST_ONLY = int(Do.CANCEL), int(Do.MARKET), int(Do.LIMIT), int(Do.POST_ONLY)
_EMPTY = matching.EMPTY
_TRADED = matching.TRADED
_RESTING, _UNKNOWN = int(Outcome.RESTING), int(Outcome.UNKNOWN)
_MOST_LOTS = matching.MAX_QTY
_NAN = math.nan


@helper
def _submit(
    book: matching.State,
    trades: Records,
    kind: int,
    side: int,
    price: int,
    lots: int,
    handle: int,
    owner: int,
) -> tuple[int, int]:
    return submit(book, trades, 0, 0, kind, side, price, lots, handle, owner)


@inlined
def send(
    m: Market, venue: int, kind: int, side: int, price: int, lots: int, handle: int, owner: int
) -> tuple[int, int]:
    """One message to a venue's book. Returns the Outcome and how many rows of `trades` it wrote."""
    if venue == 0:
        return _submit(m.book_a, m.trades, kind, side, price, lots, handle, owner)
    return _submit(m.book_b, m.trades, kind, side, price, lots, handle, owner)


@inlined
def _see(sight: Floats, venue: int, sides: Records) -> None:
    bid, ask = sides[0].best, sides[1].best
    sight[venue, BID] = _NAN if bid == _EMPTY else float(-bid)
    sight[venue, ASK] = _NAN if ask == _EMPTY else float(ask)


@inlined
def look(m: Market, venue: int) -> None:
    """What the book now shows of its best prices."""
    _see(m.sight, venue, m.book_a.sides if venue == 0 else m.book_b.sides)


@inlined
def touch(changed: Ints, counts: Ints, venue: int, side: int, price: int) -> None:
    """Note a level that may show another size at the step's end."""
    n = counts[CHANGES]
    if n < len(changed):
        changed[n, 0] = venue
        changed[n, 1] = side
        changed[n, 2] = price
        counts[CHANGES] = n + 1


@inlined
def rests(m: Market, venue: int, handle: int) -> int:
    """Lots that still rest under a handle."""
    if venue == 0:
        slot = m.book_a.slots[handle]
        return m.book_a.nodes[slot].qty if slot != 0 else 0
    slot = m.book_b.slots[handle]
    return m.book_b.nodes[slot].qty if slot != 0 else 0


@helper
def cancel(m: Market, owner: int, venue: int, handle: int) -> None:
    """Take a resting order out of its book."""
    if rests(m, venue, handle) > 0:
        touch(m.changed, m.counts, venue, m.resting[venue, handle, 1], m.resting[venue, handle, 0])
        send(m, venue, _CANCEL, 0, 0, 0, handle, owner)
        look(m, venue)


@inlined
def _print(
    tape: Ints, counts: Ints, venue: int, trade: Any, side: int, taker: int, number: int, fee: int
) -> None:
    """A trade onto the tape; the person's own order in it has a number and a fee."""
    n = counts[TRADES]
    counts[PRINTS + venue] += 1
    if n < len(tape):
        tape[n, T_VENUE] = venue
        tape[n, T_PRICE] = trade.price
        tape[n, T_LOTS] = trade.qty
        tape[n, T_SIDE] = side
        tape[n, T_MAKER] = trade.maker_owner
        tape[n, T_TAKER] = taker
        tape[n, T_NUMBER] = number
        tape[n, T_FEE] = fee
        counts[TRADES] = n + 1


@helper
def book_fills(m: Market, taker: int, venue: int, side: int, count: int) -> int:
    """Both sides of each trade, the tape, and what takers' flow does to the venue. Returns the lots traded."""
    total = 0
    agents = len(m.family)
    you = agents + YOU
    for i in range(count):
        trade = m.trades[i]
        touch(m.changed, m.counts, venue, 1 - side, trade.price)
        if trade.kind != _TRADED:
            continue
        lots, price, other = trade.qty, trade.price, trade.maker_owner
        bought = lots if side == 0 else -lots
        taken = book_trade(m.ledger, m.held, taker, venue, bought, price, m.rules[venue, R_TAKER_PPM])
        given = book_trade(m.ledger, m.held, other, venue, -bought, price, m.rules[venue, R_MAKER_PPM])
        m.counts[VENUE_INCOME] += taken + given
        total += lots
        number = fee = 0
        if taker == you:
            number, fee = m.counts[NUMBER], taken
        elif other == you:
            number, fee = m.own[trade.maker - agents * SLOTS, O_NUMBER], given
        _print(m.tape, m.counts, venue, trade, side, taker, number, fee)
    if total > 0 and (taker == you or (taker < agents and m.family[taker] != MAKER)):
        # Makers passing inventory among themselves tell nobody anything.
        pressed(m.world, m.physics, venue, side, total / m.physics[K_LOTS])
    return total


@helper
def take(m: Market, who: int, venue: int, side: int, lots: int) -> int:
    """A market order of a programme or a forced closing. Returns the lots that found somebody.

    What they want weighs on the price when they want it, found or not, so that it is not counted here.
    """
    if lots <= 0 or (venue == 0 and m.counts[HALTED] != 0):
        return 0
    owner = len(m.family) + who
    m.ledger[owner, QUOTES] += 1
    _, count = send(m, venue, _MARKET, side, 0, min(lots, _MOST_LOTS), 0, owner)
    filled = book_fills(m, owner, venue, side, count) if count > 0 else 0
    look(m, venue)
    return filled


@helper
def _place(m: Market, agent: int, row: int) -> None:
    """Send one order of `out` to its venue."""
    venue, side, price = m.out[row, VENUE], m.out[row, SIDE], m.out[row, PRICE]
    kind, lots, slot = m.out[row, KIND], m.out[row, LOTS], m.out[row, SLOT]
    if price < 1 and kind in (_LIMIT, _POST_ONLY):
        m.counts[REFUSED] += 1  # nothing trades for nothing, however far a market falls
        return
    handle = agent * SLOTS + max(slot, 0)
    outcome, count = send(m, venue, kind, side, price, lots, handle, agent)
    m.ledger[agent, QUOTES] += 1
    if count > 0:
        book_fills(m, agent, venue, side, count)
        if kind == _MARKET and m.family[agent] == NOISE:
            excited(m.world, m.physics, venue, side)
    if outcome == _RESTING:
        m.resting[venue, handle, 0] = price
        m.resting[venue, handle, 1] = side
        m.resting[venue, handle, 2] = lots
        touch(m.changed, m.counts, venue, side, price)
    elif outcome >= _UNKNOWN:
        m.counts[REFUSED] += 1
    look(m, venue)


@inlined
def _depart(
    out: Ints, row: int, agent: int, flights: Ints, flying: Ints, counts: Ints, latency_steps: float
) -> None:
    """An order to a venue that is not its owner's home arrives later; where too many fly it is lost."""
    venue = out[row, VENUE]
    n = counts[UNDER_WAY + venue]
    if n == flights.shape[1]:
        counts[REFUSED] += 1
        return
    flights[venue, n, F_STEP] = counts[STEPS] + int(latency_steps)
    flights[venue, n, F_AGENT] = agent
    for column in range(SAID):
        flights[venue, n, 2 + column] = out[row, column]
    counts[UNDER_WAY + venue] = n + 1
    flying[agent] += 1


@inlined
def _clear_way(m: Market, agent: int, row: int) -> None:
    """Cancel what rests where an order is to go, unless it stands as wanted: that keeps its place in the queue."""
    venue, lots = m.out[row, VENUE], m.out[row, LOTS]
    handle = agent * SLOTS + m.out[row, SLOT]
    left = rests(m, venue, handle)
    if left > 0:
        same = m.resting[venue, handle, 0] == m.out[row, PRICE]
        if same and lots > 0 and 2 * left >= lots and left <= 2 * lots:
            m.out[row, LOTS] = 0
        else:
            cancel(m, agent, venue, handle)


@helper
def carry_out(m: Market, agent: int, count: int, arrived: bool) -> None:
    """Do what rows of `out` say. First cancel what is no longer wanted, then send: a stale quote sets no price.

    Orders to a venue with latency that is not the agent's home depart instead, unless they have just `arrived`.
    """
    for row in range(count):
        venue = m.out[row, VENUE]
        if m.out[row, KIND] == TRANSFER:
            continue
        if venue == 0 and m.counts[HALTED] != 0:
            m.counts[REFUSED] += 1
            m.out[row, LOTS] = 0
        elif not arrived and venue != m.venue[agent] and m.rules[venue, R_STEPS] > 0.0:
            _depart(m.out, row, agent, m.flights, m.flying, m.counts, m.rules[venue, R_STEPS])
            m.out[row, LOTS] = 0
        elif m.out[row, SLOT] >= 0:
            _clear_way(m, agent, row)
    for row in range(count):
        if m.out[row, KIND] == TRANSFER:
            to, lots = m.out[row, VENUE], m.out[row, LOTS]
            m.held[agent, to] += lots
            m.held[agent, 1 - to] -= lots
        elif m.out[row, LOTS] > 0:
            _place(m, agent, row)


@helper
def land(m: Market) -> None:
    """Orders whose time has come arrive, in the order in which they were sent."""
    now = m.counts[STEPS]
    for venue in range(2):
        count = m.counts[UNDER_WAY + venue]
        done = 0
        while done < count and m.flights[venue, done, F_STEP] <= now:
            agent = m.flights[venue, done, F_AGENT]
            for column in range(SAID):
                m.out[0, column] = m.flights[venue, done, 2 + column]
            m.flying[agent] -= 1
            carry_out(m, agent, 1, True)
            done += 1
        for i in range(done, count):
            for column in range(m.flights.shape[2]):
                m.flights[venue, i - done, column] = m.flights[venue, i, column]
        m.counts[UNDER_WAY + venue] = count - done
