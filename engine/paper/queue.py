"""Waiting on paper: an estimate of the queue before each resting order, moved by the real market's events.

On placing, the whole displayed size stands ahead. A trade at the price takes from the front: first what is ahead,
then us. When the venue shows less than the trades since its last word explain, somebody cancelled, and cancels are
taken to be spread evenly over the queue; what is added queues up behind. A trade beyond our price would have met us
first, and so would a best price that reaches ours. One trade fills no more of us than its own size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.batch import GOES_ON, MISSING, Levels, Rows
from engine.events import Kind
from engine.kernels import helper
from engine.kernels.level_book import ASK, BEST, BID, EMPTY, Book, lots_at
from engine.paper.state import (
    C_EVENT,
    C_WATCHED,
    MOST_OWN,
    O_AHEAD,
    O_LOTS,
    O_NUMBER,
    O_OWNER,
    O_PRICE,
    O_SIDE,
    O_TURN,
    S_LOTS,
    S_VALUE,
    W_CONSUMED,
    W_ORDERS,
    W_PRICE,
    W_SHOWN,
    W_SIDE,
    W_TRADED,
    Floor,
)
from engine.paper.walk import consume, enter_fill, note_change, room_for_fills, watched

_SNAPSHOT, _DELTA, _TRADE = int(Kind.SNAPSHOT), int(Kind.DELTA), int(Kind.TRADE)
_MOST = 2**53
_int64: Any = np.int64  # a row's integers would differ by field otherwise, and so would every helper
_FIRST = -(2**62)


@helper
def leave_level(p: Floor, venue: int, side: int, price: int) -> None:
    """One order of ours less rests there."""
    row = watched(p.watch, p.counts[C_WATCHED + venue], venue, side, price)
    if row >= 0:
        p.watch[venue, row, W_ORDERS] -= 1


@helper
def _tell_own(p: Floor, venue: int, place: int) -> None:
    """The queue ahead of the person's own order is shown as it shrinks; of an agent's nobody asks."""
    if place >= p.orders.shape[1] - MOST_OWN:
        note_change(p, venue, place)


@helper
def _reduce(p: Floor, venue: int, place: int, lots: int) -> None:
    """So many lots of a resting order are filled."""
    p.orders[venue, place, O_LOTS] -= lots
    note_change(p, venue, place)
    if p.orders[venue, place, O_LOTS] == 0:
        leave_level(p, venue, p.orders[venue, place, O_SIDE], p.orders[venue, place, O_PRICE])


@helper
def next_in_line(p: Floor, venue: int, side: int, limit: int, key: int, turn: int) -> int:
    """The place of the next resting order of a side behind (key, turn), no further than key `limit`; or -1."""
    found = -1
    best_key = best_turn = 0
    for place in range(p.orders.shape[1]):
        if p.orders[venue, place, O_LOTS] <= 0 or p.orders[venue, place, O_SIDE] != side:
            continue
        its_key = p.orders[venue, place, O_PRICE]
        if side == BID:
            its_key = -its_key
        its_turn = p.orders[venue, place, O_TURN]
        behind = its_key > key or (its_key == key and its_turn > turn)
        if not behind or its_key > limit:
            continue
        if found < 0 or its_key < best_key or (its_key == best_key and its_turn < best_turn):
            found, best_key, best_turn = place, its_key, its_turn
    return found


@helper
def _find_edges(p: Floor, venue: int) -> None:
    """Forget levels that matter no more; the lowest and highest price that is still watched, a side."""
    p.edges[venue, 0] = p.edges[venue, 2] = 2**62
    p.edges[venue, 1] = p.edges[venue, 3] = _FIRST
    kept = 0
    for row in range(p.counts[C_WATCHED + venue]):
        if p.watch[venue, row, W_ORDERS] == 0 and p.watch[venue, row, W_CONSUMED] == 0:
            continue
        if kept != row:
            for column in range(p.watch.shape[2]):
                p.watch[venue, kept, column] = p.watch[venue, row, column]
        side, price = p.watch[venue, kept, W_SIDE], p.watch[venue, kept, W_PRICE]
        p.edges[venue, 2 * side] = min(p.edges[venue, 2 * side], price)
        p.edges[venue, 2 * side + 1] = max(p.edges[venue, 2 * side + 1], price)
        kept += 1
    p.counts[C_WATCHED + venue] = kept


@helper
def _on_trade(p: Floor, venue: int, price: int, lots: int, side: int, seen: bool) -> None:
    """A trade that met the orders of book side `side`. `seen`: the book has shown its effect before."""
    if price < p.edges[venue, 2] if side == ASK else price > p.edges[venue, 1]:
        return  # nothing of ours is as good
    key = price if side == ASK else -price
    row = watched(p.watch, p.counts[C_WATCHED + venue], venue, side, price)
    if row >= 0 and not seen:
        p.watch[venue, row, W_TRADED] += lots
    left = lots
    at_key, turn = _FIRST, _FIRST
    while True:
        place = next_in_line(p, venue, side, key, at_key, turn)
        if place < 0:
            return
        order = p.orders[venue, place]
        at_key, turn = (order[O_PRICE] if side == ASK else -order[O_PRICE]), order[O_TURN]
        ahead = order[O_AHEAD] if at_key == key else 0
        part = min(order[O_LOTS], max(0, left - ahead))
        order[O_AHEAD] = max(0, ahead - lots)
        if part > 0 and room_for_fills(p):
            enter_fill(p, venue, order[O_OWNER], order[O_NUMBER], side, order[O_PRICE], part, 1)
            _reduce(p, venue, place, part)
            left -= part
        elif part == 0:
            _tell_own(p, venue, place)


@helper
def _on_level(p: Floor, venue: int, side: int, price: int, lots: int) -> None:
    """The venue says that `lots` are displayed at a price now."""
    if price < p.edges[venue, 2 * side] or price > p.edges[venue, 2 * side + 1]:
        return
    row = watched(p.watch, p.counts[C_WATCHED + venue], venue, side, price)
    if row < 0:
        return
    expected = max(0, p.watch[venue, row, W_SHOWN] - p.watch[venue, row, W_TRADED])
    if lots < expected and p.watch[venue, row, W_ORDERS] > 0:
        _cancelled(p, venue, side, price, lots / expected)
    p.watch[venue, row, W_SHOWN] = lots
    p.watch[venue, row, W_TRADED] = 0
    p.watch[venue, row, W_CONSUMED] = 0


@helper
def _cancelled(p: Floor, venue: int, side: int, price: int, kept: float) -> None:
    """Only this share of the queue at a price is still there."""
    for place in range(p.orders.shape[1]):
        order = p.orders[venue, place]
        if order[O_LOTS] > 0 and order[O_PRICE] == price and order[O_SIDE] == side and order[O_AHEAD] > 0:
            order[O_AHEAD] = int(order[O_AHEAD] * kept)
            _tell_own(p, venue, place)


@helper
def look_again(p: Floor, book: Book, venue: int) -> None:
    """After a snapshot or a break nobody knows what happened between: the queue is what is shown, at most."""
    for row in range(p.counts[C_WATCHED + venue]):
        side, price = p.watch[venue, row, W_SIDE], p.watch[venue, row, W_PRICE]
        key = price if side == ASK else -price
        p.watch[venue, row, W_SHOWN] = lots_at(book.head, book.cells, book.far, side, key)
        p.watch[venue, row, W_TRADED] = 0
        p.watch[venue, row, W_CONSUMED] = 0
    for place in range(p.orders.shape[1]):
        order = p.orders[venue, place]
        if order[O_LOTS] <= 0:
            continue
        row = watched(p.watch, p.counts[C_WATCHED + venue], venue, order[O_SIDE], order[O_PRICE])
        if row >= 0 and order[O_AHEAD] > p.watch[venue, row, W_SHOWN]:
            order[O_AHEAD] = p.watch[venue, row, W_SHOWN]
            _tell_own(p, venue, place)


@helper
def _meet(p: Floor, book: Book, venue: int, side: int) -> None:
    """Orders that the other side's best has reached fill at their own price, as far as there is size."""
    best = book.head[1 - side, BEST]
    if best == EMPTY:
        return
    limit = -best  # the key on our side that has the other side's best price
    key, turn = _FIRST, _FIRST
    while True:
        place = next_in_line(p, venue, side, limit, key, turn)
        if place < 0:
            return
        order = p.orders[venue, place]
        key, turn = (order[O_PRICE] if side == ASK else -order[O_PRICE]), order[O_TURN]
        lots, price = order[O_LOTS], order[O_PRICE]
        left = consume(p, book, venue, order[O_OWNER], order[O_NUMBER], side, price, lots, price)
        if left < lots:
            _reduce(p, venue, place, lots - left)


