"""The book's self-proof: its top against the venue's own, at equal update ids, or by the venue's checksum.

A checksum comes with the update and is compared at once. The venue's best prices come beside it:

After a depth update that ends at id u the true top is what the venue last said at an id not beyond u. That
is certain once it has spoken of an id >= u; until then the comparison waits in a small ring. It has no answer

- when no TOP since the snapshot is known at an id <= u (what came before may have missed some), or
- when the venue was already past u as the depth update came: the TOP that holds at u is gone by then, or
- when 128 later updates came before the venue spoke again.
"""

from __future__ import annotations

from engine.batch import MISSING
from engine.kernels import helper
from engine.kernels.level_book import MISMATCH, WRONG_SUM, Ints
from engine.kernels.market import (
    ASK_LOTS,
    BID_KEY,
    DECIDED,
    PENDING,
    PENDING_COUNT,
    PENDING_FIRST,
    VENUE_ASK,
    VENUE_ASK_LOTS,
    VENUE_BID,
    VENUE_BID_LOTS,
    VENUE_ID,
    VERIFIED,
)


@helper
def forget(now: Ints) -> None:
    """A new beginning: nothing waits and the venue has not spoken."""
    now[PENDING_COUNT] = 0
    now[VENUE_ID] = MISSING


@helper
def book_says(now: Ints, pending: Ints, update_id: int) -> None:
    """Remember the book's top at this id until the venue's word on it is in."""
    if update_id == MISSING or now[VENUE_ID] == MISSING or now[VENUE_ID] > update_id:
        return
    if now[PENDING_COUNT] == PENDING:
        now[PENDING_FIRST] = (now[PENDING_FIRST] + 1) % PENDING
        now[PENDING_COUNT] -= 1
    at = (now[PENDING_FIRST] + now[PENDING_COUNT]) % PENDING
    pending[at, 0] = update_id
    for i in range(ASK_LOTS - BID_KEY + 1):
        pending[at, 1 + i] = now[BID_KEY + i]
    now[PENDING_COUNT] += 1


@helper
def _agree(now: Ints, pending: Ints, at: int) -> bool:
    """Price and size on both sides; an empty side is one without lots, whatever its price."""
    bid_lots, ask_lots = pending[at, 2], pending[at, 4]
    return (
        bid_lots == now[VENUE_BID_LOTS]
        and ask_lots == now[VENUE_ASK_LOTS]
        and (bid_lots == 0 or -pending[at, 1] == now[VENUE_BID])
        and (ask_lots == 0 or pending[at, 3] == now[VENUE_ASK])
    )


@helper
def _decide(now: Ints, pending: Ints, below: int) -> int:
    """Compare what waits at ids under `below` with the venue's latest word."""
    flags = 0
    while now[PENDING_COUNT] > 0 and pending[now[PENDING_FIRST], 0] < below:
        now[DECIDED] += 1
        if _agree(now, pending, now[PENDING_FIRST]):
            now[VERIFIED] += 1
        else:
            flags = MISMATCH
        now[PENDING_FIRST] = (now[PENDING_FIRST] + 1) % PENDING
        now[PENDING_COUNT] -= 1
    return flags


@helper
def venue_says(
    now: Ints, pending: Ints, update_id: int, bid: int, bid_lots: int, ask: int, ask_lots: int
) -> int:
    """A TOP row. Returns MISMATCH when a comparison that it decides fails, else 0."""
    if update_id == MISSING or (now[VENUE_ID] != MISSING and update_id < now[VENUE_ID]):
        return 0
    flags = _decide(now, pending, update_id)
    now[VENUE_ID] = update_id
    now[VENUE_BID] = bid
    now[VENUE_BID_LOTS] = bid_lots
    now[VENUE_ASK] = ask
    now[VENUE_ASK_LOTS] = ask_lots
    return flags | _decide(now, pending, update_id + 1)


@helper
def sums_agree(now: Ints, ours: int, theirs: int) -> int:
    """The venue's checksum of the book as it is now. Returns WRONG_SUM where ours is another, else 0."""
    now[DECIDED] += 1
    if ours != theirs:
        return WRONG_SUM
    now[VERIFIED] += 1
    return 0
