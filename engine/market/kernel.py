"""The simulated market's step: the world moves, agents decide, their orders meet, inventories are booked.

Ten steps are a second. Every array is large enough for every order that can rest, so that the matching engine
never asks for room here.
"""

from __future__ import annotations

import math

from engine.agents import arbitrage, informed, maker, noise
from engine.agents.trading import (
    ASK,
    BID,
    DOUBT,
    KIND,
    LOTS,
    PRICE,
    SIDE,
    SLOT,
    SLOTS,
    TRANSFER,
    VENUE,
    Floats,
    Ints,
)
from engine.kernels import helper, inlined, jit
from engine.kernels import matching_state as matching
from engine.kernels.matching import Records, submit
from engine.kernels.matching_levels import find_level
from engine.kernels.matching_state import Do, Outcome
from engine.market.inventory import book_trade, mark
from engine.market.state import (
    ARBITRAGE,
    CHANGES,
    INFORMED,
    K_LOTS,
    K_VENUES,
    MAKER,
    NOISE,
    POSITION,
    QUOTES,
    R_MAKER_PPM,
    R_TAKER_PPM,
    REFUSED,
    STEPS,
    T_LOTS,
    T_MAKER,
    T_PRICE,
    T_SIDE,
    T_TAKER,
    T_VENUE,
    TRADES,
    VENUE_INCOME,
    Market,
)
from engine.market.world import advance, excited, pressed

STEP_S = 0.1
STEPS_A_SECOND = 10
_CANCEL, _MARKET = int(Do.CANCEL), int(Do.MARKET)
_EMPTY = matching.EMPTY
_TRADED = matching.TRADED
_RESTING, _UNKNOWN = int(Outcome.RESTING), int(Outcome.UNKNOWN)
_NAN = math.nan

# a second of venue 0: best prices in ticks, number of trades, lots, the sentiment's uncertainty
SEEN_BID, SEEN_ASK, SEEN_TRADES, SEEN_BOUGHT, SEEN_SOLD, SEEN_DOUBT = range(6)
SEEN = 6


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
def _send(
    m: Market, venue: int, kind: int, side: int, price: int, lots: int, handle: int, owner: int
) -> tuple[int, int]:
    if venue == 0:
        return _submit(m.book_a, m.trades, kind, side, price, lots, handle, owner)
    return _submit(m.book_b, m.trades, kind, side, price, lots, handle, owner)


@inlined
def _look(m: Market, venue: int) -> None:
    """What the book now shows of its best prices."""
    if venue == 0:
        bid, ask = m.book_a.sides[0].best, m.book_a.sides[1].best
    else:
        bid, ask = m.book_b.sides[0].best, m.book_b.sides[1].best
    m.sight[venue, BID] = _NAN if bid == _EMPTY else float(-bid)
    m.sight[venue, ASK] = _NAN if ask == _EMPTY else float(ask)


@inlined
def _touch(m: Market, venue: int, side: int, price: int) -> None:
    """Note a level that may show another size at the step's end."""
    n = m.counts[CHANGES]
    if n < len(m.changed):
        m.changed[n, 0] = venue
        m.changed[n, 1] = side
        m.changed[n, 2] = price
        m.counts[CHANGES] = n + 1


@inlined
def _rests(m: Market, venue: int, handle: int) -> int:
    """Lots that still rest under a handle."""
    if venue == 0:
        slot = m.book_a.slots[handle]
        return m.book_a.nodes[slot].qty if slot != 0 else 0
    slot = m.book_b.slots[handle]
    return m.book_b.nodes[slot].qty if slot != 0 else 0


@helper
def _cancel(m: Market, agent: int, venue: int, slot: int) -> None:
    handle = agent * SLOTS + slot
    if _rests(m, venue, handle) > 0:
        _touch(m, venue, m.resting[venue, handle, 1], m.resting[venue, handle, 0])
        _send(m, venue, _CANCEL, 0, 0, 0, handle, agent)


@helper
def _book_fills(m: Market, agent: int, venue: int, side: int, count: int) -> None:
    """Both sides of each trade, the tape, and what takers' flow does to the venue."""
    units = 0.0
    for i in range(count):
        trade = m.trades[i]
        _touch(m, venue, 1 - side, trade.price)
        if trade.kind != _TRADED:
            continue
        lots, price, other = trade.qty, trade.price, trade.maker_owner
        bought = lots if side == 0 else -lots
        m.counts[VENUE_INCOME] += book_trade(
            m.ledger, m.held, agent, venue, bought, price, m.rules[venue, R_TAKER_PPM]
        )
        m.counts[VENUE_INCOME] += book_trade(
            m.ledger, m.held, other, venue, -bought, price, m.rules[venue, R_MAKER_PPM]
        )
        units += lots / m.physics[K_LOTS]
        n = m.counts[TRADES]
        if n < len(m.tape):
            m.tape[n, T_VENUE] = venue
            m.tape[n, T_PRICE] = price
            m.tape[n, T_LOTS] = lots
            m.tape[n, T_SIDE] = side
            m.tape[n, T_MAKER] = other
            m.tape[n, T_TAKER] = agent
            m.counts[TRADES] = n + 1
    if units > 0.0 and m.family[agent] != MAKER:
        # Makers passing inventory among themselves tell nobody anything.
        pressed(m.world, m.physics, venue, side, units)


