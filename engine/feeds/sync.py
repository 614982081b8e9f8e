"""One symbol's book: how a snapshot and a stream of diffs become one gapless sequence. No I/O, no clock.

    EMPTY → BUFFERING → SNAPSHOT_WAIT → SYNCED → STALE | GAP → BUFFERING …

A diff covers the update ids U..u, a snapshot stands at one id. Diffs are held until a snapshot arrives that
reaches their first U - 1; then those that end at or before it are dropped, the one that straddles it is
applied, and each next one must start at or before the id after the last. Sizes are absolute, so a diff that
overlaps what is known may be applied and one that is wholly known must not be.
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

from engine.feeds.states import BookState


class Verdict(Enum):
    """What to do with a diff."""

    APPLY = "apply"
    HOLD = "hold"  # keep it: it comes back from `snapshot`
    IGNORE = "ignore"  # already known


class Held(NamedTuple):
    """A diff that waits for its snapshot, as the bytes it came in."""

    first_id: int
    last_id: int
    data: bytes


class Join(Enum):
    """What a snapshot was good for."""

    SYNCED = "synced"
    TOO_OLD = "too old"  # it ends before the held diffs begin: another is needed
    NOT_WANTED = "not wanted"  # asked for by an earlier epoch, or the book is synced already


class BookSync:
    """`state` and `reason` say how the book is; `update_id` is the last one applied, None before the first.

    `epoch` counts fresh starts: a snapshot that was asked for in an earlier one is thrown away.
    """

    def __init__(self, max_held: int = 5000, max_held_bytes: int = 2**25) -> None:
        self.state: str = BookState.EMPTY
        self.reason = ""
        self.epoch = 0
        self.update_id: int | None = None
        self.held: deque[Held] = deque()
        self.held_bytes = 0
        self.max_held = max_held
        self.max_held_bytes = max_held_bytes
        self.changes: list[tuple[str, str]] = []  # (state, reason) since the last `take_changes`

    @property
    def wants_snapshot(self) -> bool:
        return self.state == BookState.BUFFERING and bool(self.held)

    def start(self, reason: str = "") -> None:
        """A connection is there and its diffs will come: forget what was held and begin anew."""
        self._begin(reason)

    def lost(self, reason: str) -> None:
        """The connection is gone: what is asked for or held is of no use any more."""
        self.epoch += 1
        self._drop_held()
        self._go(BookState.STALE if self.update_id is not None else BookState.EMPTY, reason)

    def stale(self, reason: str) -> None:
        """No diffs come though they should. A synced book may go on where it stopped."""
        if self.state == BookState.SYNCED:
            self._go(BookState.STALE, reason)

    def resync(self, reason: str) -> None:
        """The book is not to be trusted: fetch it afresh. Nothing happens while that is under way already."""
        if self.state in (BookState.SYNCED, BookState.STALE):
            self._go(BookState.GAP, reason)
            self._begin(reason)

    def broken(self, reason: str) -> None:
        """A diff was lost on the way here: whatever is held before it no longer joins what follows."""
        if self.state in (BookState.SYNCED, BookState.STALE):
            self.resync(reason)
        else:
            self._drop_held()

    def diff(self, first_id: int, last_id: int, data: bytes) -> Verdict:
        """Judge a diff that covers first_id..last_id; `data` is what `snapshot` gives back if it is held."""
        if self.state == BookState.EMPTY:
            return Verdict.IGNORE
        if self.state in (BookState.SYNCED, BookState.STALE) and self.update_id is not None:
            if last_id <= self.update_id:
                return Verdict.IGNORE
            if first_id <= self.update_id + 1:
                self.update_id = last_id
                if self.state == BookState.STALE:
                    self._go(BookState.SYNCED, "")
                return Verdict.APPLY
            self.resync(f"gap: expected update {self.update_id + 1}, found {first_id} to {last_id}")
        return self._hold(first_id, last_id, data)

    def asked(self) -> int:
        """A snapshot is being asked for; its answer has to bring this epoch back."""
        if self.state == BookState.BUFFERING:
            self._go(BookState.SNAPSHOT_WAIT, self.reason)
        return self.epoch

    def failed(self, epoch: int, reason: str) -> None:
        """The request that `asked` announced got no usable answer."""
        if epoch == self.epoch and self.state == BookState.SNAPSHOT_WAIT:
            self._go(BookState.BUFFERING, reason)

    def snapshot(self, epoch: int, update_id: int) -> tuple[Join, list[Held]]:
        """Join a snapshot at `update_id`; when SYNCED, apply it and then the diffs that come back.

        Where it is too old the diffs stay held and the state is BUFFERING again.
        """
        if epoch != self.epoch or self.state not in (BookState.SNAPSHOT_WAIT, BookState.BUFFERING):
            return Join.NOT_WANTED, []
        if self.held and update_id + 1 < self.held[0].first_id:
            reason = f"the snapshot ends at {update_id}, before the first held update {self.held[0].first_id}"
            self._go(BookState.BUFFERING, reason)
            return Join.TOO_OLD, []
        applicable = [held for held in self.held if held.last_id > update_id]
        self._drop_held()
        self.update_id = applicable[-1].last_id if applicable else update_id
        self._go(BookState.SYNCED, "")
        return Join.SYNCED, applicable

    def take_changes(self) -> list[tuple[str, str]]:
        changes, self.changes = self.changes, []
        return changes

    def _begin(self, reason: str) -> None:
        self.epoch += 1
        self._drop_held()
        self._go(BookState.BUFFERING, reason)

    def _drop_held(self) -> None:
        self.held.clear()
        self.held_bytes = 0

    def _hold(self, first_id: int, last_id: int, data: bytes) -> Verdict:
        if self.held:
            last = self.held[-1].last_id
            if last_id <= last:
                return Verdict.IGNORE
            if first_id > last + 1:  # what came before the hole can never be joined to what comes after
                self._drop_held()
        self.held.append(Held(first_id, last_id, data))
        self.held_bytes += len(data)
        while len(self.held) > self.max_held or self.held_bytes > self.max_held_bytes:
            self.held_bytes -= len(self.held.popleft().data)
        return Verdict.HOLD

    def _go(self, state: str, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self.changes.append((state, reason))


class StreamSync(BookSync):
    """The book of a venue that sends the snapshot on the stream, before the first update: nothing has to be held.

    A new subscription asks for a snapshot by itself, so a fresh start waits for it at once. Whatever snapshot
    comes then is the book. Update ids need only grow; whether one is missing is for the venue's protocol to see.
    """

    def start(self, reason: str = "") -> None:
        super().start(reason)
        self.asked()

    def diff(self, first_id: int, last_id: int, data: bytes) -> Verdict:
        if self.state not in (BookState.SYNCED, BookState.STALE):
            return Verdict.IGNORE
        self.update_id = last_id
        if self.state == BookState.STALE:
            self._go(BookState.SYNCED, "")
        return Verdict.APPLY

    def broken(self, reason: str) -> None:
        self.failed(self.epoch, reason)  # it may have been the snapshot that is waited for
        self.resync(reason)

    def snapshot(self, epoch: int, update_id: int) -> tuple[Join, list[Held]]:
        if self.state == BookState.EMPTY:
            return Join.NOT_WANTED, []
        self.update_id = update_id
        self._go(BookState.SYNCED, "")
        return Join.SYNCED, []
