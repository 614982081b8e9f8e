"""A paper venue's step: the real market moves, what is on its way arrives, agents decide.

Everything here works on plain arrays; Python calls it once a tick and reads fills and changed orders afterwards.
"""

from __future__ import annotations

import math

from engine.agents import arbitrage, informed, maker, others
from engine.agents.trading import (
    ASK,
    BID,
    BUY,
    FAIR,
    KIND,
    LOTS,
    PRICE,
    SIDE,
    SLOT,
    SLOTS,
    TRANSFER,
    VENUE,
    Ints,
)
from engine.batch import Levels, Rows
from engine.kernels import helper, inlined, jit
from engine.kernels.level_book import EMPTY, Book
from engine.kernels.matching_state import Do
from engine.market.inventory import mark
from engine.market.state import ARBITRAGE, INFORMED, MAKER, POSITION, QUOTES
from engine.paper.queue import leave_level, on_market
from engine.paper.sight import crowd_of, look, measure, tell, withdraw
from engine.paper.state import (
    AGENT_NUMBERS,
    C_BLOCK,
    C_HEAD,
    C_LOST,
    C_REFUSED,
    C_TAIL,
    C_TICK,
    C_TURN,
    M_WITHDRAWN,
    MOST_OWN,
    N_BLOCK,
    N_DUE,
    N_KIND,
    N_LOTS,
    N_NUMBER,
    N_OWNER,
    N_PLACE,
    N_PRICE,
    N_SIDE,
    N_VENUE,
    NOWHERE,
    O_AHEAD,
    O_CHANGED,
    O_LOTS,
    O_NUMBER,
    O_OWNER,
    O_PRICE,
    O_SIDE,
    O_TURN,
    R_CROSSED,
    R_DRY,
    R_FULL,
    S_MID,
    U_JITTED,
    U_LATENCY,
    U_LOTS,
    U_TICKS,
    U_VENUES,
    W_ORDERS,
    W_SHOWN,
    W_TRADED,
    Floor,
)
from engine.paper.walk import ANY_PRICE, best_free, consume, free_within, note_change, watch_level

_CANCEL, _MARKET, _IOC, _FOK, _POST_ONLY = (
    int(do) for do in (Do.CANCEL, Do.MARKET, Do.IOC, Do.FOK, Do.POST_ONLY)
)
TICKS_A_SECOND = 10


@helper
def _refuse(p: Floor, owner: int, number: int, why: int) -> None:
    """Only the person is told."""
    n = p.counts[C_REFUSED]
    if owner == len(p.family) and n < len(p.refused):
        p.refused[n, 0] = number
        p.refused[n, 1] = why
        p.counts[C_REFUSED] = n + 1


@helper
def cancel(p: Floor, venue: int, place: int) -> None:
    """Take a resting order away; nothing where none rests."""
    if p.orders[venue, place, O_LOTS] > 0:
        p.orders[venue, place, O_LOTS] = 0
        leave_level(p, venue, p.orders[venue, place, O_SIDE], p.orders[venue, place, O_PRICE])
        note_change(p, venue, place)


@helper
def _cancel_own(p: Floor, venue: int, number: int) -> None:
    """The person's order of that number, or all of them for 0."""
    places = p.orders.shape[1]
    for place in range(places - MOST_OWN, places):
        if number == 0 or p.orders[venue, place, O_NUMBER] == number:
            cancel(p, venue, place)


@helper
def _own_place(p: Floor, venue: int) -> int:
    """A free place for an order of the person's, or -1."""
    places = p.orders.shape[1]
    for place in range(places - MOST_OWN, places):
        if p.orders[venue, place, O_LOTS] <= 0 and p.orders[venue, place, O_CHANGED] == 0:
            return place
    return -1


