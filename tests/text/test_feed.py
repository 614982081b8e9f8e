"""The schedule of a feed, whatever it is answered; and of many feeds on one host, by a clock of our own."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Mapping
from email.utils import formatdate
from itertools import pairwise

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.events import FeedStatus
from engine.feeds.errors import Answer, Refused
from engine.feeds.fake_text_site import Written, atom
from engine.feeds.hosts import Hosts
from engine.feeds.network import Reply
from engine.feeds.text_answers import moved_to, quota_wait_s, refusal, retry_after_s
from engine.feeds.text_backfill import Backfill, Told
from engine.feeds.text_feed import TextFeed
from engine.feeds.text_health import status
from engine.feeds.text_options import TextOptions
from engine.feeds.text_pages import read_subreddit
from engine.feeds.text_source import TextSource, feeds_of, news_name

S = 1_000_000_000
START = 1_795_000_000 * S
OPTIONS = TextOptions()
URL = "https://reddit.example/r/Bitcoin/new/.rss"
DAY_S = 86_400


def document(*numbers: int) -> bytes:
    return atom("Bitcoin", [Written(n, "Bitcoin", "a", f"post {n}", "", START) for n in numbers])


def feed_at(seed: int = 1, options: TextOptions = OPTIONS) -> TextFeed:
    return TextFeed("reddit", "r/Bitcoin", URL, read_subreddit, 60.0, 3600.0, options, random.Random(seed))


class Schedule(RuleBasedStateMachine):
    """A site that answers anything; the model knows only what politeness demands."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.feed = feed_at()
        self.validator: str | None = None  # what may be sent back
        self.silent_until = 0
        self.good = 0

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.now = max(self.now, self.feed.due)
        self.asked = self.feed.request().url
        self.received = self.feed.receive(Reply(status, headers, body), self.now)

    @rule(etag=st.sampled_from(["", '"a"', 'W/"b"', '"bad\r\nX: y"', '"' + "x" * 600 + '"']))
    def a_document(self, etag: str) -> None:
        self.answer(200, {"etag": etag, "content-type": "application/atom+xml"}, document(1, 2))
        assert len(self.received.items) == 2
        assert self.received.first == (self.good == 0)
        assert 54 <= (self.feed.due - self.now) / S <= 66
        self.good += 1
        # A validator is of one address, and redirects that hold for once lead to another.
        same = self.asked == self.feed.request().url
        self.validator = etag if etag in ('"a"', 'W/"b"') and same else None

    @rule()
    def nothing_new(self) -> None:
        self.answer(304, {})
        assert self.received.items == ()
        assert 54 <= (self.feed.due - self.now) / S <= 66
        self.good += 1

    @rule(code=st.sampled_from([429, 403, 503, 500, 529]), seconds=st.integers(0, 10**6))
    def wait_so_long(self, code: int, seconds: int) -> None:
        self.answer(code, {"retry-after": str(seconds)})
        self.silent_until = self.now + min(seconds, 3 * DAY_S) * S
        self.validator = None

    @rule(code=st.sampled_from([400, 403, 404, 410, 418, 429, 500, 502, 599]))
    def trouble(self, code: int) -> None:
        self.answer(code, {})
        assert self.feed.due - self.now >= 2.5 * S
        self.validator = None

    @rule(cut=st.integers(0, 400), etag=st.just('"a"'))
    def a_broken_document(self, cut: int, etag: str) -> None:
        self.answer(200, {"etag": etag}, document(1, 2)[:cut])
        assert self.received.refused is not None
        self.validator = None

    @rule()
    def no_answer(self) -> None:
        self.now = max(self.now, self.feed.due)
        self.feed.failed(Refused("cannot be reached"), self.now)
        assert 2.5 * S <= self.feed.due - self.now <= 900 * S
        self.validator = None

    @rule(code=st.sampled_from([301, 302, 303, 307, 308]), hop=st.integers(0, 10**6))
    def elsewhere(self, code: int, hop: int) -> None:
        self.answer(code, {"location": f"https://other.example/{hop}"})
        self.validator = None

    @invariant()
    def it_is_polite(self) -> None:
        assert self.feed.due >= self.silent_until
        headers = self.feed.request().headers
        assert headers.get("If-None-Match") == self.validator
        assert "microtui" in headers["User-Agent"]
        assert self.feed.request().url.startswith("https://")


Schedule.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSchedule = Schedule.TestCase


