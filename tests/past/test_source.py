"""Two hours of a story, every row of them: against a book of dictionaries, its table, its clock and its words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import MISSING, ROW, Batch
from engine.core import State, apply, fold_all
from engine.events import FeedStatus, Kind, Listed, Mark, Post, RegimeRule, Scored, Setup, SignalRule
from engine.kernels.fold import fit, fold, new_market
from engine.kernels.level_book import ASK, BID, levels_of
from engine.past.recipe import usual
from engine.past.source import PastSource
from engine.past.story import Story, parse
from engine.past.tables import HOUR_NS
from tests.past.dict_books import Sides, followed, top
from tests.past.stories import TEXT, two_hours

SECOND_NS = 1_000_000_000
CHAPTER = (70 * 60, 73 * 60)  # seconds since the story begins
OUTAGE = (78 * 60, 85 * 60)


def emitted(story: Story, seed: int | None = None) -> list[Batch]:
    return list(PastSource(story, seed=seed).made())


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return emitted(two_hours())


def rows_of(batches: Sequence[Batch], kind: Kind) -> np.ndarray:
    rows = np.concatenate([batch.rows for batch in batches])
    return rows[rows["kind"] == kind]


def notes_of(batches: Sequence[Batch]) -> list[object]:
    return [
        batch.notes[int(row["level_start"])]
        for batch in batches
        for row in batch.rows[batch.rows["kind"] == Kind.NOTE]
    ]


def test_equal_story_and_seed_are_equal_and_another_seed_is_not(batches: list[Batch]) -> None:
    again, other = emitted(two_hours()), emitted(two_hours(), seed=8)
    assert len(batches) == len(again)
    for one, two in zip(batches, again, strict=True):
        assert one.rows.tobytes() == two.rows.tobytes()
        assert one.levels.tobytes() == two.levels.tobytes()
        assert one.notes == two.notes
    assert any(a.rows.tobytes() != b.rows.tobytes() for a, b in zip(batches, other, strict=False))


def test_ticks_are_a_second_apart_and_a_tenth_in_chapters(batches: list[Batch]) -> None:
    begins = two_hours().begins_ns
    ticks = rows_of(batches, Kind.TICK)["ts_recv"] - begins
    wanted = [*range(1, 11)]  # the first second, in tenths
    wanted += [10 * s for s in range(2, CHAPTER[0] + 1)]
    wanted += [*range(10 * CHAPTER[0] + 1, 10 * CHAPTER[1] + 1)]
    wanted += [10 * s for s in range(CHAPTER[1] + 1, 7201)]
    assert (ticks // 100_000_000).tolist() == wanted
    assert all(batch.ends_at_tick and (batch.rows["kind"] == Kind.TICK).sum() == 1 for batch in batches)


def test_time_never_steps_back(batches: list[Batch]) -> None:
    rows = np.concatenate([batch.rows for batch in batches])
    assert np.diff(rows["ts_recv"]).min() >= 0
    trades = rows[rows["kind"] == Kind.TRADE]
    assert (trades["ts_event"] == trades["ts_recv"]).all()
    assert (rows["ts_event"][rows["kind"] == Kind.DELTA] == MISSING).all()


def test_books_are_never_crossed_and_are_what_is_folded(batches: list[Batch]) -> None:
    """Levels replayed into dictionaries are the books that the engine comes to; no top is told, which would prove
    nothing."""
    levels_seen: list[tuple[int, int]] = []
    books: dict[int, Sides] = {}
    for row, sides in followed(batches):
        assert row["kind"] != Kind.TOP
        if row["kind"] in (Kind.SNAPSHOT, Kind.DELTA):
            bid, _, ask, _ = top(sides)
            assert bid < ask
            levels_seen.append((len(sides[0]), len(sides[1])))
            books[int(row["symbol"])] = sides
    middle = np.median(np.array(levels_seen), axis=0)
    assert (middle > 50).all()
    state = fold_all(State(), batches)
    for index, symbol in state.symbols.items():
        for side, expected in zip((BID, ASK), books[index], strict=True):
            assert dict(levels_of(symbol.market.book, side).tolist()) == expected


def test_trades_make_up_the_table(batches: list[Batch]) -> None:
    story = two_hours()
    trades = rows_of(batches, Kind.TRADE)
    for bar in story.bars:
        venue = story.venues[bar.venue].instrument()
        inside = (trades["symbol"] == bar.venue) & (trades["ts_recv"] // HOUR_NS * HOUR_NS == bar.start_ns)
        price = trades["price_ticks"][inside] * float(venue.tick.value)
        size = trades["size_lots"][inside] * float(venue.lot.value)
        found = (price[0], price.max(), price.min(), price[-1])
        assert found == pytest.approx((bar.open, bar.high, bar.low, bar.close))
        assert (size > 0).all()
        volume = (price * size).sum() / 1e6 if bar.venue == 0 else size.sum()
        assert volume == pytest.approx(bar.volume, rel=1e-5)


def test_anchors_are_met_in_their_minutes(batches: list[Batch]) -> None:
    story = two_hours()
    trades = rows_of(batches, Kind.TRADE)
    for anchor in story.anchors:
        tick = float(story.venues[anchor.venue].instrument().tick.value)
        minute = trades["ts_recv"] // 60_000_000_000 * 60_000_000_000 == anchor.at_ns
        price = trades["price_ticks"][minute & (trades["symbol"] == anchor.venue)] * tick
        assert {"close": price[-1], "low": price.min()}[anchor.kind] == pytest.approx(anchor.price)


def test_a_venue_that_is_down_stands_still_while_the_other_goes_on(batches: list[Batch]) -> None:
    begins = two_hours().begins_ns
    rows = np.concatenate([batch.rows for batch in batches])
    since = (rows["ts_recv"] - begins) / SECOND_NS
    down = (since > OUTAGE[0] + 1) & (since <= OUTAGE[1])
    quotes = rows["kind"] == Kind.DELTA
    assert not (down & quotes & (rows["symbol"] == 0)).any()
    assert (down & quotes & (rows["symbol"] == 1)).sum() > 400
    traded = rows[down & (rows["kind"] == Kind.TRADE) & (rows["symbol"] == 0)]
    assert set(traded["price_ticks"] * 0.05) <= {91.0, 91.5}
    hour = rows[(rows["kind"] == Kind.TRADE) & (rows["symbol"] == 0) & (since > 3600)]
    assert traded["size_lots"].sum() < 0.001 * hour["size_lots"].sum()
    said = [note for note in notes_of(batches) if isinstance(note, FeedStatus) and note.symbol == 0]
    assert [(note.state, note.trading, note.reason) for note in said] == [
        ("SYNCED", "TRADING", ""),
        ("STALE", "HALT", "lead is down"),
        ("SYNCED", "TRADING", ""),
    ]


def test_what_happened_is_marked_when_it_happened(batches: list[Batch]) -> None:
    story, found = two_hours(), []
    for batch in batches:
        for row in batch.rows[batch.rows["kind"] == Kind.NOTE]:
            note = batch.notes[int(row["level_start"])]
            if isinstance(note, Mark):
                found.append((note.ts, note.text))
                assert 0 <= int(row["ts_recv"]) - note.ts <= SECOND_NS
    assert found == [(event.at_ns, event.text) for event in story.events]


def test_posts_are_as_many_as_the_day_says_and_say_that_they_are_made_up(batches: list[Batch]) -> None:
    posts = [note for note in notes_of(batches) if isinstance(note, Post)]
    assert len(posts) == 2400 * 2 / 24  # two hours of a day; its index came at midnight, before the story
    assert all(post.synthetic and post.source == "synthetic" for post in posts)
    assert len({post.id for post in posts}) == len(posts)
    times = [post.ts_event for post in posts]
    assert times == sorted(times)


def test_posts_are_scored_where_somebody_can(batches: list[Batch]) -> None:
    def score(posts: Sequence[Post]) -> list[Scored]:
        return [
            Scored(post.id, post.ts_event, post.assets, 0.5, 0.9, None, None, None, "embedded")
            for post in posts
        ]

    source = PastSource(two_hours(), score=score)
    notes = notes_of(list(source.made()))
    posts = [note.id for note in notes if isinstance(note, Post)]
    assert [note.post for note in notes if isinstance(note, Scored)] == posts
    assert len(posts) > 100


def test_it_is_a_source_that_takes_no_command() -> None:
    async def first_ones() -> tuple[list[Batch], PastSource]:
        source = PastSource(two_hours(), setup=Setup(signal=SignalRule(hold_s=5.0)))
        found = []
        async for batch in source.batches():
            found.append(batch)
            if len(found) == 30:
                await source.close()
        return found, source

    found, source = asyncio.run(first_ones())
    assert len(found) == 30
    assert source.accepts == frozenset()
    assert source.transport.note == "reconstructed book around recorded prices"
    assert source.transport.end == int(found[-1].rows[-1]["ts_recv"])
    notes = notes_of(found)
    fees = {"lead": 10.0, "second": 10.0}
    regime = RegimeRule(usual=usual(two_hours(), 100_000.0))
    assert notes[0] == Setup(signal=SignalRule(hold_s=5.0), regime=regime, taker_bps=fees)
    assert [note.instrument.key for note in notes if isinstance(note, Listed)] == [
        "lead:XUSD",
        "second:XUSDT",
    ]


def test_features_are_right_at_a_tick_a_second(batches: list[Batch]) -> None:
    """Rates, order flow and volatility of the folded state, recomputed from the rows of their windows."""
    state = State()
    mids: list[float] = []
    at = 300
    for batch in batches:
        apply(state, batch)
        since = (state.ts - two_hours().begins_ns) / SECOND_NS
        mid = state.symbols[1].feature("mid")
        if since == int(since) and mid is not None:
            mids.append(mid)
        if since == at:
            break
    symbol = state.symbols[1]
    rows = np.concatenate([batch.rows for batch in batches])
    lately = (rows["ts_recv"] > state.ts - 10 * SECOND_NS) & (rows["ts_recv"] <= state.ts)
    trades = rows[lately & (rows["kind"] == Kind.TRADE) & (rows["symbol"] == 1)]
    assert symbol.feature("trades_per_s") == pytest.approx(len(trades) / 10)
    flow = (trades["side"].astype(np.int64) * trades["size_lots"]).sum() * 0.001
    assert symbol.feature("trade_flow") == pytest.approx(flow)
    returns = np.diff(np.log(mids[-61:]))
    assert symbol.feature("realised_vol_bps") == pytest.approx(np.sqrt((returns**2).sum()) * 1e4)
    tops = [
        top(sides)
        for row, sides in followed(batches)
        if row["symbol"] == 1 and row["kind"] in (Kind.SNAPSHOT, Kind.DELTA) and row["ts_recv"] <= state.ts
    ]
    assert symbol.feature("ofi") == pytest.approx(_order_flow(*tops[-2:]) * 0.001)
    assert symbol.feature("decided") == 0.0  # there is no venue that it could be compared with
    assert symbol.shown_state == "SYNCED"


def _order_flow(before: tuple[int, int, int, int], now: tuple[int, int, int, int]) -> int:
    """Cont, Kukanov and Stoikov's e of one change of the top."""
    flow = now[1] * (now[0] >= before[0]) - before[1] * (now[0] <= before[0])
    return flow - now[3] * (now[2] <= before[2]) + before[3] * (now[2] >= before[2])


