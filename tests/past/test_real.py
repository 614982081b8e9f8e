"""A story rebuilt around real trades: every one of them prints, and all else of the story still holds."""

from __future__ import annotations

import numpy as np
import pytest

from engine.batch import Batch
from engine.core import State, apply
from engine.data.errors import DataError
from engine.data.trades import Trades
from engine.events import Kind
from engine.instrument import Instrument
from engine.past.real import beside_hours
from engine.past.source import PastSource
from tests.past.dict_books import followed, top
from tests.past.stories import two_hours

SECOND = Instrument("second", "XUSDT", "X", "USDT", "0.0001", "0.001")
BEGINS = two_hours().begins_ns
HOURS_NS = 7200 * 10**9


def walked(seed: int, count: int = 6000, instrument: Instrument = SECOND) -> Trades:
    """A random walk, on a finer grid than the story's own."""
    rng = np.random.default_rng(seed)
    ts = BEGINS + np.sort(rng.integers(0, HOURS_NS, count))
    ticks = 1_000_000 + np.cumsum(rng.integers(-300, 301, count))
    side = np.where(rng.random(count) < 0.5, 1, -1).astype(np.int8)
    return Trades(instrument, ts, ticks, rng.integers(1, 5000, count), side, np.arange(count))


@pytest.fixture(scope="module")
def trades() -> Trades:
    return walked(1)


@pytest.fixture(scope="module")
def batches(trades: Trades) -> list[Batch]:
    return list(PastSource(two_hours(), real=trades).made())


def printed(batches: list[Batch], symbol: int) -> np.ndarray:
    rows = np.concatenate([batch.rows for batch in batches])
    return rows[(rows["kind"] == Kind.TRADE) & (rows["symbol"] == symbol)]


def test_every_real_trade_prints_in_its_tick(batches: list[Batch], trades: Trades) -> None:
    rows = printed(batches, 1)
    assert rows["price_ticks"].tolist() == trades.price_ticks.tolist()
    assert rows["size_lots"].tolist() == trades.size_lots.tolist()
    assert rows["side"].tolist() == trades.side.tolist()
    ticks = np.array([int(batch.rows[-1]["ts_recv"]) for batch in batches])
    ends = np.searchsorted(ticks, rows["ts_recv"])
    assert (ends == np.searchsorted(ticks, trades.ts_ns)).all()


def test_the_best_prices_are_where_the_last_trade_was(batches: list[Batch]) -> None:
    last: tuple[int, int] | None = None
    checked = 0
    for row, sides in followed(batches):
        if row["symbol"] != 1:
            continue
        if row["kind"] == Kind.TRADE:
            last = (int(row["price_ticks"]), int(row["side"]))
        elif row["kind"] == Kind.DELTA and last is not None:
            price, side = last
            bid, _, ask, _ = top(sides)
            assert (ask if side > 0 else bid) == price
            checked += 1
    assert checked > 7000


def test_the_other_venue_still_meets_its_hours_and_follows(batches: list[Batch], trades: Trades) -> None:
    rows = printed(batches, 0)
    for number, (opened, high, low, close) in enumerate(((100, 104, 97, 103), (103, 109, 90, 95))):
        hour = rows["ts_recv"] - BEGINS
        prices = (
            rows["price_ticks"][(hour > number * 3600 * 10**9) & (hour <= (number + 1) * 3600 * 10**9)] * 0.05
        )
        assert (prices[0], prices.max(), prices.min(), prices[-1]) == pytest.approx(
            (opened, high, low, close)
        )


def test_books_are_never_in_doubt(batches: list[Batch]) -> None:
    state = State()
    for batch in batches:
        apply(state, batch)
    for symbol in state.symbols.values():
        assert (symbol.doubt, symbol.book_state) == ("", "SYNCED")


def test_it_is_said_and_follows_from_the_seed(trades: Trades) -> None:
    source = PastSource(two_hours(), real=trades)
    assert source.transport.note == "reconstructed book around every real trade of second"
    assert source.story.recorded[0] == "Every trade of second XUSDT, as published on data.binance.vision"
    one = [next(PastSource(two_hours(), real=trades).made()).rows.tobytes() for _ in range(2)]
    assert one[0] == one[1]


def test_trades_that_contradict_the_recorded_hours_are_told_or_refused() -> None:
    hours = (97.5, 104.2), (91.0, 110.0)  # lows and highs of the second venue

    def beside(*bounds: tuple[float, float]) -> str:
        ts, prices = [], []
        for number, (low, high) in enumerate(bounds):
            ts += [BEGINS + (number * 3600 + second) * 10**9 for second in (10, 20, 30)]
            prices += [100.0, high, low]
        ticks = np.round(np.array(prices) * 1e4).astype(np.int64)
        count = len(ts)
        ones = np.ones(count, np.int64)
        return beside_hours(
            two_hours(), Trades(SECOND, np.array(ts), ticks, ones, ones.astype(np.int8), np.arange(count))
        )

    assert beside(*hours) == beside(hours[0]) == beside((97.5, 104.5), hours[1]) == ""
    assert beside(hours[0], (90.0, 112.2)) == (
        "second: its real hours differ from the recorded ones by up to 2.0%, in that of 19 May 13:00: "
        "a high of 112.2, recorded is 110"
    )
    with pytest.raises(
        DataError, match=r"within 10% of the hours that two records of second, found them 60% apart"
    ):
        beside(hours[0], (100.0, 176.0))


def test_trades_of_something_else_or_too_few_are_refused(trades: Trades) -> None:
    other = Instrument("elsewhere", "XUSDT", "X", "USDT", "0.01", "0.01")
    with pytest.raises(
        DataError, match="the trades are of elsewhere:XUSDT, the story tells of lead:XUSD, second"
    ):
        PastSource(two_hours(), real=walked(2, 10, other))
    early = trades.ts_ns < BEGINS + HOURS_NS // 3
    half = Trades(SECOND, *(part[early] for part in (trades.ts_ns, trades.price_ticks, trades.size_lots)),
                  trades.side[early], trades.ids[early])  # fmt: skip
    with pytest.raises(DataError, match="the real trades have none in hour 2 of the story"):
        PastSource(two_hours(), real=half)