@helper
def _rest(
    p: Floor, book: Book, venue: int, place: int, owner: int, number: int, side: int, price: int, lots: int
) -> bool:
    """Join the queue behind all that is displayed; False where there is no room."""
    if place < 0:
        place = _own_place(p, venue)
    if place < 0:
        return False
    row = watch_level(p, book, venue, side, price)
    if row < 0:
        return False
    p.watch[venue, row, W_ORDERS] += 1
    order = p.orders[venue, place]
    order[O_SIDE], order[O_PRICE], order[O_LOTS] = side, price, lots
    order[O_AHEAD] = max(0, p.watch[venue, row, W_SHOWN] - p.watch[venue, row, W_TRADED])
    order[O_TURN], order[O_NUMBER], order[O_OWNER] = p.counts[C_TURN], number, owner
    p.counts[C_TURN] += 1
    note_change(p, venue, place)
    return True


@helper
def _place(
    p: Floor,
    book: Book,
    venue: int,
    place: int,
    owner: int,
    number: int,
    kind: int,
    side: int,
    price: int,
    lots: int,
) -> None:
    """An order arrives: it takes what it may, and rests if it is of a kind that waits."""
    p.ledger[owner, QUOTES] += 1
    if kind in (_MARKET, _IOC, _FOK):
        any_price = ANY_PRICE if side == BUY else -ANY_PRICE
        limit = any_price if kind == _MARKET else price
        if kind == _FOK and free_within(p, book, venue, 1 - side, limit, lots) < lots:
            return
        if consume(p, book, venue, owner, number, side, limit, lots, 0) > 0:
            _refuse(p, owner, number, R_DRY)
        return
    best = best_free(p, book, venue, 1 - side)
    meets = best != EMPTY and (best <= price if side == BUY else -best >= price)
    if meets and kind == _POST_ONLY:
        _refuse(p, owner, number, R_CROSSED)
        return
    if meets:
        lots = consume(p, book, venue, owner, number, side, price, lots, 0)
    if lots > 0 and not _rest(p, book, venue, place, owner, number, side, price, lots):
        _refuse(p, owner, number, R_FULL)


@helper
def _arrive(p: Floor, books: tuple[Book, Book], live: Ints) -> None:
    """Carry out what has arrived by now, decision by decision: a stale quote goes before a new one comes.

    What arrives at a venue that is not live is turned away.
    """
    room = len(p.pending)
    while (
        p.counts[C_HEAD] < p.counts[C_TAIL] and p.pending[p.counts[C_HEAD] % room, N_DUE] <= p.counts[C_TICK]
    ):
        first = p.counts[C_HEAD]
        block = p.pending[first % room, N_BLOCK]
        stop = first
        while stop < p.counts[C_TAIL] and p.pending[stop % room, N_BLOCK] == block:
            _make_way(p, stop % room)
            stop += 1
        for at in range(first, stop):
            row = p.pending[at % room]
            venue = row[N_VENUE]
            if row[N_KIND] == TRANSFER:
                p.held[row[N_OWNER], venue] += row[N_LOTS]
                p.held[row[N_OWNER], 1 - venue] -= row[N_LOTS]
            elif row[N_KIND] == _CANCEL:
                if row[N_OWNER] == len(p.family):
                    _cancel_own(p, venue, row[N_NUMBER])
            elif row[N_LOTS] > 0 and live[venue]:
                _place(
                    p, books[venue], venue, row[N_PLACE], row[N_OWNER], row[N_NUMBER],
                    row[N_KIND], row[N_SIDE], row[N_PRICE], row[N_LOTS],
                )  # fmt: skip
        p.counts[C_HEAD] = stop


@helper
def _make_way(p: Floor, at: int) -> None:
    """Cancel what rests in a place unless the same is wanted there: then it keeps its turn in the queue."""
    row = p.pending[at]
    if row[N_PLACE] < 0 or row[N_KIND] == TRANSFER:
        return
    order = p.orders[row[N_VENUE], row[N_PLACE]]
    left, lots = order[O_LOTS], row[N_LOTS]
    if left <= 0:
        return
    same = order[O_PRICE] == row[N_PRICE] and order[O_SIDE] == row[N_SIDE] and row[N_KIND] != _CANCEL
    if same and 2 * left >= lots and left <= 2 * lots:
        row[N_LOTS] = 0
    else:
        cancel(p, row[N_VENUE], row[N_PLACE])


