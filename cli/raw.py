"""`microtui live --raw FILE`: what every venue of a run sends and is sent, kept byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.feeds.live import Watched
    from engine.feeds.network import Network
    from engine.feeds.options import FeedOptions
    from engine.ports import Clock


class RawCapture:
    """One run's capture. It is made before the screen, so that a file that cannot be is told at once."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file cannot be made, or is there already."""
        from cli.errors import UserError
        from engine.feeds.errors import FeedError
        from engine.feeds.raw_writer import RawWriter

        self._say: Callable[[str], None] = lambda text: None
        try:
            self._writer = RawWriter(path.expanduser(), lambda text: self._say(text))
        except FeedError as error:
            raise UserError(str(error)) from None

    def networks(
        self, watched: Sequence[Watched], clock: Clock, say: Callable[[str], None]
    ) -> Callable[[FeedOptions], Network]:
        """What a LiveSource makes its networks with: each tells the capture, under its venue's name.

        `say` gets what goes wrong with the capture while it runs, from any thread.
        """
        from engine.feeds.driver import Internet
        from engine.feeds.raw_network import RawNetwork

        self._say = say

        def network(options: FeedOptions) -> Network:
            venue = next(one.venue.name for one in watched if one.options is options)
            return RawNetwork(Internet(options), self._writer, clock, venue)

        return network

    def close(self) -> str:
        """Write what is left; a sentence about what was kept."""
        writer = self._writer
        writer.close()
        lost = f", {writer.lost:,} lost" if writer.lost else ""
        ended = f", ended early: {writer.reason}" if writer.reason else ""
        return f"raw capture: {writer.path}, {writer.written:,} lines{lost}{ended}"
