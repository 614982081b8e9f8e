"""What is read off a recording, how far a market is from it, and a search that can be cut short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.instrument import Instrument
from engine.lab.calibration_data import NotEnough, Orders, Recorded, enough, market_orders
from engine.lab.calibration_loss import AT_LIMIT, MISS, MOST, Loss, new_loss
from engine.lab.calibration_reading import fills, read_off, sizes, unevenness
from engine.lab.calibration_search import BadJournal, Knob, search
from engine.lab.calibration_units import with_values
from engine.lab.checklist import FACTS
from engine.lab.checklist import measure as statistics
from engine.lab.sampling import simulated
from engine.lab.stylised import wasserstein
from engine.scenario import Scenario
from tests.lab.test_against import made

RNG = np.random.default_rng(23)
UNEVEN = 0.8  # deviation of the logarithm of what stands at the best prices
GRID = Instrument("x", "BTCUSDT", "BTC", "USDT", "0.1", "0.001", "linear")


def recorded(seconds: int = 300, orders: int = 900) -> Recorded:
    """A market of known volatility, and orders whose reach falls off exponentially and whose sizes are Pareto's."""
    sample = made(0.3, 0.016, sigma=1.3, rate=12.0, seconds=seconds)
    reach = 0.5 + np.floor(RNG.exponential(1.0 / 0.9, orders))
    lots = 20.0 * np.exp(RNG.exponential(1.0 / 1.4, orders))
    at = np.sort(RNG.uniform(0.0, seconds, orders))
    best = 900.0 * np.exp(UNEVEN * RNG.normal(size=(seconds, 2)))
    return Recorded("made", "0" * 64, GRID, 1e5, sample, Orders(at, np.ones(orders), lots, reach), best)


def test_rate_of_fills_is_the_exponential_that_the_orders_were_drawn_from() -> None:
    reach = 0.5 + np.floor(RNG.exponential(1.0 / 0.9, 40_000))
    found = fills(reach, 1000.0)
    assert found.k == pytest.approx(0.9, abs=0.03)
    assert found.a == pytest.approx(40.0 * np.exp(0.45), rel=0.02)  # 40 a second at half a tick
    assert found.rate[0] == pytest.approx(40.0)
    few = fills(np.full(500, 0.5), 100.0)
    assert np.isnan(few.k), "nobody reached beyond the best"
    assert np.isnan(fills(np.full(5, np.nan), 100.0).k)


def test_sizes_of_a_pareto_law_are_found_again() -> None:
    drawn = 3.0 * np.exp(RNG.exponential(1.0 / 1.6, 50_000))
    found = sizes(drawn)
    assert found.tail == pytest.approx(1.6, rel=0.1)
    assert found.least == pytest.approx(3.0, rel=0.1)
    assert found.mean == pytest.approx(np.minimum(drawn, found.least * found.cap).mean(), rel=1e-6)


def test_trades_of_one_moment_and_side_are_one_order() -> None:
    at = np.array([1, 1, 1, 2, 2]) * 10**9
    side = np.array([1.0, 1.0, -1.0, -1.0, -1.0])
    found = market_orders(at, side, np.arange(1.0, 6.0), np.array([0.5, 2.5, 0.5, 1.5, 0.5]))
    assert found.lots.tolist() == [3.0, 3.0, 9.0]
    assert found.reach.tolist() == [2.5, 0.5, 1.5]
    assert found.part(1.5, 3.0).at_s.tolist() == [0.5]
    nothing = np.zeros(0)
    assert len(market_orders(nothing.astype(np.int64), nothing, nothing, nothing).at_s) == 0