@inlined
def _decide(p: Floor, agent: int) -> int:
    family = p.family[agent]
    unit = p.rules[U_LOTS]
    held = p.ledger[agent, POSITION] / unit
    if family == MAKER:
        return maker.decide(
            p.sight, p.params, MAKER, p.table, p.traits, p.memory, p.streams, agent, 0, held, unit, p.out
        )
    if family == INFORMED:
        return informed.decide(
            p.sight, p.params, INFORMED, p.traits, p.memory, p.streams, agent, 0, held, unit, p.out
        )
    if family == ARBITRAGE and p.rules[U_VENUES] < 2.0:
        return 0
    if family == ARBITRAGE:
        return arbitrage.decide(p.sight, p.params, ARBITRAGE, p.traits, p.streams, agent, p.held, unit, p.out)
    return others.decide(
        p.sight, p.params, family, p.traits, p.memory, p.streams, agent, 0, p.held, unit, p.out
    )


@helper
def _send(p: Floor, agent: int, count: int) -> None:
    """What an agent decided, in the symbol's ticks, on its way to the venue; what finds no room is lost."""
    head, tail, room = p.counts[C_HEAD], p.counts[C_TAIL], len(p.pending)
    block = p.counts[C_BLOCK]
    ticks = int(p.rules[U_TICKS])
    if tail + count - head > room:
        p.counts[C_LOST] += count
        return
    for i in range(count):
        said, row = p.out[i], p.pending[(tail + i) % room]
        row[N_DUE], row[N_BLOCK] = p.counts[C_TICK] + int(p.rules[U_LATENCY]), block
        row[N_VENUE], row[N_OWNER], row[N_KIND] = said[VENUE], agent, said[KIND]
        row[N_SIDE], row[N_PRICE], row[N_LOTS] = said[SIDE], said[PRICE] * ticks, said[LOTS]
        row[N_PLACE] = agent * SLOTS + said[SLOT] if said[SLOT] >= 0 else NOWHERE
        row[N_NUMBER] = AGENT_NUMBERS + said[VENUE] * p.orders.shape[1] + agent * SLOTS + max(said[SLOT], 0)
    p.counts[C_BLOCK] = block + 1
    p.counts[C_TAIL] = tail + count


@helper
def _agents(p: Floor) -> None:
    if p.moods[M_WITHDRAWN] > 0.0:
        withdraw(p)
    for agent in range(int(p.rules[U_JITTED])):
        count = _decide(p, agent)
        if count > 0:
            _send(p, agent, count)


@helper
def _see(p: Floor, book: Book, venue: int, live: bool, crowd: float) -> None:
    if live:
        look(p, book, venue)
    else:
        p.marks[venue, :] = math.nan
        p.sight[venue, BID] = p.sight[venue, ASK] = math.nan
    measure(p, venue)
    tell(p, venue, crowd)


@jit
def step(
    p: Floor, books: tuple[Book, Book], symbols: Ints, live: Ints, fresh: Ints, rows: Rows, levels: Levels
) -> None:
    """A tick: `rows` are the real market's since the last one, `books` as they left them.

    symbols, live, fresh: shape (VENUES,). A venue that is not live is left alone; one that is fresh may have changed
    in ways that `rows` do not tell. With one venue the second book is the first one again, and not looked at.
    """
    p.counts[C_TICK] += 1
    venues = int(p.rules[U_VENUES])
    for venue in range(venues):
        if live[venue]:
            on_market(p, books[venue], venue, symbols[venue], rows, levels, fresh[venue] != 0)
    _arrive(p, books, live)
    crowd = crowd_of(p)
    for venue in range(venues):
        _see(p, books[venue], venue, live[venue] != 0, crowd)
    if p.counts[C_TICK] % TICKS_A_SECOND == 0:
        mark(p.ledger, p.held, p.marks)
    if not math.isnan(p.sight[0, FAIR]) and not math.isnan(p.slow[0, S_MID]):
        _agents(p)
        if p.rules[U_LATENCY] == 0.0:
            _arrive(p, books, live)


@jit
def trade_now(p: Floor, book: Book, venue: int, owner: int, side: int, lots: int) -> int:
    """A market order that acts at once, as shocks do. Returns the lots that found nobody."""
    return consume(p, book, venue, owner, 0, side, ANY_PRICE if side == BUY else -ANY_PRICE, lots, 0)
