"""The join of snapshot and diffs, against an exchange whose book at every update id is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.feeds.states import BookState
from engine.feeds.sync import BookSync, Held, Join, Verdict


def synced(update_id: int = 100) -> BookSync:
    sync = BookSync()
    sync.start()
    assert sync.diff(update_id + 1, update_id + 1, b"") is Verdict.HOLD
    assert sync.snapshot(sync.asked(), update_id) == (Join.SYNCED, [Held(update_id + 1, update_id + 1, b"")])
    sync.take_changes()
    return sync


def test_the_way_to_a_synced_book():
    sync = BookSync()
    assert sync.diff(1, 2, b"early") is Verdict.IGNORE
    sync.start()
    assert not sync.wants_snapshot
    assert sync.diff(5, 9, b"first") is Verdict.HOLD
    assert sync.wants_snapshot
    epoch = sync.asked()
    assert sync.diff(10, 12, b"second") is Verdict.HOLD
    assert sync.snapshot(epoch, 9) == (Join.SYNCED, [Held(10, 12, b"second")])
    assert sync.update_id == 12
    assert sync.take_changes() == [("BUFFERING", ""), ("SNAPSHOT_WAIT", ""), ("SYNCED", "")]


@pytest.mark.parametrize(
    ("update_id", "join", "applied"),
    [
        (98, Join.TOO_OLD, []),
        (99, Join.SYNCED, [b"a", b"b"]),  # the first diff begins right behind it
        (100, Join.SYNCED, [b"a", b"b"]),
        (104, Join.SYNCED, [b"a", b"b"]),  # within the first: it straddles
        (105, Join.SYNCED, [b"b"]),
        (107, Join.SYNCED, [b"b"]),
        (110, Join.SYNCED, []),
        (500, Join.SYNCED, []),  # newer than all that is held
    ],
)
def test_where_a_snapshot_may_stand(update_id: int, join: Join, applied: list[bytes]):
    sync = BookSync()
    sync.start()
    sync.diff(100, 105, b"a")
    sync.diff(106, 110, b"b")
    found, held = sync.snapshot(sync.asked(), update_id)
    assert found is join
    assert [diff.data for diff in held] == applied
    if join is Join.SYNCED:
        assert sync.update_id == max(update_id, 110 if applied else update_id)
        assert sync.diff(sync.update_id + 2, sync.update_id + 3, b"") is Verdict.HOLD
        assert sync.state == BookState.BUFFERING
    else:
        assert sync.reason == "the snapshot ends at 98, before the first held update 100"
        assert [diff.data for diff in sync.held] == [b"a", b"b"]


def test_a_gap_is_said_at_once_and_the_diff_that_showed_it_is_kept():
    sync = synced(100)
    assert sync.diff(105, 110, b"after the gap") is Verdict.HOLD
    reason = "gap: expected update 102, found 105 to 110"
    assert sync.take_changes() == [("GAP", reason), ("BUFFERING", reason)]
    assert sync.wants_snapshot
    assert sync.snapshot(sync.asked(), 104) == (Join.SYNCED, [Held(105, 110, b"after the gap")])


def test_what_is_known_is_ignored_and_the_id_never_goes_back():
    sync = synced(100)
    assert sync.diff(90, 101, b"") is Verdict.IGNORE
    assert sync.diff(101, 101, b"") is Verdict.IGNORE
    assert sync.diff(95, 103, b"") is Verdict.APPLY  # partly new, and sizes are absolute
    assert sync.update_id == 103


def test_a_snapshot_of_an_old_epoch_is_thrown_away():
    sync = BookSync()
    sync.start()
    sync.diff(1, 5, b"")
    old = sync.asked()
    sync.lost("the connection broke")
    sync.start("the connection broke")
    sync.diff(100, 105, b"")
    assert sync.snapshot(old, 104) == (Join.NOT_WANTED, [])
    assert sync.state == BookState.BUFFERING
    assert sync.snapshot(sync.asked(), 104)[0] is Join.SYNCED


def test_a_stale_book_goes_on_where_it_stopped():
    sync = synced(100)
    sync.stale("silent for 5.0 s")
    assert sync.diff(102, 104, b"") is Verdict.APPLY
    assert sync.take_changes() == [("STALE", "silent for 5.0 s"), ("SYNCED", "")]


def test_a_lost_connection_leaves_a_book_stale_and_an_empty_one_empty():
    sync = synced()
    sync.lost("it broke")
    assert sync.state == BookState.STALE
    never = BookSync()
    never.start()
    never.lost("it broke")
    assert never.state == BookState.EMPTY


def test_a_request_that_failed_is_made_again():
    sync = BookSync()
    sync.start()
    sync.diff(1, 2, b"")
    epoch = sync.asked()
    assert not sync.wants_snapshot
    sync.failed(epoch, "429: too many requests")
    assert sync.wants_snapshot
    assert sync.reason == "429: too many requests"
    sync.failed(epoch - 1, "an old one")
    assert sync.reason == "429: too many requests"


def test_what_is_held_has_a_bound_in_number_and_in_bytes():
    sync = BookSync(max_held=3, max_held_bytes=100)
    sync.start()
    for i in range(10):
        sync.diff(i, i, b"x")
    assert [held.first_id for held in sync.held] == [7, 8, 9]
    sync.diff(10, 10, b"x" * 99)
    assert [held.first_id for held in sync.held] == [9, 10]
    sync.diff(11, 11, b"x" * 101)
    assert not sync.held


class BookFollowsExchange(RuleBasedStateMachine):
    """An exchange with one number for a book; whatever the network does, SYNCED means the right number."""

    @initialize()
    def begin(self) -> None:
        self.sync = BookSync(max_held=8)
        self.sent: list[tuple[int, int]] = []
        self.newest = 100
        self.book: int | None = None  # the id that our book shows
        self.applied: list[int] = []
        self.waiting: list[tuple[int, int]] = []  # snapshots on the way: epoch, id

    def deliver(self, first: int, last: int) -> None:
        verdict = self.sync.diff(first, last, b"%d" % last)
        if verdict is Verdict.APPLY:
            assert self.book is not None
            assert first <= self.book + 1 <= last
            self.book = last

    @rule(length=st.integers(1, 4), lost=st.booleans(), twice=st.booleans())
    def the_market_moves(self, length: int, lost: bool, twice: bool) -> None:
        first, self.newest = self.newest + 1, self.newest + length
        self.sent.append((first, self.newest))
        if not lost:
            self.deliver(first, self.newest)
            if twice:
                self.deliver(first, self.newest)

    @rule(back=st.integers(1, 6))
    def an_old_diff_comes_again(self, back: int) -> None:
        if len(self.sent) >= back:
            self.deliver(*self.sent[-back])

    @rule(reason=st.sampled_from(["it broke", "silent"]))
    def the_connection_is_made_anew(self, reason: str) -> None:
        self.sync.lost(reason)
        assert self.sync.state in (BookState.STALE, BookState.EMPTY)
        self.sync.start(reason)

    @rule()
    def it_is_silent(self) -> None:
        self.sync.stale("silent")

    @rule()
    def nobody_trusts_it(self) -> None:
        self.sync.resync("crossed")

    @rule()
    def a_diff_cannot_be_read(self) -> None:
        self.newest += 1
        self.sent.append((self.newest, self.newest))
        self.sync.broken("unreadable")

    @rule(age=st.integers(0, 12))
    def a_snapshot_is_asked_for(self, age: int) -> None:
        if self.sync.wants_snapshot:
            self.waiting.append((self.sync.asked(), self.newest - age))

    @rule(which=st.integers(0, 3), fails=st.booleans())
    def a_snapshot_arrives(self, which: int, fails: bool) -> None:
        if which >= len(self.waiting):
            return
        epoch, update_id = self.waiting.pop(which)
        if fails:
            self.sync.failed(epoch, "503")
            return
        join, held = self.sync.snapshot(epoch, update_id)
        if join is not Join.SYNCED:
            assert held == []
            return
        self.book = update_id
        for diff in held:
            assert diff.first_id <= self.book + 1 <= diff.last_id
            self.book = diff.last_id

    @invariant()
    def synced_is_true(self) -> None:
        if not hasattr(self, "sync"):
            return
        assert len(self.sync.held) <= 8
        if self.sync.state == BookState.SYNCED:
            assert self.sync.update_id == self.book
            assert not self.sync.held
        elif self.sync.state in (BookState.BUFFERING, BookState.SNAPSHOT_WAIT):
            ids = [(diff.first_id, diff.last_id) for diff in self.sync.held]
            assert all(b[0] <= a[1] + 1 <= b[1] for a, b in pairwise(ids))


TestBookFollowsExchange = BookFollowsExchange.TestCase
TestBookFollowsExchange.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
