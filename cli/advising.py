"""What advises beside a live session: records of earlier sessions, and the person's own advisers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli import paths

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.advisers.desk import AdviserDesk
    from engine.events import Tally


def own_folder() -> Path:
    return paths.config_folder() / "advisers"


def adviser_desk(settings: Settings, venues: Sequence[str], say: Callable[[str], None]) -> AdviserDesk:
    """For one live session: `producers` take it, and its `run` stands `beside`. Starts the own advisers' processes.

    A market served on this machine is made up: its records are neither kept nor begun with others'.
    """
    from cli.recording import is_made_up
    from engine.advisers.desk import AdviserDesk
    from engine.advisers.own import OwnAdviser, files
    from store.advice import AdviceShelf

    own = [OwnAdviser(path) for path in files(own_folder())]
    if is_made_up(settings, venues):
        return AdviserDesk(None, own, say, lambda _: None)
    shelf = AdviceShelf(paths.state_database())
    session = uuid.uuid4().hex
    baseline = shelf.read()

    def keep(tallies: Sequence[Tally]) -> None:
        shelf.put(session, tallies)
        if shelf.reason:
            say(shelf.reason)
            shelf.reason = ""

    if shelf.reason:
        say(shelf.reason)
        shelf.reason = ""
    return AdviserDesk(baseline if baseline.tallies else None, own, say, keep)