def test_what_is_read_off_is_in_the_scenario() -> None:
    market = recorded()
    found, reads = read_off(market, Scenario())
    told = {read.name: read.value for read in reads}
    assert (found.tick_size, found.lot_size, found.symbol) == ("0.1", "0.001", "BTCUSDT")
    assert found.start_ticks == round(market.sample.mid[0])
    assert told["σ"] == pytest.approx(1.3, rel=0.15)
    sigma_ticks = told["σ"] * 1e-4 * market.price_ticks
    assert found.world.calm_sigma_ticks == pytest.approx(sigma_ticks, rel=1e-3)
    assert told["k"] == pytest.approx(0.9, rel=0.15)
    rest = 1.0 + Scenario().agents.maker.feedback * Scenario().world.doubt
    assert found.agents.maker.fill_decay == pytest.approx(told["k"] * rest, rel=1e-3)
    assert found.agents.maker.size_spread == pytest.approx(UNEVEN, rel=0.15)
    assert told["market orders"] == pytest.approx(3.0)
    assert found.agents.noise.size == pytest.approx(told["order size, least"], rel=1e-3)
    assert told["order size, least"] == pytest.approx(0.02, rel=0.35)


def test_what_takers_left_of_the_best_does_not_count_as_uneven() -> None:
    lots = np.exp(RNG.normal(size=(5000, 2)))
    assert unevenness(lots) == pytest.approx(np.log(lots).std(), rel=0.05)
    eaten = np.where(RNG.random(lots.shape) < 0.03, 1e-3, lots)
    assert np.log(eaten).std() > 1.5
    assert unevenness(eaten) == pytest.approx(1.0, rel=0.1)
    assert np.isnan(unevenness(np.full((300, 2), np.nan)))
    still = recorded()
    assert (
        read_off(replace(still, best_lots=np.full((300, 2), np.nan)), Scenario())[0].agents.maker.size_spread
        == Scenario().agents.maker.size_spread
    )


def test_blocks_share_nothing_and_leave_nothing_out() -> None:
    market = recorded()
    fit, later = market.blocks()
    assert fit.seconds + later.seconds == market.seconds
    assert len(fit.orders.at_s) + len(later.orders.at_s) == len(market.orders.at_s)
    np.testing.assert_array_equal(np.r_[fit.sample.bid, later.sample.bid], market.sample.bid)
    np.testing.assert_array_equal(np.r_[fit.best_lots, later.best_lots], market.best_lots)
    assert later.orders.at_s.max() < later.seconds


@pytest.mark.parametrize(
    ("market", "words"),
    [
        (recorded(60), "at least 120 s with a book, found 60 s"),
        (recorded(300, 12), "at least 100 market orders, found 12"),
    ],
)
def test_too_little_is_refused_in_words(market: Recorded, words: str) -> None:
    with pytest.raises(NotEnough, match=words):
        enough(market)


def test_a_price_that_stands_still_is_refused() -> None:
    market = recorded()
    still = replace(market.sample, bid=np.full(300, 10.0), ask=np.full(300, 11.0))
    with pytest.raises(NotEnough, match="expected a price that moves"):
        enough(replace(market, sample=still))


@pytest.fixture(scope="module")
def loss() -> tuple[Loss, Recorded]:
    """Against a market that was itself simulated, so that the answer is known."""
    truth = Scenario()
    samples = [simulated(truth, seed, 600) for seed in range(2000, 2004)]
    nothing = np.zeros(0)
    live = Recorded(
        "itself",
        "0" * 64,
        truth.instruments()[0],
        1e5,
        samples[0],
        Orders(nothing, nothing, nothing, nothing),
        np.full((600, 2), np.nan),
    )
    return new_loss(live, live, truth, samples), live


def test_a_market_is_nearer_to_itself_than_to_others(loss: tuple[Loss, Recorded]) -> None:
    measure, live = loss
    own = measure.score(Scenario(), [live.sample])
    levels = [term for term in own.terms if term.name in ("σ 1 s, bp", "trades/s", "volume/s")]
    assert [term.z for term in levels] == pytest.approx([0.0, 0.0, 0.0])
    for key, value in (
        ("world.impact_ticks", 140.0),
        ("agents.noise.rate", 11.0),
        ("agents.maker.fill_decay", 0.1),
    ):
        other = with_values(Scenario(), {key: value})
        assert measure.score(other, [simulated(other, 2010, 600)]).loss > own.loss + 0.1


