"""All that a simulated market is: plain arrays, named here, made from a scenario, forked by copying."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.agents import arbitrage, informed, maker, noise, others
from engine.agents.glft import skew_table
from engine.agents.trading import (
    MEMORY,
    ORDERS,
    SAID,
    SIGHT,
    SLOTS,
    TRAIT_RISK,
    TRAIT_SIZE,
    TRAITS,
    VENUES,
    Floats,
    Ints,
)
from engine.kernels import matching_state as matching
from engine.rng import Streams, new_streams
from engine.scenario import FAMILIES, STEP_S, Own, Scenario

MAKER, INFORMED, NOISE, ARBITRAGE = range(4)  # positions in FAMILIES

# Behind the agents in `ledger` and `held`: who trades without a family's `decide`.
YOU, PROGRAMME, LIQUIDATIONS = range(3)
OTHERS = ("you", "programme", "liquidations")

# world, shape (VENUES, WORLD): what moves a venue, floats
FLOW = 0  # I: signed volume that takers pressed in, forgotten over `impact_s`, base units
SETTLED = 1  # the part of impact that stays, ticks
HEAT = 2  # Hawkes excitation: buy fast, buy slow, sell fast, sell slow
VARIANCE = 6  # EWMA of squared mid changes a second
SLOW_VARIANCE = 7
LAST_MID = 8  # NaN before the first
ACTIVITY = 9  # log of it
DUE_SELLS, DUE_BUYS = 10, 11  # lots of forced closings that found nobody yet
EMPTY_S = 12  # how long a side of the book has been empty
QUOTING = 13  # share of their size that the makers at home there show, once a second
WORLD = 14

# shared, shape (SHARED,): what all venues have in common
TIME = 0  # s
VALUE = 1  # the fundamental, ticks
MOOD = 2  # sentiment
UNSURE = 3  # its uncertainty, as the logarithm of odds
CHURN = 4  # how many times its usual self the fundamental moves
CALLED = 5  # share of their size that makers may show at most
HEARD_MOOD, HEARD_DOUBT = 6, 7  # what agents are told above the mood, and above its uncertainty
SHARED = 8

# ledger, shape (agents, LEDGER): the inventory book, whole numbers; money in ticks x lots
POSITION = 0  # lots, both venues
CASH = 1  # received less paid, before fees
COST = 2  # what the open position cost, signed like it
REALISED = 3  # CASH + COST, always
FEES = 4  # paid
REBATES = 5  # earned
FILLS = 6
TRADED = 7  # lots
PEAK = 8  # highest equity so far
DRAWDOWN = 9  # deepest fall below it
QUOTES = 10  # orders placed
LEDGER = 11

# tape, shape (n, TAPE): this step's trades in order
# T_SIDE: 0 bought, 1 sold; T_NUMBER, T_FEE: of the person's own order in it, else 0
T_VENUE, T_PRICE, T_LOTS, T_SIDE, T_MAKER, T_TAKER, T_NUMBER, T_FEE = range(8)
TAPE = 8

# counts, shape (COUNTS,)
(STEPS, TRADES, CHANGES, VENUE_INCOME, REFUSED, HALTED, SHOCKS, SERIAL, ASKED, TOLD, NUMBER) = range(11)
PRINTS = 11  # and the next: trades of each venue since the market began
UPDATES = 13  # steps in which a venue's book changed
UNDER_WAY = 15  # orders on their way to a venue
COUNTS = 17

# shocks, shape (MOST_SHOCKS, SHOCK): those that run; a row whose kind is not positive is free
(X_KIND, X_SIDE, X_SIZE, X_FROM, X_UNTIL, X_WANTED, X_DONE, X_VENUE, X_SERIAL, X_ENDED) = range(10)
SHOCK = 10
MOST_SHOCKS = 16

# leverage, shape (VENUES, 2, POSITIONS, OPEN): leveraged longs and shorts; no lots: the place is free
TRIGGER, AMOUNT, EXPIRES = range(3)  # ticks of the mid at which it is closed by force, lots, step
OPEN = 3
STANDING = 32  # of a side, always renewed; the places behind them are for shocks
POSITIONS = 96

# own, shape (OWN_ORDERS, OWN): the person's resting orders, by handle; number 0: none
O_NUMBER, O_VENUE, O_SIDE, O_PRICE, O_LOTS, O_AHEAD = range(6)  # lots and ahead as they were told last
OWN = 6
OWN_ORDERS = 100

# asked, shape (ASKS, ASK): what the person wants from the next step on
A_DO, A_VENUE, A_SIDE, A_PRICE, A_LOTS, A_NUMBER = range(6)  # A_NUMBER: to cancel; 0: all
ASK_ROW = 6
ASKS = 64

# told, shape (TELLS, TELL): what became of the person's orders in this step
W_WHAT, W_NUMBER, W_VENUE, W_SIDE, W_PRICE, W_LOTS, W_AHEAD = range(7)
TELL = 7
TELLS = 2 * OWN_ORDERS + 2 * ASKS
RESTS, NO_PLACE, CLOSED, CROSSES, NOBODY, UNHEARD = range(6)  # W_WHAT

# flights, shape (VENUES, room, FLIGHT): orders that are on their way to a venue, soonest first
F_STEP, F_AGENT = 0, 1  # then the row of `out`
FLIGHT = 2 + SAID

# rules, shape (VENUES, RULES)
R_MAKER_PPM, R_TAKER_PPM, R_CROWD, R_STEPS = range(4)  # R_CROWD: noise agents at home there; R_STEPS: latency
RULES = 4

# physics, shape (PHYSICS,): the world's constants
(K_KAPPA, K_FLOW0, K_TAU, K_PERMANENT, K_VALUE_SIGMA, K_SHOCKS, K_SHOCK_SIZE, K_MOOD_AR, K_MOOD_SIGMA,
 K_DOUBT_SIGMA, K_DOUBT_S, K_COUPLING, K_FAST_S, K_SLOW_S, K_MU, K_BRANCH, K_BETA_FAST, K_BETA_SLOW, K_SHARE,
 K_CROSS, K_ACT_SIGMA, K_ACT_S, K_LOTS, K_VENUES, K_DOUBT_MEAN, K_LEVERAGE, K_NEAR, K_FAR, K_HELD_S,
 K_MOST_FLOW) = range(30)  # fmt: skip
PHYSICS = 30


class Market(NamedTuple):
    """Arrays only, so that copying them forks the market with its randomness."""

    book_a: matching.State
    book_b: matching.State
    trades: npt.NDArray[np.void]  # scratch of one submit
    family: Ints  # (agents,)
    venue: Ints  # (agents,): where each is at home
    params: Floats  # (families, widest)
    traits: Floats  # (agents, TRAITS)
    memory: Floats  # (agents, MEMORY)
    streams: Streams  # (agents + 2, 4): the last two are the world's and the leveraged traders'
    table: Floats  # makers' skew
    held: Ints  # (agents + others, VENUES) lots
    ledger: Ints  # (agents + others, LEDGER)
    sight: Floats  # (VENUES, SIGHT)
    world: Floats  # (VENUES, WORLD)
    shared: Floats  # (SHARED,)
    physics: Floats  # (PHYSICS,)
    rules: Floats  # (VENUES, RULES)
    out: Ints  # (ORDERS, SAID)
    resting: Ints  # (VENUES, agents * SLOTS + OWN_ORDERS, 3): price, side, lots as placed
    tape: Ints  # (room, TAPE)
    changed: Ints  # (room, 3): venue, side, price of levels that may have changed in this step
    counts: Ints  # (COUNTS,)
    shocks: Floats  # (MOST_SHOCKS, SHOCK)
    leverage: Floats  # (VENUES, 2, POSITIONS, OPEN): longs, shorts
    nearest: Floats  # (VENUES, 2): the trigger that comes first
    own: Ints  # (OWN_ORDERS, OWN)
    asked: Ints  # (ASKS, ASK_ROW)
    told: Ints  # (TELLS, TELL)
    flights: Ints  # (VENUES, room, FLIGHT)
    flying: Ints  # (agents,): how many of those are whose


def new_market(scenario: Scenario, seed: int) -> Market:
    """The market of a scenario before its first step: empty books, agents with nothing."""
    names, family, home = _people(scenario)
    agents = len(names)
    streams = new_streams(seed, [*names, "world", "leverage"])
    room = agents * SLOTS + OWN_ORDERS
    people = agents + len(OTHERS)
    width = max(len(c) for c in _columns(scenario))
    params = np.zeros((len(others.ALL_NAMES), width))
    for row, values in enumerate(_columns(scenario)):
        params[row, : len(values)] = values
    memory = np.zeros((agents, MEMORY))
    market = Market(
        book_a=_book(room),
        book_b=_book(room),
        trades=np.zeros(room + 1, matching.TRADE),
        family=family,
        venue=home,
        params=params,
        traits=_traits(scenario, names, family, seed),
        memory=memory,
        streams=streams,
        table=skew_table(20),
        held=np.zeros((people, VENUES), np.int64),
        ledger=np.zeros((people, LEDGER), np.int64),
        sight=np.zeros((VENUES, SIGHT)),
        world=np.zeros((VENUES, WORLD)),
        shared=np.zeros(SHARED),
        physics=_physics(scenario),
        rules=_rules(scenario, family, home),
        out=np.zeros((ORDERS, SAID), np.int64),
        resting=np.zeros((VENUES, room, 3), np.int64),
        tape=np.zeros((4 * room + 1024, TAPE), np.int64),
        changed=np.zeros((8 * room + 4096, 3), np.int64),
        counts=np.zeros(COUNTS, np.int64),
        shocks=np.zeros((MOST_SHOCKS, SHOCK)),
        leverage=_leverage(scenario),
        nearest=np.zeros((VENUES, 2)),
        own=np.zeros((OWN_ORDERS, OWN), np.int64),
        asked=np.zeros((ASKS, ASK_ROW), np.int64),
        told=np.zeros((TELLS, TELL), np.int64),
        flights=np.zeros((VENUES, min(4096, 64 + 4 * agents), FLIGHT), np.int64),
        flying=np.zeros(agents, np.int64),
    )
    _begin(market, scenario)
    return market


def _begin(market: Market, scenario: Scenario) -> None:
    """Prices, volatilities, fuses and presence as they stand before anything has happened."""
    start = float(scenario.start_ticks)
    market.world[:, SETTLED] = start
    market.world[:, LAST_MID] = math.nan
    market.world[:, VARIANCE] = market.world[:, SLOW_VARIANCE] = scenario.world.calm_sigma_ticks**2
    market.shared[VALUE] = start
    market.shared[CHURN] = market.shared[CALLED] = 1.0
    set_nearest(market)
    odds = scenario.world.doubt
    market.shared[UNSURE] = math.log(odds / (1.0 - odds))
    makers, crowd = market.family == MAKER, market.family == NOISE
    market.memory[makers, maker.PRESENCE] = 1.0
    market.memory[crowd, noise.NEXT_END] = math.inf
    first = _uniforms(market.streams, crowd)
    market.memory[crowd, noise.FUSE_BUY] = -np.log1p(-first[0])
    market.memory[crowd, noise.FUSE_SELL] = -np.log1p(-first[1])
    knowing = market.family == INFORMED
    market.memory[knowing, informed.MODE] = np.arange(int(knowing.sum())) % 2


def _uniforms(streams: Streams, chosen: np.ndarray) -> Floats:
    """Two numbers in [0, 1) from the words of some streams' states, which no draw shows: shape (2, chosen)."""
    words = streams[: len(chosen)][chosen]
    return np.stack([(words[:, i] >> np.uint64(11)).astype(np.float64) * 2.0**-53 for i in (1, 2)])