def test_temporary_redirects_are_asked_again_and_lasting_ones_are_not():
    feed = feed_at()
    feed.receive(Reply(302, {"location": "/maintained"}, b""), START)
    assert feed.request().url == "https://reddit.example/maintained"
    assert feed.due == START
    feed.receive(Reply(200, {"etag": '"x"'}, document(1)), START)
    assert feed.request().url == URL
    assert "If-None-Match" not in feed.request().headers  # it was of the other address
    feed.receive(Reply(301, {"location": "https://new.example/"}, b""), START)
    feed.receive(Reply(200, {"etag": '"y"'}, document(1)), START)
    assert feed.request().url == "https://new.example/"
    assert feed.request().headers["If-None-Match"] == '"y"'
    feed.receive(Reply(500, {}, b""), START)
    assert feed.request().url == URL


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("https://b.example/x", "https://b.example/x"),
        ("/x", "https://reddit.example/x"),
        ("//b.example/x", "https://b.example/x"),
        ("http://reddit.example/x", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("https://[broken", None),
        ("https://b.example/\x1b", None),
        ("", None),
        ("https://b.example/" + "x" * 3000, None),
        (URL, None),
    ],
)
def test_where_a_redirect_may_lead(location: str, leads_to: str | None):
    reply = Reply(302, {"location": location}, b"")
    if leads_to is None:
        with pytest.raises(Refused):
            moved_to(URL, reply)
    else:
        assert moved_to(URL, reply) == leads_to


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 40, 3.0 * DAY_S),
        (formatdate(START / S + 90, usegmt=True), 90.0),
        (formatdate(START / S - 90, usegmt=True), 0.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("٣", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str, seconds: float | None):
    assert retry_after_s({"retry-after": text}, START) == seconds


@pytest.mark.parametrize(
    ("remaining", "reset", "wait_s"),
    [("0.0", "120", 120), ("0", "99999", 900), ("1", "120", 0), ("x", "y", 0), ("nan", "5", 0)],
)
def test_reddits_own_count_of_requests(remaining: str, reset: str, wait_s: float):
    assert quota_wait_s({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}) == wait_s
    assert quota_wait_s({}) == 0.0


@pytest.mark.parametrize("code", [200, 304, 301, 302, 303, 307, 308])
def test_answers_that_may_be_read(code: int):
    assert refusal("h", Reply(code, {}, b""), START, OPTIONS) is None


def test_what_a_venue_says_of_its_feeds():
    feeds = [feed_at(1), feed_at(2)]
    assert status("reddit", feeds) == FeedStatus("reddit", "CONNECTING")
    feeds[0].receive(Reply(200, {}, document(1)), START)
    assert status("reddit", feeds) == FeedStatus("reddit", "LIVE")
    feeds[1].receive(Reply(404, {}, b""), START)
    note = status("reddit", feeds)
    assert (note.state, note.retry_at_ns) == ("LIVE", None)
    assert note.reason.startswith("1 of 2 fail, r/Bitcoin: 404: reddit.example does not have it")
    feeds[0].failed(Refused("reddit.example cannot be reached"), START)
    assert status("reddit", feeds).state == "BACKOFF"
    assert status("reddit", feeds).retry_at_ns == min(feed.due for feed in feeds)
    feeds[0].receive(Reply(451, {}, b""), START)
    assert status("reddit", feeds).state == "BLOCKED"
    assert status("reddit", feeds).retry_at_ns == feeds[1].due


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://cointelegraph.com/rss", "cointelegraph"),
        ("https://www.coindesk.com/arc/outboundfeeds/rss/", "coindesk"),
        ("http://127.0.0.1:9002/news/rss", "127.0.0.1"),
        ("https://me:secret@news.example:8443/feed", "news"),
        ("http://localhost/feed", "localhost"),
    ],
)
def test_what_a_news_site_is_called(url: str, name: str):
    assert news_name(url) == name


def test_an_empty_address_or_list_asks_nobody():
    rng = random.Random(1)
    assert [f.venue for f in feeds_of(OPTIONS, rng)] == ["reddit"] * 7 + ["news"] * 2 + ["fear-greed"]
    assert feeds_of(TextOptions(reddit="", news=(), fear_greed=""), rng) == []


class Clock:
    """Jumps to the next sleeper's time once everybody sleeps."""

    def __init__(self) -> None:
        self.at = START
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> int:
        return self.at

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.at + round(max(0.0, seconds) * S), self._count, woken))
        await woken

    async def drive(self, for_s: float) -> None:
        ends = self.at + int(for_s * S)
        while self.at < ends:
            for _ in range(20):
                await asyncio.sleep(0)
            if not self._sleepers:
                return
            due, _, woken = heapq.heappop(self._sleepers)
            self.at = max(self.at, due)
            if not woken.done():
                woken.set_result(None)


