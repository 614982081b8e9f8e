"""A packed market goes on bit for bit as the original would, and no other arrays are taken for one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.batch import Batch
from engine.kernels.checkpoint import Packed, pack, unpack
from engine.kernels.fold import MarketArrays, fit, fold, new_market, reset_book
from engine.kernels.level_book import ASK, BID, EMPTY, MAX_FAR, MAX_KEY, levels_of
from engine.kernels.market import PENDING_COUNT, PENDING_FIRST, STATE, SYNCED, TICKS
from tests.kernels.streams import stream


def folded(market: MarketArrays, batches: list[Batch]) -> tuple[MarketArrays, list[bytes]]:
    """The market after these batches, and what every tick of them said."""
    said = []
    for batch in batches:
        market = fit(batch.rows, batch.levels, 0, market)
        flags = fold(batch.rows, batch.levels, 0, market)
        said.append(market.features.tobytes() + market.bands.tobytes() + bytes([flags]))
    return market, said


def fresh() -> MarketArrays:
    return new_market(0.01, 0.001, [100.0, 5.0], 500)


def same(one: Packed, other: Packed) -> bool:
    return one.keys() == other.keys() and all(one[k].tobytes() == other[k].tobytes() for k in one)


@pytest.mark.parametrize("seed", [21, 22])
def test_unpacked_markets_go_on_bit_for_bit(seed: int) -> None:
    batches = list(stream(seed, ticks=500, price=60_000).split_at_ticks())
    _, wanted = folded(fresh(), batches)
    market, at = fresh(), 0
    for stop in (0, 3, 8, 77, 230, 231, 400, len(batches)):
        market, said = folded(market, batches[at:stop])
        assert said == wanted[at:stop]
        at = stop
        packed = pack(market)
        market = unpack(packed)
        assert same(pack(market), packed)


def test_a_copy_is_a_fork() -> None:
    batches = list(stream(23, ticks=300).split_at_ticks())
    market, _ = folded(fresh(), batches[:150])
    fork = market.copy()
    _, one = folded(market, batches[150:])
    _, other = folded(fork, batches[150:])
    assert one == other


def test_a_doubtful_book_keeps_its_levels_for_the_screen() -> None:
    market, _ = folded(fresh(), list(stream(24, ticks=40).split_at_ticks()))
    reset_book(market)
    again = unpack(pack(market))
    for side in (BID, ASK):
        assert len(levels_of(again.book, side)) > 0
        assert levels_of(again.book, side).tolist() == levels_of(market.book, side).tolist()
    assert again.now[SYNCED] == 0


def set_to(name: str, index: object, value: float) -> Callable[[Packed], None]:
    def change(packed: Packed) -> None:
        packed[name][index] = value  # type: ignore[index]

    return change


def put(name: str, value: object) -> Callable[[Packed], None]:
    def change(packed: Packed) -> None:
        packed[name] = value  # type: ignore[assignment]

    return change


def too_many_waiting(packed: Packed) -> None:
    packed["pending"] = np.zeros((129, 5), np.int64)
    packed["now"][PENDING_COUNT] = 129


BAD: dict[str, Callable[[Packed], object]] = {
    "an array is missing": lambda p: p.pop("rings"),
    "an array too many": put("code", np.zeros(3)),
    "no array": put("now", [1, 2, 3]),
    "another type": lambda p: put("now", p["now"].astype(np.float64))(p),
    "objects": put("bids", np.array([[object(), object()]])),
    "another shape": lambda p: put("rings", p["rings"][:, :599])(p),
    "too few dimensions": lambda p: put("bids", p["bids"][:, 0])(p),
    "window no power of two": set_to("size", 0, 5000),
    "window too large": set_to("size", 0, 2**40),
    "no room for far levels": set_to("size", 1, -1),
    "too much room for far levels": set_to("size", 1, MAX_FAR + 1),
    "less room than far levels": set_to("size", 1, 1),
    "start out of range": set_to("size", 2, 2**62),
    "bound out of range": set_to("size", 4, EMPTY - 1),
    "a price twice": lambda p: set_to("bids", (1, 0), int(p["bids"][0, 0]))(p),
    "levels out of order": lambda p: put("asks", p["asks"][::-1].copy())(p),
    "a price out of range": set_to("asks", (-1, 0), MAX_KEY),
    "a level without size": set_to("bids", (0, 1), 0),
    "a negative size": set_to("asks", (0, 1), -5),
    "more than fits a sum": set_to("asks", (0, 1), 2**63 - 1),
    "synced is no truth value": set_to("now", SYNCED, 2),
    "state beyond the chain": set_to("now", STATE, 20),
    "negative state": set_to("now", STATE, -2),
    "negative ticks": set_to("now", TICKS, -1),
    "more waiting than there are": set_to("now", PENDING_COUNT, 127),
    "waiting from the middle": set_to("now", PENDING_FIRST, 5),
    "too many waiting": too_many_waiting,
    "negative counts": set_to("moves", (0, 0), -1),
    "no tick size": set_to("params", 0, 0.0),
    "lot is no number": set_to("params", 1, np.nan),
    "endless round trip": set_to("params", 2, np.inf),
    "no bands": lambda p: put("bands", p["bands"][:0])(p),
    "a band of nothing": set_to("bands", (0, 0), np.nan),
    "a thousand bands": lambda p: put("bands", np.repeat(p["bands"], 1000, axis=0))(p),
}


@pytest.fixture(scope="module")
def market() -> MarketArrays:
    market, _ = folded(fresh(), list(stream(25, ticks=60, price=20_000).split_at_ticks()))
    assert market.head[:, 4].max() > 1, "some levels are far"
    return market


@pytest.mark.parametrize("what", BAD)
def test_arrays_that_are_no_market_are_refused(what: str, market: MarketArrays) -> None:
    packed = pack(market)
    unpack(packed)
    BAD[what](packed)
    with pytest.raises(ValueError, match=r"found|market|power"):
        unpack(packed)
