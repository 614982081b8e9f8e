"""One panel alone on a screen of a given size, and its rows as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from engine.frame import Frame
from tui.panels.base import Panel


class PanelStage(App[None]):
    """Nothing but the panel, which fills the screen."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel

    def compose(self) -> ComposeResult:
        yield self.panel


@asynccontextmanager
async def on_stage(
    panel: Panel, frame: Frame, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The panel with its first frame drawn."""
    app = PanelStage(panel)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        panel.show(frame)
        yield pilot


def lines(panel: Panel) -> list[str]:
    """Every row of the panel, frame and all."""
    return [panel.render_line(y).text for y in range(panel.size.height)]


def inside(panel: Panel) -> list[str]:
    """The rows within the frame and its padding."""
    cut = 1 + panel.pad
    return [line[cut:-cut] for line in lines(panel)[1:-1]]
