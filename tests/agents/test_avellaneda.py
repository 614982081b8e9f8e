"""Avellaneda and Stoikov's quotes against their own formulas, and what makers who follow them do in a market."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from engine.agents import maker
from engine.agents.avellaneda import distance
from engine.agents.trading import ASK, BID, FAIR, SIGMA, SLOTS, TRAIT_RISK
from engine.kernels import jit
from engine.market.kernel import run_steps
from engine.market.source import NO_STATISTICS
from engine.market.state import FILLS, MAKER, POSITION, Market, new_market
from engine.scenario import Counts, Scenario


@jit
def _distance(gamma: float, k: float, sigma: float, horizon_s: float, q: float, limit: float) -> float:
    return distance(gamma, k, sigma, horizon_s, q, limit)


@pytest.mark.parametrize("q", [-7.0, -0.5, 0.0, 3.0])
def test_quotes_stand_around_the_reservation_price_as_far_apart_as_they_say(q: float) -> None:
    """Equations 29 and 30 of the paper, from bid and ask."""
    gamma, k, sigma, horizon_s, fair = 0.1, 1.5, 2.0, 0.7, 100.0
    bid = fair - _distance(gamma, k, sigma, horizon_s, q, 20)
    ask = fair + _distance(gamma, k, sigma, horizon_s, -q, 20)
    assert 0.5 * (bid + ask) == pytest.approx(fair - q * gamma * sigma**2 * horizon_s)
    spread = gamma * sigma**2 * horizon_s + 2.0 / gamma * math.log(1.0 + gamma / k)
    assert ask - bid == pytest.approx(spread)


def test_the_side_that_would_exceed_the_limit_is_not_quoted() -> None:
    assert math.isinf(_distance(0.1, 1.5, 2.0, 0.7, 20.0, 20))
    assert math.isfinite(_distance(0.1, 1.5, 2.0, 0.7, -20.0, 20))


def makers_of(horizon_s: float, seed: int, counts: Counts = Counts()) -> Market:  # noqa: B008  frozen
    """A market with such makers, who widen for nothing else."""
    scenario = Scenario(counts=counts)
    makers = msgspec.structs.replace(
        scenario.agents.maker, model="avellaneda-stoikov", horizon_s=horizon_s, feedback=0.0
    )
    agents = msgspec.structs.replace(scenario.agents, maker=makers)
    return new_market(msgspec.structs.replace(scenario, agents=agents), seed)


def test_what_makers_quote_in_the_market_is_what_the_formulas_say() -> None:
    """Of every maker that has just decided and not traded since, its best quote a side, to the tick."""
    horizon_s, scenario = 2.0, Scenario()
    own = scenario.agents.maker
    market = makers_of(horizon_s, 3)
    run_steps(market, 600, NO_STATISTICS)
    makers = np.flatnonzero(market.family == MAKER)
    skews = []
    for _ in range(300):
        before, next_at = market.ledger[makers].copy(), market.memory[makers, maker.NEXT].copy()
        run_steps(market, 1, NO_STATISTICS)
        quiet = market.ledger[makers, FILLS] == before[:, FILLS]
        for agent in makers[quiet & (market.memory[makers, maker.NEXT] != next_at)]:
            venue = int(market.venue[agent])
            gamma, k = own.risk_aversion * market.traits[agent, TRAIT_RISK], own.fill_decay
            held = market.ledger[agent, POSITION] / scenario.lots_a_unit
            q = held * 20.0 / own.inventory_limit
            variance = market.sight[venue, SIGMA] ** 2 * horizon_s
            reservation = market.sight[venue, FAIR] - q * gamma * variance
            half = 0.5 * (gamma * variance + 2.0 / gamma * math.log(1.0 + gamma / k))
            book = (market.book_a, market.book_b)[venue]
            for side, price in ((0, math.floor(reservation - half)), (1, math.ceil(reservation + half))):
                handle = int(agent) * SLOTS + side
                if book.slots[handle]:
                    assert market.resting[venue, handle, :2].tolist() == [price, side]
                    skews.append(q * gamma * variance)
    assert len(skews) > 1000
    assert max(skews) - min(skews) > 1.5


def test_who_looks_further_ahead_quotes_wider() -> None:
    """Makers alone, who trade with nobody: the spread is theirs."""
    spreads = []
    for horizon_s in (0.1, 5.0, 20.0):
        market = makers_of(horizon_s, 4, Counts(6, 0, 0, 0))
        run_steps(market, 100, NO_STATISTICS)
        spreads.append(float(market.sight[0, ASK] - market.sight[0, BID]))
    assert spreads == sorted(set(spreads))
