"""A real recording as a sample: counts, signs and prices against the venue's own messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.errors import UserError
from cli.sampled import sampled
from engine.batch import concat
from engine.events import Kind
from engine.feeds.capture import capture_batches
from engine.lab.checklist import FACTS, measure
from store.header import new_header
from store.recorder import Recorder
from tests.feeds.test_capture import BTC, NAME


def test_seconds_trades_and_prices_are_those_of_the_messages(captures: Path, recording: Path) -> None:
    live = sampled(recording)
    sample = live.sample
    assert live.name == "binance:BTCUSDT"
    assert live.tick_bps == pytest.approx(1e4 / 6.183e6, rel=0.01)
    rows = concat(list(capture_batches(captures / NAME, BTC))).rows
    trades, ticks = rows[rows["kind"] == Kind.TRADE], rows[rows["kind"] == Kind.TICK]
    assert len(sample.signs) == int(sample.trades.sum())
    assert (
        0 <= len(trades) - len(sample.signs) < 300
    )  # those of the first second and of the last piece of one
    assert sample.volume.sum() == pytest.approx(trades["size_lots"].sum(), rel=0.05)
    start = len(trades) - len(trades[trades["ts_recv"] > ticks[0]["ts_recv"]])
    at = next(
        i for i in range(start, 300) if (trades["side"][i : i + len(sample.signs)] == sample.signs).all()
    )
    assert trades["size_lots"][at : at + len(sample.signs)].sum() == pytest.approx(sample.volume.sum())
    tops = rows[rows["kind"] == Kind.TOP]
    low, high = tops["price_ticks"].min(), tops["ask_ticks"].max()
    assert (sample.bid < sample.ask).all()
    assert low <= sample.bid.min()
    assert sample.ask.max() <= high
    assert 340 <= len(sample.bid) <= 346


def test_what_microtui_measures_of_it_is_what_the_literature_says_of_live_markets(recording: Path) -> None:
    """The facts that need no long series; row numbers of the checklist."""
    values = measure(sampled(recording).sample)
    found = {fact.row: fact.passes(value) for fact, value in zip(FACTS, values, strict=True)}
    assert all(found[row] for row in (1, 2, 3, 8, 10, 11, 12, 14, 16))


def test_a_recording_without_a_book_is_refused_with_what_would_be_right(tmp_path: Path) -> None:
    path = tmp_path / "empty.microtui"
    Recorder(path, new_header("test", 1)).close()
    with pytest.raises(UserError, match="expected a recording with a book in it"):
        sampled(path)
    with pytest.raises(UserError):
        sampled(tmp_path / "nowhere.microtui")
