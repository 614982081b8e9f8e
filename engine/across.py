"""The same asset on several venues: what buying on one and selling on another would bring, after both fees.

Prices in different dollars are comparable only where the rate between them is known, from a watched pair such as
USDT-USD; until then, and between a spot market and a future, the difference is a basis and not a spread to be earned.
A leg counts while its book is trusted; how long ago each venue spoke is told beside it, for an old price is no price.
"""

from __future__ import annotations

import math

import msgspec

from engine.asked import asked_as, lacking
from engine.core import State
from engine.frame.across import AcrossNow, LegNow
from engine.kernels import ladder as ladder_kernel
from engine.kernels.level_book import ASK, BID
from engine.kernels.market import HEARD_TS
from engine.quotes import rate, watched_rate
from engine.symbol import SymbolState

SPREAD, BASIS = "spread", "basis"
MOST_LEGS = 8
STEP = 1.2e-5  # of the price, that a row of the ladders is high at least
SHARE = 0.6  # of the rows, that touches may lie apart


def across_now(state: State, base: str, rows: int = 0) -> AcrossNow | None:
    """Every market in `base`, and the best trade between two; None where only one was asked for.

    `rows`: of each side of the ladders, all with the same price a row.
    """
    numbers = [number for number, symbol in state.symbols.items() if symbol.instrument.base == base]
    absent = lacking(state.asked, base)[:MOST_LEGS]
    if not numbers or len(numbers) + len(absent) < 2:
        return None
    first = state.symbols[numbers[0]]
    quote = first.instrument.quote
    legs = tuple(_leg(state, number, quote) for number in numbers[:MOST_LEGS])
    step = _step(legs, float(first.instrument.tick.value), rows) if rows else 0.0
    if step:
        legs = tuple(_with_ladder(state.symbols[leg.number], leg, step, rows) for leg in legs)
    best: tuple[float, int, int] | None = None  # after both fees
    for cheap, buy in enumerate(legs):
        for dear, sell in enumerate(legs):
            bps = gap_bps(buy, sell) if cheap != dear else None
            after = None if bps is None else bps - buy.fee_bps - sell.fee_bps
            if after is not None and (best is None or after > best[0]):
                best = after, cheap, dear
    if best is None:
        return AcrossNow(base, quote, legs, step=step, lacking=absent)
    after, cheap, dear = best
    kind, why = kind_of(state, legs[cheap], legs[dear])
    gap = gap_bps(legs[cheap], legs[dear])
    return AcrossNow(base, quote, legs, cheap, dear, gap, after, kind, why, step, absent)


def gap_bps(buy: LegNow, sell: LegNow) -> float | None:
    """What selling at one leg's bid brings over buying at the other's ask, in bp of the latter, before fees."""
    if not (buy.trusted and sell.trusted and buy.ask and sell.bid and buy.rate and sell.rate):
        return None
    return (sell.bid * sell.rate / (buy.ask * buy.rate) - 1.0) * 1e4


def kind_of(state: State, one: LegNow, other: LegNow) -> tuple[str, str]:
    """SPREAD or BASIS between two legs, and why."""
    a, b = (state.symbols[leg.number].instrument for leg in (one, other))
    if a.kind != b.kind or a.kind != "spot":
        return BASIS, "a future is no spot" if a.kind != b.kind else "futures"
    if a.quote == b.quote:
        return SPREAD, ""
    if watched_rate(state, a.quote, b.quote) is None:
        return BASIS, f"{a.quote}-{b.quote} is not watched"
    return SPREAD, f"at the {a.quote}-{b.quote} watched here"


def _leg(state: State, number: int, quote: str) -> LegNow:
    symbol = state.symbols[number]
    instrument, heard = symbol.instrument, int(symbol.market.now[HEARD_TS])
    return LegNow(
        number=number,
        venue=instrument.venue,
        symbol=instrument.symbol,
        state=symbol.shown_state,
        trusted=symbol.trusted,
        bid=_price(symbol, "best_bid_ticks"),
        bid_size=_size(symbol, "best_bid_lots"),
        ask=_price(symbol, "best_ask_ticks"),
        ask_size=_size(symbol, "best_ask_lots"),
        rate=rate(state, instrument.quote, quote),
        age_s=max(0, state.ts - heard) / 1e9 if heard > 0 else None,
        fee_bps=state.setup.taker_bps.get(instrument.venue, 0.0),
        asked=asked_as(state.asked, number),
    )


def _step(legs: tuple[LegNow, ...], tick: float, rows: int) -> float:
    """A price a row of 1, 2 or 5 times a power of ten, so that all touches are in sight; 0 while there is no price."""
    mids = [(leg.bid + leg.ask) / 2 * leg.rate for leg in legs if leg.bid and leg.ask and leg.rate]
    if not mids:
        return 0.0
    least = max(mids[0] * STEP, tick, (max(mids) - min(mids)) / max(1.0, rows * SHARE))
    power = 10.0 ** math.floor(math.log10(least))
    return next((k * power for k in (1.0, 2.0, 5.0) if k * power >= least * (1.0 - 1e-9)), 10.0 * power)


def _with_ladder(symbol: SymbolState, leg: LegNow, step: float, rows: int) -> LegNow:
    tick, lot = float(symbol.instrument.tick.value), float(symbol.instrument.lot.value)
    if not leg.rate:
        return leg
    group = min(max(1, round(step / leg.rate / tick)), ladder_kernel.MAX_GROUP)
    sides = []
    for side in (BID, ASK):
        read = ladder_kernel.read_ladder(symbol.market, side, group, rows).tolist()
        sides.append(tuple((ticks * tick * leg.rate, lots * lot) for ticks, lots, _ in read))
    return msgspec.structs.replace(leg, bids=sides[0], asks=sides[1])


def _price(symbol: SymbolState, name: str) -> float | None:
    ticks = symbol.feature(name)
    return None if ticks is None else symbol.instrument.tick.to_float(ticks)


def _size(symbol: SymbolState, name: str) -> float | None:
    lots = symbol.feature(name)
    return None if lots is None else lots * float(symbol.instrument.lot.value)
