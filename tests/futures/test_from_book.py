"""A market made from a book: it starts where the book stands and moves as the session did."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batch import Batch, BatchBuilder
from engine.core import State, apply
from engine.events import FeedStatus, Kind, Listed
from engine.feeds.capture import capture_batches
from engine.futures.book_orders import MOST_LEVELS, ORDERS_A_LEVEL, distances, drawn_together, split
from engine.futures.from_book import FromBook, from_book
from engine.futures.pairs import Start, grown
from engine.futures.seen import LOOKS_BACK_S, STRIDE_S, Seen, seen_of, strided_returns
from engine.futures.wish import BadWhatIf
from engine.instrument import Instrument
from engine.market.report import conserved
from engine.market.rows import resting
from engine.ports import WhatIf
from engine.session import Session
from engine.shocks import parse
from tests.futures.test_what_if import _Shown, fan_of, prices

COIN = Instrument("venue", "AAABBB", "AAA", "BBB", "0.01", "0.001")
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
TICK_NS = 100_000_000
START = 10**18


def walked(
    sigma: float, seconds: int, seed: int, *, trades_per_s: float = 5.0, price_ticks: int = 200_000
) -> State:
    """The state behind a made-up feed whose log mid is a random walk of a known volatility."""
    rng = np.random.default_rng(seed)
    state, out = State(), BatchBuilder()
    out.add_note(Listed(0, COIN), START, 0)
    mid = float(price_ticks)
    for tick in range(1, 10 * seconds + 1):
        ts = START + tick * TICK_NS
        mid *= math.exp(sigma * math.sqrt(0.1) * rng.standard_normal())
        bids, asks = book_around(round(mid))
        out.add_levels(Kind.SNAPSHOT, ts, bids, asks, last_id=tick, ts_event=ts)
        if tick == 1:
            out.add_note(FeedStatus("venue", "SYNCED", 0), ts, 0)
        for _ in range(rng.poisson(0.1 * trades_per_s)):
            out.add(
                Kind.TRADE,
                ts,
                price_ticks=bids[0][0],
                size_lots=int(rng.integers(50, 150)),
                side=1,
                last_id=tick,
            )
        out.add(Kind.TICK, ts, symbol=-1)
        apply(state, out.take())
    return state


def book_around(mid: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    levels = [(n, 400 + 37 * (n % 11)) for n in range(200)]
    return [(mid - 1 - n, lots) for n, lots in levels], [(mid + 1 + n, lots) for n, lots in levels]


def start_of(made: FromBook, seen: Seen, seconds: int = 30) -> Start:
    return Start(
        market=made.market,
        venue=0,
        mid_ticks=made.mid_ticks,
        price_a_tick=made.scale.price_a_tick,
        shift_ticks=seen.price / made.scale.price_a_tick - made.mid_ticks,
        seed=3,
        seconds=seconds,
        basis=made.basis,
        venue_tick=seen.tick,
    )


@pytest.mark.parametrize(("sigma", "trades_per_s"), [(0.5e-4, 3.0), (3e-4, 30.0)])
def test_the_plain_fan_is_as_wide_as_the_sessions_volatility_says(sigma: float, trades_per_s: float) -> None:
    seen = seen_of(walked(sigma, 200, 1, trades_per_s=trades_per_s).symbols[0])
    assert seen.sigma == pytest.approx(sigma, rel=0.25)
    assert seen.trades_per_s == pytest.approx(trades_per_s, rel=0.25)
    assert seen.trade_lots == pytest.approx(100.0, rel=0.1)
    begin = start_of(from_book(seen, 5), seen)
    ends = np.array([grown(begin, pair, False).mid_ticks[[0, 30]] for pair in range(96)])
    spread_of_ends = np.log(ends[:, 1] / ends[:, 0]).std()
    assert spread_of_ends == pytest.approx(seen.sigma * math.sqrt(30.0), rel=0.3)


def test_a_fast_flow_over_a_thin_book_leaves_a_market_with_a_price() -> None:
    """A hundred trades a second, each larger than several levels: displayed size is refilled as fast as it goes."""
    seen = seen_of(walked(1.5e-4, 60, 1, trades_per_s=90.0).symbols[0])
    seen = replace(seen, trade_lots=2000.0, sizes=seen.sizes * 20)
    begin = start_of(from_book(seen, 5), seen)
    paths = [grown(begin, pair, False) for pair in range(48)]
    assert np.isnan([path.spread_ticks for path in paths]).mean() < 0.02
    ends = np.array([path.mid_ticks[[0, 30]] for path in paths])
    assert seen.sigma is not None
    ratio = np.log(ends[:, 1] / ends[:, 0]).std() / (seen.sigma * math.sqrt(30.0))
    assert 0.4 < ratio < 1.8


def test_volatility_is_that_of_overlapping_returns() -> None:
    closes = np.array([100.0, 101.0, math.nan, 103.0, 99.0, 98.0, 100.5, 101.5])
    expected = [math.log(closes[i + STRIDE_S] / closes[i]) for i in range(3) if not math.isnan(closes[i])]
    np.testing.assert_allclose(strided_returns(closes), expected)
    assert len(strided_returns(closes[:STRIDE_S])) == 0


def test_the_market_holds_the_books_orders_and_nobody_has_gained_anything() -> None:
    seen = seen_of(walked(1e-4, 60, 2).symbols[0])
    made = from_book(seen, 1)
    bids, asks = resting(made.market, 0)
    assert bids[0][0] + 1 == asks[0][0]
    assert made.mid_ticks == bids[0][0] + 0.5
    assert set(conserved(made.market).values()) == {0}
    lots_a_lot = 0.001 / made.scale.base_a_unit * 1000
    told = lots_a_lot * int(seen.bids[:, 1].sum())
    assert 0.4 * told < sum(lots for _, lots in bids) <= told * 1.01 + len(bids)


def test_the_same_seed_makes_the_same_market_and_says_on_how_much_it_rests() -> None:
    seen = seen_of(walked(1e-4, 11, 2).symbols[0])
    one, other = from_book(seen, 1), from_book(seen, 1)
    assert one.scale == other.scale
    assert one.market.memory.tobytes() == other.market.memory.tobytes()
    assert "calibrated on 12 s only" in one.basis
    assert "400 levels" in one.basis
    young = seen_of(walked(1e-4, 3, 2).symbols[0])
    assert young.sigma is None
    assert "volatility not seen yet, 1 bp a second assumed" in from_book(young, 1).basis


def test_a_price_that_stood_still_and_nobody_traded() -> None:
    seen = seen_of(walked(0.0, 90, 1, trades_per_s=0.0).symbols[0])
    assert seen.sigma == 0.0
    assert seen.trade_lots is None
    begin = start_of(from_book(seen, 1), seen, 5)
    path = grown(begin, 0, False)
    assert np.isfinite(path.mid_ticks).all()
    assert path.mid_ticks[0] * begin.price_a_tick == pytest.approx(seen.price)


def test_sizes_of_a_shock_count_the_coin_and_not_the_markets_own_unit() -> None:
    seen = seen_of(walked(1e-4, 60, 2).symbols[0])
    made = from_book(seen, 1)
    sale, calm = made.shock(parse("sell:5")), made.shock(parse("withdrawal:0.5"))
    assert sale.size * made.scale.base_a_unit == pytest.approx(5.0)
    assert calm.size == 0.5


async def test_a_watched_session_gets_a_fan_from_its_book() -> None:
    state = walked(1e-4, 90, 4)
    session = Session(source=_Shown(), state=state)
    fan = await fan_of(session, WhatIf(parse("sell:20/5s"), 10, 10, level_ticks=199_000))
    assert (fan.state, fan.reason) == ("DONE", "")
    assert prices(fan.plain_middle)[0] == pytest.approx(state.symbols[0].feature("mid"))
    assert prices(fan.shocked_middle)[-1] < prices(fan.plain_middle)[-1]
    assert "joined by" in fan.basis
    again = await fan_of(session, WhatIf(parse("sell:20/5s"), 10, 10, level_ticks=199_000))
    assert again == fan


async def test_enough_futures_tell_by_themselves_what_a_tick_of_theirs_is_worth() -> None:
    """As many as pilot runs would be: their own width is the session's volatility, and they start at its mid."""
    state = walked(1e-4, 90, 4)
    seen = seen_of(state.symbols[0])
    assert seen.sigma is not None
    fan = await fan_of(Session(source=_Shown(), state=state), WhatIf(None, 96, 30))
    low, middle, high = (prices(line) for line in (fan.plain_low, fan.plain_middle, fan.plain_high))
    assert low[0] == middle[0] == high[0] == pytest.approx(state.symbols[0].feature("mid"))
    width = (high[-1] - low[-1]) / middle[0] / (2 * 1.645)  # of a normal distribution
    assert width == pytest.approx(seen.sigma * math.sqrt(30.0), rel=0.35)


