"""What has arrived and is not folded yet, in order: the sockets' readers put in and never wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Action = Callable[[int], None]

NEVER = 2**63 - 1


class Inbox:
    """Items are (session time, socket number, bytes), or an action with a socket number of -1.

    Beyond `max_bytes` messages are dropped, and `overflowed` says so: whoever folds has to resync.
    """

    def __init__(self, max_bytes: int) -> None:
        self.items: deque[tuple[int, int, bytes | Action]] = deque()
        self.overflowed = False
        self._bytes = 0
        self._max_bytes = max_bytes

    def put(self, ts: int, socket: int, data: bytes) -> None:
        if self._bytes + len(data) > self._max_bytes:
            self.overflowed = True
            return
        self._bytes += len(data)
        self.items.append((ts, socket, data))

    def act(self, ts: int, action: Action) -> None:
        """Run `action(ts)` after everything that is in the inbox now."""
        self.items.append((ts, -1, action))

    @property
    def first_at(self) -> int:
        """Session time of the oldest item; NEVER where there is none."""
        return self.items[0][0] if self.items else NEVER

    def take(self) -> tuple[int, int, bytes | Action]:
        """The oldest item."""
        item = self.items.popleft()
        if isinstance(item[2], bytes):
            self._bytes -= len(item[2])
        return item
