"""The small judges of the live feed: refusals, waits, budgets and silences, each on its own."""

from __future__ import annotations

import random
import time

import pytest

from engine.feeds.backoff import Backoff
from engine.feeds.clock import SystemClock
from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import Endpoints, Hosts
from engine.feeds.liveness import Liveness
from engine.feeds.options import FeedOptions
from engine.feeds.refusal import refusal
from engine.feeds.weight import MINUTE_NS, Weight

S = 1_000_000_000


@pytest.mark.parametrize(
    ("status", "headers", "body", "reason", "answer", "seconds"),
    [
        (429, {"retry-after": "7"}, b"", "429: too many requests, h asks for 7 s of silence", Answer.WAIT, 7),
        (429, {}, b"", "429: too many requests, h asks for 60 s of silence", Answer.WAIT, 60),
        (
            418,
            {"retry-after": "259200"},
            b"",
            "418: h has banned this address for 259200 s",
            Answer.WAIT,
            259200,
        ),
        (
            418,
            {"retry-after": "9" * 30},
            b"",
            "418: h has banned this address for 259200 s",
            Answer.WAIT,
            259200,
        ),
        (
            429,
            {"retry-after": "0"},
            b"",
            "429: too many requests, h asks for 60 s of silence",
            Answer.WAIT,
            60,
        ),
        (418, {"retry-after": "-1"}, b"", "418: h has banned this address for 120 s", Answer.WAIT, 120),
        (403, {}, b"<html>", "403: the firewall of h refuses this address", Answer.WAIT, 300),
        (451, {}, b"{}", "451: h does not serve this region", Answer.FINAL, 0),
        (503, {}, b"<html>", "503: h has trouble of its own", Answer.RETRY, 0),
        (
            200,
            {},
            b"\n <!doctype html>",
            "200: h answered with an HTML page, expected JSON; is a proxy or a login page between?",
            Answer.RETRY,
            0,
        ),
        (
            400,
            {},
            b'{"code":-1121,"msg":"Invalid symbol."}',
            "400: h answered -1121, Invalid symbol.",
            Answer.SYMBOL,
            0,
        ),
        (400, {}, b'{"code":-1003,"msg":"no\\u202e"}', "400: h answered -1003, no", Answer.RETRY, 0),
        (404, {}, b"\xff", "404: h refused the request", Answer.RETRY, 0),
        (302, {}, b"", "302: h refused the request", Answer.RETRY, 0),
    ],
)
def test_what_a_refusal_means(
    status: int, headers: dict[str, str], body: bytes, reason: str, answer: Answer, seconds: float
):
    found = refusal("h", status, headers, body, 300.0)
    assert found is not None
    assert (found.reason, found.answer, found.seconds) == (reason, answer, seconds)


def test_a_good_answer_is_no_refusal():
    assert refusal("h", 200, {"content-type": "application/json"}, b'{"a":1}', 300.0) is None


