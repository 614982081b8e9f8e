"""Whether anybody trades what was asked for, where several venues are watched: told as soon as it is certain.

A venue that does not answer is waited for as long as another has something to show; where none has, not for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.feeds.connection import Connection
from engine.feeds.errors import NowhereTraded

PATIENCE_NS = 10_000_000_000  # from the first answer on


class Traded:
    """Looks at the listings of several venues until all are known or nobody waits for the last of them any more."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self._decided = len(connections) < 2  # one venue alone says for itself what it does not trade
        self._since: int | None = None

    def look(self, now: int) -> None:
        """Raises NowhereTraded where every venue that answers lacks a symbol; not of one that answers late."""
        answered = [c.protocol for c in self._connections if c.protocol.listed]
        if self._decided or not answered:
            return
        self._since = now if self._since is None else self._since
        silent = {
            c.protocol.name: c.trouble or "it is being asked"
            for c in self._connections
            if not c.protocol.listed
        }
        if silent and now - self._since < PATIENCE_NS:
            return
        self._decided = True
        if silent and any(protocol.symbols for protocol in answered):
            return  # what it may not trade either must not end a run that others have filled meanwhile
        lacking = sorted(set.intersection(*(set(protocol.absent) for protocol in answered)))
        if lacking:
            raise NowhereTraded(
                [{protocol.name: protocol.absent[at] for protocol in answered} for at in lacking],
                {protocol.name: protocol.known for protocol in answered},
                silent,
            )
