"""praw's own client against the fake Reddit: what comes, what is refused, and that no key is ever shown."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from pathlib import Path

import pytest

from engine.feeds import fake_faults as ff
from engine.feeds import fake_text as ft
from engine.feeds.backoff import Backoff
from engine.feeds.errors import Answer
from engine.feeds.fake_faults import OnRequest
from engine.feeds.fake_text import FakeText
from engine.feeds.reddit_api import RedditApi, explained, item_of
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_pages import Item
from tests.text.sites import S, fake, impatient, reading, until

pytest.importorskip("praw")
KEYS = RedditKeys("an-id", "a-secret")


@pytest.fixture(autouse=True)
def _endpoints_may_be_overridden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PRAW_ALLOW_ENDPOINT_OVERRIDE", "1")
    monkeypatch.chdir(tmp_path)  # where there is no praw.ini


def routes(site: FakeText) -> list[str]:
    return [asked.path.rstrip("/").rpartition("/")[2] for asked in site.requests]


async def test_posts_and_comments_come_with_votes_author_subreddit_and_time():
    async with fake(posts=2) as site:
        at = time.time_ns() // S * S - 5 * S
        site.text.comment("ethereum", "ether is next &amp; so on", "carol", at_ns=at, score=-3)
        options = impatient(site, keys=KEYS, subreddits=("Bitcoin", "ethereum"))
        async with reading(options) as heard:
            await until(lambda: len(heard.posts) == 3, "two posts and a comment")
            await until(lambda: heard.is_live(), "LIVE")
            site.text.write("Bitcoin", "and now", "the news", "dan", at_ns=time.time_ns(), score=17)
            await until(lambda: len(heard.posts) == 4, "the new post")
            comment = next(post for post in heard.posts if post.id.startswith("t1_"))
            assert (comment.text, comment.score) == ("ether is next & so on", -3)
            assert (comment.source, comment.assets, comment.ts_event) == ("reddit:ethereum", ("ETH",), at)
            new = heard.posts[-1]
            assert (new.text, new.score, new.source) == ("and now. the news", 17, "reddit:Bitcoin")
            assert len({post.author for post in heard.posts}) == 3
            assert heard.texts[:2] == ["post 1", "post 2"]
            await until(lambda: heard.count().messages == 4, "the count")
    assert routes(site)[:3] == ["access_token", "new", "comments"]
    assert routes(site).count("access_token") == 1
    assert all(asked.path.startswith(("/api/", "/r/Bitcoin+ethereum/")) for asked in site.requests)
    assert "microtui" in site.requests[0].headers["user-agent"]


async def test_keys_that_are_refused_are_said_so_and_the_public_feeds_are_read_instead(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with fake() as site:
        options = impatient(site, keys=RedditKeys("hunter-id", "hunter2"))
        async with reading(options) as heard:
            await until(lambda: len(heard.posts) == 3, "the posts of the public feed")
            await until(lambda: heard.is_live(), "LIVE")
            assert heard.states[1].state == "BLOCKED"
            assert "401: 127.0.0.1" in heard.states[1].reason
            assert heard.states[-1].reason.endswith("approval); reading the public feeds")
            assert "hunter" not in repr(heard.notes)
    assert routes(site)[:2] == ["access_token", ".rss"]
    assert "hunter" not in caplog.text
    assert "hunter" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (OnRequest(429, "api", retry_after_s=1), "BLOCKED", "429: too many requests, {host} asks for 1 s"),
        (OnRequest(403, "api"), "BLOCKED", "403: {host} refuses; is one of the subreddits private?"),
        (OnRequest(404, "api"), "BACKOFF", "404: {host} does not know one of the subreddits"),
        (OnRequest(ff.HTML, "api"), "BACKOFF", "{host} answered with something else than JSON"),
        (OnRequest(ft.NONSENSE, "api"), "BACKOFF", "{host} answered with something else than JSON"),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, OnRequest) else None,
)
async def test_what_goes_wrong_is_said_and_survived(fault: OnRequest, state: str, reason: str):
    async with fake(fault) as site, reading(impatient(site, keys=KEYS)) as heard:
        await until(lambda: len(heard.posts) == 3 and heard.is_live(), "all posts in the end")
        host = site.url.removeprefix("http://")
        troubles = [note for note in heard.states if note.state == state]
        assert troubles[0].reason.startswith(reason.format(host=host))
        assert sorted(heard.texts) == ["post 1", "post 2", "post 3"]
        assert heard.count().reconnects == 1
        if fault.retry_after_s is not None:
            asked = [a for a in site.requests if "/r/" in a.path]
            assert asked[1].at_s - asked[0].at_s >= 1.0


async def test_a_reader_who_takes_nothing_stops_the_thread_and_loses_nothing():
    async with fake(posts=40) as site:
        options = impatient(site, keys=KEYS, queue_posts=8)
        api = RedditApi(options, KEYS, Backoff(random.Random(1), 0.1, 0.2))
        taken: list[Item] = []
        slow = threading.Event()

        def take(items: list[Item]) -> None:
            if items and not slow.is_set():
                slow.set()
                time.sleep(0.3)  # the loop is busy with something else
            taken.extend(items)

        task = asyncio.create_task(api.run(take, lambda refused: None))
        await until(lambda: len(taken) == 40, "all posts")
        assert api._queue.maxsize == 8
        task.cancel()
        await asyncio.wait({task})
        await until(
            lambda: not any(t.name == "reddit-api" for t in threading.enumerate()), "the thread's end"
        )


async def test_the_past_of_a_subreddit_ends_where_it_is_old_enough():
    async with fake(posts=30) as site:
        since = time.time_ns() - 105 * S
        site.text.comment("Bitcoin", "recent", at_ns=since + S)
        site.text.comment("Bitcoin", "long ago", at_ns=since - S)
        taken: list[Item] = []
        api = RedditApi(impatient(site), KEYS, Backoff(random.Random(1), 0.1, 0.2))
        refused = await api.past("Bitcoin", since, taken.extend)
        assert refused is None
        assert [item.text for item in taken] == [*(f"post {n}" for n in range(30, 20, -1)), "recent"]
        assert len(site.requests) == 3


async def test_a_planted_praw_ini_leads_nowhere_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recwarn: pytest.WarningsRecorder
):
    import praw.config

    monkeypatch.delenv("PRAW_ALLOW_ENDPOINT_OVERRIDE")
    monkeypatch.setattr(praw.config.Config, "CONFIG", None)  # it is read once in a process
    evil = "http://127.0.0.1:9"
    (tmp_path / "praw.ini").write_text(
        f"[DEFAULT]\noauth_url={evil}\nreddit_url={evil}\nclient_id=x\nusername=u\npassword=p\n"
    )
    async with fake() as site, reading(impatient(site, keys=KEYS)) as heard:
        await until(lambda: len(heard.posts) == 3, "the posts")
        assert routes(site)[:2] == ["access_token", "new"]
    monkeypatch.setattr(praw.config.Config, "CONFIG", None)
    assert not recwarn.list  # which would stand on stderr, across the screen


@pytest.mark.parametrize(
    "change",
    [
        {"name": "t5_abc"},
        {"name": 7},
        {"name": None},
        {"created_utc": "noon"},
        {"created_utc": -1},
        {"created_utc": 1e300},
        {"subreddit": None},
        {"subreddit": "Bitcoin"},
    ],
)
def test_a_listing_that_is_not_as_documented_brings_nothing(change: dict[str, object]):
    thing = {
        "name": "t3_abc",
        "created_utc": 1_795_000_000.5,
        "subreddit": type("Place", (), {"display_name": "Bitcoin"})(),
        "author": None,
        "title": "gone",
        "selftext": "[removed]",
        "score": 1,
    }
    item = item_of(thing)
    assert item == Item("t3_abc", "reddit:Bitcoin", 1_795_000_000_500_000_000, "", "gone", 1)
    assert item_of(thing | change) is None
    assert item_of(thing | {"score": "many", "title": 5}) == item._replace(score=None, text="")


def test_without_praw_it_is_said_what_to_install():
    refused = explained(ImportError("No module named 'praw'"), TextOptions())
    assert refused.answer is Answer.FINAL
    assert "pip install 'microtui[reddit]'" in refused.reason


def test_a_network_that_is_away_and_a_server_in_trouble_are_told_apart():
    import prawcore
    import requests

    away = prawcore.RequestException(requests.ConnectionError("an-id:a-secret@host"), (), {})
    assert explained(away, TextOptions()).reason == "oauth.reddit.com cannot be reached: ConnectionError"
    response = requests.Response()
    response.status_code = 503
    trouble = explained(prawcore.ServerError(response), TextOptions())
    assert trouble.reason == "503: oauth.reddit.com has trouble of its own"
    assert {trouble.answer, explained(away, TextOptions()).answer} == {Answer.RETRY}


def test_no_text_of_an_error_is_repeated():
    error = RuntimeError("https://an-id:a-secret@reddit.example failed")
    assert explained(error, TextOptions()).reason == "the Reddit client failed: RuntimeError"
