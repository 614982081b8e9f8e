"""Transfers as alerts: large enough, new enough, each once."""

from __future__ import annotations

import pytest

from engine.alerts.condition import MOST_CONDITIONS
from engine.alerts.whales import whales
from engine.events import ChainTransfer
from engine.rules import AlertRule
from tests.alerts.planted import BTC, Bench

MILLION = 1e6


def bench() -> Bench:
    return Bench(BTC, rules=(AlertRule("whale", "whale", threshold=20 * MILLION, every_s=60.0),))


def moved(
    name: str, value: float | None, ts: int, asset: str = "BTC", amount: float = 500.0
) -> ChainTransfer:
    return ChainTransfer(name, ts, asset, amount, value, "", "Binance", "mempool")


def test_a_large_transfer_is_told_once_with_both_ends() -> None:
    it = bench()
    raised = whales(it.state, moved("a", 30 * MILLION, it.ts), it.ts)
    assert [r.alert.text for r in raised] == ["500 BTC, 30 M dollars, unknown → Binance, not confirmed yet"]
    assert raised[0].alert.symbol == 0
    later = it.ts + 3600 * 10**9
    assert whales(it.state, moved("a", 30 * MILLION, later), later) == []  # confirmed, but the same one


@pytest.mark.parametrize(
    ("value", "late_s", "asset", "told"),
    [(19.9 * MILLION, 0, "BTC", 0), (20 * MILLION, 0, "BTC", 1), (20 * MILLION, 1000, "BTC", 0),
     (None, 0, "BTC", 0), (20 * MILLION, 0, "DOGE", 1)],
)  # fmt: skip
def test_what_is_told(value: float | None, late_s: int, asset: str, told: int) -> None:
    it = bench()
    note = moved("a", value, it.ts - late_s * 10**9, asset)
    assert len(whales(it.state, note, it.ts)) == told


def test_many_at_once_are_one_and_a_count() -> None:
    it = bench()
    told = [r for i in range(5) for r in whales(it.state, moved(f"{i}", 30 * MILLION, it.ts), it.ts)]
    later = it.ts + 61 * 10**9
    told += whales(it.state, moved("later", 30 * MILLION, later), later)
    assert len(told) == 2
    assert told[1].alert.text.endswith("; 4 more since the last alert")


def test_ids_that_are_remembered_are_bounded() -> None:
    it = bench()
    for i in range(500):
        whales(it.state, moved(f"{i}", 30 * MILLION, it.ts), it.ts)
    assert len(it.state.alerts.whales) == 64


def test_however_many_assets_there_are_one_that_moves_on_keeps_its_quiet_time() -> None:
    it = Bench(BTC, rules=(AlertRule("whale", "whale", threshold=MILLION, every_s=3600.0),))
    told = [
        raised.alert.text
        for number in range(MOST_CONDITIONS + 500)
        for asset in (f"A{number}", *(("BTC",) if number % 1000 == 0 else ()))
        for raised in whales(it.state, moved(f"{asset} {number}", 30 * MILLION, it.ts, asset), it.ts)
    ]
    assert sum(text.startswith("500 BTC") for text in told) == 1
    assert len(told) == MOST_CONDITIONS + 501
    assert len(it.state.alerts.conditions) == MOST_CONDITIONS
