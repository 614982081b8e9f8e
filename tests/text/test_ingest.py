"""`microtui ingest` against the fake site: what is offered comes as JSON lines, and what failed is said."""

from __future__ import annotations

import asyncio
import json
import math
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli.ingest import ingest
from cli.settings import load
from engine.events import Post
from engine.feeds import fake_text as ft
from engine.feeds import hosts, text_backfill
from engine.feeds.fake_faults import OnRequest
from engine.feeds.fake_text import FakeText, settings_of
from engine.frame import View
from engine.picture import picture
from engine.session import Session
from store.export import read_table
from store.recording import Recording
from store.replay import ReplaySource
from tests.text.sites import S, fake


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(hosts, "PROCESS_HOSTS", hosts.Hosts())
    monkeypatch.setenv("PRAW_ALLOW_ENDPOINT_OVERRIDE", "1")


async def ingested(site: FakeText, since_ns: int, *more: str, options: tuple[str, ...] = ()) -> Result:
    chosen = settings_of(site) | {"sources.reddit.subreddits": "Bitcoin", "sources.gap_s": "0"}
    flags = [f"{key}={value}" for key, value in chosen.items()] + list(more)
    since = datetime.fromtimestamp(since_ns // S, UTC).isoformat()
    arguments = ["--since", since, *options, *(part for flag in flags for part in ("--set", flag))]
    return await asyncio.to_thread(CliRunner().invoke, ingest, arguments)


def posts_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_page_after_page_until_it_is_old_enough():
    async with fake(posts=350) as site:
        now = time.time_ns()
        site.text.write("news", "Ether slides", at_ns=now - 60 * S)
        since = now - 2505 * S  # 250 posts of ten seconds each
        result = await ingested(site, since)
        posts = posts_of(result)
        reddit = [post for post in posts if post["source"] == "reddit:Bitcoin"]
        assert result.exit_code == 0
        assert {post["text"] for post in reddit} == {f"post {n}" for n in range(101, 351)}
        assert [post["text"] for post in posts if post["source"] == "news:127.0.0.1"] == ["Ether slides"]
        assert len({post["id"] for post in posts}) == len(posts)
        assert set(posts[0]) == {"type", *Post.__struct_fields__}
        asked = [request.query for request in site.requests if request.path.startswith("/r/")]
        assert [query.get("after") is None for query in asked] == [True, False, False]
        assert "r/Bitcoin: 250 posts, it offers back to " in result.stderr


async def test_all_that_is_offered_when_that_is_less_than_asked_for():
    async with fake(posts=120) as site:
        result = await ingested(site, time.time_ns() - 40 * 86_400 * S, "sources.news.feeds=")
        posts = posts_of(result)
        assert sum(post["source"] == "reddit:Bitcoin" for post in posts) == 120
        days = [post for post in posts if post["source"] == "fear-greed"]
        assert len(days) in (40, 41)
        assert all(0 <= int(str(day["score"])) <= 100 for day in days)
        assert result.exit_code == 0


async def test_with_keys_it_is_the_api_that_is_asked_and_votes_come_too(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("praw")
    monkeypatch.setenv("MICROTUI_SOURCES__REDDIT__CLIENT_ID", "an-id")
    monkeypatch.setenv("MICROTUI_SOURCES__REDDIT__CLIENT_SECRET", "a-secret")
    async with fake(posts=120) as site:
        site.text.comment("Bitcoin", "me too", at_ns=time.time_ns(), score=9)
        off = ("sources.news.feeds=", "sources.fear_greed.on=false")
        result = await ingested(site, time.time_ns() - 86_400 * S, *off)
        posts = posts_of(result)
        assert len(posts) == 121
        assert {post["score"] for post in posts} == {1, 9}
        assert not any(request.path.endswith(".rss") for request in site.requests)
        assert "a-secret" not in result.output
        monkeypatch.setenv("MICROTUI_SOURCES__REDDIT__CLIENT_SECRET", "hunter2")
        result = await ingested(site, time.time_ns() - 86_400 * S, *off)
        assert len(posts_of(result)) == 120  # the public feed
        assert "r/Bitcoin: 0 posts; 401: " in result.stderr
        assert "hunter2" not in result.output


async def test_posts_become_a_session_that_replays_and_exports(tmp_path: Path):
    folder = f"record.folder={tmp_path}/sessions"
    async with fake(posts=40) as site:
        now = time.time_ns()
        for number in range(40):
            at_ns = now - (number * 90 + 7) * S
            site.text.write(
                "Bitcoin", f"bitcoin to the moon, {number} times 🚀", author=f"a{number}", at_ns=at_ns
            )
        result = await ingested(
            site, now - 7200 * S, folder, "sources.fear_greed.on=false", options=("--record",)
        )
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    path = Path(result.stderr.split("recorded: ")[1].strip())
    session = Session(ReplaySource(Recording(path), speed=0.0, hold_at_end=False))
    await session.run()
    shown = picture(session.state, View()).sentiment
    with Recording(path) as recording:
        table = read_table(recording, "sentiment")
        rows = {
            str(row["post"]): row for row in (dict(zip(table.columns, r, strict=True)) for r in table.rows)
        }
    assert len(rows) == 80
    assert all(row["tier"] == "embedded" for row in rows.values())
    assert any(row["bot"] for row in rows.values())  # the same words again and again
    assert shown is not None
    assert (shown.asset, shown.posts_seen) == ("BTC", 80)
    weights = [
        row["confidence"] * (1 - (row["bot"] or 0)) * math.exp(-(session.state.ts - row["ts"]) / 3600e9)
        for row in rows.values()
    ]
    hour = next(lag for lag in shown.lags if lag.tau_s == 3600)
    said = [row["polarity"] for row in rows.values()]
    assert hour.mean == pytest.approx(np.average(said, weights=weights), abs=1e-6)


async def test_nothing_is_recorded_where_nothing_was_found(tmp_path: Path):
    async with fake(posts=0) as site:
        off = ("sources.news.feeds=", "sources.fear_greed.on=false", f"record.folder={tmp_path}/sessions")
        result = await ingested(site, time.time_ns() - 60 * S, *off, options=("--record",))
    assert result.exit_code == 1
    assert "there is nothing to record" in result.stderr
    assert not (tmp_path / "sessions").exists()


async def test_a_page_that_fails_is_asked_for_again_and_what_fails_for_good_is_said():
    async with fake(OnRequest(ft.TRUNCATED, "reddit"), OnRequest(404, "news", times=9)) as site:
        result = await ingested(site, time.time_ns() - 3600 * S)
        assert sum(post["source"] == "reddit:Bitcoin" for post in posts_of(result)) == 3
        assert "127.0.0.1: 0 posts; 404: " in result.stderr


async def test_when_nobody_answers_it_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text_backfill, "TRIES", 1)
    async with fake() as site:
        nobody = "sources.news.feeds=http://127.0.0.1:1/rss"
        off = ("sources.reddit.subreddits=", "sources.fear_greed.on=false")
        result = await ingested(site, time.time_ns() - 3600 * S, nobody, *off)
        assert result.exit_code == 1
        assert "cannot be reached: Connection refused" in result.stderr
        assert "no text source answered" in result.stderr
        result = await ingested(site, time.time_ns() - 3600 * S, "sources.news.feeds=", *off)
        assert "no text source is set" in result.stderr


@pytest.mark.parametrize("since", ["garbage", "2999-01-01"])
def test_a_time_that_is_none_or_to_come_is_refused(since: str):
    result = CliRunner().invoke(ingest, ["--since", since])
    assert result.exit_code == 2
    assert "expected a time" in result.stderr


async def test_the_fake_says_which_settings_lead_to_it(tmp_path: Path):
    async with fake() as site:
        flags = [f"{key}={value}" for key, value in settings_of(site).items()]
        options = load(tmp_path / "none.toml", flags, {}).text_options()
        assert {options.reddit, options.reddit_oauth} == {site.url}
        assert (options.news, options.fear_greed) == ((site.news,), site.index)
