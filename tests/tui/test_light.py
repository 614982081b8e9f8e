"""What the first paint may load, and what a broken panel may break: nothing heavy, and only itself."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import frames
import pytest
import worlds
from panel_stage import on_stage
from stage import stage
from textual.geometry import Region, Size
from textual.strip import Strip

from engine.frame import Frame, View
from tui.actions import BY_ID
from tui.look import plain_look
from tui.panels import discover
from tui.panels.base import Panel

HEAVY = (
    "numpy",
    "numba",
    "pydantic",
    "httpx",
    "sqlite3",
    "sqlite_utils",
    "websockets",
    "zstandard",
    "asyncpg",
)
FIRST_PAINT = """
import asyncio, sys
from tui.app import MicrotuiApp
from tui.bridge import Bridge

async def main():
    app = MicrotuiApp(Bridge(), theme_folders=[])
    async with app.run_test() as pilot:
        await pilot.pause()
    print(",".join(sys.modules))

asyncio.run(main())
"""


def test_the_first_paint_loads_nothing_heavy() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.strip().split(","))
    assert "tui.app" in loaded
    assert not loaded & set(HEAVY)
    assert not {
        name for name in loaded if name.startswith(("store", "cli", "engine.kernels", "engine.batch"))
    }


def test_the_panels_load_nothing_heavy() -> None:
    code = "import sys; from tui.panels import discover; print(discover()[1], *sys.modules, sep=',')"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    first, *loaded = done.stdout.strip().split(",")
    assert first == "[]"
    assert not set(loaded) & set(HEAVY)


def test_a_panel_folder_with_faults_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "extra"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a_good.py").write_text(
        "from tui.panels.base import Panel\nclass Good(Panel):\n    title, key = 'good', '3'\n"
    )
    (folder / "b_same.py").write_text(
        "from tui.panels.base import Panel\nclass Same(Panel):\n    title, key = 'same', '3'\n"
    )
    (folder / "c_bad.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    import extra  # type: ignore[import-not-found]

    assert isinstance(extra, ModuleType)
    found, problems = discover(extra)
    assert [panel.title for panel in found] == ["good"]
    assert problems == [
        "panel same left out: its digit 3 is good's; choose another",
        "panel c_bad left out: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    ]


@pytest.mark.parametrize("kind", discover()[0], ids=lambda kind: kind.title)
def test_the_contract_of_every_panel(kind: type[Panel]) -> None:
    """Named, helped, placed, and able to draw every kind of frame at every size, at a rate the screen has."""
    assert kind.title.isalpha()
    assert f"focus_{kind.key}" in BY_ID
    assert kind.place in ("left", "centre", "below", "right")
    assert len(kind.help) > 40
    panel = kind(plain_look())
    assert 0.5 <= panel.rate_hz <= 10
    assert panel.keeps() == kind(plain_look()).keeps()
    for junk in ({}, {"x": object()}, panel.keeps(), dict.fromkeys(panel.keeps(), "junk")):
        panel.restore(junk)


@pytest.mark.parametrize(
    "make",
    [frames.live, frames.several, frames.stale, frames.resyncing, frames.unproven, frames.crossed,
     frames.one_sided, frames.empty, frames.offline, frames.replay, frames.rewind, worlds.simulated,
     worlds.on_paper, worlds.child],
    ids=lambda make: make.__name__,
)  # fmt: skip
async def test_every_panel_draws_every_frame(make: object) -> None:
    async with stage(make) as (it, pilot):  # type: ignore[arg-type]
        for size in ((140, 36), (60, 16)):
            await pilot.resize_terminal(*size)
            for digit in "14568":
                await it.press(pilot, digit)
        assert it.app.problems == []
        it.bridge.publish(Frame())
        await it.settle(pilot)
        assert it.app.problems == []


async def test_a_panel_that_fails_says_so_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.panels.tape import Tape

    def fail(self: Tape, frame: Frame) -> None:
        raise ValueError("[bold]no[/bold]")

    async with stage(frames.live) as (it, pilot):
        monkeypatch.setattr(Tape, "draw", fail)
        it.bridge.publish(frames.stale(it.view))
        await it.settle(pilot)
        assert it.app.problems == ["panel tape failed: ValueError: [bold]no[/bold]"]
        assert "panel tape failed: ValueError: [bold]no[/bold]" in it.text()
        assert "stale: no update for 6.2 s" in it.text()


async def test_each_panel_draws_at_its_own_rate() -> None:
    async with stage(frames.live) as (it, _):
        counts: dict[str, int] = {}
        for panel in it.panels:

            def counted(frame: Frame, panel: Panel = panel) -> None:
                counts[panel.title] = counts.get(panel.title, 0) + 1
                panel._frame = frame

            panel.show = counted  # type: ignore[method-assign]
        for _ in range(20):
            it.bridge.publish(frames.live(it.view))
            it.app.beat()
        assert counts["depth"] == 20
        assert counts["tape"] == 10
        assert counts["alerts"] == 4


async def test_a_frame_that_did_not_change_draws_nothing() -> None:
    async with stage(frames.live) as (it, pilot):
        await it.settle(pilot, 4)
        before = [[panel.render_line(y) for y in range(panel.size.height)] for panel in it.panels]
        for _ in range(10):
            it.app.beat()
        after = [[panel.render_line(y) for y in range(panel.size.height)] for panel in it.panels]
        assert all(
            isinstance(a, Strip) and a is b
            for one, two in zip(before, after, strict=True)
            for a, b in zip(one, two, strict=True)
        )


async def test_a_panel_drawn_at_another_size_is_painted_whole_and_then_only_where_it_changed() -> None:
    from tui.panels.tape import Tape

    panel, frame = Tape(plain_look()), frames.live()
    painted: list[tuple[Region, ...]] = []
    async with on_stage(panel, frame, (60, 20)):
        panel.refresh = lambda *regions, **_: painted.append(regions)  # type: ignore[method-assign, assignment]
        panel._size = Size(50, 12)
        panel.show(frame)
        panel.show(frame)
        assert painted == [()]
        panel.show(frames.live(View(tape_rows=3)))
        assert len(painted) == 2
        assert all((region.x, region.width, region.height) == (0, 50, 1) for region in painted[1])
        assert {region.y for region in painted[1]} == set(range(1, 11))
