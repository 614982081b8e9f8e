"""Pictures of the screen, compared with the ones that were looked at and found good.

After a deliberate change: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at every picture.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import frames
import moods
import pytest
import story_frames
import venue_frames
import worlds
from stage import Stage, turns

from engine.frame import Frame, View

Make = Callable[[View], Frame]
PICTURES: dict[str, tuple[Make, tuple[int, int], tuple[str, ...], dict[str, Any]]] = {
    "live-160x48": (frames.live, (160, 48), (), {}),
    "live-120x40": (frames.live, (120, 40), (), {}),
    "live-80x24": (frames.live, (80, 24), ("1",), {}),
    "live-36x10": (frames.live, (36, 10), (), {}),
    "symbols": (frames.several, (160, 48), ("1",), {}),
    "replay": (frames.replay, (160, 48), ("c",), {}),
    "replay-paused": (lambda view: frames.replay(view, speed=0.25, paused=True), (120, 40), ("6",), {}),
    "story-160x48": (story_frames.story, (160, 48), ("c",), {}),
    "story-120x40": (story_frames.story, (120, 40), (), {}),
    "story-80x24": (story_frames.story, (80, 24), ("2",), {}),
    "story-help": (story_frames.story, (120, 40), ("question_mark",), {}),
    "rewind": (frames.rewind, (140, 40), ("5",), {}),
    "stale": (frames.stale, (160, 48), (), {}),
    "unproven": (frames.unproven, (120, 40), (), {}),
    "crossed": (frames.crossed, (120, 40), ("1",), {}),
    "empty": (frames.empty, (120, 40), (), {}),
    "offline": (frames.offline, (120, 40), ("8",), {}),
    "one-sided": (frames.one_sided, (120, 40), ("1",), {}),
    "quiet": (frames.live, (120, 40), ("b",), {}),
    "venues": (venue_frames.side_by_side, (160, 48), ("v",), {}),
    "venues-zoomed": (venue_frames.side_by_side, (120, 40), ("v", "z"), {}),
    "zoomed-tape": (frames.live, (120, 40), ("6", "z"), {}),
    "help": (frames.live, (120, 40), ("6", "question_mark"), {}),
    "palette": (frames.live, (120, 40), ("colon",), {}),
    "prompt": (frames.replay, (100, 30), ("g", "x", "enter"), {}),
    "colour-blind": (frames.live, (140, 40), (), {"theme_name": "okabe"}),
    "daylight": (frames.live, (140, 40), ("h",), {"theme_name": "daylight"}),
    "no-colour": (frames.live, (120, 40), (), {}),
    "what-if-160x48": (lambda view: worlds.simulated(view, worlds.fan(ago_s=8)), (160, 48), (), {}),
    "what-if-line-80x24": (lambda view: worlds.simulated(view, worlds.fan(shock="")), (80, 24), ("h",), {}),
    "what-if-zoomed": (lambda view: worlds.simulated(view, worlds.fan()), (160, 48), ("c", "z"), {}),
    "paper": (worlds.on_paper, (160, 48), ("1",), {}),
    "child": (worlds.child, (120, 40), ("5",), {}),
    "agents-80x24": (worlds.simulated, (80, 24), ("4",), {}),
    "agents-250-zoomed": (lambda view: worlds.on_paper(view, counts=worlds.CROWD), (160, 48), ("4", "z"), {}),
    "deck-80x24": (worlds.simulated, (80, 24), ("s", "6"), {}),
    "deck-60x15": (worlds.on_paper, (60, 15), ("s", "2"), {}),
    "order": (worlds.on_paper, (120, 40), ("o", "s"), {}),
    "sentiment-160x48": (moods.live, (160, 48), ("3",), {}),
    "sentiment-120x40": (moods.live, (120, 40), ("3",), {}),
    "sentiment-80x24": (moods.live, (80, 24), ("3",), {}),
    "sentiment-zoomed": (moods.live, (160, 48), ("3", "z"), {}),
    "sentiment-synthetic": (moods.simulated, (160, 48), (), {"theme_name": "okabe"}),
    "sentiment-trouble": (moods.troubled, (100, 30), ("3", "z"), {}),
    "sentiment-waiting": (moods.waiting, (140, 40), ("3",), {}),
    "sentiment-ascii": (moods.live, (120, 40), ("3", "z"), {"ascii_only": True}),
    "ascii": (frames.replay, (120, 40), (), {"ascii_only": True}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture(name: str, snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make, size, keys, options = PICTURES[name]
    if name == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    it = Stage(make, **options)

    async def play(pilot: Any) -> None:
        await it.settle(pilot)
        for key in keys:
            await it.press(pilot, key)
        await it.settle(pilot)

    with ExitStack() as hushed:
        for where in ("textual.pilot.wait_for_idle", "textual.app.wait_for_idle"):
            hushed.enter_context(patch(where, turns))
        assert snap_compare(it.app, terminal_size=size, run_before=play)


def test_picture_of_the_start(snap_compare: Any) -> None:
    it = Stage(frames.live, title="live BTCUSDT")
    it.bridge._frame = None
    it.bridge.progress = "compiling kernels 3/7"
    assert snap_compare(it.app, terminal_size=(80, 24), run_before=it.settle)
