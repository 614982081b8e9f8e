"""Everything that a site can do wrong, through the real driver, against a server that does it."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from engine.feeds import fake_faults as ff
from engine.feeds import fake_text as ft
from engine.feeds.fake_faults import OnRequest
from engine.feeds.hosts import Hosts
from engine.feeds.text_source import TextSource
from tests.text.sites import KEY, S, fake, impatient, reading, until

ALL = ["post 1", "post 2", "post 3"]


async def test_posts_come_oldest_first_then_only_what_is_new_and_nothing_is_sent_twice():
    async with fake() as site, reading(impatient(site)) as heard:
        await until(lambda: len(heard.posts) == 3, "the first posts")
        await until(lambda: any(a.status == 304 for a in site.requests), "a 304")
        assert heard.texts == ALL
        site.text.write("Bitcoin", "fourth", at_ns=time.time_ns())
        await until(lambda: len(heard.posts) == 4, "the new one")
        assert heard.texts == [*ALL, "fourth"]
        assert [note.state for note in heard.states] == ["CONNECTING", "LIVE"]
        assert heard.count().messages == 4
        assert heard.count().malformed == 0


async def test_long_answers_are_read_too():
    async with fake(posts=0) as site:
        for number in range(25):
            at = time.time_ns() - (60 - number) * S
            site.text.write("Bitcoin", f"number {number}", "many words " * 400, at_ns=at)
        async with reading(impatient(site)) as heard:
            await until(lambda: len(heard.posts) == 25, "all posts")
            assert heard.count().bytes > 100_000
            assert heard.texts[0].startswith("number 0. many words many")
            assert {len(text) for text in heard.texts} == {500}


async def test_conditions_are_those_that_the_site_gave():
    async with fake() as site, reading(impatient(site)):
        await until(lambda: len(site.requests) >= 3, "three requests")
        first, second, third = site.requests[:3]
        assert "if-none-match" not in first.headers
        assert "if-modified-since" not in first.headers
        assert (second.status, third.status) == (304, 304)
        assert second.headers["if-none-match"] == third.headers["if-none-match"]
        assert second.headers["if-modified-since"].endswith("GMT")
        assert "microtui" in first.headers["user-agent"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (OnRequest(500, "reddit"), "500: {host} has trouble of its own"),
        (OnRequest(403, "reddit"), "403: {host} refuses this client, or this address"),
        (OnRequest(404, "reddit"), "404: {host} does not have it (private, renamed or gone?)"),
        (OnRequest(418, "reddit"), "418: {host} refused the request"),
        (OnRequest(ff.HTML, "reddit"), "{host} answered with a web page, expected a feed; is a login page"),
        (OnRequest(ft.WRONG_TYPE, "reddit"), "{host} answered with a web page, expected a feed"),
        (OnRequest(ft.NONSENSE, "reddit"), "{host} sent what cannot be read: not well-formed"),
        (OnRequest(ft.LAUGHS, "reddit"), "{host} sent what cannot be read: the document declares entities"),
        (OnRequest(ft.HUGE, "reddit"), "{host} answered with more than 2097152 bytes"),
        (OnRequest(ft.BOMB, "reddit"), "{host} answered with more than 2097152 bytes"),
        (OnRequest(ff.CUT_SHORT, "reddit"), "{host} cannot be reached: peer closed connection"),
        (OnRequest(ff.HANG, "reddit"), "{host} did not answer within 0.6 s"),
        (OnRequest(ft.LORIS, "reddit", delay_s=0.005), "{host} did not answer within 0.6 s"),
        (OnRequest(ft.OUTSIDE, "reddit"), "302: {host} redirects to no usable address"),
        (OnRequest(ft.LOOP, "reddit", times=7), "302: {host} redirects more than 5 times"),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, OnRequest) else "",
)
async def test_what_goes_wrong_is_said_and_survived(fault: OnRequest, reason: str):
    patience_s = 0.6 if fault.kind in (ff.HANG, ft.LORIS) else 5.0
    async with fake(fault) as site, reading(impatient(site, request_timeout_s=patience_s)) as heard:
        await until(lambda: heard.is_live(), "LIVE in the end")
        await until(lambda: len(heard.posts) == 3, "all posts in the end")
        host = site.url.removeprefix("http://")
        assert reason.format(host=host) in heard.reasons()
        assert heard.texts == ALL
        assert [n.state for n in heard.states][-1] == "LIVE"
        assert heard.count().reconnects >= 1
        assert max(asked.open_at_once for asked in site.requests) == 1


async def test_of_a_truncated_document_what_was_whole_is_kept_and_the_rest_is_asked_for_again():
    async with fake(OnRequest(ft.TRUNCATED, "reddit")) as site, reading(impatient(site)) as heard:
        await until(lambda: len(heard.posts) == 3, "all posts in the end")
        assert sorted(heard.texts) == ALL
        assert "sent what cannot be read" in heard.reasons()
        assert heard.count().malformed == 1
        # Had it kept the ETag of the broken answer, it would now be told that nothing is new.
        assert "if-none-match" not in site.requests[1].headers


@pytest.mark.parametrize("status", [429, 403, 503])
async def test_nothing_is_sent_to_the_host_before_retry_after(status: int):
    slow = OnRequest(status, "reddit", retry_after_s=1)
    async with fake(slow) as site:
        site.text.write("ethereum", "another", at_ns=time.time_ns())
        options = impatient(site, subreddits=("Bitcoin", "ethereum"), news=(site.news,))
        async with reading(options) as heard:
            await until(lambda: len(heard.posts) == 4, "all posts in the end")
            refused, after = site.requests[:2]
            assert refused.status == status
            assert 1.0 <= after.at_s - refused.at_s < 4.0
            blocked = [note for note in heard.states if note.state == "BLOCKED" and note.venue == "reddit"]
            assert f"{status}: " in blocked[0].reason
            assert blocked[0].retry_at_ns is not None
            assert blocked[0].retry_at_ns - time.time_ns() < 2 * S


async def test_a_region_that_is_not_served_is_asked_once():
    async with fake(OnRequest(451, "reddit", times=100)) as site, reading(impatient(site)) as heard:
        await until(lambda: "451: " in heard.reasons(), "the reason")
        await asyncio.sleep(0.4)
        assert len(site.requests) == 1
        assert heard.states[-1].state == "BLOCKED"
        assert heard.states[-1].retry_at_ns is None


async def test_one_private_subreddit_does_not_silence_the_others():
    async with fake(OnRequest(403, "reddit", symbol="ethereum", times=1000)) as site:
        site.text.write("ethereum", "hidden", at_ns=time.time_ns())
        async with reading(impatient(site, subreddits=("ethereum", "Bitcoin"))) as heard:
            await until(lambda: len(heard.posts) == 3, "the others' posts")
            await until(lambda: heard.is_live(), "LIVE")
            assert heard.texts == ALL
            assert heard.states[-1].reason.startswith("1 of 2 fail, r/ethereum: 403")


async def test_duplicates_within_and_between_answers_are_taken_once():
    async with fake(OnRequest(ft.TWICE, "reddit", times=3)) as site, reading(impatient(site)) as heard:
        await until(lambda: len(site.requests) >= 5, "several answers")
        assert heard.texts == ALL
        assert heard.count().ignored >= 3 * 3


async def test_posts_from_the_future_are_dated_by_their_arrival_and_counted():
    async with fake(OnRequest(ft.FUTURE, "reddit")) as site, reading(impatient(site)) as heard:
        await until(lambda: len(heard.posts) == 3, "the posts")
        assert all(post.ts_event <= time.time_ns() for post in heard.posts)
        assert all(post.ts_event > time.time_ns() - 9 * S for post in heard.posts)
        await until(lambda: heard.count().malformed == 3, "the count")


async def test_a_feed_that_jumps_back_brings_nothing_twice_and_loses_nothing():
    back = OnRequest(ft.BACK, "reddit", after=1, times=2)
    async with fake(back, posts=6) as site, reading(impatient(site)) as heard:
        await until(lambda: len(site.requests) >= 2, "the older document")
        site.text.write("Bitcoin", "newest", at_ns=time.time_ns())
        await until(lambda: len(heard.posts) == 7, "the newest")
        assert heard.texts == [*(f"post {n}" for n in range(1, 7)), "newest"]


async def test_a_redirect_for_good_is_followed_and_remembered():
    async with fake(OnRequest(ft.REDIRECT, "reddit")) as site, reading(impatient(site)) as heard:
        await until(lambda: len(site.requests) >= 4, "some answers")
        assert heard.texts == ALL
        assert [asked.path for asked in site.requests[:3]] == [
            "/r/Bitcoin/new/.rss",
            "/moved/r/Bitcoin/new/.rss",
            "/moved/r/Bitcoin/new/.rss",
        ]
        assert site.requests[2].status == 304


@pytest.mark.parametrize("way", ["close", "cancel"])
async def test_it_ends_at_once_in_the_middle_of_a_request_and_leaves_nothing_behind(way: str):
    async with fake(OnRequest(ff.HANG, "reddit", times=9)) as site:
        before = asyncio.all_tasks()
        source = TextSource(impatient(site), author_key=KEY, hosts=Hosts())
        task = asyncio.create_task(source.run(lambda note: None))
        await until(lambda: len(site.requests) == 1, "the request")
        began = time.monotonic()
        if way == "close":
            await source.close()
        else:
            task.cancel()
        await asyncio.wait({task})
        assert time.monotonic() - began < 2.0
        assert task.cancelled() == (way == "cancel")
        await until(lambda: asyncio.all_tasks() <= before | {task}, "the end of the server's task")


async def test_no_network_at_all():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with fake() as site:
        options = impatient(site, reddit=f"http://127.0.0.1:{port}")
        async with reading(options) as heard:
            await until(lambda: len(heard.states) >= 3, "some failures")
            assert heard.states[-1].state == "BACKOFF"
            assert heard.states[-1].reason == f"127.0.0.1:{port} cannot be reached: Connection refused"
            assert heard.posts == []


async def test_news_and_the_index_come_with_their_own_lines_of_health():
    async with fake() as site:
        site.text.write("news", "Bitcoin climbs", "<b>Funds</b> buy", at_ns=time.time_ns() - 5 * S)
        options = impatient(site, news=(site.news,), fear_greed=site.index)
        async with reading(options) as heard:
            await until(lambda: len(heard.posts) == 5, "three posts, an article, a figure")
            await until(lambda: all(map(heard.is_live, ("reddit", "news", "fear-greed"))), "all LIVE")
            by_source = {post.source: post for post in heard.posts}
            assert by_source["news:127.0.0.1"].text == "Bitcoin climbs. Funds buy"
            assert by_source["news:127.0.0.1"].assets == ("BTC",)
            index = by_source["fear-greed"]
            assert index.text.startswith(f"Crypto Fear & Greed Index: {index.score}, ")
            assert index.ts_event % (86_400 * S) == 0
