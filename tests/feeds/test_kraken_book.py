"""Kraken's checksum and its short books: kernels against strings and dicts, and a real capture."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import zstandard
from fakes.kraken import ASKS, BIDS, SUM, digits
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import ASKS_WHOLE, BIDS_WHOLE, CHECKED, BatchBuilder
from engine.core import State, apply
from engine.events import Kind, Listed
from engine.instrument import Instrument
from engine.kernels.fold import CROSSED, MISMATCH, WRONG_SUM, MarketArrays, fit, fold, new_market
from engine.kernels.level_book import ASK, BID, EMPTY, KNOWN, levels_of
from engine.kernels.market import DECIDED, VERIFIED, feature
from store.codec import decode, encode
from tests.kernels.twin import Pairs


def sum_of(bids: dict[int, int], asks: dict[int, int], tick_digits: int = 1) -> int:
    """The checksum by strings."""
    levels = [(p, asks[p]) for p in sorted(asks)[:10]] + [
        (p, bids[p]) for p in sorted(bids, reverse=True)[:10]
    ]
    return zlib.crc32("".join(f"{p * tick_digits}{q}" for p, q in levels).encode())


def folded(
    market: MarketArrays, kind: Kind, bids: Pairs, asks: Pairs, **values: int
) -> tuple[MarketArrays, int]:
    out = BatchBuilder()
    out.add_levels(kind, 10**18, bids, asks, **values)
    batch = decode(encode(out.take()))  # what a recording gives back folds the same
    market = fit(batch.rows, batch.levels, 0, market)
    return market, fold(batch.rows, batch.levels, 0, market)


def sides(market: MarketArrays) -> tuple[dict[int, int], dict[int, int]]:
    return tuple({int(t): int(q) for t, q in levels_of(market.book, side)} for side in (BID, ASK))  # type: ignore[return-value]


@pytest.mark.parametrize("tick_digits", [1, 5])
def test_the_documents_own_example(tick_digits: int) -> None:
    """45281.0 and its like are whole numbers of ticks of 0.5 only where all prices are: so fives stand for them."""
    asks, bids = digits(ASKS), digits(BIDS)
    assert sum_of(dict(bids), dict(asks)) == SUM
    if tick_digits == 5:
        asks, bids = [[(p // 5 * 5, q) for p, q in side] for side in (asks, bids)]
    theirs = sum_of(dict(bids), dict(asks))
    in_ticks = [[(p // tick_digits, q) for p, q in side] for side in (bids, asks)]
    values = {"flags": CHECKED, "price_ticks": theirs, "ask_ticks": tick_digits}
    market, flags = folded(new_market(0.1, 1e-8, [100.0], 1), Kind.SNAPSHOT, *in_ticks, **values)
    assert flags == 0
    assert (market.now[DECIDED], market.now[VERIFIED]) == (1, 1)
    market, flags = folded(market, Kind.DELTA, [], [], **values | {"price_ticks": theirs ^ 1})
    assert flags == WRONG_SUM
    assert (market.now[DECIDED], market.now[VERIFIED]) == (2, 1)


LEVEL = st.tuples(st.integers(1, 60), st.integers(0, 9))
UPDATE = st.tuples(st.lists(LEVEL, max_size=6), st.lists(LEVEL, max_size=6))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 12),
    st.sampled_from([1, 5, 1000, 10**9]),
    st.sampled_from([1, 701, 90_000]),
    st.lists(UPDATE, min_size=1, max_size=12),
)
def test_a_short_book_is_a_dict_that_lets_go_of_its_last(
    keep: int, tick_digits: int, stride: int, updates: list[tuple[Pairs, Pairs]]
) -> None:
    """Strides put levels into the window, beside it, and in several of its blocks."""
    market = new_market(0.01, 0.01, [100.0], 1)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    known = [EMPTY, EMPTY]
    for number, (more_bids, more_asks) in enumerate(updates):
        theirs = [(100_000_000 - p * stride, q) for p, q in more_bids]
        ours = [(100_000_000 + p * stride, q) for p, q in more_asks]
        for side, levels in ((bids, theirs), (asks, ours)):
            for price, lots in levels:
                side.pop(price, None)
                if lots:
                    side[price] = lots
        for worst in sorted(bids)[: max(0, len(bids) - keep)]:
            del bids[worst]
        for worst in sorted(asks, reverse=True)[: max(0, len(asks) - keep)]:
            del asks[worst]
        if len(bids) == keep:
            known[BID] = -min(bids)
        if len(asks) == keep:
            known[ASK] = max(asks)
        values = {"size_lots": keep, "ask_ticks": tick_digits, "price_ticks": sum_of(bids, asks, tick_digits)}
        kind = Kind.DELTA if number else Kind.SNAPSHOT
        flags = CHECKED | (0 if number else BIDS_WHOLE | ASKS_WHOLE)
        market, raised = folded(market, kind, theirs, ours, flags=flags, **values)
        assert raised & ~CROSSED == 0
        assert sides(market) == (bids, asks)
        assert market.head[:, KNOWN].tolist() == known
    assert market.now[VERIFIED] == market.now[DECIDED] == len(updates)


def test_depth_is_not_claimed_beyond_what_is_kept() -> None:
    market = new_market(0.01, 0.01, [100.0], 1)
    bids, asks = [(10_000 - i, 5) for i in range(150)], [(10_001 + i, 5) for i in range(150)]
    whole = BIDS_WHOLE | ASKS_WHOLE
    for keep, reach_bps in ((0, 100.0), (20, 19.5 / 10_000.5 * 1e4)):
        market, _ = folded(market, Kind.SNAPSHOT, bids, asks, size_lots=keep, flags=whole)
        out = BatchBuilder()
        out.add(Kind.TICK, 10**18, symbol=-1)
        tick = out.take()
        fold(tick.rows, tick.levels, 0, market)
        assert float(market.bands[0, 1]) == pytest.approx(reach_bps, rel=1e-6)
        assert feature(market, "known_low_ticks") == (None if not keep else 9_981)


def test_a_wrong_sum_is_a_mismatch_until_the_next_snapshot() -> None:
    state = State()
    asks, bids = digits(ASKS), digits(BIDS)

    def step(kind: Kind, sum_now: int, at: int) -> list[str]:
        out = BatchBuilder()
        if at == 0:
            out.add_note(Listed(0, Instrument("kraken", "BTC/USD", "BTC", "USD", "0.1", "0.00000001")), 0, 0)
        levels = (bids, asks) if kind == Kind.SNAPSHOT else ([], [])
        out.add_levels(kind, at, *levels, flags=CHECKED, price_ticks=sum_now, ask_ticks=1, size_lots=10)
        out.add(Kind.TICK, at + 10**8, symbol=-1)
        return [request.reason for request in apply(state, out.take())[1]]

    symbol = lambda: state.symbols[0]  # noqa: E731
    assert step(Kind.SNAPSHOT, SUM, 0) == []
    assert step(Kind.DELTA, SUM, 10**8) == []
    assert step(Kind.DELTA, SUM - 1, 2 * 10**8) == ["its best levels do not have the venue's checksum"]
    assert (symbol().doubt, symbol().trusted) == ("MISMATCH", False)
    assert (symbol().feature("verified"), symbol().feature("decided")) == (2, 3)
    assert step(Kind.DELTA, SUM, 3 * 10**8) == []
    assert symbol().doubt == "MISMATCH"
    assert step(Kind.SNAPSHOT, SUM, 4 * 10**8) == []
    assert symbol().doubt == ""


def v1_book(data: str) -> tuple[str, dict[str, list[list[str]]], int | None] | None:
    """Pair, levels by "as", "bs" (of a snapshot), "a" and "b", and checksum of a message of version 1."""
    message = json.loads(data)
    if not isinstance(message, list) or not message[-2].startswith("book"):
        return None
    parts = {key: value for part in message[1:-2] for key, value in part.items()}
    found = int(parts.pop("c")) if "c" in parts else None
    return message[-1], parts, found


def test_every_checksum_of_the_capture(captures: Path) -> None:
    """Ten books of version 1, whose rule is the same; each lost update would leave one wrong."""
    markets: dict[str, MarketArrays] = {}
    lost = "XMR/USD", 100  # the number of the update that this market never sees
    broken = new_market(1e-8, 1e-8, [100.0], 1)
    checked = updates = first_wrong = 0
    with (captures / "KRAKEN.jsonl.zst").open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file)):
            record = json.loads(line)
            book = v1_book(record["data"]) if record["t"] == "recv" else None
            if book is None:
                continue
            pair, parts, theirs = book

            def side(*keys: str, parts: dict[str, list[list[str]]] = parts) -> Pairs:
                levels = [level for key in keys for level in parts.get(key, ())]
                return [(int(p.replace(".", "")), int(q.replace(".", ""))) for p, q, *_ in levels]

            bids, asks = side("bs", "b"), side("as", "a")
            kind = Kind.SNAPSHOT if theirs is None else Kind.DELTA
            values = {"size_lots": 1000}
            if theirs is not None:
                values |= {"flags": CHECKED, "price_ticks": theirs, "ask_ticks": 1}
                checked += 1
            market = markets.get(pair, new_market(1e-8, 1e-8, [100.0], 1))
            markets[pair], flags = folded(market, kind, bids, asks, **values)
            assert flags == 0
            if pair == lost[0]:
                updates += theirs is not None
                if updates != lost[1]:
                    broken, flags = folded(broken, kind, bids, asks, **values)
                    first_wrong = first_wrong or (updates if flags & (WRONG_SUM | MISMATCH) else 0)
    assert checked == 4269
    assert {pair: int(m.now[VERIFIED]) for pair, m in markets.items()} == {
        pair: int(m.now[DECIDED]) for pair, m in markets.items()
    }
    assert sum(int(m.now[VERIFIED]) for m in markets.values()) == checked
    assert first_wrong == lost[1] + 1
    assert np.all([m.head[:, KNOWN] < EMPTY for m in markets.values()])
