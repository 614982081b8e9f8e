"""The health panel: what it says of feeds, proof, recorder and machine, in health and in trouble."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.frame import Frame
from engine.frame.feeds import Feed
from engine.frame.host import Recording
from tests.tui import frames
from tests.tui.panel_stage import inside, lines, on_stage
from tui.look import plain_look
from tui.panels.health import Health

SECOND = 1_000_000_000
SIZE = (60, 30)


def with_feeds(*feeds: Feed) -> Frame:
    frame = frames.live()
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, feeds=feeds))


def with_host(**changes: Any) -> Frame:
    frame = frames.live()
    return msgspec.structs.replace(frame, host=msgspec.structs.replace(frame.host, **changes))


async def text_of(frame: Frame, size: tuple[int, int] = SIZE) -> str:
    panel = Health(plain_look())
    async with on_stage(panel, frame, size):
        return "\n".join(row.rstrip() for row in inside(panel))


async def test_good_health() -> None:
    text = await text_of(frames.live())
    assert "binance  ● LIVE" in text
    assert "18 204 msg  41.2 MB" in text
    assert "1 resync  1 reconnect" in text
    assert "proof    ✓ 6 489 of 6 489" in text
    assert "latency  +4.2 ms" in text
    assert "record   ● 1.4 MB  00:12:31" in text
    assert "machine  8 % of a core  141 MB" in text


async def test_a_narrow_panel_breaks_lines_and_cuts_nothing() -> None:
    text = await text_of(frames.live(), (30, 40))
    for part in ("18 204 msg", "41.2 MB", "1 reconnect", "00:12:31", "3 ms behind", "141 MB"):
        assert part in text


async def test_an_outage_says_why_and_counts_down() -> None:
    feed = Feed("binance", "BACKOFF", "cannot resolve stream.binance.com", frames.NOW + 7_200_000_000)
    text = await text_of(with_feeds(feed))
    assert "● BACKOFF  again in 8 s" in text
    assert "cannot resolve stream.binance.com" in text
    due = msgspec.structs.replace(feed, retry_at_ns=frames.NOW - SECOND)
    assert "again in 0 s" in await text_of(with_feeds(due))


@pytest.mark.parametrize(
    ("state", "tone"),
    [("LIVE", "bid"), ("BACKOFF", "warning"), ("CONNECTING", "warning"), ("BLOCKED", "ask"), ("IDLE", "dim")],
)
async def test_a_state_has_its_colour(state: str, tone: str) -> None:
    look = plain_look()
    panel = Health(look)
    async with on_stage(panel, with_feeds(Feed("binance", state)), SIZE):
        drawn = next(s.style for s in panel.render_line(1) if state in s.text)
        assert drawn is not None
        assert drawn.color == getattr(look.palette, tone).color


async def test_failed_proof_is_never_a_check_mark() -> None:
    text = await text_of(frames.unproven())
    assert "✗ 6 489 of 6 491" in text
    assert "✓" not in text


async def test_a_doubtful_book_is_never_called_synced() -> None:
    text = await text_of(frames.resyncing())
    assert "○ gap, resyncing" in text
    assert "expected update 58211334872" in text
    assert "SYNCED" not in text


async def test_nothing_known_is_said_as_such() -> None:
    text = await text_of(frames.empty())
    assert "nothing to compare" in text
    assert "latency  –" in text
    assert "record   ○ off" in text


async def test_a_failed_recorder_says_why_and_what_was_lost() -> None:
    recording = Recording("FAILED", "x", 2_000_000, 60.0, 0.0, 1_234, "no space left on the disk")
    text = await text_of(with_host(recording=recording))
    assert "failed after 2.0 MB  00:01:00" in text
    assert "no space left on the disk" in text
    assert "1 234 events lost" in text
    assert "behind" not in text


async def test_malformed_messages_are_counted() -> None:
    assert "3 malformed" in await text_of(with_feeds(Feed("binance", "LIVE", malformed=3)))


async def test_health_messages_are_text_and_newest_first() -> None:
    frame = with_host(messages=("theme [b]odd.toml[/b] skipped\x1b[2J: expected dim", "older"))
    text = await text_of(frame, (80, 30))
    assert "theme [b]odd.toml[/b] skipped" in text
    assert "\x1b" not in text
    assert text.index("odd.toml") < text.index("older")


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (12, 6), (300, 100)])
async def test_any_size_draws(size: tuple[int, int]) -> None:
    panel = Health(plain_look())
    async with on_stage(panel, frames.offline(), size):
        assert all(len(line) == size[0] for line in lines(panel))