async def test_a_book_that_is_not_in_sync_is_not_forked() -> None:
    state = walked(1e-4, 20, 4)
    state.symbols[0].book_state = "STALE"
    fan = await fan_of(Session(source=_Shown(), state=state), WhatIf(None, 8))
    assert fan.state == "FAILED"
    assert fan.reason == "expected a book in sync, found STALE: wait until it is back"


def test_a_book_with_an_empty_side_is_not_forked() -> None:
    state = walked(1e-4, 20, 4)
    out = BatchBuilder()
    ts = state.ts + TICK_NS
    out.add_levels(Kind.SNAPSHOT, ts, [], book_around(200_000)[1], last_id=999, ts_event=ts)
    out.add(Kind.TICK, ts, symbol=-1)
    apply(state, out.take())
    with pytest.raises(BadWhatIf, match="a side empty"):
        from_book(seen_of(state.symbols[0]), 1)


def test_the_captured_book_starts_at_its_mid_and_moves_as_it_did(captures: Path) -> None:
    state = State()
    for number, batch in enumerate(capture_batches(captures / "binance_spot_btcusdt_20240808.gz", BTC)):
        fold(state, batch)
        if number == 1500:
            break
    seen = seen_of(state.symbols[0])
    assert seen.sigma is not None
    begin = start_of(from_book(seen, 1), seen)
    ends = np.array([grown(begin, pair, False).mid_ticks[[0, 30]] for pair in range(64)])
    np.testing.assert_allclose(ends[:, 0] * begin.price_a_tick, seen.price, rtol=1e-12)
    assert np.log(ends[:, 1] / ends[:, 0]).std() == pytest.approx(seen.sigma * math.sqrt(30.0), rel=0.35)


