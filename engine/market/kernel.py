"""The simulated market's step: the world moves, shocks act, agents decide, their orders meet, inventories are booked.

Ten steps are a second.
"""

from __future__ import annotations

from engine.agents import arbitrage, informed, maker, noise, others
from engine.agents.trading import ASK, BID, BUY_RATE, DOUBT, Floats, Ints
from engine.kernels import helper, inlined, jit
from engine.kernels.matching_levels import find_level
from engine.market.exchange import carry_out, land, look
from engine.market.inventory import mark
from engine.market.liquidation import liquidate
from engine.market.people import serve, tell_own
from engine.market.shocks import act
from engine.market.state import (
    ARBITRAGE,
    ASKED,
    CHANGES,
    HALTED,
    INFORMED,
    K_LOTS,
    K_VENUES,
    MAKER,
    NOISE,
    NUMBER,
    POSITION,
    QUOTING,
    SHOCKS,
    STEPS,
    T_LOTS,
    T_SIDE,
    T_VENUE,
    TOLD,
    TRADES,
    UPDATES,
    Market,
)
from engine.market.world import advance

STEP_S = 0.1
STEPS_A_SECOND = 10
# a second of venue 0: best prices in ticks, number of trades, lots, the sentiment's uncertainty
SEEN_BID, SEEN_ASK, SEEN_TRADES, SEEN_BOUGHT, SEEN_SOLD, SEEN_DOUBT = range(6)
SEEN = 6


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
    if family == ARBITRAGE and m.physics[K_VENUES] < 2.0:
        return 0
    if family == ARBITRAGE:
        return arbitrage.decide(m.sight, m.params, ARBITRAGE, m.traits, m.streams, agent, m.held, unit, m.out)
    return others.decide(
        m.sight, m.params, family, m.traits, m.memory, m.streams, agent, venue, m.held, unit, m.out
    )


@inlined
def _crowd(family: Ints, memory: Floats) -> float:
    """Share of informed agents that follow sentiment."""
    count = following = 0.0
    for agent in range(len(family)):
        if family[agent] == INFORMED:
            count += 1.0
            following += memory[agent, informed.MODE]
    return following / count if count > 0.0 else 0.0


@inlined
def _presence(family: Ints, home: Ints, memory: Floats, venue: int) -> float:
    """Share of their size that the makers at home on a venue show; 0 where there are none."""
    makers = present = 0.0
    for agent in range(len(family)):
        if family[agent] == MAKER and home[agent] == venue:
            makers += 1.0
            present += memory[agent, maker.PRESENCE]
    return present / makers if makers > 0.0 else 0.0


@inlined
def _kept_waiting(
    family: Ints, home: Ints, flying: Ints, memory: Floats, sight: Floats, counts: Ints, agent: int
) -> bool:
    """Whether an agent cannot act: its venue is halted, or the legs of its arbitrage are not there yet."""
    arbitrages = family[agent] == ARBITRAGE
    if arbitrages and flying[agent] > 0:
        return True
    if counts[HALTED] == 0 or not (arbitrages or home[agent] == 0):
        return False
    if family[agent] == NOISE:
        # Arrivals add up behind the closed door: when it opens they flood in.
        for side in range(2):
            memory[agent, noise.FUSE_BUY + side] -= sight[0, BUY_RATE + side] * STEP_S
    return True


@inlined
def _count_updates(changed: Ints, counts: Ints) -> None:
    for venue in range(2):
        for i in range(counts[CHANGES]):
            if changed[i, 0] == venue:
                counts[UPDATES + venue] += 1
                break


@helper
def _step(m: Market, crowd: float) -> None:
    """Shocks act, orders under way arrive, then the person, the agents, and whoever is closed by force."""
    agents = len(m.family)
    m.counts[TRADES] = 0
    m.counts[CHANGES] = 0
    m.counts[TOLD] = 0
    advance(m.world, m.shared, m.sight, m.physics, m.rules, m.streams, agents, crowd, STEP_S)
    if m.counts[SHOCKS] > 0:
        act(m)
    land(m)
    if m.counts[ASKED] > 0:
        serve(m)
    for agent in range(agents):
        if _kept_waiting(m.family, m.venue, m.flying, m.memory, m.sight, m.counts, agent):
            continue
        count = _decide(m, agent)
        if count > 0:
            carry_out(m, agent, count, False)
    liquidate(m, agents + 1, STEP_S)
    if m.counts[NUMBER] > 0:
        tell_own(m)
    _count_updates(m.changed, m.counts)
    m.counts[STEPS] += 1


@inlined
def _note(tape: Ints, counts: Ints, sight: Floats, seen: Floats, row: int) -> None:
    """Venue 0's trades of this step, and its best prices, into a row of `seen`."""
    for i in range(counts[TRADES]):
        if tape[i, T_VENUE] == 0:
            seen[row, SEEN_TRADES] += 1.0
            seen[row, SEEN_BOUGHT + tape[i, T_SIDE]] += tape[i, T_LOTS]
    seen[row, SEEN_BID] = sight[0, BID]
    seen[row, SEEN_ASK] = sight[0, ASK]
    seen[row, SEEN_DOUBT] = sight[0, DOUBT]


@jit
def run_steps(m: Market, steps: int, seen: Floats) -> None:
    """Go on by so many tenths of a second. `tape` and `changed` hold the last step's trades and levels.

    `seen`, shape (n, SEEN), zeros: its rows take the first n seconds of venue 0, NaN where a side is empty;
    of no rows where nobody wants statistics.
    """
    crowd = _crowd(m.family, m.memory)
    for venue in range(2):
        look(m, venue)
    for step in range(steps):
        if m.counts[STEPS] % STEPS_A_SECOND == 0:
            crowd = _crowd(m.family, m.memory)
            for venue in range(2):
                m.world[venue, QUOTING] = _presence(m.family, m.venue, m.memory, venue)
            mark(m.ledger, m.held, m.sight)
        _step(m, crowd)
        if step // STEPS_A_SECOND < len(seen):
            _note(m.tape, m.counts, m.sight, seen, step // STEPS_A_SECOND)


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
