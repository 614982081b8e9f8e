"""Taking liquidity on paper: what the real book displays, less what we have consumed of it before.

Consumed size is kept a level and forgotten when the venue next updates that level: from then on the book says what is
there. So two orders of ours never fill against the same lots, and no order of ours changes the real book.
"""

from __future__ import annotations

from engine.agents.trading import BUY, Ints
from engine.kernels import helper
from engine.kernels.level_book import ASK, BEST, EMPTY, Book, lots_at, next_level
from engine.market.inventory import book_trade
from engine.paper.state import (
    C_CHANGED,
    C_FILLS,
    C_INCOME,
    C_WATCHED,
    F_FEE,
    F_LOTS,
    F_NUMBER,
    F_OWNER,
    F_PRICE,
    F_SIDE,
    F_VENUE,
    F_WAITED,
    MOST_TAKEN,
    O_CHANGED,
    W_CONSUMED,
    W_ORDERS,
    W_PRICE,
    W_SHOWN,
    W_SIDE,
    W_TRADED,
    X_MAKER,
    X_TAKER,
    Floor,
)

ANY_PRICE = 2**62


@helper
def watched(watch: Ints, count: int, venue: int, side: int, price: int) -> int:
    """The row of a level among those watched, or -1."""
    for row in range(count):
        if watch[venue, row, W_PRICE] == price and watch[venue, row, W_SIDE] == side:
            return row
    return -1


@helper
def watch_level(p: Floor, book: Book, venue: int, side: int, price: int) -> int:
    """The row of a level, watched from now on; -1 where there is no room."""
    count: int = p.counts[C_WATCHED + venue]
    row = watched(p.watch, count, venue, side, price)
    if row >= 0 or count == p.watch.shape[1]:
        return row
    p.watch[venue, count, W_SIDE] = side
    p.watch[venue, count, W_PRICE] = price
    p.watch[venue, count, W_SHOWN] = lots_at(
        book.head, book.cells, book.far, side, price if side == ASK else -price
    )
    p.watch[venue, count, W_TRADED] = 0
    p.watch[venue, count, W_CONSUMED] = 0
    p.watch[venue, count, W_ORDERS] = 0
    p.counts[C_WATCHED + venue] = count + 1
    return count


@helper
def free_at(p: Floor, book: Book, venue: int, side: int, key: int) -> int:
    """Lots displayed at a key that we have not consumed."""
    shown = lots_at(book.head, book.cells, book.far, side, key)
    row = watched(p.watch, p.counts[C_WATCHED + venue], venue, side, key if side == ASK else -key)
    free: int = shown - (p.watch[venue, row, W_CONSUMED] if row >= 0 else 0)
    return free


@helper
def next_free(p: Floor, book: Book, venue: int, side: int, key: int) -> int:
    """The first key from `key` on at which something is free, or EMPTY."""
    while key != EMPTY:
        key = next_level(book.head, book.cells, book.far, side, key)
        if key == EMPTY or free_at(p, book, venue, side, key) > 0:
            return key
        key += 1
    return EMPTY


@helper
def best_free(p: Floor, book: Book, venue: int, side: int) -> int:
    """The best key at which something is free, or EMPTY."""
    return next_free(p, book, venue, side, book.head[side, BEST])


@helper
def free_within(p: Floor, book: Book, venue: int, side: int, limit: int, enough: int) -> int:
    """Lots free on a side no further than price `limit`, counted until there are `enough`."""
    total = 0
    key = best_free(p, book, venue, side)
    while key != EMPTY and total < enough and (key <= limit if side == ASK else -key >= limit):
        total += free_at(p, book, venue, side, key)
        key = next_free(p, book, venue, side, key + 1)
    return total


@helper
def note_change(p: Floor, venue: int, place: int) -> None:
    """The order in that place is to be told of after this step."""
    if p.orders[venue, place, O_CHANGED] == 0:
        p.orders[venue, place, O_CHANGED] = 1
        n = p.counts[C_CHANGED]
        p.changed[n, 0] = venue
        p.changed[n, 1] = place
        p.counts[C_CHANGED] = n + 1


@helper
def room_for_fills(p: Floor) -> bool:
    return bool(p.counts[C_FILLS] < len(p.fills))


@helper
def enter_fill(
    p: Floor, venue: int, owner: int, number: int, side: int, price: int, lots: int, waited: int
) -> None:
    """Book a fill and list it; there must be room."""
    bought = lots if side == BUY else -lots
    ppm = p.fees[owner, X_MAKER if waited else X_TAKER]
    fee = book_trade(p.ledger, p.held, owner, venue, bought, price, ppm)
    p.counts[C_INCOME] += fee
    n = p.counts[C_FILLS]
    p.fills[n, F_VENUE] = venue
    p.fills[n, F_NUMBER] = number
    p.fills[n, F_OWNER] = owner
    p.fills[n, F_SIDE] = side
    p.fills[n, F_PRICE] = price
    p.fills[n, F_LOTS] = lots
    p.fills[n, F_FEE] = fee
    p.fills[n, F_WAITED] = waited
    p.counts[C_FILLS] = n + 1


@helper
def consume(
    p: Floor,
    book: Book,
    venue: int,
    owner: int,
    number: int,
    side: int,
    limit: int,
    lots: int,
    at: int,
) -> int:
    """Fill up to `lots` against the other side's free size, no further than `limit`. Returns the lots left.

    Fills are at each level's price; where `at` is not 0 they are at that price, of an order that waited there.
    """
    against = 1 - side
    key = best_free(p, book, venue, against)
    while lots > 0 and key != EMPTY and room_for_fills(p):
        price = key if against == ASK else -key
        if price > limit if side == BUY else price < limit:
            break
        row = watched(p.watch, p.counts[C_WATCHED + venue], venue, against, price)
        if row < 0 and p.counts[C_WATCHED + venue] < MOST_TAKEN:
            row = watch_level(p, book, venue, against, price)
        if row < 0:
            break
        part = min(lots, free_at(p, book, venue, against, key))
        p.watch[venue, row, W_CONSUMED] += part
        enter_fill(p, venue, owner, number, side, at if at != 0 else price, part, 1 if at != 0 else 0)
        lots -= part
        key = next_free(p, book, venue, against, key + 1)
    return lots
