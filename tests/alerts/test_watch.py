"""Each kind of rule on a grid that is filled by hand: when it tells, with which numbers, and when it is silent."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from engine.alerts.measures import amount
from engine.alerts.watch import regimes
from engine.events import Alert, FactorTick
from engine.frame.symbol import SignalNow
from engine.instrument import Instrument
from engine.kernels.market import FEATURES
from engine.rules import AlertRule
from tests.alerts.planted import BTC, ETH, XBT, Bench

QUIET = {"mid": 60_000.0, "spread_bps": 0.1, "bid_depth": 50.0, "ask_depth": 60.0, "volatility_bps": 4.0}


def bench_of(kind: str, *instruments: object, **fields: object) -> Bench:
    return Bench(*(instruments or (BTC,)), rules=(AlertRule("mine", kind, **fields),))  # type: ignore[arg-type]


def test_a_spread_beyond_a_number_is_told_after_its_time_and_once() -> None:
    bench = bench_of("spread", threshold=1.0, for_s=3.0)
    assert bench.step(**QUIET) == []
    told = [bool(bench.step(**{**QUIET, "spread_bps": 1.5})) for _ in range(10)]
    assert told == [False, False, False, True] + [False] * 6


def test_a_spread_is_unusual_against_its_own_past() -> None:
    bench, rng = bench_of("spread", quantile=0.99), np.random.default_rng(4)
    spreads = 2.0 * np.exp(rng.normal(0.0, 0.1, 600))
    for spread in spreads:
        assert bench.step(**{**QUIET, "spread_bps": spread}) == []
    assert (
        bench.step(**{**QUIET, "spread_bps": 1.8 * np.median(spreads)}) == []
    )  # rare, but not twice the usual
    (alert,) = bench.step(**{**QUIET, "spread_bps": 6.0})
    assert alert.kind == "SPREAD"
    assert alert.text.startswith("spread 6 bp, ")
    times = float(alert.text.split("bp, ")[1].split()[0])
    assert times == pytest.approx(6.0 / np.median(spreads), rel=0.1)
    assert "wider than 100.0 % of the last 10 min" in alert.text


def test_three_ticks_where_one_is_usual_are_no_alert() -> None:
    bench = bench_of("spread", quantile=0.99)
    for _ in range(400):
        bench.step(**{**QUIET, "spread_bps": 0.0016})
    assert bench.step(**{**QUIET, "spread_bps": 0.48}) == []
    assert len(bench.step(**{**QUIET, "spread_bps": 0.52})) == 1


def test_nothing_is_unusual_before_enough_has_been_seen() -> None:
    bench = bench_of("spread", quantile=0.99)
    for _ in range(250):
        bench.step(**QUIET)
    assert bench.step(**{**QUIET, "spread_bps": 50.0}) == []


def test_a_spread_that_is_often_wide_is_usual() -> None:
    bench = bench_of("spread", quantile=0.99)
    for second in range(900):
        spread = 6.0 if second % 20 == 0 else 2.0  # a twentieth of the time: three times the median
        assert bench.step(**{**QUIET, "spread_bps": spread}) == []


def test_a_thin_side_names_itself_and_what_is_usual() -> None:
    bench = bench_of("depth", quantile=0.99)
    for _ in range(400):
        assert bench.step(**QUIET) == []
    (alert,) = bench.step(**{**QUIET, "ask_depth": 10.0})
    assert alert.kind == "DEPTH"
    assert alert.text.startswith("asks within 1 % are 600 k USDT, 0.2")
    usual = float(alert.text.split("of the usual ")[1].split()[0])
    assert usual == pytest.approx(3.0, rel=0.05)
    assert "M, thinner than 100.0 % of the last 7 min" in alert.text


def test_depth_under_a_number() -> None:
    bench = bench_of("depth", threshold=1_000_000.0)
    assert bench.step(**QUIET) == []
    (alert,) = bench.step(**{**QUIET, "bid_depth": 10.0})
    assert alert.text == "bids within 1 % are 600 k USDT, under 1 M"


@pytest.mark.parametrize("side", [-1, 1])
def test_a_move_has_its_size_its_deviations_and_how_sure_that_is(side: int) -> None:
    bench = bench_of("move", threshold=50.0, window_s=30.0)
    for _ in range(40):
        assert bench.step(**QUIET) == []
    (alert,) = bench.step(**{**QUIET, "mid": 60_000.0 * (1 + side * 0.0060), "volatility_bps": 60.0})
    sigmas = 60.0 / (4.0 * math.sqrt(0.5))
    assert alert.kind == "MOVE"
    sign = "+" if side > 0 else "−"
    assert alert.text == f"{sign}60 bp in 30 s, {sigmas:.1f} deviations of what was usual"
    assert alert.confidence == pytest.approx(math.erf(sigmas / math.sqrt(2)), abs=1e-9)


def test_a_move_of_less_than_two_deviations_is_said_to_be_usual_by_now() -> None:
    bench = bench_of("move", threshold=50.0, window_s=30.0)
    wild = {**QUIET, "volatility_bps": 200.0}
    for _ in range(40):
        assert bench.step(**wild) == []
    (alert,) = bench.step(**{**wild, "mid": 60_000.0 * 1.006})
    assert alert.text == "+60 bp in 30 s, as usual by now"
    assert alert.confidence == pytest.approx(
        math.erf(60.0 / (200.0 * math.sqrt(0.5)) / math.sqrt(2)), abs=1e-9
    )


def test_a_move_that_turns_is_told_both_ways() -> None:
    bench = Bench(BTC, rules=(AlertRule("mine", "move", threshold=50.0, window_s=5.0, every_s=0.0),))
    signs = []
    for mid in [60_000.0] * 10 + [60_400.0] + [60_000.0] * 5 + [59_500.0]:
        signs += [alert.text[0] for alert in bench.step(**{**QUIET, "mid": mid})]
    assert signs[0] == "+"
    assert signs[-1] == "−"


def test_a_move_across_a_hole_in_the_book_is_none() -> None:
    bench = bench_of("move", threshold=50.0, window_s=30.0)
    bench.step(**QUIET)
    bench.second += 40
    assert bench.step(**{**QUIET, "mid": 70_000.0}) == []


def test_a_gap_between_venues_is_what_is_left_after_costs() -> None:
    bench = bench_of("gap", BTC, XBT, threshold=10.0, cost_bps=20.0)
    bench.step(0, **{**QUIET, "spread_bps": 4.0})
    assert bench.step(1, same_second=True, **{**QUIET, "mid": 60_000 * 1.0032, "spread_bps": 2.0}) == []
    bench.step(0, **{**QUIET, "spread_bps": 4.0})
    (alert,) = bench.step(1, same_second=True, **{**QUIET, "mid": 60_000 * 1.0036, "spread_bps": 2.0})
    assert alert.kind == "GAP"
    assert alert.text == "bitmex:XBTUSD is 36 bp above binance:BTCUSDT, 13 after all costs"
    assert alert.symbol == 1


def test_a_gap_pays_the_venues_fees_and_is_of_prices_in_one_currency() -> None:
    tether = Instrument("binance", "USDCUSDT", "USDC", "USDT", "0.0001", "1")
    coin = Instrument("coinbase", "BTC-USDC", "BTC", "USDC", "0.01", "0.00000001", "linear")
    bench = Bench(BTC, tether, coin, rules=(AlertRule("mine", "gap", threshold=10.0),))
    setup = msgspec.structs.replace(bench.state.setup, taker_bps={"binance": 10.0, "coinbase": 25.0})
    bench.state.setup = setup
    features = bench.symbol(1).market.features
    features[FEATURES.index("mid")] = 1.0050  # a dollar of the one costs more than one of the other
    told = []
    for mid in (60_000.0, 60_000.0 / 1.0050 * 1.0040, 60_000.0 / 1.0050 * 1.0050):
        bench.step(0, **QUIET)
        told += bench.step(2, same_second=True, **{**QUIET, "mid": mid})
    assert [alert.text for alert in told] == [
        "coinbase:BTC-USDC is 50 bp above binance:BTCUSDT, 15 after all costs; a basis, one is no spot"
    ]


@pytest.mark.parametrize("why", ["another asset", "the same venue", "a second behind", "not in sync"])
def test_there_is_no_gap_to(why: str) -> None:
    other = {"another asset": ETH, "the same venue": BTC}.get(why, XBT)
    bench = bench_of("gap", BTC, other, threshold=10.0)
    if why == "not in sync":
        bench.symbol(0).book_state = "STALE"
    bench.step(0, **QUIET)
    assert bench.step(1, same_second=why != "a second behind", **{**QUIET, "mid": 90_000.0}) == []


def test_a_swing_of_sentiment_is_told_by_one_symbol_with_its_certainty() -> None:
    bench = bench_of("swing", BTC, XBT, threshold=0.4, window_s=60.0)
    for _ in range(61):
        for index in (0, 1):
            row = {**QUIET, "sentiment": -0.1, "doubt": 0.15}
            assert bench.step(index, same_second=index == 1, **row) == []
    (alert,) = bench.step(0, **QUIET, sentiment=0.4, doubt=0.2)
    assert bench.step(1, same_second=True, **QUIET, sentiment=0.4, doubt=0.2) == []
    assert alert.text == "sentiment of BTC −0.10 → +0.40 in 1 min, ±0.25"
    assert alert.confidence == pytest.approx(0.9772, abs=1e-4)  # two standard errors


def test_a_book_that_stays_out_of_sync_is_told_of_once_it_was_there() -> None:
    bench = bench_of("stale", threshold=60.0)
    bench.symbol().book_state, bench.symbol().watch.alive_at = "GAP", 0
    assert [bench.step() for _ in range(200)] == [[]] * 200  # it has never been in sync
    bench.symbol().book_state = "SYNCED"
    bench.step(**QUIET)
    bench.symbol().book_state, bench.symbol().reason = "GAP", "an update is missing"
    told = [alert for _ in range(200) for alert in bench.step()]
    assert [alert.text for alert in told] == ["book not in sync for 60 s, it is GAP: an update is missing"]


def test_a_signal_is_told_from_its_confidence_on_and_again_when_it_turns() -> None:
    bench = Bench(BTC, rules=(AlertRule("mine", "signal", threshold=0.5, every_s=0.0),))
    told: list[str] = []
    for direction, confidence in [
        ("FLAT", None), ("LONG", 0.42), ("LONG", 0.49), ("LONG", 0.51), ("LONG", 0.44), ("LONG", 0.52),
        ("SHORT", 0.55), ("FLAT", None), ("SHORT", 0.6),
    ]:  # fmt: skip
        bench.symbol().signal.now = SignalNow(direction, confidence, 2.5, 61.0, "because")
        told += [f"{alert.kind} {alert.confidence}" for alert in bench.step(**QUIET)]
    assert told == ["LONG 0.51", "SHORT 0.55", "SHORT 0.6"]


def test_a_regime_is_told_where_a_rule_asks_for_it() -> None:
    said = [FactorTick(1, 0, "CALM", 1.0, 0.0, 0.0, 0.0, None, None), Alert(1, 0, "REGIME", 0.9, "calm → ?")]
    for to, expected in (((), 2), (("STRESSED",), 1)):
        bench = Bench(BTC, rules=(AlertRule("mine", "regime", to=to),))
        assert len(regimes(bench.state, bench.symbol(), said)) == expected  # its label is not known yet
    assert len(regimes(Bench(BTC).state, Bench(BTC).symbol(), said)) == 1


@pytest.mark.parametrize(
    ("symbol", "told"), [("BTCUSDT", 1), ("binance:BTCUSDT", 1), ("ETHUSDT", 0), ("", 1)]
)
def test_a_rule_may_be_of_one_symbol(symbol: str, told: int) -> None:
    bench = bench_of("spread", threshold=1.0, symbol=symbol)
    assert len(bench.step(**{**QUIET, "spread_bps": 2.0})) == told


def test_a_row_without_a_book_says_nothing() -> None:
    rules = tuple(
        AlertRule(kind, kind, threshold=1.0) for kind in ("spread", "depth", "move", "gap", "swing", "signal")
    )
    bench = Bench(BTC, XBT, rules=rules)
    for _ in range(10):
        assert bench.step(0) == []
        assert bench.step(1, same_second=True) == []
    assert bench.symbol().watch.spread.seen == 0


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.123"), (999.0, "999"), (1200.0, "1.2 k"), (3.4e6, "3.4 M"), (5e9, "5 G")]
)
def test_amounts(value: float, text: str) -> None:
    assert amount(value) == text