@helper
def _row_levels(p: Floor, venue: int, levels: Levels, start: int, turn: int, end: int) -> None:
    for i in range(start, end):
        _on_level(p, venue, BID if i < turn else ASK, levels[i, 0], levels[i, 1])


@helper
def on_market(p: Floor, book: Book, venue: int, symbol: int, rows: Rows, levels: Levels, fresh: bool) -> None:
    """What a batch did to our resting orders. `book` is as the batch left it; `fresh`: it was not known before."""
    _find_edges(p, venue)
    for i in range(len(rows)):
        row = rows[i]
        if row.symbol != symbol:
            continue
        if row.kind == _SNAPSHOT and (fresh or row.flags & GOES_ON == 0):
            fresh = True
        elif row.kind == _DELTA and not fresh:
            start, bids, asks = _int64(row.level_start), _int64(row.bid_count), _int64(row.ask_count)
            if min(start, bids, asks) >= 0 and start + bids + asks <= len(levels):
                _row_levels(p, venue, levels, start, start + bids, start + bids + asks)
                if row.ts_event != MISSING:
                    p.counts[C_EVENT + venue] = row.ts_event
        elif row.kind == _TRADE and 0 < row.size_lots <= _MOST and -_MOST <= row.price_ticks <= _MOST:
            p.slow[venue, S_VALUE] += float(row.price_ticks) * row.size_lots
            p.slow[venue, S_LOTS] += row.size_lots
            seen = row.ts_event != MISSING and row.ts_event <= p.counts[C_EVENT + venue]
            side = ASK if row.side > 0 else BID
            if not fresh:
                _on_trade(p, venue, row.price_ticks, row.size_lots, side, seen)
    if fresh:
        look_again(p, book, venue)
    for side in range(2):
        _meet(p, book, venue, side)