def _leverage(scenario: Scenario) -> Floats:
    """Longs and shorts of the first venue, their distances from the price spread evenly over the odds."""
    world, start = scenario.world, float(scenario.start_ticks)
    found = np.zeros((VENUES, 2, POSITIONS, OPEN))
    odds = (np.arange(STANDING) + 0.5) / STANDING
    away = 0.01 * (world.leverage_least_pct - world.leverage_mean_pct * np.log1p(-odds))
    for side, sign in enumerate((-1.0, 1.0)):
        found[0, side, :STANDING, TRIGGER] = start * np.maximum(1.0 + sign * away, 0.01)
        found[0, side, :STANDING, AMOUNT] = np.floor(world.leverage * scenario.lots_a_unit / STANDING)
        found[0, side, :STANDING, EXPIRES] = math.inf
    return found


def set_nearest(market: Market) -> None:
    """The triggers that come first, after positions were added by hand."""
    open_ = market.leverage[..., AMOUNT] > 0.0
    longs = np.where(open_[:, 0], market.leverage[:, 0, :, TRIGGER], -math.inf)
    shorts = np.where(open_[:, 1], market.leverage[:, 1, :, TRIGGER], math.inf)
    market.nearest[:, 0], market.nearest[:, 1] = longs.max(axis=1), shorts.min(axis=1)


