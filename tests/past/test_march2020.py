"""The two days in March 2020, all of them, from the rows they emit: beside what MARKET's table and facts say.

The numbers here are written out once more, apart from the story's file, so that a slip in either shows.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.batch import Batch
from engine.events import FeedStatus, Kind, Post
from engine.kernels.fold import feature, fit, fold, new_market
from engine.past import facts
from engine.past.minutes import lead_path
from engine.past.recipe import liquidity
from engine.past.source import PastSource
from engine.past.story import read

REPLAYS = Path(__file__).parents[2] / "replays"
BEGINS = 1_583_971_200  # 12 March 2020 00:00 UTC
MINUTES = 2 * 24 * 60
GRID = ((0.5, 1e-4), (0.01, 1e-6))
Floats = npt.NDArray[np.float64]


class Days:
    """Trades of both venues (seconds since the beginning, price, size), and once a minute what 25 BTC cost."""

    def __init__(self, seed: int | None) -> None:
        trades, costs, posts, halts = [], [], 0, []
        markets = [new_market(tick, lot, [100.0], round(25 / lot)) for tick, lot in GRID]
        waiting: list[Batch] = []
        for tick in PastSource(read(REPLAYS / "march2020.toml"), seed=seed).made():
            waiting.append(tick)
            for note in tick.notes:
                posts += isinstance(note, Post)
                if isinstance(note, FeedStatus) and note.symbol == 0:
                    halts.append((int(tick.rows[-1]["ts_recv"]) // 10**9 - BEGINS, note.trading))
            if int(tick.rows[-1]["ts_recv"]) % 60_000_000_000:
                continue
            batch, waiting = facts.joined(waiting), []
            rows = batch.rows
            trades.append(rows[rows["kind"] == Kind.TRADE])
            for index, market in enumerate(markets):
                markets[index] = market = fit(rows, batch.levels, index, market)
                assert fold(rows, batch.levels, index, market) == 0
                at = int(rows[-1]["ts_recv"]) // 10**9 - BEGINS
                costs.append((at, index, feature(market, "round_trip_bps")))
        every = np.concatenate(trades)
        self.costs = np.array(costs, np.float64)
        self.posts, self.halts, self.markets = posts, halts, markets
        self.venues = []
        for index, (tick, lot) in enumerate(GRID):
            own = every[every["symbol"] == index]
            seconds = (own["ts_recv"] - BEGINS * 10**9) / 1e9
            self.venues.append((seconds, own["price_ticks"] * tick, own["size_lots"] * lot))

    def bars(self, venue: int, length: int) -> list[tuple[float, float, float, float, Floats, Floats]]:
        """open, high, low, close, prices, sizes of each bar of so many seconds."""
        seconds, price, size = self.venues[venue]
        cuts = np.searchsorted(seconds, np.arange(0, 60 * MINUTES + 1, length))
        found = []
        for i, j in pairwise(cuts):
            p = price[i:j] if j > i else price[i - 1 : i]  # without a trade the last price stands
            found.append((p[0], p.max(), p.min(), p[-1], p, size[i:j]))
        return found

    def closes(self, venue: int) -> Floats:
        return np.array([bar[3] for bar in self.bars(venue, 60)])


@pytest.fixture(scope="module")
def days() -> Days:
    return Days(None)


def minute(day: int, clock: str) -> int:
    hour, past = clock.split(":")
    return (day - 12) * 1440 + int(hour) * 60 + int(past)


def test_each_hour_is_met_to_the_tables_unit(days: Days) -> None:
    story = read(REPLAYS / "march2020.toml")
    for venue in range(2):
        told = [bar for bar in story.bars if bar.venue == venue]
        for bar, (first, high, low, last, price, size) in zip(told, days.bars(venue, 3600), strict=True):
            assert (first, high, low, last) == (bar.open, bar.high, bar.low, bar.close)
            volume = (price * size).sum() / 1e6 if venue == 0 else size.sum()
            assert round(volume) == bar.volume


@pytest.mark.parametrize(
    ("day", "clock", "what", "price"),
    [
        (12, "00:04", "high", 7967),
        (12, "09:30", "close", 7375),
        (12, "10:30", "close", 7203),
        (12, "10:45", "close", 6176),
        (12, "10:47", "low", 5600),
        (12, "22:59", "close", 5806),
        (12, "23:00", "close", 5805),
        (12, "23:40", "close", 4612),
        (13, "02:00", "close", 3978),
        (13, "02:15", "close", 3596),
        (13, "02:15", "low", 3596),
    ],
)
def test_prices_inside_the_hours(days: Days, day: int, clock: str, what: str, price: float) -> None:
    bar = days.bars(0, 60)[minute(day, clock)]
    assert bar[("open", "high", "low", "close").index(what)] == price


@pytest.mark.parametrize(
    ("length", "pct", "day", "clock"),
    [(1, -4.45, 12, "23:54"), (5, -11.9, 12, "10:47"), (15, -20.2, 12, "10:47"), (60, -25.1, 12, "23:59")],
)
def test_the_worst_minutes(days: Days, length: int, pct: float, day: int, clock: str) -> None:
    close = days.closes(0)
    returns = close[length:] / close[:-length] - 1
    ends = np.arange(length, MINUTES)
    left_out = (ends >= minute(13, "02:16")) & (ends - length < minute(13, "02:46"))
    at = int(np.argmin(np.where(left_out, 0.0, returns)))
    assert ends[at] == minute(day, clock)
    assert returns[at] * 100 == pytest.approx(pct, abs=0.05)


def test_the_fall_and_the_spread_of_returns(days: Days) -> None:
    close = np.log(days.closes(0))
    stretch = np.diff(close)[minute(12, "10:00") - 1 : minute(12, "12:00") - 1]
    assert stretch.std() * 1e4 == pytest.approx(152, abs=3)
    for venue, fall in ((0, -54.9), (1, -52.5)):
        price = days.venues[venue][1]
        assert (price / np.maximum.accumulate(price)).min() * 100 - 100 == pytest.approx(fall, abs=0.05)
    size = np.abs(np.diff(close))
    size -= size.mean()
    found = [(size[lag:] * size[:-lag]).sum() / (size**2).sum() for lag in (1, 10, 60)]
    np.testing.assert_allclose(
        found, (0.43, 0.27, 0.20), atol=0.1
    )  # of 8 to 16 March, of which these are two days


def test_bitmex_stands_still_while_spot_recovers(days: Days) -> None:
    seconds, price, size = days.venues[0]
    down = (seconds > 60 * minute(13, "02:16") + 1) & (seconds < 60 * minute(13, "02:30"))
    assert set(price[down]) <= {3607.0, 3614.0}
    hour = (seconds >= 60 * minute(13, "02:00")) & (seconds < 60 * minute(13, "03:00"))
    assert size[down].sum() < 0.001 * size[hour].sum()
    gap = days.closes(1) - days.closes(0)
    assert 500 < gap[minute(13, "02:29")] < 1000
    assert int(np.argmax(gap)) in range(minute(13, "02:24"), minute(13, "02:31"))
    assert days.closes(1)[minute(13, "02:29")] - days.closes(1)[minute(13, "02:15")] > 500
    assert days.closes(0)[minute(13, "02:45")] == pytest.approx(4800, abs=50)
    said = [(at // 60, trading) for at, trading in days.halts]
    assert said == [(0, "TRADING"), (minute(13, "02:16"), "HALT"), (minute(13, "02:30"), "TRADING")]


def test_in_ordinary_hours_the_venues_go_together(days: Days) -> None:
    apart = np.abs(days.closes(1) / days.closes(0) - 1) * 1e4
    assert np.quantile(apart[: minute(12, "10:00")], 0.95) < 30
    change = np.diff(np.log([days.closes(0), days.closes(1)]), axis=1)
    assert np.corrcoef(change[:, : minute(12, "10:00")])[0, 1] > 0.8


def test_what_25_btc_cost_opens_from_single_digits_to_hundreds(days: Days) -> None:
    for venue in range(2):
        at, cost = days.costs[days.costs[:, 1] == venue][:, (0, 2)].T
        assert np.isfinite(cost).mean() > 0.99  # a book may be too thin for it for a moment
        cost = np.nan_to_num(cost)
        assert np.median(cost[at < 3600 * 10]) < 10
        crash = (at >= 60 * minute(12, "10:40")) & (at <= 60 * minute(12, "10:55"))
        assert 200 < cost[crash].max() < 700
        second = at > 60 * minute(12, "12:00")
        assert np.median(cost[second]) > 20
        assert cost.max() <= 800


def test_the_spread_of_the_size_is_in_single_digits_before_and_over_twenty_points_ever_after() -> None:
    """B2C2 saw single digits go to 200 to 700 bp; by Coin Metrics it was over 20 bp until 23 March."""
    story = read(REPLAYS / "march2020.toml")
    for venue in liquidity(story, lead_path(story, story.seed), story.seed):
        spread = venue.spread_bps
        assert np.median(spread[: 10 * 60]) < 10.0
        assert 200.0 < spread[10 * 60 : 12 * 60].max() < 800.0
        hours = spread[12 * 60 :].reshape(-1, 60)
        assert (np.median(hours, axis=1) > 20.0).all()


def test_no_book_is_said_to_be_proved(days: Days) -> None:
    """There is no exchange that a made-up book could be compared with."""
    for market in days.markets:
        assert feature(market, "decided") == 0.0


def test_as_many_posts_as_comments_and_two_indices(days: Days) -> None:
    assert days.posts == 5578 + 6950 + 2


@pytest.mark.parametrize("name", ["calm2020"])
def test_the_calm_one_has_its_deviation_and_says_that_the_rest_is_made_up(name: str) -> None:
    story = read(REPLAYS / f"{name}.toml")
    measured = facts.measure(story)
    tape = measured.tapes[0]
    cuts = np.searchsorted(tape.ts, np.arange(story.begins_ns, story.ends_ns + 1, 60_000_000_000))
    returns = np.diff(np.log(tape.price[cuts[1:] - 1]))
    assert returns.std() * 1e4 == pytest.approx(12, abs=0.5)
    assert "made-up" in story.note
    assert np.nanquantile(measured.costs[:, 2], 0.95) < 10
    text = facts.text(facts.table(measured))
    assert "| 12 bp | 12 bp | 1 |" in text
    assert "off by 0.00 at most" in text
