"""A stage for the application: a bridge with an engine behind it that answers with prepared frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.cells import cell_len
from textual.geometry import Size
from textual.pilot import Pilot

from engine.frame import Frame, View
from engine.ports import Command, SetView
from tui.app import MicrotuiApp
from tui.bridge import Bridge
from tui.panels.base import Panel

TURNS = 50
THEMES = Path(__file__).parents[2] / "themes"


class Stage:
    """The application, and every command it gave. `make` draws a frame for a view."""

    def __init__(self, make: Callable[[View], Frame], **options: Any) -> None:
        self.make = make
        self.bridge = Bridge()
        self.commands: list[Command] = []
        self.bridge.publish(make(View()))
        self.bridge.connect(self._take)
        options.setdefault("theme_folders", [THEMES])
        self.app = MicrotuiApp(self.bridge, **options)

    def _take(self, command: Command) -> None:
        if isinstance(command, SetView):
            self.bridge.publish(self.make(command.view))
        self.commands.append(command)

    @property
    def said(self) -> list[Command]:
        """Every command but what only concerns the view."""
        return [command for command in self.commands if not isinstance(command, SetView)]

    @property
    def view(self) -> View:
        """The view asked for last."""
        return next(c.view for c in reversed(self.commands) if isinstance(c, SetView))

    @property
    def toasts(self) -> list[str]:
        """The sentences at the edge of the screen."""
        return [toast.message for toast in self.app._notifications]

    def panel(self, title: str) -> Panel:
        return next(panel for panel in self.panels if panel.title == title)

    @property
    def panels(self) -> list[Panel]:
        main = self.app.main
        assert main is not None
        return main.panels

    async def settle(self, pilot: Pilot[None], beats: int = 2) -> None:
        """Let frames go by without waiting for the clock: every panel draws at every beat."""
        for _ in range(beats):
            self.app.beat()
            self.app.draw_now()
            await pilot.pause()

    async def press(self, pilot: Pilot[None], *keys: str) -> None:
        await pilot.press(*keys)
        await self.settle(pilot)

    def lines(self) -> list[str]:
        """The screen as text, a line each."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    def text(self) -> str:
        return "\n".join(self.lines())


def drawn(panel: Panel, frame: Frame, width: int, height: int) -> list[str]:
    """A panel of this size without an application around it, as text, a line each."""
    panel._size = Size(width, height)
    panel.show(frame)
    lines = [panel.render_line(y) for y in range(height)]
    assert [line.cell_length for line in lines] == [width] * height
    assert [sum(cell_len(part.text) for part in line) for line in lines] == [width] * height
    return [line.text for line in lines]


@asynccontextmanager
async def stage(
    make: Callable[[View], Frame], size: tuple[int, int] = (160, 48), **options: Any
) -> AsyncIterator[tuple[Stage, Pilot[None]]]:
    """An application that has drawn its first frames at this size."""
    ready = Stage(make, **options)
    with patch("textual.pilot.wait_for_idle", turns), patch("textual.app.wait_for_idle", turns):
        async with ready.app.run_test(size=size, notifications=True) as pilot:
            await ready.settle(pilot, 4)  # a panel may ask for another view after its first drawing
            yield ready, pilot


async def turns(min_sleep: float = 0, max_sleep: float = 0) -> None:
    """Every queue of the application gets its turns, as often as a key has stations on its way.

    Textual's own wait sleeps until the process is idle, which on a busy machine takes most of a test.
    """
    for _ in range(TURNS):
        await asyncio.sleep(0)