def _people(scenario: Scenario) -> tuple[list[str], Ints, Ints]:
    names: list[str] = []
    family: list[int] = []
    home: list[int] = []
    venues = len(scenario.venues)
    counts = [(name, int(getattr(scenario.counts, name))) for name in FAMILIES]
    for number, (name, count) in enumerate((*counts, *((own.name, own.count) for own in _own(scenario)))):
        first = round(count * scenario.venues[0].share) if venues == 2 else count
        for i in range(count):
            names.append(f"{name} {i}")
            family.append(number)
            home.append(0 if i < first else 1)
    return names, np.array(family, np.int64), np.array(home, np.int64)


def _own(scenario: Scenario) -> list[Own]:
    """A person's own families by their numbers; of those that are compiled in but not in the scenario nobody comes."""
    told = {own.name: own for own in scenario.own}
    if not told.keys() <= set(others.NAMES):
        missing = ", ".join(sorted(told.keys() - set(others.NAMES)))
        raise RuntimeError(
            f"expected families of {others.ALL_NAMES}, found {missing}, which is not compiled in"
        )
    return [told.get(name, Own(name, 0, (), (0.0, 0.0), "")) for name in others.NAMES]


def _columns(scenario: Scenario) -> tuple[tuple[float, ...], ...]:
    agents = scenario.agents
    return (
        maker.columns(agents.maker),
        informed.columns(agents.informed),
        noise.columns(agents.noise),
        arbitrage.columns(agents.arbitrage),
        *(own.columns for own in _own(scenario)),
    )