@st.composite
def hours(draw: st.DrawFn) -> str:
    """A bar in cents, closed and open anywhere within it; the open may lie a little outside."""
    low = draw(st.integers(200, 20_000))
    high = low + draw(st.integers(0, low))
    first = draw(st.integers(low - low // 50, high + high // 50))
    close = draw(st.integers(low, high))
    volume = draw(st.floats(10.0, 1e5))
    return f"{first / 100} {high / 100} {low / 100} {close / 100} {volume:.3f}"


@given(hours(), hours(), st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_any_hour_is_met(lead: str, second: str, seed: int) -> None:
    head, _, rest = TEXT.partition('hours = """')
    venues = rest[rest.index("[[venues]]") : rest.index("[[sources]]")].replace("quote_millions", "base")
    head = head.replace("T14:00", "T13:00").replace("hours_source = 1\n", "")
    text = f'{head}hours = """\n2021-05-19 12 | {lead} | {second}\n"""\n{venues.replace("0.05", "0.01")}'
    story = parse(text, "any.toml")
    markets = [new_market(float(v.instrument().tick.value), 0.001, [100.0], 1) for v in story.venues]
    found = []
    for batch in PastSource(story, seed=seed).made():
        for index, market in enumerate(markets):
            markets[index] = fit(batch.rows, batch.levels, index, market)
            assert fold(batch.rows, batch.levels, index, markets[index]) == 0
        found.append(batch.rows[batch.rows["kind"] == Kind.TRADE])
    trades = np.concatenate(found)
    assert trades.dtype == ROW
    for bar in story.bars:
        venue = story.venues[bar.venue].instrument()
        own = trades[trades["symbol"] == bar.venue]
        price, tick = own["price_ticks"], float(venue.tick.value)
        wanted = [round(value / tick) for value in (bar.open, bar.high, bar.low, bar.close)]
        assert [price[0], price.max(), price.min(), price[-1]] == wanted
        assert own["size_lots"].sum() * float(venue.lot.value) == pytest.approx(bar.volume, abs=0.02)