def test_backoff_starts_at_once_and_its_bound_doubles_to_the_limit():
    class Most(random.Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0.0
            return b

    backoff = Backoff(Most(), 0.5, 30.0)
    assert [backoff.next_s() for _ in range(10)] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    backoff.reset()
    assert [backoff.next_s() for _ in range(2)] == [0.0, 0.5]
    many = Backoff(random.Random(1), 0.5, 30.0)
    waits = [many.next_s() for _ in range(2000)][10:]
    assert 14 < sum(waits) / len(waits) < 16
    assert 0 <= min(waits) < 1 < 29 < max(waits) <= 30


def test_the_weight_that_is_left():
    weight = Weight(6000, 0.8)
    assert weight.wait_s(250, 0) == 0.0
    for second in range(19):
        weight.spend(250, second * S)
    assert weight.wait_s(50, 18 * S) == 0.0
    assert weight.wait_s(250, 18 * S) == 60.0
    assert weight.wait_s(250, 40 * S) == 38.0
    weight.heard("120", 41 * S)  # the exchange's minute is over
    assert weight.wait_s(4680, 41 * S) == 0.0
    assert weight.wait_s(4681, 41 * S) == 60.0
    weight.heard("nonsense", 42 * S)
    weight.heard("99999999999999", 42 * S)
    assert weight.wait_s(4680, 42 * S) == 0.0
    weight.heard("6000", 50 * S)
    assert weight.wait_s(1, 50 * S + MINUTE_NS) == 0.0


def test_endpoints_take_turns_after_failures_and_leave_those_that_refuse_for_good():
    hosts = Hosts()
    endpoints = Endpoints(["https://a/", "https://b", "https://c"], hosts, tries=2)
    assert endpoints.current(0) == "https://a"
    endpoints.failed("https://a", Refused("503"), 0)
    assert endpoints.current(0) == "https://a"
    endpoints.failed("https://a", Refused("503"), 0)
    assert endpoints.current(0) == "https://b"
    endpoints.failed("https://b", Refused("451: b", Answer.FINAL), 0)
    assert endpoints.current(0) == "https://c"
    endpoints.failed("https://c", Refused("403: c", Answer.WAIT, 60.0, elsewhere=True), 0)
    assert endpoints.current(0) == "https://a"
    endpoints.failed("https://a", Refused("418: a", Answer.WAIT, 30.0), 0)
    with pytest.raises(Refused, match=r"^418: a$") as caught:
        endpoints.current(10 * S)
    assert caught.value.seconds == 20.0
    assert endpoints.current(30 * S) == "https://a"
    other = Endpoints(["https://b"], hosts, tries=2)  # another feed of this process
    with pytest.raises(Refused, match=r"^no endpoint is left: 451: b$"):
        other.current(0)


def test_a_firewall_that_refuses_everywhere_is_waited_for():
    endpoints = Endpoints(["https://a", "https://b"], Hosts(), tries=2)
    endpoints.failed("https://a", Refused("403: a", Answer.WAIT, 60.0, elsewhere=True), 0)
    endpoints.failed("https://b", Refused("403: b", Answer.WAIT, 40.0, elsewhere=True), 0)
    with pytest.raises(Refused, match=r"^403: b$") as caught:
        endpoints.current(10 * S)
    assert caught.value.seconds == 30.0


DEPTH, TRADES, TOPS = range(3)


def listening(seconds: int = 10) -> tuple[Liveness, int]:
    """After `seconds` of a diff every 100 ms, a trade every 500 ms and a top every 50 ms."""
    liveness = Liveness(("depth", "trade", "top"), (False, True, False), FeedOptions())
    liveness.start(0)
    now = 0
    for step in range(seconds * 20):
        now = step * S // 20
        liveness.heard(TOPS, now)
        if step % 2 == 0:
            liveness.heard(DEPTH, now)
        if step % 10 == 0:
            liveness.heard(TRADES, now)
        assert liveness.silence(now) is None
    return liveness, now


def test_the_whole_connection_is_silent():
    liveness, now = listening()
    assert liveness.silence(now + 5 * S) is None
    silence = liveness.silence(now + 6 * S)
    assert silence is not None
    assert (silence.streams, silence.seconds) == ((), 6.0)
    assert silence.reason.startswith("no data for 6.0 s, usually every ")


def test_one_stream_is_silent_among_others():
    liveness, now = listening()
    for step in range(1, 121):
        liveness.heard(TOPS, now + step * S // 20)
        liveness.heard(TRADES, now + step * S // 20)
    silence = liveness.silence(now + 6 * S)
    assert silence is not None
    assert silence.streams == (DEPTH,)
    assert silence.reason == "depth is silent for 6.0 s, usually every 100 ms"


def test_a_stream_that_rarely_speaks_may_be_silent_for_long():
    liveness = Liveness(("depth",), (False,), FeedOptions())
    liveness.start(0)
    for minute in range(30):
        liveness.heard(0, minute * 60 * S)
    assert liveness.silence((29 * 60 + 1100) * S) is None
    assert liveness.silence((29 * 60 + 1300) * S) is not None


def test_trades_may_pause_where_prices_may_not():
    liveness, now = listening(20)
    for step in range(1, 20 * 60):
        liveness.heard(TOPS, now + step * S // 20)
        liveness.heard(DEPTH, now + step * S // 20)
    assert liveness.silence(now + 60 * S) is None


def test_an_update_that_was_seen_elsewhere_is_owed():
    liveness, now = listening()
    liveness.witness(DEPTH, seen_id=110, own_id=100, now=now)
    for step in range(1, 60):
        then = now + step * S // 10
        liveness.heard(TOPS, then)
        liveness.heard(TRADES, then)
        liveness.heard(DEPTH, then)
        liveness.witness(DEPTH, seen_id=110 + step, own_id=100, now=then)
    silence = liveness.silence(now + 6 * S)
    assert silence is not None
    assert silence.streams == (DEPTH,)
    assert silence.reason == "depth is 6.0 s behind the best prices"


def test_a_stream_that_is_always_a_little_behind_owes_nothing():
    liveness, now = listening()
    for step in range(1, 100):
        then = now + step * S // 10
        liveness.heard(TOPS, then)
        liveness.heard(DEPTH, then)
        liveness.heard(TRADES, then)
        liveness.witness(DEPTH, seen_id=step * 10, own_id=step * 10 - 7, now=then)
        assert liveness.silence(then) is None


def test_our_own_absence_is_no_proof():
    liveness, now = listening()
    liveness.excuse(now + 30 * S)
    assert liveness.silence(now + 34 * S) is None
    assert liveness.silence(now + 36 * S) is not None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rest": ()}, "rest needs at least one endpoint, such as https://host:port"),
        ({"ws": ("ws://:80",)}, "ws endpoints are such as wss://host:port, found 'ws://:80'"),
        ({"ws": ("ws://h:99999",)}, "ws endpoints are such as wss://host:port, found 'ws://h:99999'"),
        ({"rest": ("http://[1",)}, r"rest endpoints are such as https://host:port, found 'http://\[1'"),
        ({"rest": ("http://a..b",)}, "rest endpoints are such as https://host:port, found 'http://a..b'"),
        ({"ws": ("https://h",)}, "ws endpoints start with ws:// or wss://, found 'https://h'"),
        (
            {"rest": ("api.binance.com",)},
            "rest endpoints start with http:// or https://, found 'api.binance.com'",
        ),
    ],
)
def test_endpoints_that_cannot_be(values: dict[str, tuple[str, ...]], message: str):
    with pytest.raises(ValueError, match=f"^{message}$"):
        FeedOptions(**values)


async def test_session_time_is_the_wall_clocks_and_goes_on_when_that_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = SystemClock()
    assert abs(clock.now() - time.time_ns()) < S
    before = clock.now()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    await clock.sleep(0.02)
    assert 20_000_000 <= clock.now() - before < 5 * S
