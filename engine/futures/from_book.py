"""A real book as the beginning of simulated futures: its levels split into orders, joined by calibrated agents.

The default scenario's market has no scale of its own: a tick and a unit of size mean what one says they mean. So they
are chosen such that the market moves, trades and shows depth as the session did: the tick from its volatility, the unit
from its mean trade, the rate of noise traders from its trades a second, the makers' spread and size from the book. What
agents make of that together is found out by pilot runs, and the scale corrected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from engine.agents import noise
from engine.agents.trading import ASK, BID, SLOTS, Floats
from engine.events import Shock
from engine.futures.book_orders import Ints, distances, drawn_together, split
from engine.futures.kernel import DEPTH_BAND
from engine.futures.pilot import Measured, measure
from engine.futures.seen import Seen
from engine.futures.wish import BadWhatIf
from engine.kernels.matching import process
from engine.kernels.matching_state import MESSAGE, TRADE, Do, Outcome
from engine.market.kernel import run_steps
from engine.market.source import NO_STATISTICS
from engine.market.state import ACTIVITY, HEAT, LAST_MID, NOISE, SETTLED, VALUE, Market, new_market
from engine.scenario import Counts, Scenario, Venue
from engine.shocks import BY_NAME

USUAL = Scenario()
USUAL_TRADES_PER_S, USUAL_TRADE_UNITS = 45.0, 0.2  # of it with one venue: only where calibration begins
UNKNOWN_SIGMA = 1e-4  # of the log mid in a second, where the session is too young to tell: a basis point
RATES = (
    0.02,
    4.0,
)  # times the usual: beyond, a step of a tenth of a second sees nothing, or everything at once
DAMPING = 0.6  # volume grows faster than the rate of those who begin it: others react
NEAR_TICKS = 12  # within reach of the makers
MAKERS_SHARE = 0.8  # of the depth there; the rest is the book's own orders
FAST = 2.0  # times the usual rate, from which on makers quote for the flow and not for the book
LEAST_HALF_SPREAD = 0.3  # ticks
FADES_S = 5.0  # mean life of an order at the best; agents take over, who follow the price as real orders do
FADES_TICKS = 40.0  # so far behind it lives twice as long
ENOUGH_S = 60  # to speak of a calibration
FIRST_RUNS, MORE_RUNS = 12, 64  # of the two pilots


@dataclass(frozen=True)
class Scale:
    """What the market's own measures mean outside."""

    price_a_tick: float  # quote units
    base_a_unit: float  # base units
    rate: float  # of noise traders, times the default scenario's


@dataclass(frozen=True)
class FromBook:
    """A market made from a book, and what it was calibrated on."""

    market: Market
    mid_ticks: float
    spread_ticks: float
    scale: Scale
    depth_lots: float  # that the real book shows now, in this market's lots
    basis: str

    def shock(self, shock: Shock) -> Shock:
        """The shock in this market's units, on its only venue."""
        in_base = BY_NAME[shock.kind].unit == "base"
        size = shock.size / self.scale.base_a_unit if in_base else shock.size
        return msgspec.structs.replace(shock, size=size, symbol=0)


def from_book(seen: Seen, seed: int, more_runs: int = MORE_RUNS) -> FromBook:
    """Raises BadWhatIf for a book without a price. Without more runs a tick's worth is but a first guess."""
    if not len(seen.bids) or not len(seen.asks) or seen.bids[0, 0] <= 0:
        raise BadWhatIf("expected a book with bids and asks above zero, found one with a side empty")
    guess = _guess(seen)
    scale = _corrected(seen, guess, measure(_market(seen, guess, seed), seed, FIRST_RUNS))
    market = _market(seen, scale, seed)
    if more_runs:
        # The book may stay on the grid it has: what a tick is worth does not change what agents do.
        again = _corrected(seen, scale, measure(market, seed + 1, more_runs))
        scale = replace(scale, price_a_tick=again.price_a_tick)
    bid, ask = float(market.sight[0, BID]), float(market.sight[0, ASK])
    return FromBook(
        market, 0.5 * (bid + ask), ask - bid, scale, _depth_now(seen, scale), _basis(seen, market)
    )


