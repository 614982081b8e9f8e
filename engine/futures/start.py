"""Where a session stands, as a market that futures can start from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.futures.wish import BadWhatIf, delay_s
from engine.ports import WhatIf
from engine.session import Session

if TYPE_CHECKING:
    from engine.events import Shock
    from engine.futures.pairs import Start
    from engine.market.source import SimSource
    from engine.market.state import Market

    Planned = tuple[tuple[int, Shock], ...]

# Session time -> the simulated market as it stood then; or its source, which knows what is planned too.
Rerun = Callable[[int], "Market | SimSource"]


def prepared(
    session: Session, wish: WhatIf, seed: int | None = None, rerun: Rerun | None = None
) -> Callable[[], Start]:
    """Takes a copy of what stands, here and now; the Start is made of it later, in any thread.

    Equal seeds give equal futures; without one it is the session's time. Raises BadWhatIf where nothing can be
    forked.
    """
    ts = session.state.ts
    seed = ts if seed is None else seed
    market: Market | None = getattr(session.source, "market", None)
    if market is not None:
        from engine.market.state import fork

        copy, planned = fork(market), getattr(session.source, "planned", ())
        return _exactly(lambda: (copy, planned), session, wish, seed)
    if rerun is not None:
        return _exactly(lambda: _as_it_stood(rerun(ts)), session, wish, seed)
    return _from_book(session, wish, seed)


def _as_it_stood(found: Market | SimSource) -> tuple[Market, Planned]:
    from engine.market.state import Market

    return (found, ()) if isinstance(found, Market) else (found.market, found.planned)


def _exactly(
    find: Callable[[], tuple[Market, Planned]], session: Session, wish: WhatIf, seed: int
) -> Callable[[], Start]:
    symbol = session.view.symbol
    delay = delay_s(wish, session.state.ts)
    tick = float(session.state.symbols[symbol].instrument.tick.value)

    def make() -> Start:
        from engine.futures.pairs import Start

        market, planned = find()
        return Start(
            market=market,
            venue=symbol,
            mid_ticks=_mid(market, symbol),
            price_a_tick=tick,
            seed=seed,
            seconds=wish.seconds,
            basis="this market itself; leans to its hidden value",
            venue_tick=tick,
            shock=wish.shock,
            delay_s=delay,
            planned=planned,
        )

    return make


def _mid(market: Market, venue: int) -> float:
    """In ticks; the last known one where a side is empty."""
    from engine.agents.trading import ASK, BID
    from engine.market.state import LAST_MID

    mid = 0.5 * float(market.sight[venue, BID] + market.sight[venue, ASK])
    if math.isnan(mid):
        mid = float(market.world[venue, LAST_MID])
    if math.isnan(mid):
        raise BadWhatIf("expected a market with a price, found one that has never been quoted on both sides")
    return mid


def _from_book(session: Session, wish: WhatIf, seed: int) -> Callable[[], Start]:
    from engine.futures.seen import seen_of

    state = session.state
    symbol = state.symbols[session.view.symbol]
    if not symbol.trusted:
        raise BadWhatIf(f"expected a book in sync, found {symbol.shown_state}: wait until it is back")
    delay = delay_s(wish, state.ts)
    seen = seen_of(symbol)

    def make() -> Start:
        from engine.futures.from_book import MORE_RUNS, from_book, sigma
        from engine.futures.pairs import Start
        from engine.futures.pilot import RUN_S

        # Futures that are as many and as long as a pilot's tell by themselves what a tick of theirs is worth.
        enough = wish.futures >= MORE_RUNS and wish.seconds >= RUN_S
        made = from_book(seen, seed, 0 if enough else MORE_RUNS)
        return Start(
            market=made.market,
            venue=0,
            mid_ticks=made.mid_ticks,
            price_a_tick=made.scale.price_a_tick,
            shift_ticks=seen.price / made.scale.price_a_tick - made.mid_ticks,
            spread_shift_ticks=seen.spread / made.scale.price_a_tick - made.spread_ticks,
            seed=seed,
            seconds=wish.seconds,
            basis=made.basis,
            venue_tick=seen.tick,
            sigma=sigma(seen) * seen.price if enough else None,
            shock=None if wish.shock is None else made.shock(wish.shock),
            delay_s=delay,
            depth_lots=made.depth_lots,
        )

    return make
