"""What Reddit tells of authors, through praw's own client: asked once, kept without names, used for later scores."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batch import BatchBuilder
from engine.core import State, apply
from engine.events import Kind, Post, Scored, SentimentRecord
from engine.feeds.fake_faults import SLOW, OnRequest
from engine.feeds.fake_text import FakeText
from engine.feeds.fake_text_site import Account as Fake
from engine.feeds.hosts import Hosts
from engine.feeds.text_options import RedditKeys, TextOptions
from engine.feeds.text_source import TextSource
from engine.sentiment.authors import KEPT_S, Authors, Profile, reddit_profile
from engine.sentiment.bots import BY_HAND, Bots
from engine.sentiment.embedded import load
from engine.sentiment.service import Reading
from store.authors import AuthorShelf
from tests.text.sites import KEY, Listener, S, fake, impatient, until

KEYS = RedditKeys("an-id", "a-secret")
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def _endpoints_may_be_overridden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PRAW_ALLOW_ENDPOINT_OVERRIDE", "1")
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def reading(options: TextOptions, authors: Authors) -> AsyncIterator[Listener]:
    listener = Listener()
    source = TextSource(options, author_key=KEY, authors=authors, hosts=Hosts())
    task = asyncio.create_task(source.run(listener.notes.append))
    try:
        yield listener
    finally:
        await source.close()
        await task


def asked(site: FakeText) -> list[str]:
    return [a.path.strip("/").split("/")[1] for a in site.requests if a.path.startswith("/user/")]


def told(site: FakeText, *names: str, at_s: float = 60.0) -> None:
    """Each of them writes a post."""
    for number, name in enumerate(names):
        at_ns = time.time_ns() - int(at_s * S) + number * S
        site.text.write("Bitcoin", f"{name} thinks bitcoin is going to the moon", author=name, at_ns=at_ns)


# Reddit's API


async def test_every_author_is_asked_about_once_in_thirty_days_and_no_name_is_kept(tmp_path: Path):
    pytest.importorskip("praw")
    shelf, now_s = AuthorShelf(tmp_path / "state.db"), time.time()
    async with fake(posts=0) as site:
        site.text.accounts["young_77123"] = Fake(age_days=3.2, karma=1, verified=False, about="I am a Bot!")
        told(site, "old_hand", "young_77123", "old_hand")
        options = impatient(site, keys=KEYS)
        authors = Authors(shelf, lambda: now_s)
        async with reading(options, authors) as heard:
            await until(lambda: len(asked(site)) == 2, "a question about each")
            told(site, "old_hand", at_s=5.0)
            await until(lambda: len(heard.posts) == 4, "the next post")
            old, young = (next(p.author for p in heard.posts if p.text.startswith(n)) for n in ("old", "you"))
            await until(lambda: authors.account(young) is not None and authors.account(old) is not None, "it")
            await until(lambda: getattr(authors.account(old), "karma", None) is not None, "the account")
        first, second = authors.account(old), authors.account(young)
        assert first is not None and second is not None  # noqa: PT018
        assert (first.karma, first.verified, first.desc_mentions_bot) == (12_000, 1, None)
        assert (first.screen_name_len, first.screen_name_digits) == (8, 0)
        assert first.age_days == pytest.approx(2500, abs=1.01)
        assert (second.karma, second.verified, second.desc_mentions_bot) == (1, 0, 1)
        assert (second.screen_name_len, second.screen_name_digits) == (11, 5)
        assert second.age_days == pytest.approx(3.2, abs=1.01)
        assert sorted(asked(site)) == ["old_hand", "young_77123"]

        again = Authors(shelf, lambda: now_s + 29 * DAY_S)
        async with reading(options, again) as heard:
            await until(lambda: len(heard.posts) == 4, "the posts")
            await until(heard.is_live, "a round")
        assert len(asked(site)) == 2
        later = Authors(shelf, lambda: now_s + 31 * DAY_S)
        async with reading(options, later) as heard:
            await until(lambda: len(asked(site)) == 4, "both again")
    stored = await asyncio.to_thread((tmp_path / "state.db").read_bytes)
    assert old.encode() in stored
    assert b"old_hand" not in stored
    assert b"young_77123" not in stored


async def test_without_keys_nobody_is_asked_about_and_the_shape_of_a_name_is_known():
    async with fake(posts=0) as site:
        told(site, "Moon-Fan-4711")
        site.text.write("news", "a headline", author="Desk 12345", at_ns=time.time_ns())
        authors = Authors()
        async with reading(impatient(site, news=(site.news,)), authors) as heard:
            await until(lambda: len(heard.posts) == 2, "both")
        accounts = {post.source: authors.account(post.author) for post in heard.posts}
        shape = accounts["reddit:Bitcoin"]
        assert shape is not None
        assert (shape.screen_name_len, shape.screen_name_digits, shape.age_days) == (13, 4, None)
        assert [a for source, a in accounts.items() if source != "reddit:Bitcoin"] == [None]
        assert asked(site) == []


@pytest.mark.parametrize("status", [403, 404])
async def test_an_account_that_is_gone_is_not_asked_about_again(status: int):
    pytest.importorskip("praw")
    async with fake(OnRequest(status, "user", "gone_1", times=9), posts=0) as site:
        told(site, "gone_1", "old_hand")
        authors = Authors()
        async with reading(impatient(site, keys=KEYS), authors) as heard:
            await until(lambda: len(asked(site)) == 2, "both")
            told(site, "gone_1", at_s=3.0)
            await until(lambda: len(heard.posts) == 3, "another of theirs")
            await until(lambda: sum("/new" in a.path for a in site.requests) >= 4, "more rounds")
            assert {note.state for note in heard.states} <= {"CONNECTING", "LIVE"}
        assert sorted(asked(site)) == ["gone_1", "old_hand"]


async def test_trouble_with_accounts_is_no_trouble_of_posts():
    pytest.importorskip("praw")
    async with fake(OnRequest(500, "user", times=99), posts=0) as site:
        told(site, "old_hand", "another")
        async with reading(impatient(site, keys=KEYS), Authors()) as heard:
            await until(lambda: bool(asked(site)), "a first question")
            before = len(set(asked(site)))
            told(site, "third_one", at_s=3.0)
            await until(lambda: len(heard.posts) == 3, "a post after it")
            await until(lambda: sum("/new" in a.path for a in site.requests) >= 5, "more rounds")
            assert before == len(set(asked(site))) == 1  # nobody else was asked about meanwhile
            assert {note.state for note in heard.states} <= {"CONNECTING", "LIVE"}


async def test_too_many_questions_silence_the_whole_host():
    pytest.importorskip("praw")
    async with fake(OnRequest(429, "user", retry_after_s=1), posts=0) as site:
        told(site, "old_hand")
        async with reading(impatient(site, keys=KEYS), Authors()) as heard:
            await until(lambda: any(n.state == "BLOCKED" for n in heard.states), "that it is said")
            await until(lambda: heard.is_live(), "LIVE in the end")
        at = next(n for n, a in enumerate(site.requests) if a.path.startswith("/user/"))
        assert site.requests[at + 1].at_s - site.requests[at].at_s >= 1.0


# What it is used for


async def test_what_is_learned_weighs_the_post_that_asked_and_later_ones():
    pytest.importorskip("praw")
    authors = Authors()
    bots = Bots(account=authors.account)
    async with fake(OnRequest(SLOW, "user", delay_s=0.3), posts=0) as site:  # the post is scored first
        site.text.accounts["a_machine"] = Fake(age_days=2, karma=0, verified=False)
        told(site, "a_machine")
        source = TextSource(impatient(site, keys=KEYS), author_key=KEY, authors=authors, hosts=Hosts())
        reader = Reading(load(), judge=bots.judge, again=bots.again, source=source.run)
        authors.listener = reader.known
        task = asyncio.create_task(reader.run())
        state, said, records = State(), list[Scored](), list[SentimentRecord]()

        def look() -> bool:
            out = BatchBuilder()
            out.add(Kind.TICK, state.ts + S // 10 if state.ts else time.time_ns(), symbol=-1)
            records.extend(d for d in apply(state, out.take())[0] if isinstance(d, SentimentRecord))
            batch = reader.after(state, out.take())
            if batch is not None:
                said.extend(note for note in batch.notes if isinstance(note, Scored))
                records.extend(d for d in apply(state, batch)[0] if isinstance(d, SentimentRecord))
            return len(said) >= 2

        try:
            await until(look, "a score and another")
            told(site, "a_machine", at_s=1.0)
            await until(lambda: look() and len(said) == 3, "a later post")
        finally:
            task.cancel()
            await asyncio.wait({task})
    first, weighed, later = said
    odds = BY_HAND.base + 1.2 + 1.0 + 0.4  # young, disliked, unchecked
    assert first.bot is None
    assert weighed == msgspec.structs.replace(first, bot=pytest.approx(1 / (1 + math.exp(-odds))))
    assert later.bot is not None and weighed.bot is not None  # noqa: PT018
    assert later.bot >= weighed.bot
    assert state.sentiment.tiers == {"embedded": 2}
    assert state.sentiment.assets["BTC"].mood.posts == 2
    assert [r.bot for r in records if r.post == first.post][-1] == weighed.bot


def test_a_score_that_is_weighed_anew_is_paid_for_once() -> None:
    post = Post("p", "reddit:Bitcoin", S, "x", "a", ("BTC",))
    paid = Scored(
        "p", S, ("BTC",), 0.5, 0.8, 0.3, None, 0.9, "gateway", None, cost_micro=40, model="m", took_ms=3
    )
    state, out = State(), BatchBuilder()
    for note in (post, paid, msgspec.structs.replace(paid, bot=0.75, cost_micro=0)):
        out.add_note(note, 2 * S)
    derived, _ = apply(state, out.take())
    assert (state.sentiment.cost_micro, state.sentiment.tiers) == (40, {"gateway": 1})
    last = derived[-1]
    assert isinstance(last, SentimentRecord)
    assert (last.bot, last.cost_micro) == (0.75, 40)
    assert state.sentiment.assets["BTC"].mood.lags[1].weight == pytest.approx(0.8 * 0.25 * math.exp(-1 / 300))


def test_a_name_alone_adds_its_points_to_what_is_thought_of_anybody() -> None:
    authors = Authors()
    authors.met("plain", "some_name")
    authors.met("digits", "Some-Name-4711")
    bots = Bots(account=authors.account)
    posts = {name: Post(name, "reddit:Bitcoin", S, f"post of {name}", name) for name in ("plain", "digits")}
    assert bots.judge(posts["plain"], S) is None
    assert bots.judge(posts["digits"], S) == pytest.approx(1 / (1 + math.exp(2.0 - 0.6)))
    authors.learned("plain", Profile(born_day=0))
    assert bots.again(posts["plain"]) == pytest.approx(1 / (1 + math.exp(1.1 + 0.6)))
    assert bots.again(Post("unknown", "reddit:Bitcoin", S, "x", "plain")) is None


TOLD = ("created_utc", "link_karma", "comment_karma", "has_verified_email", "subreddit")
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(TOLD, anything),
    )
)
def test_whatever_a_site_tells_is_a_profile_that_can_be_kept(told: dict[str, Any]) -> None:
    profile = reddit_profile(told)
    assert all(field is None or isinstance(field, int) for field in profile)
    assert json.loads(json.dumps(profile)) == list(profile)
    assert profile.verified in (None, 0, 1)
    assert profile.says_bot in (None, 0, 1)


def test_accounts_older_than_a_month_are_forgotten_everywhere(tmp_path: Path) -> None:
    shelf = AuthorShelf(tmp_path / "state.db")
    now_s = 2e9
    shelf.put("old", now_s - KEPT_S - 1, Profile(1, 2, 1, 0))
    shelf.put("new", now_s - 5, Profile(1, None, 0, None))
    authors = Authors(shelf, lambda: now_s)
    assert authors.account("old") is None
    assert authors.wants("old")
    assert not authors.wants("old")  # for an hour
    known = authors.account("new")
    assert known is not None
    assert (known.karma, known.verified) == (None, 0)
    assert [row[0] for row in shelf.read(0.0)] == ["new"]


def test_a_shelf_that_cannot_be_used_costs_nothing_but_memory(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database, however long this is, " * 40)
    shelf = AuthorShelf(tmp_path / "state.db")
    shelf.put("a", 1.0, Profile())
    assert shelf.read(0.0) == []
    assert Authors(shelf).account("a") is None
    shelf = AuthorShelf(tmp_path / "state.db" / "below")
    shelf.put("a", 1.0, Profile())
    assert shelf.read(0.0) == []
