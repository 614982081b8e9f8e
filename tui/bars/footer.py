"""The footer: the keys that do something in this session, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Mapping

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from tui.actions import Action, offered, shown
from tui.bars.base import Bar, Part
from tui.look import Look
from tui.where import is_paper

_AT_THE_END = 90  # from this footer rank on: help and quit, which stay at the right at any width


class Footer(Bar):
    """The last line. Actions of the same rank that follow each other share one entry: `[ ] speed`."""

    PAIRS: Mapping[int, str] = {2: "speed", 3: "step", 4: "seek"}

    def __init__(self, look: Look, actions: Mapping[str, Action], panels: frozenset[str]) -> None:
        super().__init__(look, id="footer")
        self._actions = actions
        self._panels = panels

    def parts(self, frame: Frame) -> list[Part]:
        palette, plain = self.look.palette, self.look.glyphs.ascii
        ranked: dict[int, list[Action]] = {}
        for action in self._listed(frame):
            ranked.setdefault(action.footer, []).append(action)
        parts = []
        for rank in sorted(ranked):
            actions = ranked[rank]
            entry: list[Segment] = []
            for action in actions:
                gap = [Segment(" ", palette.dim)] if entry else []
                entry += [*gap, Segment(shown(action.keys[0], plain), palette.title + _click(action))]
            text = self.PAIRS.get(rank, actions[0].text)
            if actions[0].id == "order" and is_paper(frame):
                text = f"paper {text}"
            entry.append(Segment(f" {text}", palette.dim + _click(actions[-1])))
            last = rank >= _AT_THE_END
            parts.append(Part(0 if last else rank, tuple(entry), right=last))
        return parts

    def _listed(self, frame: Frame) -> list[Action]:
        """What belongs in the footer and can be done now."""
        useless = {"next_symbol"} if len(frame.market.lines) < 2 else set()
        if "now" not in frame.host.accepts:
            useless.add("now")  # worth a place after a rewind only
        return [
            action
            for action in offered(self._actions.values(), frame.host.accepts)
            if action.footer
            and action.id not in useless
            and (not action.panel or action.panel in self._panels)
        ]


def _click(action: Action) -> Style:
    """A style without looks that makes the text do what the key does."""
    return Style.from_meta({"@click": f"app.do({action.id!r})"})
