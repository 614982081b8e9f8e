"""The connection through good times and bad, on a simulated clock: hours pass in a second."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import numpy as np
import pytest
from simulated import START, S, Session, listed

from engine.events import Mark
from engine.feeds.errors import Answer, Refused, UnknownSymbol
from engine.feeds.network import Reply
from engine.feeds.options import FeedOptions
from engine.ports import AddMark, Resync


def assert_exact(session: Session, symbol: int = 0) -> None:
    """The book has come as far as the exchange, without ever going back."""
    name = list(session.exchange.ids)[symbol]
    newest = session.update_ids[symbol][-1]
    assert session.exchange.ids[name] - newest <= 6
    assert session.sizes[symbol] == newest  # the size in lots is the id in cents, and a lot is a cent
    assert session.update_ids[symbol] == sorted(session.update_ids[symbol])


async def test_from_nothing_to_a_synced_book():
    async with Session("BTCUSDT") as session:
        await session.run(3)
        assert session.states() == ["CONNECTING", "CONNECTING", "SUBSCRIBING", "LIVE"]
        assert session.states(0) == ["EMPTY", "BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]
        assert session.reasons() == ["asking what BTCUSDT is", "to stream.binance.com:9443"]
        assert {s.trading for _, s in session.statuses if s.symbol == 0} == {"TRADING"}
        assert_exact(session)
        assert session.snapshots[0] == 1
        first = session.exchange.sockets[0].requests[0]
        assert first == {
            "method": "SUBSCRIBE",
            "params": ["btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker"],
            "id": 1,
        }


async def test_every_batch_ends_at_a_tick_of_its_own_tenth_of_a_second():
    async with Session("BTCUSDT") as session:
        await session.run(5)
        ticks = [int(batch.rows[-1]["ts_recv"]) for batch in session.batches]
        assert all(batch.ends_at_tick for batch in session.batches)
        assert {b - a for a, b in pairwise(ticks)} == {S // 10}
        assert all(tick % (S // 10) == 0 for tick in ticks)
        times = np.concatenate([batch.rows["ts_recv"] for batch in session.batches])
        assert (np.diff(times) >= 0).all()


async def test_everything_refused_for_ten_minutes():
    async with Session("BTCUSDT") as session:
        session.exchange.admit = lambda url: Refused(f"{url} cannot be reached")
        await session.run(600)
        times = [at for at, _ in session.exchange.connects]
        gaps = [b - a for a, b in pairwise(times)]
        assert min(gaps) >= 1.0  # at most one connect a second
        assert gaps[0] < 1.2  # the first retry is made at once
        assert max(gaps) <= 30.2
        late = gaps[8:]
        # Full jitter below 30 s: 15 s on average, with a standard deviation of 8.7 s.
        assert 35 <= len(times) <= 75
        assert 5 < np.std(late) < 12
        assert {url for _, url in session.exchange.connects} == {
            "wss://stream.binance.com:9443/stream",
            "wss://data-stream.binance.vision/stream",
        }
        announced = [(s.retry_at_ns - START) / S for _, s in session.statuses if s.state == "BACKOFF"]
        for told, tried in zip(announced, times[1:], strict=False):
            assert told <= tried <= told + 1.2


async def test_backoff_begins_anew_only_after_a_minute_of_life():
    async with Session("BTCUSDT") as session:
        await session.run(2)
        for life_s in (5, 5, 5, 5, 70):
            session.exchange.sockets[-1].end("the connection broke")
            await session.run(life_s + 5)
        waits = [(s.retry_at_ns - START) / S - at for at, s in session.statuses if s.state == "BACKOFF"]
        assert waits[0] == 0.0
        assert all(wait > 0 for wait in waits[1:])
        session.exchange.sockets[-1].end("the connection broke")
        await session.run(1)
        at, status = [x for x in session.statuses if x[1].state == "BACKOFF"][-1]
        assert ((status.retry_at_ns or 0) - START) / S - at == 0.0


async def test_nothing_is_sent_before_retry_after():
    async with Session("BTCUSDT") as session:
        session.exchange.answer = lambda url: Reply(429, {"retry-after": "120"}, b"{}")
        await session.run(100)
        assert len(session.exchange.gets) == 1
        assert session.states() == ["CONNECTING", "BLOCKED"]
        status = session.statuses[-1][1]
        assert status.reason == "429: too many requests, api.binance.com asks for 120 s of silence"
        assert ((status.retry_at_ns or 0) - START) / S == pytest.approx(120.02, abs=0.11)
        session.exchange.answer = lambda url: None
        await session.run(30)
        assert session.exchange.gets[1][0] >= 120.0
        assert session.states()[-1] == "LIVE"


async def test_a_ban_is_remembered_by_every_feed_of_the_process():
    async with Session("BTCUSDT") as session:
        session.exchange.answer = lambda url: Reply(418, {"retry-after": "300"}, b"")
        await session.run(1)
        closed = session.hosts.closed("api.binance.com", session.clock.now())
        assert closed is not None
        assert closed.answer is Answer.WAIT
        assert closed.seconds == pytest.approx(299, abs=1)


async def test_451_is_final_for_that_host_and_the_next_one_serves():
    async with Session("BTCUSDT") as session:
        session.exchange.answer = lambda url: Reply(451, {}, b"") if "api.binance.com" in url else None
        session.exchange.admit = lambda url: (
            Refused("451: stream.binance.com:9443 does not serve this region", Answer.FINAL)
            if "stream.binance.com" in url
            else None
        )
        await session.run(5)
        assert session.states()[-1] == "LIVE"
        assert session.states(0)[-1] == "SYNCED"
        session.exchange.sockets[-1].end("the connection broke")
        await session.run(10)
        assert len([url for _, url in session.exchange.gets if "api.binance.com" in url]) == 1
        assert len([url for _, url in session.exchange.connects if "stream.binance.com" in url]) == 1
        assert_exact(session)


async def test_when_every_endpoint_refuses_the_region_nothing_more_is_sent():
    async with Session("BTCUSDT") as session:
        session.exchange.answer = lambda url: Reply(451, {}, b"")
        await session.run(300)
        assert len(session.exchange.gets) == 2
        status = session.statuses[-1][1]
        assert (status.state, status.retry_at_ns) == ("BLOCKED", None)
        assert status.reason == (
            "no endpoint is left: 451: api.binance.com does not serve this region; "
            "451: data-api.binance.vision does not serve this region"
        )


async def test_a_firewall_page_moves_on_to_the_next_endpoint_at_once():
    async with Session("BTCUSDT") as session:
        session.exchange.answer = lambda url: Reply(403, {}, b"<html>") if "api.binance.com" in url else None
        await session.run(4)
        assert session.states(0)[-1] == "SYNCED"
        assert len(session.exchange.asked("api.binance.com")) == 1


async def test_an_unknown_symbol_ends_the_source_with_near_matches():
    def answer(url: str) -> Reply | None:
        if "symbols=" in url:
            return Reply(400, {}, b'{"code":-1121,"msg":"Invalid symbol."}')
        known = [listed(name) for name in ("BTCUSDT", "BTCUSDC", "XRPEUR")]
        return Reply(200, {}, json.dumps({"symbols": known, "rateLimits": []}).encode())

    async with Session("BTCUSD") as session:
        session.exchange.answer = answer
        with pytest.raises(
            UnknownSymbol, match=r"^binance does not trade BTCUSD; near matches: BTCUSDT, BTCUSDC$"
        ):
            await session.run(5)


async def test_an_acknowledgement_is_not_life():
    async with Session("BTCUSDT") as session:
        session.exchange.quiet = True
        await session.run(15)
        reason = "the subscription was acknowledged, but no data came in 10 s"
        assert reason in session.reasons()
        assert "LIVE" not in session.states()
        session.exchange.quiet = False
        await session.run(5)
        assert session.states()[-1] == "LIVE"


async def test_a_subscription_that_nobody_answers():
    async with Session("BTCUSDT") as session:
        session.exchange.dead = True
        await session.run(15)
        assert "the subscription was not answered in 10 s" in session.reasons()
        assert "SYNCED" not in session.states(0)


async def test_a_book_is_not_in_step_again_before_the_new_subscription_is_answered():
    """Requests are answered all the while; a snapshot alone would stand still and look alive."""
    async with Session("BTCUSDT") as session:
        await session.run(20)
        assert session.states(0)[-1] == "SYNCED"
        session.exchange.dead = True
        session.exchange.sockets[0].dead = True
        await session.run(60)
        assert len(session.exchange.connects) > 2
        since = session.states(0)
        assert "SYNCED" not in since[since.index("STALE") :]
        session.exchange.dead = False
        await session.run(60)
        assert session.states(0)[-1] == "SYNCED"
        assert_exact(session)


async def test_silence_is_said_and_ends_in_a_new_connection():
    async with Session("BTCUSDT") as session:
        await session.run(20)
        session.exchange.sockets[0].dead = True
        await session.run(5.5)
        assert session.states(0)[-1] == "STALE"
        assert session.reasons(0)[-1].startswith("no data for 5.")
        await session.run(10)
        assert len(session.exchange.connects) == 2
        assert session.states(0)[-1] == "SYNCED"
        assert_exact(session)


async def test_a_dead_depth_stream_is_subscribed_again_and_goes_on_without_a_snapshot_if_it_can():
    async with Session("BTCUSDT", "ETHUSDT") as session:
        await session.run(20)
        socket = session.exchange.sockets[0]
        socket.muted.add("btcusdt@depth@100ms")
        await session.run(8)
        assert session.states(0)[-1] == "SYNCED"
        assert [request["method"] for request in socket.requests[1:]] == ["UNSUBSCRIBE", "SUBSCRIBE"]
        assert {tuple(request["params"]) for request in socket.requests[1:]} == {("btcusdt@depth@100ms",)}
        assert "STALE" in session.states(0)
        assert any("btcusdt@depth@100ms is " in reason for reason in session.reasons(0))
        assert session.snapshots == {0: 2, 1: 1}  # diffs were missed, so this one symbol was fetched anew
        assert session.states(1)[-1] == "SYNCED"
        assert "STALE" not in session.states(1)
        assert len(session.exchange.connects) == 1


async def test_a_market_that_rests_is_not_called_dead_by_a_slow_clock():
    """Our own pause is no proof of theirs: the loop was busy for 20 s, and the diffs come after it."""
    async with Session("BTCUSDT") as session:
        await session.run(10)
        session.clock._now += 20 * S
        await session.run(25)
        assert "STALE" not in session.states(0)
        assert len(session.exchange.connects) == 1
        ticks = [int(batch.rows[-1]["ts_recv"]) for batch in session.batches]
        assert {b - a for a, b in pairwise(ticks)} == {S // 10}


async def test_a_halted_market_may_be_silent():
    async with Session("BTCUSDT") as session:
        body = json.dumps({"symbols": [listed("BTCUSDT", "BREAK")], "rateLimits": []}).encode()
        session.exchange.answer = lambda url: Reply(200, {}, body) if "exchangeInfo" in url else None
        session.exchange.quiet = True
        await session.run(60)
        assert len(session.exchange.connects) == 1
        assert session.states(0)[-1] == "SYNCED"  # from a snapshot alone, though no diff ever came
        assert session.statuses[-1][1].trading == "BREAK"


async def test_the_connection_is_renewed_before_its_day_is_over_and_nothing_is_lost():
    async with Session("BTCUSDT", options=FeedOptions(renew_after_s=90.0)) as session:
        await session.run(120)
        assert session.states()[-2:] == ["DRAINING", "LIVE"]
        assert len(session.exchange.connects) == 2
        assert session.exchange.sockets[0].closed
        assert not session.exchange.sockets[1].closed
        assert session.states(0) == ["EMPTY", "BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]
        ids = session.update_ids[0]
        assert {b - a for a, b in pairwise(ids)} == {3}
        assert {b - a for a, b in pairwise(session.trades[0])} == {3}
        assert_exact(session)


@pytest.mark.parametrize(
    "notice",
    [
        {"e": "serverShutdown", "E": 1700000000000},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1700000000000}},
    ],
)
async def test_a_server_that_says_goodbye_is_left_without_a_gap(notice: object):
    async with Session("BTCUSDT") as session:
        await session.run(10)
        session.exchange.sockets[0].say(notice)
        await session.run(1)
        assert session.statuses[-1][1].reason == (
            "the exchange's server shuts down; a second connection takes over"
        )
        session.exchange.sockets[0].end("closed by the server")
        await session.run(9)
        assert len(session.exchange.connects) == 2
        assert session.snapshots[0] == 1
        assert {b - a for a, b in pairwise(session.update_ids[0])} == {3}
        assert_exact(session)


async def test_a_hand_over_that_fails_leaves_the_old_connection_alone():
    async with Session("BTCUSDT", options=FeedOptions(renew_after_s=30.0)) as session:
        await session.run(10)
        session.exchange.admit = lambda url: Refused("no more")
        await session.run(30)
        assert session.statuses[-1][1].reason == "a second connection could not be opened: no more"
        assert session.states()[-1] == "LIVE"
        session.exchange.admit = lambda url: None
        session.exchange.dead = True
        await session.run(100)
        assert "the second connection was of no use: silent for 20 s" in session.reasons()
        assert session.states(0)[-1] == "SYNCED"
        assert session.snapshots[0] == 1
        assert_exact(session)


async def test_one_halted_symbol_is_not_taken_for_a_dead_stream():
    async with Session("BTCUSDT", "ETHUSDT", options=FeedOptions(status_every_s=10.0)) as session:
        await session.run(9)
        infos = [listed("BTCUSDT"), listed("ETHUSDT", "HALT")]
        body = json.dumps({"symbols": infos, "rateLimits": []}).encode()
        session.exchange.answer = lambda url: Reply(200, {}, body) if "exchangeInfo" in url else None
        await session.run(3)
        session.exchange.sockets[0].muted |= {s for s in session.exchange.sockets[0].streams if "eth" in s}
        await session.run(120)
        assert len(session.exchange.connects) == 1
        assert len(session.exchange.sockets[0].requests) == 1
        assert session.states(1)[-1] == "SYNCED"


async def test_a_resync_while_nothing_is_connected_waits_for_the_connection():
    async with Session("BTCUSDT") as session:
        await session.run(3)
        session.exchange.admit = lambda url: Refused("no")
        session.exchange.sockets[0].end("the connection broke")
        await session.run(1)
        await session.source.command(Resync(0, "crossed"))
        await session.run(3)
        assert session.states(0)[-1] == "STALE"
        assert session.reasons(0)[-1] == "the connection broke"


async def test_a_resync_of_one_symbol_leaves_the_other_alone():
    async with Session("BTCUSDT", "ETHUSDT") as session:
        await session.run(5)
        await session.source.command(Resync(1, "crossed: bid 101.00 at ask 100.99"))
        await session.source.command(Resync(7, "there is no such symbol"))
        since = session.clock.elapsed_s
        await session.run(3)
        assert session.states(0, since) == []
        assert session.states(1, since) == ["GAP", "BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]
        assert session.snapshots == {0: 1, 1: 2}
        assert_exact(session, 1)


async def test_snapshots_that_are_too_old_keep_the_buffer_and_are_asked_for_with_patience():
    async with Session("BTCUSDT") as session:
        session.exchange.snapshot_lag = 500
        await session.run(20)
        asked = session.exchange.asked("/depth")
        gaps = [b - a for a, b in pairwise(asked)]
        assert len(asked) >= 5
        assert gaps[0] < 0.3
        assert max(gaps) > 1.0
        assert session.states(0)[-1] in ("BUFFERING", "SNAPSHOT_WAIT")
        assert session.reasons(0)[-1].startswith("the snapshot ends at ")
        session.exchange.snapshot_lag = 0
        await session.run(31)
        assert session.states(0)[-1] == "SYNCED"
        assert_exact(session)


async def test_a_short_weight_budget_asks_for_a_smaller_snapshot_and_then_waits_for_the_minute():
    used = {"x-mbx-used-weight-1m": "4700"}

    async with Session("BTCUSDT") as session:
        truth = session.exchange._truth
        session.exchange.answer = lambda url: Reply(200, used, json.dumps(truth(url)).encode())
        await session.run(3)
        assert "limit=1000" in session.exchange.gets[-1][1]
        used["x-mbx-used-weight-1m"] = "4790"
        await session.source.command(Resync(0, "crossed"))
        await session.run(2)
        await session.source.command(Resync(0, "crossed"))
        since = len(session.exchange.gets)
        await session.run(5)
        assert len(session.exchange.gets) == since
        assert session.reasons(0)[-1] == "this minute's request weight of 6000 is used up"
        assert session.statuses[-1][1].retry_at_ns is not None
        used["x-mbx-used-weight-1m"] = "10"
        await session.run(70)
        assert session.states(0)[-1] == "SYNCED"


async def test_a_snapshot_that_is_an_html_page_says_so():
    async with Session("BTCUSDT") as session:
        page = Reply(200, {"content-type": "text/html"}, b"<html>Please log in</html>")
        session.exchange.answer = lambda url: page if "/depth" in url else None
        await session.run(3)
        assert session.reasons(0)[0] == (
            "200: api.binance.com answered with an HTML page, expected JSON; "
            "is a proxy or a login page between?"
        )
        assert session.states()[-1] == "LIVE"  # only the book has to wait


async def test_the_trading_status_is_asked_for_now_and_then():
    async with Session("BTCUSDT", options=FeedOptions(status_every_s=60.0)) as session:
        await session.run(30)
        body = json.dumps({"symbols": [listed("BTCUSDT", "HALT")], "rateLimits": []}).encode()
        session.exchange.answer = lambda url: Reply(200, {}, body) if "exchangeInfo" in url else None
        await session.run(60)
        last = [s for _, s in session.statuses if s.symbol == 0][-1]
        assert (last.state, last.trading) == ("SYNCED", "HALT")


async def test_more_than_can_be_kept_is_dropped_in_plain_sight():
    async with Session("BTCUSDT", options=FeedOptions(max_inbox_bytes=200)) as session:
        await session.run(5)
        assert "messages came faster than they could be folded" in session.reasons(0)


async def test_a_mark_is_cleaned_and_lands_in_the_next_batch():
    async with Session("BTCUSDT") as session:
        await session.run(1)
        await session.source.command(AddMark("here\x1b[31m it turned"))
        await session.run(0.2)
        marks = [note for batch in session.batches for note in batch.notes if isinstance(note, Mark)]
        assert [mark.text for mark in marks] == ["here[31m it turned"]
        assert START <= marks[0].ts <= session.clock.now()
        assert session.source.transport.label == "LIVE"


@pytest.mark.parametrize("cancelled", [True, False])
async def test_what_came_since_the_last_tick_is_in_the_last_batch(cancelled: bool):
    async with Session("BTCUSDT") as session:
        await session.run(2)
        folding = asyncio.create_task(session.run(60))
        await session.clock.sleep(0.05)  # between two ticks
        before, now = len(session.batches), session.clock.now()
        ms = now // 1_000_000
        late = {
            "e": "trade",
            "E": ms,
            "s": "BTCUSDT",
            "t": 10**6,
            "p": "100.00",
            "q": "1",
            "T": ms,
            "m": True,
        }
        session.exchange.broadcast("btcusdt@trade", late)
        await session.source.command(AddMark("the last word"))
        await asyncio.sleep(0)  # the socket's reader has its turn
        if cancelled:
            folding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await folding
        else:
            await session.source.close()
            await folding
        (last,) = session.batches[before:]
        assert last.ends_at_tick
        tick = int(last.rows[-1]["ts_recv"])
        assert (now < tick < now + S // 10, tick % (S // 10)) == (True, 0)
        assert session.trades[0][-1] == 10**6
        assert [note.text for note in last.notes if isinstance(note, Mark)] == ["the last word"]
        assert session.exchange.sockets[0].closed


async def test_a_cancelled_source_leaves_no_socket_open():
    async with Session("BTCUSDT") as session:
        await session.run(2)
    assert all(socket.closed for socket in session.exchange.sockets)