def fold(state: State, batch: Batch) -> None:
    apply(state, batch)


LEVELS = st.lists(
    st.tuples(st.integers(1, 100_000), st.integers(1, 10**6)),
    min_size=1,
    max_size=80,
    unique_by=lambda x: x[0],
)


@given(LEVELS, st.floats(0.3, 500.0))
def test_levels_drawn_together_keep_every_lot_and_their_order(
    levels: list[tuple[int, int]], grid: float
) -> None:
    side = np.array(sorted(levels), np.int64)
    behind = distances(side, 0.5, grid)
    assert (np.diff(behind) >= 0).all()
    assert (behind >= np.floor((side[:, 0] - 0.5) / grid) / 1.07 - 1).all()
    expected: Counter[int] = Counter()
    for place, (_, lots) in zip(behind.tolist(), side.tolist(), strict=True):
        expected[place] += 2 * lots
    places, totals = drawn_together(side, behind, 2.0)
    nearest = sorted(expected)[:MOST_LEVELS]
    assert places.tolist() == nearest
    assert totals.tolist() == [expected[place] for place in nearest]


@given(st.integers(0, 10**6), st.lists(st.integers(1, 1000), max_size=9), st.integers(0, 50))
def test_a_split_level_is_still_the_whole_level(total: int, sizes: list[int], first: int) -> None:
    orders = split(total, np.array(sizes, np.int64), first)
    assert sum(orders) == total
    assert len(orders) <= ORDERS_A_LEVEL
    assert all(lots > 0 for lots in orders)


def test_it_looks_back_five_minutes() -> None:
    seen = seen_of(walked(1e-4, LOOKS_BACK_S + 40, 1, trades_per_s=0.5).symbols[0])
    assert seen.seconds == LOOKS_BACK_S
