"""The level book against two dicts, over snapshots, deltas, far levels, empty sides and moving windows."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.kernels import jit, level_book
from engine.kernels.level_book import (
    ASK,
    BEST,
    BID,
    COUNT,
    EMPTY,
    FAR,
    KNOWN,
    MAX_KEY,
    MAX_TOTAL,
    MIN_WINDOW,
    OVERFLOW,
    START,
    TOTAL,
    Book,
    Ints,
    levels_of,
    new_book,
    rebuilt,
    window_for,
)
from tests.kernels.twin import DictBook, Pairs

# Near the touch, around the edges of blocks and windows, and very far away.
offset = st.one_of(
    st.integers(-70, 70),
    st.integers(-5000, 5000),
    st.sampled_from([k * MIN_WINDOW // 4 + d for k in range(-9, 10) for d in (-1, 0, 1)]),
    st.integers(-(10**7), 10**7),
)
lots = st.one_of(st.just(0), st.integers(1, 9), st.integers(1, 2**40))
changes = st.lists(st.tuples(offset, lots), max_size=12)


@jit
def apply(head: Ints, cells: Ints, far: Ints, side: int, levels: Ints) -> int:
    return level_book.apply_side(head, cells, far, side, levels, 0, len(levels))


@jit
def load(head: Ints, cells: Ints, far: Ints, side: int, levels: Ints, whole: bool) -> int:
    return level_book.load_side(head, cells, far, side, levels, 0, len(levels), whole)


@jit
def depth(head: Ints, cells: Ints, far: Ints, side: int, first: int, last: int) -> int:
    return level_book.depth(head, cells, far, side, first, last)


@jit
def lots_at(head: Ints, cells: Ints, far: Ints, side: int, key: int) -> int:
    return level_book.lots_at(head, cells, far, side, key)


def array(levels: Pairs) -> Ints:
    return np.array(levels, np.int64).reshape(-1, 2)


def assert_sound(book: Book) -> None:
    """What holds inside: sums are sums, far levels sorted and outside the window, the best in its half."""
    window, _ = level_book.size_of(book)
    for side in (BID, ASK):
        cells, head = book.cells[side], book.head[side]
        lots = cells[:window]
        assert (lots >= 0).all()
        assert (cells[window : window + window // 64] == lots.reshape(-1, 64).sum(axis=1)).all()
        assert (cells[window + window // 64 :] == lots.reshape(-1, 4096).sum(axis=1)).all()
        keys = book.far[side, 0, : head[FAR]]
        assert (keys[1:] > keys[:-1]).all()
        assert ((keys < head[START]) | (keys >= head[START] + window)).all()
        assert head[COUNT] == head[FAR] + np.count_nonzero(lots)
        assert head[TOTAL] == lots.sum() + book.far[side, 1, : head[FAR]].sum()
        if head[COUNT]:
            assert 0 <= head[BEST] - head[START] < window // 2


class BookMachine(RuleBasedStateMachine):
    """Random messages around a price that wanders and sometimes leaps."""

    def __init__(self) -> None:
        super().__init__()
        self.book = new_book(MIN_WINDOW, 4096)
        self.twin = DictBook()
        self.price = 100_000

    @rule(
        bids=changes,
        asks=changes,
        whole=st.tuples(st.booleans(), st.booleans()),
        price=st.integers(-50, 10**9),
    )
    def snapshot(self, bids: Pairs, asks: Pairs, whole: tuple[bool, bool], price: int) -> None:
        self.price = price
        bids, asks = self.around(bids, -1), self.around(asks, 1)
        self.twin.load(bids, asks, *whole)
        assert load(*self.book, BID, array(bids), whole[0]) == 0
        assert load(*self.book, ASK, array(asks), whole[1]) == 0

    @rule(bids=changes, asks=changes, drift=st.sampled_from([0, 1, -3, 500, -1100, 3000, -9000]))
    def delta(self, bids: Pairs, asks: Pairs, drift: int) -> None:
        self.price += drift
        bids, asks = self.around(bids, -1), self.around(asks, 1)
        self.twin.apply(bids, asks)
        assert apply(*self.book, BID, array(bids)) == 0
        assert apply(*self.book, ASK, array(asks)) == 0

    @precondition(lambda self: self.twin.bids or self.twin.asks)
    @rule(side=st.sampled_from([BID, ASK]), share=st.floats(0.1, 1.0))
    def take_the_touch_away(self, side: int, share: float) -> None:
        levels = self.twin.sorted_side(side)
        gone = [(ticks, 0) for ticks, _ in levels[: math.ceil(len(levels) * share)]]
        self.twin.apply(gone if side == BID else [], gone if side == ASK else [])
        assert apply(*self.book, side, array(gone)) == 0

    @rule(window=st.sampled_from([2**12, 2**13]), capacity=st.sampled_from([4096, 8192]))
    def resize(self, window: int, capacity: int) -> None:
        self.book = rebuilt(self.book, window, capacity)

    def around(self, levels: Pairs, outward: int) -> Pairs:
        return [(self.price + outward * offset, lots) for offset, lots in levels]

    @invariant()
    def same_levels(self) -> None:
        for side in (BID, ASK):
            assert [tuple(level) for level in levels_of(self.book, side).tolist()] == self.twin.sorted_side(
                side
            )

    @invariant()
    def same_best_and_bounds(self) -> None:
        bid, _, ask, _ = self.twin.top
        assert self.book.head[BID, BEST] == (EMPTY if bid is None else -bid)
        assert self.book.head[ASK, BEST] == (EMPTY if ask is None else ask)
        low, high = -self.book.head[BID, KNOWN], self.book.head[ASK, KNOWN]
        assert (low if abs(low) != EMPTY else math.inf * low) == self.twin.known_low
        assert (high if abs(high) != EMPTY else math.inf * high) == self.twin.known_high

    @invariant()
    def same_depth(self) -> None:
        for reach in (0, 63, 64, 700, 4096, 5000, 10**6, 10**8):
            low, high = self.price - reach, self.price + reach // 3
            assert depth(*self.book, ASK, low, high) == self.twin.depth(ASK, low, high)
            assert depth(*self.book, BID, -high, -low) == self.twin.depth(BID, low, high)
        for ticks in (self.price, self.price + 1, self.price + 3 * MIN_WINDOW):
            assert lots_at(*self.book, ASK, ticks) == self.twin.asks.get(ticks, 0)

    @invariant()
    def sound(self) -> None:
        assert_sound(self.book)


BookMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestBook = BookMachine.TestCase


@pytest.mark.parametrize(
    ("side", "level"),
    [
        (ASK, (MAX_KEY, 1)),
        (ASK, (-MAX_KEY, 1)),
        (BID, (2**63 - 1, 1)),
        (BID, (-(2**63), 1)),
        (ASK, (100, -1)),
        (BID, (100, -(2**63))),
        (ASK, (100, MAX_TOTAL)),
        (BID, (10**6, 2**63 - 1)),
    ],
)
def test_numbers_out_of_range_are_refused_and_change_nothing(side: int, level: tuple[int, int]) -> None:
    book = new_book()
    apply(*book, side, array([(100, 5), (99, 7), (50_000, 1)]))
    before = levels_of(book, side).tolist()
    assert apply(*book, side, array([level])) == OVERFLOW
    assert levels_of(book, side).tolist() == before
    assert_sound(book)


def test_a_far_level_without_room_is_refused_and_the_rest_stays_exact() -> None:
    book = new_book(MIN_WINDOW, far_capacity=4)
    levels = [(1000, 1)] + [(100_000 + i, 10 + i) for i in range(6)]
    assert apply(*book, ASK, array(levels)) == OVERFLOW
    assert [tuple(level) for level in levels_of(book, ASK).tolist()] == levels[:5]
    assert apply(*book, ASK, array([(100_001, 0), (100_005, 9)])) == 0
    assert levels_of(book, ASK)[:, 0].tolist() == [1000, 100_000, 100_002, 100_003, 100_005]


def test_a_window_that_cannot_move_leaves_the_book_exact() -> None:
    book = new_book(MIN_WINDOW, far_capacity=2)
    crowd = [(5000 + i, 1 + i) for i in range(50)]
    assert load(*book, ASK, array(crowd), True) == 0
    assert apply(*book, ASK, array([(-90_000, 3)])) == OVERFLOW  # fifty levels would have to leave for it
    assert [tuple(level) for level in levels_of(book, ASK).tolist()] == [(-90_000, 3), *crowd]
    assert book.head[ASK, BEST] == -90_000


@pytest.mark.parametrize(("mid_ticks", "window"), [(50.0, 2**12), (102_400.0, 2**12), (102_500.0, 2**13)])
def test_window_is_four_times_the_one_percent_band(mid_ticks: float, window: int) -> None:
    assert window_for(mid_ticks) == window


def test_window_has_an_upper_bound() -> None:
    assert window_for(1e12) == 2**18


@pytest.mark.parametrize("window", [0, 4096 + 64, 2**11, 2**19])
def test_only_windows_that_blocks_divide_are_accepted(window: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        new_book(window)
