"""A market of plain rules over the matching engine, to be held against the same rules written for Mesa.

Every agent acts once a step, in order. Makers requote around the mid and lean against what they hold; informed traders
take what is far from a value that wanders; noise traders take or wait; arbitrageurs take what is far from an
outside price. Each draws from a stream of its own, so that both programs can be given the same numbers.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inlined, jit
from engine.kernels.matching import CANCEL, LIMIT, MARKET, Records, submit
from engine.kernels.matching_state import EMPTY, TRADE, Prevention, State, new_state
from engine.rng import Streams, new_streams, uniform

MAKERS, INFORMED, NOISE, ARBITRAGE = range(4)
START_TICKS = 10_000
HANDLES = 6  # orders of a maker: three a side
HELD, CASH = 0, 1
SHARES = (10, 20, 50, 5)  # of 85
ACTS = (1.0, 0.2, 0.5, 1.0)  # the chance that one of a family does anything in a step

Ints = np.ndarray


def families(agents: int) -> Ints:
    """Each agent's family, in the default scenario's shares."""
    counts = [round(share * agents / sum(SHARES)) for share in SHARES]
    counts[NOISE] += agents - sum(counts)
    return np.repeat(np.arange(4), counts)


def new_run(agents: int, seed: int = 1) -> tuple[State, Records, Streams, Ints, Ints, Ints]:
    """(book, scratch for trades, streams, families, what each has, [value, trades]) before the first step."""
    state = new_state(Prevention.NONE, handles=HANDLES * agents, levels=HANDLES * agents + 8)
    # Word by word, so that the processor draws for several agents at once.
    streams = np.asfortranarray(new_streams(seed, [str(agent) for agent in range(agents)] + ["world"]))
    counts = np.array([START_TICKS, 0], np.int64)
    return (
        state,
        np.zeros(HANDLES * agents + 1, TRADE),
        streams,
        families(agents),
        np.zeros((agents, 2), np.int64),
        counts,
    )


@inlined
def _order(
    state: State,
    trades: Records,
    books: Ints,
    counts: Ints,
    kind: int,
    side: int,
    price: int,
    lots: int,
    handle: int,
    agent: int,
) -> None:
    _, count = submit(state, trades, 0, 0, kind, side, price, lots, handle, agent)
    for i in range(count):
        other, price_ticks = trades[i].maker_owner, trades[i].price
        bought = trades[i].qty if side == 0 else -trades[i].qty
        books[agent, HELD] += bought
        books[agent, CASH] -= bought * price_ticks
        books[other, HELD] -= bought
        books[other, CASH] += bought * price_ticks
    counts[1] += count


@jit
def run(
    state: State, trades: Records, streams: Streams, family: Ints, books: Ints, counts: Ints, seen: Ints
) -> None:
    """Go on by a step for each row of `seen`, which takes best bid, best ask and trades so far (EMPTY: no best).

    `counts` has the value in ticks and the number of trades.
    """
    lucks = np.empty(len(family))
    chances = np.array([ACTS[who] for who in family])
    acting = np.empty(len(family), np.int64)
    for step in range(len(seen)):
        # Streams are their own: drawn together, decisions need not wait for them. Who acts is found without a branch,
        # which nobody could foretell.
        for agent in range(len(family)):
            lucks[agent] = uniform(streams, agent)
        act = 0
        for agent in range(len(family)):
            acting[act] = agent
            act += lucks[agent] < chances[agent]
        luck = uniform(streams, len(family))
        counts[0] += (luck > 0.75) - (luck < 0.25)
        for agent in acting[:act]:
            luck, who = lucks[agent], family[agent]
            bid, ask, value = -state.sides[0].best, state.sides[1].best, counts[0]
            mine = HANDLES * agent
            if who == MAKERS:
                middle = (bid + ask) // 2 if bid != -EMPTY and ask != EMPTY else value
                low = middle - 2 - books[agent, HELD] // 20
                for i in range(HANDLES):
                    _order(state, trades, books, counts, CANCEL, 0, 0, 0, mine + i, agent)
                for away in range(HANDLES // 2):
                    bid_handle = mine + 2 * away
                    _order(state, trades, books, counts, LIMIT, 0, low - away, 5, bid_handle, agent)
                    _order(state, trades, books, counts, LIMIT, 1, low + 4 + away, 5, bid_handle + 1, agent)
            elif who == INFORMED:
                if value - ask > 3:
                    _order(state, trades, books, counts, MARKET, 0, 0, 3, -1, agent)
                elif bid - value > 3 and bid != -EMPTY:
                    _order(state, trades, books, counts, MARKET, 1, 0, 3, -1, agent)
            elif who == NOISE:
                side = 0 if uniform(streams, agent) < 0.5 else 1
                lots = 1 + int(uniform(streams, agent) * 5.0)
                if luck < 0.2:
                    _order(state, trades, books, counts, MARKET, side, 0, lots, -1, agent)
                else:
                    away = int(uniform(streams, agent) * 6.0)
                    best = bid if side == 0 else ask
                    best = best if abs(best) != EMPTY else value
                    _order(state, trades, books, counts, CANCEL, 0, 0, 0, mine, agent)
                    price = best - away if side == 0 else best + away
                    _order(state, trades, books, counts, LIMIT, side, price, lots, mine, agent)
            elif who == ARBITRAGE:
                outside = value + int((luck - 0.5) * 20.0)
                if outside - ask > 6:
                    _order(state, trades, books, counts, MARKET, 0, 0, 2, -1, agent)
                elif bid - outside > 6 and bid != -EMPTY:
                    _order(state, trades, books, counts, MARKET, 1, 0, 2, -1, agent)
        seen[step, 0], seen[step, 1], seen[step, 2] = -state.sides[0].best, state.sides[1].best, counts[1]