def _traits(scenario: Scenario, names: list[str], family: Ints, seed: int) -> Floats:
    """Each agent's own size and risk, from a generator of its own name."""
    agents = scenario.agents
    spread = (
        (agents.maker.size_spread, agents.maker.risk_spread),
        (agents.informed.size_spread, agents.informed.threshold_spread),
        (agents.noise.size_spread, 0.0),
        (agents.arbitrage.size_spread, 0.0),
        *(own.spreads for own in _own(scenario)),
    )
    traits = np.ones((len(names), TRAITS))
    streams = new_streams(seed, [f"traits of {name}" for name in names])
    index = 0
    for row, (number, words) in enumerate(zip(family.tolist(), streams, strict=True)):
        u = (words[:4] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        radius = np.sqrt(-2.0 * np.log1p(-u[:2]))
        normal = radius * np.cos(2.0 * np.pi * u[2:])
        traits[row, TRAIT_SIZE] = math.exp(spread[number][0] * normal[0])
        traits[row, TRAIT_RISK] = math.exp(spread[number][1] * normal[1])
        if number == ARBITRAGE:
            traits[row, TRAIT_RISK] = 0.7 + agents.arbitrage.threshold_step * index
            index += 1
    return traits


def _physics(scenario: Scenario) -> Floats:
    world, crowd = scenario.world, scenario.agents.noise
    return np.array([
        world.impact_ticks, world.impact_scale, world.impact_s, world.permanent, world.value_sigma_ticks,
        world.jumps_a_hour / 3600.0, world.jump_ticks, world.sentiment_ar, world.sentiment_sigma,
        world.doubt_sigma, world.doubt_s, world.coupling, world.sigma_s, world.calm_s,
        crowd.rate / 50.0, crowd.branching, crowd.fast_decay, crowd.slow_decay, crowd.fast_share, crowd.cross,
        crowd.activity_spread, crowd.activity_s, scenario.lots_a_unit, len(scenario.venues),
        math.log(world.doubt / (1.0 - world.doubt)), world.leverage, 0.01 * world.leverage_least_pct,
        0.01 * world.leverage_mean_pct, world.leverage_s, _most_flow(scenario),
    ], np.float64)  # fmt: skip


def _most_flow(scenario: Scenario) -> float:
    """Base units whose impact alone is half the price at the start."""
    root = math.sqrt(scenario.world.impact_scale)
    if scenario.world.impact_ticks <= 0.0:
        return math.inf
    half = 0.5 * scenario.start_ticks / (scenario.world.impact_ticks * 2.0 * root)
    return (half + root) ** 2 - scenario.world.impact_scale


def _rules(scenario: Scenario, family: Ints, home: Ints) -> Floats:
    return np.array([
        [
            venue.maker_fee_bps * 100.0, venue.taker_fee_bps * 100.0,
            max(1, np.sum((family == NOISE) & (home == i))), round(venue.latency_s / STEP_S),
        ]
        for i, venue in enumerate(scenario.both_venues)
    ])  # fmt: skip


def _book(room: int) -> matching.State:
    """A book with a place for every order that could ever rest, each on a level of its own."""
    return matching.new_state(nodes=2 * room + 64, handles=room, levels=room + 8)


def fork(market: Market) -> Market:
    """The same market, going on by itself: agents, orders, money and randomness."""
    return Market._make(matching.fork(p) if isinstance(p, matching.State) else p.copy() for p in market)