class Site:
    """A network whose answers take two seconds, and that knows who asks at the same time."""

    def __init__(self, clock: Clock, *answers: Reply | Refused) -> None:
        self.clock = clock
        self.answers = answers
        self.asked: list[tuple[float, str]] = []
        self.open: dict[str, int] = {}
        self.most_open = 0

    async def fetch(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Reply:
        host = url.split("/")[2]
        self.asked.append(((self.clock.at - START) / S, url))
        self.open[host] = self.open.get(host, 0) + 1
        self.most_open = max(self.most_open, self.open[host])
        await self.clock.sleep(2.0)
        self.open[host] -= 1
        answer = self.answers[(len(self.asked) - 1) % len(self.answers)]
        if isinstance(answer, Refused):
            raise answer
        return answer

    async def close(self) -> None:
        return


async def asked_in(for_s: float, options: TextOptions, *answers: Reply | Refused) -> Site:
    clock = Clock()
    site = Site(clock, *answers)
    source = TextSource(options, clock, author_key=b"k", network=site, hosts=Hosts(), rng=random.Random(5))
    task = asyncio.create_task(source.run(lambda note: None))
    await clock.drive(for_s)
    await source.close()
    await task
    return site


def times(site: Site, host: str) -> list[float]:
    return [at for at, url in site.asked if host in url]


async def test_seven_subreddits_are_asked_in_turn_one_at_a_time_and_six_seconds_apart():
    site = await asked_in(600, OPTIONS, Reply(200, {"content-type": "application/xml"}, document(1)))
    reddit = times(site, "reddit")
    gaps = [after - before for before, after in pairwise(reddit)]
    assert site.most_open == 1
    assert min(gaps) >= 2.0 + 6.0 - 0.001
    in_a_minute = max(sum(at <= other < at + 60 for other in reddit) for at in reddit)
    assert in_a_minute <= 8  # Reddit allows ten
    for name in OPTIONS.subreddits:
        assert 8 <= sum(f"/r/{name}/" in url for _, url in site.asked) <= 12
    assert len(times(site, "cointelegraph")) == 3  # now, and after five and ten minutes, less the jitter


async def test_a_network_that_is_away_for_ten_minutes_is_tried_a_bounded_number_of_times():
    options = msgspec.structs.replace(OPTIONS, subreddits=("Bitcoin",), gap_s=0.0)
    site = await asked_in(600, options, Refused("cannot be reached"))
    for feed in ("/r/Bitcoin/", "cointelegraph", "coindesk", "alternative.me"):
        tries = times(site, feed)
        waits = [after - before - 2.0 for before, after in pairwise(tries)]
        assert 5 <= len(tries) <= 10
        assert all(later > earlier / 2 for earlier, later in pairwise(waits))
        assert len({round(wait % 1, 6) for wait in waits}) == len(waits)  # jitter


async def test_a_host_that_asks_for_silence_gets_it_from_all_its_feeds_and_the_others_go_on():
    options = msgspec.structs.replace(OPTIONS, reddit_every_s=5.0, news_every_s=5.0, gap_s=0.0)
    wait = Reply(429, {"retry-after": "300"}, b"")
    site = await asked_in(290, options, wait)
    hosts = ("reddit", "cointelegraph", "coindesk", "alternative.me")
    assert [len(times(site, host)) for host in hosts] == [1, 1, 1, 1]
    site = await asked_in(660, options, wait)
    assert [len(times(site, host)) for host in hosts] == [3, 3, 3, 3]


async def test_when_reddits_count_is_used_up_nothing_is_sent_before_it_starts_anew():
    spent = Reply(200, {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "200"}, document(1))
    options = TextOptions(news=(), fear_greed="")
    site = await asked_in(650, options, spent)
    tries = times(site, "reddit")
    assert len(tries) == 4
    assert all(after - before >= 200 for before, after in pairwise(tries))


async def test_a_fault_of_ours_is_seen_in_the_health_panel_and_raised():
    class Broken(Site):
        async def fetch(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Reply:
            raise RuntimeError("no such luck")

    clock = Clock()
    heard: list[object] = []
    source = TextSource(OPTIONS, clock, author_key=b"k", network=Broken(clock), hosts=Hosts())
    task = asyncio.create_task(source.run(heard.append))
    await clock.drive(60)
    with pytest.raises(ExceptionGroup):
        await task
    last = {note.venue: note for note in heard if isinstance(note, FeedStatus)}
    assert set(last) == {"reddit", "news", "fear-greed"}
    assert all(note.state == "BLOCKED" and "reading text failed" in note.reason for note in last.values())


async def test_a_backfill_gives_up_on_a_host_that_is_away_sooner_the_second_time():
    clock = Clock()
    site = Site(clock, Refused("cannot be reached"))
    told: list[Told] = []
    backfill = Backfill(OPTIONS, site, clock, Hosts(), b"k")
    task = asyncio.create_task(backfill.run(START - DAY_S * S, lambda post: None, told.append))
    await clock.drive(3600)
    await task
    hosts = ("alternative.me", "cointelegraph", "coindesk", "reddit")
    assert [len(times(site, host)) for host in hosts] == [3, 3, 3, 3 + 6]
    assert [(t.posts, str(t.refused)) for t in told] == [(0, "cannot be reached")] * 10


def test_only_a_refusal_for_good_ends_a_feed():
    feed = feed_at()
    for answer in (Answer.RETRY, Answer.WAIT):
        feed.failed(Refused("no", answer, 5.0), START)
        assert not feed.ended
    feed.failed(Refused("no", Answer.FINAL), START)
    assert feed.ended
