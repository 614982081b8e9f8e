"""The person in the simulated market: orders of their own, with real priority in the real queues of its books.

What is asked for waits in `asked` until the next step, so that it is part of the market and forks with it; what
became of it stands in `told` after the step, and fills on the tape.
"""

from __future__ import annotations

from engine.agents.trading import SLOTS, Ints
from engine.kernels import helper, inlined
from engine.kernels import matching_state as matching
from engine.kernels.matching_state import Do, Outcome
from engine.market.exchange import book_fills, cancel, look, rests, send, touch
from engine.market.state import (
    A_DO,
    A_LOTS,
    A_NUMBER,
    A_PRICE,
    A_SIDE,
    A_VENUE,
    ASKED,
    ASKS,
    CLOSED,
    CROSSES,
    HALTED,
    NO_PLACE,
    NOBODY,
    NUMBER,
    O_AHEAD,
    O_LOTS,
    O_NUMBER,
    O_PRICE,
    O_SIDE,
    O_VENUE,
    OWN_ORDERS,
    QUOTES,
    RESTS,
    TOLD,
    UNHEARD,
    W_AHEAD,
    W_LOTS,
    W_NUMBER,
    W_PRICE,
    W_SIDE,
    W_VENUE,
    W_WHAT,
    YOU,
    Market,
)

_CANCEL, _MARKET = int(Do.CANCEL), int(Do.MARKET)
_RESTING, _EXPIRED, _WOULD_TRADE = int(Outcome.RESTING), int(Outcome.EXPIRED), int(Outcome.WOULD_TRADE)
_UNKNOWN = int(Outcome.UNKNOWN)


def ask(
    market: Market, do: Do, venue: int = 0, side: int = 0, price: int = 0, lots: int = 0, number: int = 0
) -> bool:
    """Have this done at the head of the next step; a CANCEL without a number is for all of a venue.

    False when a step's worth of wishes waits already. `side`: 0 buys, 1 sells.
    """
    n = int(market.counts[ASKED])
    if n == ASKS:
        return False
    market.asked[n] = int(do), venue, side, price, lots, number
    market.counts[ASKED] = n + 1
    return True


@inlined
def _tell(
    told: Ints, counts: Ints, what: int, number: int, venue: int, side: int, price: int, lots: int, ahead: int
) -> None:
    n = counts[TOLD]
    if n < len(told):
        told[n, W_WHAT] = what
        told[n, W_NUMBER] = number
        told[n, W_VENUE] = venue
        told[n, W_SIDE] = side
        told[n, W_PRICE] = price
        told[n, W_LOTS] = lots
        told[n, W_AHEAD] = ahead
        counts[TOLD] = n + 1


@helper
def _withdraw(m: Market, venue: int, number: int) -> None:
    """Cancel the person's orders at a venue; one of them where a number is given."""
    found = False
    for slot in range(OWN_ORDERS):
        known = m.own[slot, O_NUMBER]
        if known == 0 or m.own[slot, O_VENUE] != venue or number not in (0, known):
            continue
        found = True
        cancel(m, len(m.family) + YOU, venue, len(m.family) * SLOTS + slot)
    if not found:
        _tell(m.told, m.counts, UNHEARD, number, venue, 0, 0, 0, 0)


@helper
def _enter(m: Market, row: int) -> None:
    """Send one of the person's orders."""
    do, venue, side = m.asked[row, A_DO], m.asked[row, A_VENUE], m.asked[row, A_SIDE]
    price, lots = m.asked[row, A_PRICE], m.asked[row, A_LOTS]
    slot = 0
    if do != _MARKET:
        while slot < OWN_ORDERS and m.own[slot, O_NUMBER] != 0:
            slot += 1
        if slot == OWN_ORDERS:
            _tell(m.told, m.counts, NO_PLACE, 0, venue, side, price, lots, 0)
            return
    you = len(m.family) + YOU
    handle = len(m.family) * SLOTS + slot
    m.counts[NUMBER] += 1
    m.ledger[you, QUOTES] += 1
    outcome, count = send(m, venue, do, side, price, lots, handle, you)
    filled = book_fills(m, you, venue, side, count) if count > 0 else 0
    if outcome == _RESTING:
        m.resting[venue, handle, 0] = price
        m.resting[venue, handle, 1] = side
        m.resting[venue, handle, 2] = lots
        touch(m.changed, m.counts, venue, side, price)
        m.own[slot, O_NUMBER] = m.counts[NUMBER]
        m.own[slot, O_VENUE] = venue
        m.own[slot, O_SIDE] = side
        m.own[slot, O_PRICE] = price
        m.own[slot, O_LOTS] = -1  # not told yet
    elif outcome == _EXPIRED:
        _tell(m.told, m.counts, NOBODY, m.counts[NUMBER], venue, side, price, lots - filled, 0)
    elif outcome == _WOULD_TRADE:
        _tell(m.told, m.counts, CROSSES, m.counts[NUMBER], venue, side, price, lots, 0)
    look(m, venue)


@helper
def serve(m: Market) -> None:
    """Everything the person has asked for since the last step, in order."""
    for row in range(m.counts[ASKED]):
        venue = m.asked[row, A_VENUE]
        if venue == 0 and m.counts[HALTED] != 0:
            _tell(m.told, m.counts, CLOSED, m.asked[row, A_NUMBER], venue, m.asked[row, A_SIDE], m.asked[row, A_PRICE],
                m.asked[row, A_LOTS], 0,
            )  # fmt: skip
        elif m.asked[row, A_DO] == _CANCEL:
            _withdraw(m, venue, m.asked[row, A_NUMBER])
        else:
            _enter(m, row)
    m.counts[ASKED] = 0


@inlined
def _ahead_in(book: matching.State, handle: int) -> int:
    order = book.slots[handle]
    level = book.nodes[order].level
    lots = 0
    order = book.nodes[order].prev
    while order != level:
        lots += book.nodes[order].qty
        order = book.nodes[order].prev
    return lots


@helper
def tell_own(m: Market) -> None:
    """Of each of the person's orders that is new, has changed or has moved up in its queue."""
    for slot in range(OWN_ORDERS):
        number = m.own[slot, O_NUMBER]
        if number == 0:
            continue
        venue, handle = m.own[slot, O_VENUE], len(m.family) * SLOTS + slot
        lots, ahead = rests(m, venue, handle), 0
        if lots > 0:
            ahead = _ahead_in(m.book_a, handle) if venue == 0 else _ahead_in(m.book_b, handle)
        if lots != m.own[slot, O_LOTS] or ahead != m.own[slot, O_AHEAD]:
            _tell(
                m.told, m.counts, RESTS, number, venue, m.own[slot, O_SIDE], m.own[slot, O_PRICE], lots, ahead
            )
        m.own[slot, O_LOTS] = lots
        m.own[slot, O_AHEAD] = ahead
        if lots == 0:
            m.own[slot, O_NUMBER] = 0
