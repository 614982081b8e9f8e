"""All that one paper venue remembers: plain arrays, named here, beside a real book that nothing of ours ever reaches.

Owners are the agents, then the person, then the programme by which shocks trade. A venue stands beside one symbol, or
beside two where the same pair trades on both and arbitrageurs work between them. Prices are the symbol's ticks and
sizes its lots, but for what agents see and say: their parameters are written for a coarser tick and a larger unit, so
a whole number of ticks and lots stands for each of theirs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engine.agents import informed, maker
from engine.agents.glft import skew_table
from engine.agents.trading import MEMORY, ORDERS, SAID, SIGHT, SLOTS, VENUES, Floats, Ints
from engine.market.state import INFORMED, LEDGER, MAKER, new_market
from engine.paper.rules import Rules
from engine.rng import Streams, new_streams
from engine.scenario import Scenario

# orders, shape (VENUES, places, ORDER): what rests. An agent has SLOTS places, the person the MOST_OWN behind them.
O_SIDE, O_PRICE, O_LOTS, O_AHEAD, O_TURN, O_NUMBER, O_OWNER, O_CHANGED, O_TOLD = range(9)
ORDER = 9

# watch, shape (VENUES, WATCHED, WATCH): levels of the real book where something of ours rests, or took something
W_SIDE, W_PRICE, W_SHOWN, W_TRADED, W_CONSUMED, W_ORDERS = range(6)
WATCH = 6
WATCHED = 2048
MOST_TAKEN = 1536  # that taking may fill of them: after a shock larger than the book quotes still find room

# pending, a ring of shape (room, PENDING): what was decided and has not reached the venue yet
N_DUE, N_BLOCK, N_VENUE, N_OWNER, N_KIND, N_SIDE, N_PRICE, N_LOTS, N_PLACE, N_NUMBER = range(10)
PENDING = 10
NOWHERE = -1  # as a place: the order never rests; of the person's: wherever there is room

# fills, shape (FILLS, FILL): of this step
F_VENUE, F_NUMBER, F_OWNER, F_SIDE, F_PRICE, F_LOTS, F_FEE, F_WAITED = range(8)
FILL = 8
FILLS = 8192

# refused, shape (n, 2): numbers of the person's orders that did not rest or fill as asked, and why
R_CROSSED, R_DRY, R_FULL = range(3)

# slow, shape (VENUES, SLOW): what is measured of the real market, in agents' ticks
S_VARIANCE, S_CALM, S_MID, S_VALUE, S_LOTS, S_WALK = range(6)
SLOW = 6

# counts, shape (COUNTS,)
(C_TICK, C_FILLS, C_CHANGED, C_REFUSED, C_HEAD, C_TAIL, C_BLOCK, C_TURN, C_INCOME, C_LOST) = range(10)
C_WATCHED = 10  # and 11: one a venue
C_EVENT = 12  # and 13: the venue's time of its last book update, or 0
COUNTS = 14

# rules, shape (RULES,)
(U_LATENCY, U_TICKS, U_LOTS, U_VENUES, U_FAST_S, U_CALM_S, U_VALUE_S, U_JITTED) = range(8)
RULES = 8

# fees, shape (owners, 2): parts per million for having waited, for having taken
X_MAKER, X_TAKER = 0, 1

# moods, shape (MOODS,): what a shock or the sentiment does to what agents see, set before every step
M_NOW, M_STEP, M_SENTIMENT, M_DOUBT, M_VOLATILITY, M_WITHDRAWN = range(6)
MOODS = 6

MOST_OWN = 100  # resting orders of the person on a venue
AGENT_NUMBERS = 1 << 20  # the first number of an agent's order; the person's count from 1
PLAIN = 1000  # the family number of agents that are asked outside the kernel
PROGRAMME = -2  # whose a fill is that a shock made, in `last_id` of its row


class Floor(NamedTuple):
    """Arrays only."""

    family: Ints  # (agents,)
    params: Floats  # (families, widest)
    traits: Floats  # (agents, TRAITS)
    memory: Floats  # (agents, MEMORY)
    streams: Streams  # behind those of the jitted agents the venue's own
    table: Floats  # makers' skew
    held: Ints  # (owners, VENUES) lots
    ledger: Ints  # (owners, LEDGER); money in ticks x lots
    sight: Floats  # (VENUES, SIGHT) in agents' ticks and units
    marks: Floats  # (VENUES, 2): best bid and ask that are free, in ticks
    slow: Floats  # (VENUES, SLOW)
    moods: Floats  # (MOODS,)
    rules: Floats  # (RULES,)
    fees: Floats  # (owners, 2)
    orders: Ints  # (VENUES, places, ORDER)
    watch: Ints  # (VENUES, WATCHED, WATCH)
    edges: Ints  # (VENUES, 4): lowest and highest price watched among bids, among asks
    pending: Ints  # (room, PENDING)
    fills: Ints  # (FILLS, FILL)
    changed: Ints  # (n, 2): venue and place of orders that changed in this step
    refused: Ints  # (n, 2): number, why
    counts: Ints  # (COUNTS,)
    out: Ints  # (ORDERS, SAID)


def new_floor(
    scenario: Scenario | None, rules: Rules, ticks: int, lots: int, venues: int, seed: int, plain: int = 0
) -> Floor:
    """A paper venue before anything happened, with the agents of a scenario, or none.

    `ticks` and `lots` of the symbol are one tick and one unit of the agents; `venues` is 1 or 2; `plain` agents more
    are asked outside the kernel.
    """
    crowd = new_market(scenario, seed) if scenario is not None else None
    jitted = len(crowd.family) if crowd is not None else 0
    agents = jitted + plain
    owners, places = agents + 2, agents * SLOTS + MOST_OWN
    latency = math.ceil(rules.latency_ms / 100.0)
    world = (scenario or Scenario()).world
    calm = world.calm_sigma_ticks**2
    slow = np.zeros((VENUES, SLOW))
    slow[:, [S_VARIANCE, S_CALM]] = calm
    slow[:, S_MID] = math.nan
    moods = np.zeros(MOODS)
    moods[[M_DOUBT, M_VOLATILITY]] = world.doubt, 1.0
    return Floor(
        family=np.append(crowd.family if crowd is not None else [], [PLAIN] * plain).astype(np.int64),
        params=crowd.params if crowd is not None else np.zeros((1, 1)),
        traits=crowd.traits if crowd is not None else np.zeros((0, 1)),
        memory=_memory(crowd.family) if crowd is not None else np.zeros((0, MEMORY)),
        streams=crowd.streams if crowd is not None else new_streams(seed, ["world"]),
        table=crowd.table if crowd is not None else skew_table(2),
        held=np.zeros((owners, VENUES), np.int64),
        ledger=np.zeros((owners, LEDGER), np.int64),
        sight=np.full((VENUES, SIGHT), math.nan),
        marks=np.full((VENUES, 2), math.nan),
        slow=slow,
        moods=moods,
        rules=np.array([
            latency, ticks, lots, venues, world.sigma_s, world.calm_s, VALUE_S, jitted,
        ], np.float64),
        fees=_fees(rules, agents),
        orders=np.zeros((VENUES, places, ORDER), np.int64),
        watch=np.zeros((VENUES, WATCHED, WATCH), np.int64),
        edges=np.zeros((VENUES, 4), np.int64),
        pending=np.zeros(((agents * ORDERS + 4 * MOST_OWN) * (latency + 2), PENDING), np.int64),
        fills=np.zeros((FILLS, FILL), np.int64),
        changed=np.zeros((VENUES * places, 2), np.int64),
        refused=np.zeros((4 * MOST_OWN, 2), np.int64),
        counts=np.zeros(COUNTS, np.int64),
        out=np.zeros((ORDERS, SAID), np.int64),
    )  # fmt: skip


VALUE_S = 600.0  # over which the average price that informed agents take for the value forgets


def _fees(rules: Rules, agents: int) -> Floats:
    """A row an owner: the agents, the person, the programme."""
    fees = np.empty((agents + 2, 2))
    fees[:] = rules.maker_fee_bps * 100.0, rules.taker_fee_bps * 100.0
    fees[agents] = rules.own_maker_fee_bps * 100.0, rules.own_taker_fee_bps * 100.0
    return fees


def _memory(family: Ints) -> Floats:
    """Makers are all there, and every second informed agent follows sentiment."""
    memory = np.zeros((len(family), MEMORY))
    memory[family == MAKER, maker.PRESENCE] = 1.0
    knowing = family == INFORMED
    memory[knowing, informed.MODE] = np.arange(int(knowing.sum())) % 2
    return memory