@helper
def _place(m: Market, agent: int, row: int) -> None:
    """Send one order of `out` to its venue."""
    venue, side, price = m.out[row, VENUE], m.out[row, SIDE], m.out[row, PRICE]
    kind, lots, slot = m.out[row, KIND], m.out[row, LOTS], m.out[row, SLOT]
    handle = agent * SLOTS + max(slot, 0)
    outcome, count = _send(m, venue, kind, side, price, lots, handle, agent)
    m.ledger[agent, QUOTES] += 1
    if count > 0:
        _book_fills(m, agent, venue, side, count)
        if kind == _MARKET and m.family[agent] == NOISE:
            excited(m.world, m.physics, venue, side)
    if outcome == _RESTING:
        m.resting[venue, handle, 0] = price
        m.resting[venue, handle, 1] = side
        m.resting[venue, handle, 2] = lots
        _touch(m, venue, side, price)
    elif outcome >= _UNKNOWN:
        m.counts[REFUSED] += 1
    _look(m, venue)


@helper
def _carry_out(m: Market, agent: int, count: int) -> None:
    """First cancel what is no longer wanted, then send the rest: a stale quote must not set the price."""
    for row in range(count):
        slot = m.out[row, SLOT]
        if m.out[row, KIND] == TRANSFER or slot < 0:
            continue
        venue = m.out[row, VENUE]
        handle = agent * SLOTS + slot
        left = _rests(m, venue, handle)
        lots = m.out[row, LOTS]
        if left > 0:
            same = m.resting[venue, handle, 0] == m.out[row, PRICE]
            if same and lots > 0 and 2 * left >= lots and left <= 2 * lots:
                m.out[row, LOTS] = 0  # keeps its place in the queue
            else:
                _cancel(m, agent, venue, slot)
                _look(m, venue)
    for row in range(count):
        if m.out[row, KIND] == TRANSFER:
            to, lots = m.out[row, VENUE], m.out[row, LOTS]
            m.held[agent, to] += lots
            m.held[agent, 1 - to] -= lots
        elif m.out[row, LOTS] > 0:
            _place(m, agent, row)


@inlined
def _decide(m: Market, agent: int) -> int:
    family = m.family[agent]
    venue = m.venue[agent]
    unit = m.physics[K_LOTS]
    held = m.ledger[agent, POSITION] / unit
    if family == NOISE:
        return noise.decide(
            m.sight, m.params, NOISE, m.traits, m.memory, m.streams, agent, venue, held, unit, m.out
        )
    if family == MAKER:
        return maker.decide(
            m.sight, m.params, MAKER, m.table, m.traits, m.memory, m.streams, agent, venue, held, unit, m.out
        )
    if family == INFORMED:
        return informed.decide(
            m.sight, m.params, INFORMED, m.traits, m.memory, m.streams, agent, venue, held, unit, m.out
        )
    if m.physics[K_VENUES] < 2.0:
        return 0
    return arbitrage.decide(m.sight, m.params, ARBITRAGE, m.traits, m.streams, agent, m.held, unit, m.out)


@inlined
def _crowd(m: Market) -> float:
    """Share of informed agents that follow sentiment."""
    count = following = 0.0
    for agent in range(len(m.family)):
        if m.family[agent] == INFORMED:
            count += 1.0
            following += m.memory[agent, informed.MODE]
    return following / count if count > 0.0 else 0.0


@helper
def _step(m: Market, crowd: float) -> None:
    agents = len(m.family)
    m.counts[TRADES] = 0
    m.counts[CHANGES] = 0
    advance(m.world, m.shared, m.sight, m.physics, m.rules, m.streams, agents, crowd, STEP_S)
    for agent in range(agents):
        count = _decide(m, agent)
        if count > 0:
            _carry_out(m, agent, count)
    m.counts[STEPS] += 1


@inlined
def _note(m: Market, seen: Floats, row: int) -> None:
    """Venue 0's trades of this step, and its best prices, into a row of `seen`."""
    for i in range(m.counts[TRADES]):
        if m.tape[i, T_VENUE] == 0:
            seen[row, SEEN_TRADES] += 1.0
            seen[row, SEEN_BOUGHT + m.tape[i, T_SIDE]] += m.tape[i, T_LOTS]
    seen[row, SEEN_BID] = m.sight[0, BID]
    seen[row, SEEN_ASK] = m.sight[0, ASK]
    seen[row, SEEN_DOUBT] = m.sight[0, DOUBT]


@jit
def run_steps(m: Market, steps: int, seen: Floats) -> None:
    """Go on by so many tenths of a second. `tape` and `changed` hold the last step's trades and levels.

    `seen`, shape (n, SEEN), zeros: its rows take the first n seconds of venue 0, NaN where a side is empty;
    of no rows where nobody wants statistics.
    """
    crowd = _crowd(m)
    for venue in range(2):
        _look(m, venue)
    for step in range(steps):
        if m.counts[STEPS] % STEPS_A_SECOND == 0:
            crowd = _crowd(m)
            mark(m.ledger, m.held, m.sight)
        _step(m, crowd)
        if step // STEPS_A_SECOND < len(seen):
            _note(m, seen, step // STEPS_A_SECOND)


@jit
def level_sizes(m: Market, wanted: Ints, sizes: Ints) -> None:
    """Lots resting at each (venue, side, price) of `wanted`, zero where nothing does."""
    for i in range(len(wanted)):
        venue, side, price = wanted[i, 0], wanted[i, 1], wanted[i, 2]
        key = price if side == 1 else -price
        if venue == 0:
            level = find_level(m.book_a, side, key)
            sizes[i] = m.book_a.nodes[level].qty if level != 0 else 0
        else:
            level = find_level(m.book_b, side, key)
            sizes[i] = m.book_b.nodes[level].qty if level != 0 else 0