def _guess(seen: Seen) -> Scale:
    price_a_tick = sigma(seen) * seen.price / USUAL.world.calm_sigma_ticks
    base_a_unit = _trade_base(seen) / USUAL_TRADE_UNITS
    return Scale(price_a_tick, base_a_unit, _bounded(seen.trades_per_s / USUAL_TRADES_PER_S))


def _corrected(seen: Seen, scale: Scale, found: Measured) -> Scale:
    """The scale with which what agents do comes out as what was seen."""
    wanted = seen.trades_per_s * USUAL_TRADE_UNITS
    return replace(
        scale,
        price_a_tick=sigma(seen) * seen.price / found.sigma_ticks
        if found.sigma_ticks
        else scale.price_a_tick,
        rate=_bounded(
            scale.rate * (wanted / found.units_per_s) ** DAMPING if found.units_per_s else scale.rate
        ),
    )


def _bounded(rate: float) -> float:
    return min(max(rate, RATES[0]), RATES[1])


def sigma(seen: Seen) -> float:
    """Of the log mid, per square root of a second; at least half a tick in half a minute: what stood still may move."""
    least = 0.5 / seen.mid_ticks / math.sqrt(30.0)
    return max(UNKNOWN_SIGMA if seen.sigma is None else seen.sigma, least)


def _trade_base(seen: Seen) -> float:
    """Mean trade in base units; a fifth of what stands at the best where none was seen."""
    lots = seen.trade_lots
    if lots is None:
        lots = 0.1 * float(seen.bids[0, 1] + seen.asks[0, 1])
    return max(1.0, lots) * float(seen.instrument.lot.value)


def _market(seen: Seen, scale: Scale, seed: int) -> Market:
    """Everyone at home, nobody with any inventory, and the book as it stands."""
    prices, sides, lots, behind = _orders(seen, scale)
    scenario = _scenario(seen, scale, len(prices))
    market = new_market(scenario, seed)
    middle = scenario.start_ticks + 0.5
    market.shared[VALUE] = middle
    market.world[0, SETTLED] = market.world[0, LAST_MID] = middle
    crowd = scenario.agents.noise
    market.world[0, ACTIVITY] = 0.5 * crowd.activity_spread**2  # its mean, which is above its median
    takers_a_side = USUAL.agents.noise.rate * scale.rate / (1.0 - crowd.branching)
    excited = crowd.branching * takers_a_side
    market.world[0, HEAT : HEAT + 4] = excited * np.tile([crowd.fast_share, 1.0 - crowd.fast_share], 2)
    _rest(market, scenario.start_ticks + prices, sides, lots, behind)
    run_steps(market, 0, NO_STATISTICS)  # looks at the new book
    return market


def _orders(seen: Seen, scale: Scale) -> tuple[Ints, Ints, Ints, Ints]:
    """Of the book: price from the best bid's place, side (0 bid), lots, ticks behind the best; nearest first."""
    lots_a_lot = _lots_a_lot(seen, scale)
    sizes = np.maximum(1, np.rint(seen.sizes * lots_a_lot)).astype(np.int64)
    found: list[tuple[int, int, int, int]] = []
    for side, levels in enumerate((seen.bids, seen.asks)):
        steps = distances(levels, seen.mid_ticks, scale.price_a_tick / seen.tick)
        for behind, total in zip(*drawn_together(levels, steps, lots_a_lot), strict=True):
            kept = total * (1.0 - MAKERS_SHARE) if behind < NEAR_TICKS else total
            price = -int(behind) if side == 0 else 1 + int(behind)
            found += [(price, side, n, int(behind)) for n in split(round(kept), sizes, len(found))]
    found.sort(key=lambda order: order[3])
    prices, sides, lots, behind = np.array(found, np.int64).T if found else np.zeros((4, 0), np.int64)
    return prices, sides, lots, behind


def _lots_a_lot(seen: Seen, scale: Scale) -> float:
    """Lots of this market to one of the venue's."""
    return float(seen.instrument.lot.value) / scale.base_a_unit * USUAL.lots_a_unit


