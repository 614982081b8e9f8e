"""What the person asks of the simulated market, checked, and what it answers, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.instrument import Instrument
from engine.kernels.matching_state import Do
from engine.market.people import ask
from engine.market.state import (
    ASKS,
    CLOSED,
    CROSSES,
    LAST_MID,
    NO_PLACE,
    NOBODY,
    OWN_ORDERS,
    SETTLED,
    TOLD,
    UNHEARD,
    W_LOTS,
    W_NUMBER,
    W_PRICE,
    W_VENUE,
    W_WHAT,
    Market,
)
from engine.ports import CancelOrders, PlaceOrder
from engine.scenario import MOST_MONEY

FARTHEST = 10  # times the price, or a tenth of it: beyond that a limit is a slip of the hand


class Refused(ValueError):
    """Says what was expected, what was found, and what would work."""

    for_people = True


def place(market: Market, instruments: tuple[Instrument, ...], order: PlaceOrder) -> None:
    """Have the order sent in the next step. Raises Refused where no venue would take it."""
    instrument = _listed(instruments, order.symbol)
    price = _price(market, order.symbol)
    if order.side not in (-1, 1):
        raise Refused(f"expected side 1 to buy or -1 to sell, found {order.side}")
    most = int(MOST_MONEY / (FARTHEST * price))
    if not 1 <= order.lots <= most:
        found, least = _amount(instrument, order.lots), instrument.lot.text_of(1)
        raise Refused(f"expected a size of {least} to {_amount(instrument, most)}, found {found}")
    ticks = order.price_ticks
    if ticks is not None and not price / FARTHEST <= ticks <= price * FARTHEST:
        raise Refused(
            f"expected a limit from {instrument.tick.text_of(math.ceil(price / FARTHEST))} to "
            f"{instrument.tick.text_of(int(price * FARTHEST))}, found {instrument.tick.text_of(ticks)}"
        )
    if ticks is None and order.post_only:
        raise Refused("a post-only order waits at a price: expected one, found none")
    do = Do.MARKET if ticks is None else Do.POST_ONLY if order.post_only else Do.LIMIT
    side = 0 if order.side > 0 else 1
    if not ask(market, do, order.symbol, side, ticks or 0, order.lots):
        raise Refused(f"expected at most {ASKS} orders within a tenth of a second")


def cancel(market: Market, instruments: tuple[Instrument, ...], wish: CancelOrders) -> None:
    """Have it cancelled in the next step. Raises Refused where there is no such venue."""
    _listed(instruments, wish.symbol)
    number = 0 if wish.number is None else wish.number
    if number < 0 or not ask(market, Do.CANCEL, wish.symbol, number=number):
        raise Refused(
            f"expected an order's number, found {number}" if number < 0 else "one thing after another"
        )


def answers(market: Market, instruments: tuple[Instrument, ...]) -> Iterator[tuple[int, str]]:
    """What was refused in the last step and why: (symbol, sentence)."""
    for row in market.told[: int(market.counts[TOLD])].tolist():
        instrument = instruments[row[W_VENUE]]
        price, amount = instrument.tick.text_of(row[W_PRICE]), _amount(instrument, row[W_LOTS])
        text = {
            CLOSED: f"refused: {instrument.venue} has halted, it takes no orders and no cancels",
            NO_PLACE: f"refused: {OWN_ORDERS} of your orders rest already; cancel one first",
            CROSSES: f"refused: post-only at {price} would trade at once; take a price behind the other side's best",
            NOBODY: f"{amount} of your market order found nobody: that side of the book is empty",
            UNHEARD: f"nothing to cancel: order {row[W_NUMBER]} does not rest"
            if row[W_NUMBER]
            else "nothing to cancel: no order of yours rests",
        }.get(row[W_WHAT])
        if text is not None:
            yield row[W_VENUE], text


def _listed(instruments: tuple[Instrument, ...], symbol: int) -> Instrument:
    if not 0 <= symbol < len(instruments):
        raise Refused(f"expected a symbol from 0 to {len(instruments) - 1}, found {symbol}")
    return instruments[symbol]


def _price(market: Market, venue: int) -> float:
    last = float(market.world[venue, LAST_MID])
    return float(market.world[venue, SETTLED]) if math.isnan(last) else last


def _amount(instrument: Instrument, lots: int) -> str:
    return f"{instrument.lot.to_float(lots):g} {instrument.base}"
