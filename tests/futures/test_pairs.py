"""Pairs of futures: equal luck, different shocks, and a market that never notices."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest

from engine.futures.pairs import grown, streams_of
from engine.market.kernel import run_steps
from engine.market.shocks import begin as begin_shock
from engine.market.source import NO_STATISTICS
from engine.market.state import Market, fork
from engine.shocks import parse
from tests.futures.markets import start
from tests.market.test_market import digest

MASK = 2**64 - 1
SELL = parse("sell:60/5s")


def test_streams_are_splitmix64_of_a_name() -> None:
    state = int.from_bytes(blake2b(b"5 future 3", digest_size=8).digest(), "little")
    expected = []
    for _ in range(8):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        expected.append(z ^ (z >> 31))
    assert streams_of(5, 3, 2).ravel().tolist() == expected
    assert streams_of(5, 4, 2).ravel().tolist() != expected


def test_a_shock_that_is_yet_to_come_leaves_both_of_a_pair_equal_bit_for_bit() -> None:
    begin = start(SELL, seconds=20, delay_s=60)
    for pair in range(3):
        plain, shocked = (grown(begin, pair, side) for side in (False, True))
        assert plain.mid_ticks.tobytes() == shocked.mid_ticks.tobytes()
        assert plain.depth_lots.tobytes() == shocked.depth_lots.tobytes()
    later = start(SELL, seconds=20, delay_s=8)
    plain, shocked = (grown(later, 0, side) for side in (False, True))
    assert plain.mid_ticks[:9].tobytes() == shocked.mid_ticks[:9].tobytes()
    assert plain.mid_ticks.tobytes() != shocked.mid_ticks.tobytes()


def test_the_first_row_is_now() -> None:
    begin = start(SELL)
    for side in (False, True):
        assert grown(begin, 0, side).mid_ticks[0] == begin.mid_ticks


def test_the_market_that_is_forked_never_notices() -> None:
    begin = start(SELL)
    twin = fork(begin.market)
    before = digest(begin.market)
    for pair in range(3):
        grown(begin, pair, True)
    assert digest(begin.market) == before
    run_steps(begin.market, 300, NO_STATISTICS)
    run_steps(twin, 300, NO_STATISTICS)
    assert digest(begin.market) == digest(twin)


def test_futures_go_where_the_market_itself_would() -> None:
    """A future with the market's own streams is the market: the fork is exact."""
    begin = start(seconds=10)
    market: Market = fork(begin.market)
    market.streams[:] = streams_of(begin.seed, 2, len(market.streams))
    expected = [begin.mid_ticks]
    for _ in range(10):
        run_steps(market, 10, NO_STATISTICS)
        expected.append(0.5 * float(market.sight[0, 0] + market.sight[0, 1]))
    np.testing.assert_array_equal(grown(begin, 2, False).mid_ticks, expected)


@pytest.mark.parametrize("asked", [False, True])
def test_what_is_planned_comes_in_both_of_a_pair_at_its_own_step(asked: bool) -> None:
    planned = ((37, SELL), (40, parse("volatility:2/3s")), (900, SELL))
    begin = replace(start(parse("buy:10/2s"), seconds=8, delay_s=4), planned=planned)
    market: Market = fork(begin.market)
    market.streams[:] = streams_of(begin.seed, 2, len(market.streams))
    expected = [begin.mid_ticks]
    for step in range(80):
        for after, shock in planned:
            if after == step:
                begin_shock(market, shock)
        if asked and step == 40:
            assert begin.shock is not None
            begin_shock(market, begin.shock)
        run_steps(market, 1, NO_STATISTICS)
        if step % 10 == 9:
            expected.append(0.5 * float(market.sight[0, 0] + market.sight[0, 1]))
    np.testing.assert_array_equal(grown(begin, 2, asked).mid_ticks, expected)


def test_selling_lowers_the_median_and_buying_mirrors_it() -> None:
    moves = {}
    for shock in ("sell:60/5s", "buy:60/5s"):
        begin = start(parse(shock), seconds=8)
        pairs = [[grown(begin, pair, side).mid_ticks[-1] for side in (False, True)] for pair in range(24)]
        moves[shock] = float(np.median([shocked - plain for plain, shocked in pairs]))
    assert moves["sell:60/5s"] < -10.0
    assert moves["buy:60/5s"] > 10.0
    assert 0.4 < -moves["sell:60/5s"] / moves["buy:60/5s"] < 2.5


def test_common_random_numbers_make_the_difference_sharper() -> None:
    begin = start(parse("sell:5/5s"), seconds=6)
    plain = [grown(begin, pair, False).mid_ticks[-1] for pair in range(40)]
    shocked = [grown(begin, pair, True).mid_ticks[-1] for pair in range(40)]
    paired = np.var(np.subtract(shocked, plain))
    independent = np.var(np.subtract(shocked, np.roll(plain, 1)))
    assert paired < 0.8 * independent