def _scenario(seen: Seen, scale: Scale, orders: int) -> Scenario:
    """The default one at one venue, with makers and noise traders as the book has them."""
    params = USUAL.agents
    near = _depth_within(seen, NEAR_TICKS * scale.price_a_tick) / scale.base_a_unit
    # Where trades come fast a displayed book is refilled as fast: makers who quoted no more than it shows would be
    # eaten up, and futures stand without a price. So they meet a fast flow with what they meet the usual one with.
    flow = params.maker.size * scale.rate * min(1.0, scale.rate / FAST)
    size = min(max(MAKERS_SHARE * near / USUAL.counts.maker, flow, 0.01), 1e4)
    half_spread = 0.5 * seen.spread / scale.price_a_tick
    beyond = max(
        half_spread - 0.5, LEAST_HALF_SPREAD
    )  # quotes are rounded away from the mid, half a tick on average
    holders = max(USUAL.counts.noise, -(-orders // noise.WAITING))
    makers = msgspec.structs.replace(
        params.maker,
        size=size,
        inventory_limit=params.maker.inventory_limit * max(size / params.maker.size, 0.1),
        fill_decay=min(params.maker.fill_decay, 1.0 / beyond),
    )
    knowing = msgspec.structs.replace(params.informed, acts=params.informed.acts * min(1.0, scale.rate))
    crowd = msgspec.structs.replace(
        params.noise,
        rate=params.noise.rate * scale.rate * USUAL.counts.noise / holders,
        inside=params.noise.inside / max(1.0, half_spread),
    )
    return msgspec.structs.replace(
        USUAL,
        start_ticks=max(1000, round(seen.price / scale.price_a_tick)),
        venues=(Venue("book", 1.0),),
        counts=Counts(USUAL.counts.maker, USUAL.counts.informed, holders, 0),
        agents=msgspec.structs.replace(params, maker=makers, informed=knowing, noise=crowd),
    )


def _rest(market: Market, prices: Ints, sides: Ints, lots: Ints, behind: Ints) -> None:
    """Give the orders to the noise traders, round and round, each with a time at which it is taken away."""
    people = np.flatnonzero(market.family == NOISE)
    number = np.arange(len(prices))
    owners, slots = people[number % len(people)], number // len(people)
    messages = np.zeros(len(prices), MESSAGE)
    messages["kind"], messages["side"] = int(Do.LIMIT), sides
    messages["price"], messages["qty"] = prices, lots
    messages["owner"], messages["handle"] = owners, owners * SLOTS + slots
    process(messages, market.book_a, np.zeros(1, TRADE))
    if (messages["outcome"] != int(Outcome.RESTING)).any():
        raise RuntimeError("expected every order of a book to rest in its fork")
    market.resting[0, messages["handle"]] = np.column_stack((prices, sides, lots))
    ends = FADES_S * _lives(behind)
    market.memory[owners, noise.ENDS + slots] = ends
    np.minimum.at(market.memory[:, noise.NEXT_END], owners, ends)


def _lives(behind: Ints) -> Floats:
    """Exponential, longer far from the best; quantiles in a scattered order, so that no draw decides."""
    golden = 0.6180339887498949
    spread = (np.arange(1, len(behind) + 1) * golden) % 1.0
    lives: Floats = -np.log1p(-spread) * (1.0 + behind / FADES_TICKS)
    return lives


def _depth_within(seen: Seen, reach: float) -> float:
    """Base units within `reach` quote units of the mid, on the side that has less."""
    sides = []
    for levels in (seen.bids, seen.asks):
        near = np.abs(levels[:, 0] - seen.mid_ticks) * seen.tick <= reach
        sides.append(float(levels[near, 1].sum()) * float(seen.instrument.lot.value))
    return min(sides)


def _depth_now(seen: Seen, scale: Scale) -> float:
    return _depth_within(seen, DEPTH_BAND * seen.price) / scale.base_a_unit * USUAL.lots_a_unit


def _basis(seen: Seen, market: Market) -> str:
    """In words, and honest when there is little."""
    levels = len(seen.bids) + len(seen.asks)
    what = f"the book's {levels} levels, joined by {len(market.family)} agents"
    if seen.sigma is None:
        return f"{what}; volatility not seen yet, {UNKNOWN_SIGMA * 1e4:g} bp a second assumed"
    only = " only" if seen.seconds < ENOUGH_S else ""
    trade = f" of {_trade_base(seen):.3g} {seen.instrument.base}" if seen.trade_lots is not None else ""
    return (
        f"{what} calibrated on {seen.seconds} s{only}: {sigma(seen) * 1e4:.2g} bp a second, "
        f"{seen.trades_per_s:.3g} trades a second{trade}"
    )
