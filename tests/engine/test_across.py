"""Venues beside each other: the best trade by trying all, in money whose rate is known or said not to be."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.across import across_now
from engine.asked import keep
from engine.batch import BatchBuilder
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply
from engine.events import Asked, AskedFor, FeedStatus, Kind, Listed, Setup
from engine.instrument import Instrument
from engine.limits import MAX_ASKED, MAX_VENUES
from store.errors import BadRecording
from store.notes import cleaned

T0 = 1_700_000_000_000_000_000
FEES = {"binance": 10.0, "coinbase": 60.0, "kraken": 40.0}


def market(*legs: tuple[str, str, str, int, int], kind: str = "spot", quiet_s: float = 0.0) -> State:
    """A state with a book of one level a side for each (venue, base, quote, bid, ask), prices in cents."""
    state, builder = State(), BatchBuilder()
    builder.add_note(Setup(taker_bps=FEES), T0)
    for number, (venue, base, quote, bid, ask) in enumerate(legs):
        its_kind = kind if number == 0 else "spot"
        instrument = Instrument(venue, f"{base}-{quote}", base, quote, "0.01", "0.001", its_kind)
        builder.add_note(Listed(number, instrument), T0, number)
        builder.add_note(FeedStatus(venue, "SYNCED", number), T0, number)
        builder.add_levels(Kind.SNAPSHOT, T0, [(bid, 1000)], [(ask, 2000)], symbol=number, last_id=1)
    builder.add(Kind.TICK, T0 + int(quiet_s * 1e9), symbol=-1)
    apply(state, builder.take())
    return state


def test_one_venue_has_nothing_to_be_compared_with():
    assert across_now(market(("binance", "BTC", "USDT", 100_00, 101_00)), "BTC") is None


prices = st.tuples(st.integers(5_000, 20_000), st.integers(1, 500)).map(lambda p: (p[0], p[0] + p[1]))


@given(st.lists(prices, min_size=2, max_size=4))
def test_the_best_trade_is_the_best_of_all_pairs_after_their_fees(touches: list[tuple[int, int]]):
    venues = ["binance", "coinbase", "kraken", "elsewhere"][: len(touches)]
    legs = [(v, "BTC", "USD", *touch) for v, touch in zip(venues, touches, strict=True)]
    across = across_now(market(*legs), "BTC")
    assert across is not None
    tried = {
        (buy, sell): (touches[sell][0] / touches[buy][1] - 1) * 1e4
        for buy, sell in permutations(range(len(touches)), 2)
    }
    after = {
        (buy, sell): bps - FEES.get(venues[buy], 0.0) - FEES.get(venues[sell], 0.0)
        for (buy, sell), bps in tried.items()
    }
    assert across.after_fees_bps == pytest.approx(max(after.values()))
    assert across.cheap is not None
    assert across.dear is not None
    assert after[across.cheap, across.dear] == pytest.approx(max(after.values()))
    assert across.gap_bps == pytest.approx(tried[across.cheap, across.dear])
    assert across.kind == "spread"


def test_in_other_dollars_it_is_a_basis_until_their_rate_is_watched():
    legs = [("binance", "BTC", "USDT", 100_00, 100_10), ("coinbase", "BTC", "USD", 101_00, 101_10)]
    basis = across_now(market(*legs), "BTC")
    assert basis is not None
    assert (basis.kind, basis.why) == ("basis", "USDT-USD is not watched")
    assert basis.gap_bps == pytest.approx((101.00 / 100.10 - 1) * 1e4)
    with_rate = across_now(market(*legs, ("coinbase", "USDT", "USD", 1_00, 1_02)), "BTC")
    assert with_rate is not None
    assert with_rate.kind == "spread"
    assert with_rate.legs[1].rate == pytest.approx(1 / 1.01)
    there, back = 101.00 / 1.01 / 100.10, 100.00 / (101.10 / 1.01)
    assert with_rate.gap_bps == pytest.approx((max(there, back) - 1) * 1e4)


def test_money_of_another_kind_is_not_compared_without_its_rate():
    legs = [("binance", "BTC", "USDT", 100_00, 100_10), ("kraken", "BTC", "EUR", 90_00, 90_10)]
    across = across_now(market(*legs), "BTC")
    assert across is not None
    assert across.gap_bps is None
    assert across.legs[1].rate is None


def test_a_future_against_spot_is_a_basis():
    legs = [("binance-usdm", "BTC", "USDT", 100_00, 100_10), ("binance", "BTC", "USDT", 99_00, 99_10)]
    across = across_now(market(*legs, kind="linear"), "BTC")
    assert across is not None
    assert across.kind == "basis"


def test_a_book_in_doubt_takes_no_part_and_ages_are_told():
    legs = [("binance", "BTC", "USD", 100_00, 100_10), ("coinbase", "BTC", "USD", 101_00, 101_10)]
    state = market(*legs, quiet_s=2.5)
    across = across_now(state, "BTC")
    assert across is not None
    assert [leg.age_s for leg in across.legs] == [2.5, 2.5]
    builder = BatchBuilder()
    builder.add_note(FeedStatus("coinbase", "STALE", 1, "silent"), T0 + 3_000_000_000, 1)
    builder.add(Kind.TICK, T0 + 3_000_000_000, symbol=-1)
    apply(state, builder.take())
    doubtful = across_now(state, "BTC")
    assert doubtful is not None
    assert doubtful.gap_bps is None


def test_ladders_stand_on_one_axis_and_all_touches_are_in_sight():
    legs = [("binance", "BTC", "USD", 100_00, 100_10), ("coinbase", "BTC", "USD", 140_00, 140_10)]
    across = across_now(market(*legs), "BTC", 20)
    assert across is not None
    rows = across.step * 20
    assert rows >= 40.0
    assert [leg.bids[0][1] for leg in across.legs] == [1.0, 1.0]
    assert across.legs[1].asks[0][0] == pytest.approx(140.1, abs=across.step)


def asked(state: State, *notes: Asked) -> State:
    builder = BatchBuilder()
    for note in notes:
        builder.add_note(note, state.ts)
    builder.add(Kind.TICK, state.ts + 100_000_000, symbol=-1)
    apply(state, builder.take())
    return state


TAKEN = Asked("coinbase", (AskedFor("BTC-USDT", "BTC", 1, "BTC-USD"),))
LACKED = Asked("kraken", (AskedFor("ETH/USDT", "ETH"), AskedFor("BTC/USDT", "BTC")))


def test_what_venues_make_of_a_symbol_is_told_once_and_stands_beside_them():
    legs = [("binance", "BTC", "USDT", 100_00, 100_10), ("coinbase", "BTC", "USD", 101_00, 101_10)]
    mere = Asked("binance", (AskedFor("BTC", "BTC", 0, "BTC-USDT"),))
    state = asked(market(*legs), mere, TAKEN, LACKED, TAKEN)
    across = across_now(state, "BTC")
    assert across is not None
    assert [leg.asked for leg in across.legs] == ["", "BTC-USDT"]
    assert across.lacking == (("kraken", "BTC/USDT"),)
    assert [event.text for event in state.events] == [
        "on binance BTC is BTC-USDT",
        "coinbase does not trade BTC-USDT; BTC-USD is watched instead",
        "kraken does not trade ETH/USDT, BTC/USDT",
    ]
    assert across_now(unpack(pack(state)), "BTC") == across


def test_a_single_market_stands_beside_a_venue_that_lacks_it():
    state = asked(market(("binance", "BTC", "USDT", 100_00, 101_00)), LACKED)
    across = across_now(state, "BTC")
    assert across is not None
    assert [leg.venue for leg in across.legs] == ["binance"]
    assert across.gap_bps is None
    assert across_now(state, "ETH") is None


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2)), max_size=200))
def test_what_is_kept_is_each_venues_last_word_and_bounded(said: list[tuple[int, int]]):
    kept: list[Asked] = []
    plain: dict[str, int] = {}
    for venue, word in said:
        new = keep(kept, Asked(f"v{venue}", (AskedFor(f"A{word}", "A"),)))
        assert new == (plain.get(f"v{venue}") != word)
        if new:
            plain.pop(f"v{venue}", None)
            plain[f"v{venue}"] = word
            plain = dict(list(plain.items())[-MAX_VENUES:])
    assert [(note.venue, note.symbols[0].asked) for note in kept] == [(v, f"A{w}") for v, w in plain.items()]


def test_a_stranger_may_not_ask_for_more_than_anybody_could():
    state = asked(market(("binance", "BTC", "USDT", 100_00, 101_00)), LACKED)
    state.asked[0] = Asked("kraken", LACKED.symbols * MAX_ASKED)
    with pytest.raises(BadCheckpoint, match="at most 200 symbols of a venue, found 400"):
        unpack(pack(state))
    with pytest.raises(BadRecording, match="at most 200 symbols of a venue, found 400"):
        cleaned(state.asked[0])
    spoilt = Asked("kra\x1bken", (AskedFor("B\u202eTC", "BTC", 0, "BTC/USD\x07"),))
    assert cleaned(spoilt) == Asked("kraken", (AskedFor("BTC", "BTC", 0, "BTC/USD"),))


def test_a_checkpoint_keeps_what_it_stands_on():
    legs = [("binance", "BTC", "USD", 100_00, 100_10), ("coinbase", "BTC", "USD", 101_00, 101_10)]
    state = market(*legs, quiet_s=1.0)
    assert across_now(unpack(pack(state)), "BTC") == across_now(state, "BTC")
