"""Every size of terminal: which panels are there, that no resize breaks it, and that one can leave."""

from collections.abc import Callable

import frames
import pytest
from stage import stage

from engine.frame import Frame, View


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (30, 8), (4, 2), (1, 1)])
async def test_q_quits_at_any_size(size: tuple[int, int]) -> None:
    async with stage(frames.live, size) as (it, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert it.app._exit


async def test_q_quits_from_the_start_and_from_help() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.press(pilot, "question_mark", "q")
        assert it.app._exit


async def test_no_resize_breaks_it() -> None:
    sizes = [(99, 30), (100, 29), (39, 12), (1, 1), (2, 50), (200, 3), (41, 13), (120, 40)]
    async with stage(frames.several) as (it, pilot):
        for size in sizes:
            await pilot.resize_terminal(*size)
            await it.settle(pilot)
            await pilot.press("z", "1", "5")
            await it.settle(pilot)
            assert all(len(line) == size[0] for line in it.lines())
        assert it.app.problems == []


async def test_below_a_hundred_columns_one_panel_at_a_time() -> None:
    async with stage(frames.live, (80, 24)) as (it, pilot):
        await it.press(pilot, "1")
        assert [panel.title for panel in it.panels if panel.display] == ["depth"]
        await it.press(pilot, "6")
        assert it.panel("tape").size == (80, 22)


async def test_below_forty_columns_three_numbers() -> None:
    async with stage(frames.live, (36, 10)) as (it, _):
        assert [line.strip() for line in it.lines()[:4]] == [
            "BTCUSDT  ● LIVE",
            "61 693.73 +0.31 %",
            "spread 0.0016 bp",
            "ratio ±24.3 bp  0.51",
        ]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (frames.replay, "▶ REPLAY"),
        (lambda view: frames.replay(view, paused=True), "‖ REPLAY paused"),
        (frames.rewind, "▶ REWIND"),
        (frames.simulated, "● SIM"),
    ],
)
async def test_the_smallest_screen_says_where_one_is(make: Callable[[View], Frame], said: str) -> None:
    async with stage(make, (36, 10)) as (it, _):
        assert it.lines()[0].strip() == f"BTCUSDT  {said}"