def test_a_miss_by_a_hair_costs_a_step_in_every_run_that_misses(loss: tuple[Loss, Recorded]) -> None:
    measure, live = loss
    runs = [simulated(Scenario(), seed, 600) for seed in (2010, 2011)]
    far = [wasserstein(run.spread_bps, live.sample.spread_bps) for run in runs]
    between = (far[0] * far[1]) ** 0.5  # a limit that one run keeps and the other does not
    asked = replace(measure, limits=(between, measure.limits[1]))
    found = {term.name: term.z for term in asked.score(Scenario(), runs).terms}["W1, spread, bp"]
    kept, missed = min(far) / between, max(far) / between
    assert found == pytest.approx(0.5 * (AT_LIMIT * kept + AT_LIMIT + np.log(missed) + MISS))

    pace = float(runs[0].trades.mean())
    free, bound = (
        replace(measure, ranges=(measure.ranges[0], (low, np.inf), measure.ranges[2]))
        for low in (0.0, 1.01 * pace)
    )
    without, with_step = (
        next(term.z for term in held.score(Scenario(), runs[:1]).terms if term.name == "trades/s")
        for held in (free, bound)
    )
    assert abs(with_step) == pytest.approx(abs(without) + MISS)


def test_a_fact_that_some_runs_miss_pulls_towards_where_all_have_it(loss: tuple[Loss, Recorded]) -> None:
    measure, _ = loss
    runs = [simulated(Scenario(), seed, 300) for seed in range(2010, 2016)]
    terms = {term.name: term for term in measure.score(Scenario(), runs).terms}
    some = 0
    for number, fact in enumerate(FACTS):
        each = [statistics(run)[number] for run in runs]
        low, high = sum(x <= fact.least for x in each), sum(x >= fact.most for x in each)
        if fact.passes(float(np.median(each))) and fact.name not in ("σ 1 s, bp", "trades/s"):
            assert terms[fact.name].z == pytest.approx(AT_LIMIT * (high - low) / len(runs))
            some += low + high
    assert some > 0, "or nothing was tested"


def test_a_market_that_is_none_has_the_worst_loss(loss: tuple[Loss, Recorded]) -> None:
    measure, live = loss
    nobody = replace(live.sample, bid=np.full(600, np.nan), ask=np.full(600, np.nan))
    assert measure.score(Scenario(), [nobody]).loss == MOST


KNOBS = (Knob("a", 0.1, 10.0), Knob("b", -2.0, 2.0, log=False))


def bowl(values: Mapping[str, float]) -> float:
    return abs(float(np.log(values["a"] / 2.0))) + abs(values["b"] - 0.7)


def test_the_search_finds_the_bottom_of_a_bowl() -> None:
    found = search(bowl, KNOBS, 60, first={"a": 1.0, "b": 0.0})
    assert len(found) == 60
    assert found[0].loss == min(trial.loss for trial in found) < 0.35
    first = next(trial for trial in found if trial.number == 0)
    assert first.values == {"a": 1.0, "b": 0.0}


def test_a_search_that_was_cut_short_finds_what_an_undisturbed_one_does(tmp_path: Path) -> None:
    whole = search(bowl, KNOBS, 24, first={"a": 1.0, "b": 0.0})
    journal = tmp_path / "trials"
    calls = 0

    def until_tired(values: Mapping[str, float]) -> float:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt
        return bowl(values)

    with pytest.raises(KeyboardInterrupt):
        search(until_tired, KNOBS, 24, first={"a": 1.0, "b": 0.0}, journal=journal, identity="x")
    calls = -100
    again = search(until_tired, KNOBS, 24, first={"a": 1.0, "b": 0.0}, journal=journal, identity="x")
    assert calls == -100 + 24 - 19, "nineteen were kept"
    assert [(t.number, t.values, t.loss) for t in again] == [(t.number, t.values, t.loss) for t in whole]
    with pytest.raises(BadJournal, match="found others"):
        search(bowl, KNOBS, 24, first={"a": 1.0, "b": 0.0}, journal=journal, identity="y")


def test_more_than_seven_knobs_are_refused() -> None:
    knobs = [Knob(f"k{i}", 0.1, 1.0) for i in range(8)]
    with pytest.raises(ValueError, match="one to 7 knobs, found 8"):
        search(bowl, knobs, 1, first={})
