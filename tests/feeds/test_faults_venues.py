"""The fault matrix on every venue, with the real thresholds, in fake time.

Whatever is SYNCED is compared with the exchange's book at every tick by the session's witness: a wrong level
fails the test, here as anywhere.
"""

from __future__ import annotations

import pytest
from fakes.venues import ALL, ASKED, STREAMED, WAYS, lines, play, snapshots_asked

from engine.feeds import fake_faults as ff
from engine.feeds.fake_session import FakeSession
from engine.feeds.fake_venues import DIALECTS
from engine.feeds.fake_wire import TOP, TRADE
from engine.feeds.venues import VENUES

BASES = ("BTC", "ETH")
SPARE = {"bases": BASES, "rate": 0.25, "seed": 5}


def test_every_venue_has_a_fake_one():
    assert set(VENUES) == set(DIALECTS)
    assert set(VENUES) <= set(WAYS)


@pytest.mark.parametrize("venue", ALL)
def test_without_faults_everything_arrives(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one, other = (live[venue, base] for base in BASES)
        await live.until(lambda: min(one.deltas, other.deltas) > 60 and one.trades, "a minute of it")
        await live.caught_up()
        for base in BASES:
            book = live[venue, base]
            assert book.states[-1] == "SYNCED"
            assert book.states.count("SYNCED") == 1
            assert book.snapshots == snapshots_asked(live, venue, base) == 1
            ids = [trade_id for trade_id, *_ in book.trades]
            assert ids == sorted(set(ids)), "no trade comes twice or late"
            assert ids[-40:] == list(range(ids[-1] - len(ids[-40:]) + 1, ids[-1] + 1)), "none is lost"
            assert {side for *_, side in book.trades} <= {-1, 1}
        assert lines(live, venue) == 1
        assert live.connection(venue)[-1].state == "LIVE"

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [ff.GAP, ff.REORDER, ff.MALFORMED, ff.NULLS, ff.BAD_UTF8])
def test_a_lost_or_damaged_diff_is_one_fresh_book(venue: str, kind: str):
    """… for its symbol; where the venue numbers all messages of a connection, for that connection's."""

    async def story(live: FakeSession) -> None:
        await live.synced()
        hit, other = (live[venue, base] for base in BASES)
        await live.strike(venue, ff.OnMessage(kind, hit.symbol, after=2))
        await live.until(lambda: hit.snapshots == 2, f"a fresh book after {kind}")
        await live.caught_up()
        assert hit.states.count("SYNCED") == 2
        line = WAYS[venue].whole_line
        # Bad UTF-8 hits the symbol's name: without numbers nobody can tell whose update it was.
        everybodys = line or (kind == ff.BAD_UTF8 and not WAYS[venue].tells_ids)
        assert snapshots_asked(live, venue, "BTC") == 2
        assert other.snapshots == snapshots_asked(live, venue, "ETH") == (2 if everybodys else 1)
        assert lines(live, venue) == (2 if line else 1)

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [ff.DUPLICATE, ff.OLD])
def test_what_is_told_twice_makes_no_book_wrong(venue: str, kind: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one = live[venue, "BTC"]
        await live.strike(venue, *(ff.OnMessage(kind, one.symbol, after=12 + 3 * i) for i in range(4)))
        await live.caught_up()
        if WAYS[venue].tells_ids:
            assert one.snapshots == one.states.count("SYNCED") == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_what_harms_no_book_is_counted_and_passed_over(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one = live[venue, "BTC"]
        await live.strike(venue, ff.OnMessage(ff.UNKNOWN_EVENT, one.symbol, after=1, times=3))
        await live.until(lambda: live.witness.count.ignored >= 3, "three are counted")
        await live.caught_up()
        assert one.snapshots == one.states.count("SYNCED") == lines(live, venue) == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [ff.MALFORMED, ff.NULLS])
@pytest.mark.parametrize("channel", [TRADE, TOP])
def test_damage_in_other_streams_shows_no_nonsense(venue: str, kind: str, channel: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one = live[venue, "BTC"]
        live.exchanges[venue].faults.add(ff.OnMessage(kind, one.symbol, channel, after=1, times=2))
        await live.run(20.0)
        await live.caught_up()
        for _, price, size, side in one.trades:
            assert price > 0
            assert size > 0
            assert side in (-1, 1)
        assert all(min(top[1:]) > 0 for top in one.tops)
        if not WAYS[venue].whole_line:
            assert one.snapshots == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_a_crossed_book_is_never_good(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one = live[venue, "BTC"]
        await live.strike(venue, ff.OnMessage(ff.CROSSED, one.symbol, after=3))
        await live.until(lambda: one.snapshots == 2, "it is fetched afresh")
        await live.caught_up()
        assert "GAP" in one.states or "STALE" in one.states
        assert not one.doubt

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [ff.CUT, ff.CLOSE])
def test_a_lost_connection_is_made_anew_with_fresh_books(venue: str, kind: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        await live.strike(venue, ff.OnMessage(kind, live[venue, "BTC"].symbol, after=5))
        await live.until(lambda: all(one.snapshots == 2 for one in live.symbols.values()), "fresh books")
        await live.caught_up()
        assert lines(live, venue) == 2
        assert all("STALE" in one.states for one in live.symbols.values())
        states = [status.state for status in live.connection(venue)]
        assert states[-4:] == ["BACKOFF", "CONNECTING", "SUBSCRIBING", "LIVE"]

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_a_silent_stall_is_found_and_said(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        await live.run(20.0)
        one = live[venue, "BTC"]
        for client in live.exchanges[venue].clients:
            client.push(ff.STALL)
        stalled_ns = live.clock.now()
        await live.until(lambda: "STALE" in one.states, "the screen says so")
        options = VENUES[venue].options
        assert (live.clock.now() - stalled_ns) / 1e9 <= options.stale_s + 6.0
        await live.until(lambda: lines(live, venue) == 2, "a second connection")
        await live.caught_up()

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_acknowledged_but_no_data_is_not_life(venue: str):
    async def story(live: FakeSession) -> None:
        await live.until(lambda: lines(live, venue) == 2, "it gives the first connection up")
        assert live.clock.steady_s() < 40.0
        await live.caught_up()
        assert "no data" in live.said

    async def begin(live: FakeSession) -> None:
        paths = len(VENUES[venue].protocol().paths)
        live.exchanges[venue].faults.add(ff.OnRequest(ff.MUTE, "ws", times=paths))
        await story(live)

    play(begin, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [ff.DEAD, ff.DEAD_FOR_GOOD])
def test_one_dead_book_among_living_streams(venue: str, kind: str):
    """Subscribing again revives the first kind; the second needs a new connection."""

    async def story(live: FakeSession) -> None:
        await live.synced()
        hit, other = (live[venue, base] for base in BASES)
        await live.run(30.0)
        await live.strike(venue, ff.OnMessage(kind, hit.symbol))
        await live.until(lambda: hit.snapshots >= 2, "it lives again", 200.0)
        await live.caught_up()
        assert "STALE" in hit.states
        assert lines(live, venue) == (1 if kind == ff.DEAD else 2)
        if kind == ff.DEAD:
            assert other.snapshots == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ASKED)
def test_wherever_an_asked_snapshot_stands_one_is_enough(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one = live[venue, "BTC"]
        kinds = (
            *(ff.SNAPSHOT_STRADDLED, ff.SNAPSHOT_NEW, ff.SNAPSHOT_BEFORE, ff.SNAPSHOT_FIRST),
            *(ff.SNAPSHOT_LAST, ff.SLOW),
        )
        for number, kind in enumerate(kinds, 2):
            faults = (ff.OnMessage(ff.GAP, one.symbol), ff.OnRequest(kind, symbol=one.symbol))
            await live.strike(venue, *faults)
            await live.until(lambda n=number: one.snapshots == n, f"{kind} is joined")
            await live.caught_up()
            assert snapshots_asked(live, venue, "BTC") == number, kind
            await live.run(12.0)

    play(story, venue, **SPARE, steady_s=5.0)


@pytest.mark.parametrize("venue", ASKED)
def test_five_snapshots_before_the_first_diff_keep_the_buffer(venue: str):
    async def story(live: FakeSession) -> None:
        one = live[venue, "BTC"]
        live.exchanges[venue].faults.add(ff.OnRequest(ff.SNAPSHOT_OLD, symbol=one.symbol, times=5))
        await live.caught_up()
        assert snapshots_asked(live, venue, "BTC") == 6
        assert one.snapshots == one.states.count("SYNCED") == 1
        assert snapshots_asked(live, venue, "ETH") == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", STREAMED)
@pytest.mark.parametrize("kind", [ff.SLOW, ff.HANG, ff.CUT_SHORT])
def test_a_snapshot_in_the_stream_that_is_late_or_never_comes(venue: str, kind: str):
    async def story(live: FakeSession) -> None:
        one = live[venue, "BTC"]
        live.exchanges[venue].faults.add(ff.OnRequest(kind, symbol=one.symbol, delay_s=4.0))
        await live.until(lambda: one.snapshots == 1, f"the book in spite of {kind}")
        await live.caught_up()
        assert one.states.count("SYNCED") == 1
        assert lines(live, venue) == (2 if kind == ff.CUT_SHORT else 1)

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_a_venue_whose_clock_is_off_or_steps_back_is_not_stale(venue: str):
    async def story(live: FakeSession) -> None:
        live.venue_offset_ms[venue] = 2000
        await live.synced()
        await live.run(30.0)
        live.venue_offset_ms[venue] = -2000
        await live.run(30.0)
        await live.caught_up()
        assert all(one.states.count("SYNCED") == one.snapshots == 1 for one in live.symbols.values())
        assert lines(live, venue) == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_a_connection_of_a_day_is_handed_over_without_a_gap(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        await live.until(lambda: lines(live, venue) == 2, "the second connection", 100.0)
        await live.run(12.0)
        await live.caught_up()
        assert len(live.exchanges[venue].clients) == len(VENUES[venue].protocol().paths)
        for one in live.symbols.values():
            assert "GAP" not in one.states
            assert "STALE" not in one.states
            ids = [trade_id for trade_id, *_ in one.trades]
            assert ids == sorted(set(ids)), "no trade is doubled"
            assert ids[-30:] == list(range(ids[-1] - len(ids[-30:]) + 1, ids[-1] + 1)), "none is lost"

    play(story, venue, **SPARE, renew_after_s=30.0)


@pytest.mark.parametrize("venue", [venue for venue in ALL if WAYS[venue].announces_close])
def test_an_announced_shutdown_is_handed_over_without_a_gap(venue: str):
    async def story(live: FakeSession) -> None:
        await live.synced()
        one = live[venue, "BTC"]
        await live.strike(venue, ff.OnMessage(ff.SHUTDOWN, one.symbol, delay_s=15.0))
        await live.run(30.0)
        await live.caught_up()
        assert lines(live, venue) == 2
        for one in live.symbols.values():
            assert one.states.count("SYNCED") == 1

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("road", ["listing", "ws"])
def test_nothing_is_asked_of_the_host_before_retry_after(venue: str, road: str):
    async def refused_with(kind: int, live: FakeSession) -> None:
        live.exchanges[venue].faults.add(ff.OnRequest(kind, road, retry_after_s=50))
        await live.caught_up(within_s=200.0)
        exchange = live.exchanges[venue]
        asked = [*exchange.requests, *exchange.connects]
        refused = next(one.at_s for one in asked if one.status == kind)
        assert min(one.at_s - refused for one in asked if one.at_s > refused) >= 50.0
        assert any(str(kind) in status.reason for status in live.connection(venue))

    for kind in (429, 418):
        play(lambda live, kind=kind: refused_with(kind, live), venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
def test_everything_refused_for_ten_minutes(venue: str):
    async def story(live: FakeSession) -> None:
        exchange = live.exchanges[venue]
        exchange.faults.add(ff.OnRequest(503, path=None, times=10**6), ff.OnRequest(503, "ws", times=10**6))
        exchange.running = False
        await live.run(600.0)
        assert 15 <= len(exchange.requests) + len(exchange.connects) <= 80
        waits = live.witness.waits_s
        assert waits
        assert max(waits) <= 30.0
        assert len({round(wait_s, 6) for wait_s in waits}) > len(waits) / 2, "waits are spread"
        exchange.faults.clear()
        exchange.running = True
        await live.synced()

    play(story, venue, **SPARE)


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("kind", [ff.HANG, ff.HTML, ff.CUT_SHORT, 503, 403])
def test_a_listing_that_cannot_be_had_is_said_and_comes_in_the_end(venue: str, kind: int | str):
    async def story(live: FakeSession) -> None:
        live.exchanges[venue].faults.add(ff.OnRequest(kind, "listing", times=2))
        await live.synced()
        words = {ff.HANG: "did not answer", ff.HTML: "HTML", ff.CUT_SHORT: "breaks off", 403: "firewall"}
        assert words.get(kind, str(kind)) in live.said

    play(story, venue, **SPARE, firewall_wait_s=20.0)
