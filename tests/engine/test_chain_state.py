"""Transfers folded into State: sums against a slow twin, each counted once, bounds, and strangers' checkpoints."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.advisers.gather import sight_of
from engine.batch import BatchBuilder
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply
from engine.events import ChainTransfer, FeedStatus, Kind, Listed
from engine.frame import View
from engine.instrument import Instrument
from engine.picture import picture
from engine.signals.chain import (
    ASSETS_KEPT,
    KNOWN_KEPT,
    MINUTE_NS,
    MINUTES_KEPT,
    WINDOWS_S,
    AssetFlows,
    ChainState,
    Known,
    Minute,
    check,
)

S = 1_000_000_000
START = 1_795_000_000 * S
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")


def transfer(id_: str, amount: float, sender: str = "", receiver: str = "", **more: object) -> ChainTransfer:
    return ChainTransfer(id_, START, more.pop("asset", "BTC"), amount, None, sender, receiver, "made", **more)  # type: ignore[arg-type]


steps = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 30, 61, 600, 3700, 30_000)),  # seconds since the one before
        st.integers(0, 12),  # whose: low numbers come again
        st.floats(1.0, 1e6),
        st.sampled_from(("", "Binance", "Kraken")),
        st.sampled_from(("", "Binance", "Kraken")),
        st.booleans(),  # confirmed
        st.sets(st.integers(0, 12), max_size=2),  # replaces
    ),
    max_size=40,
)


@given(steps)
def test_sums_are_those_of_a_slow_twin(said: list[tuple[int, int, float, str, str, bool, set[int]]]) -> None:
    state, ts = ChainState(), START
    twin: dict[str, tuple[int, ChainTransfer]] = {}
    for gap_s, number, amount, sender, receiver, confirmed, gone in said:
        ts += gap_s * S
        state.tick(ts)
        note = transfer(
            f"t{number}",
            amount,
            sender,
            receiver,
            confirmed=confirmed,
            replaces=tuple(f"t{n}" for n in sorted(gone)),
        )
        for id_ in note.replaces:
            if id_ in twin and not twin[id_][1].confirmed:
                del twin[id_]
        if note.id in twin:
            at, known = twin[note.id]
            twin[note.id] = at, msgspec.structs.replace(known, confirmed=known.confirmed or confirmed)
        else:
            twin[note.id] = ts, note
        state.on_transfer(note, ts)
        state.tick(ts)
        for (into, out, moved, seen), window_s in zip(sums_of(state), WINDOWS_S, strict=True):
            first = ts // MINUTE_NS - window_s // 60
            counted = [t for at, t in twin.values() if at // MINUTE_NS > first]
            assert seen == len(counted)
            assert moved == pytest.approx(sum(t.amount for t in counted))
            assert into == pytest.approx(sum(t.amount for t in counted if t.receiver and not t.sender))
            assert out == pytest.approx(sum(t.amount for t in counted if t.sender and not t.receiver))
    assert {id_: known.transfer.confirmed for id_, known in state.known.items()} == {
        id_: t.confirmed for id_, (_, t) in twin.items()
    }
    check(state)


def sums_of(state: ChainState) -> list[tuple[float, float, float, int]]:
    flows = state.assets.get("BTC", AssetFlows(0))
    return [msgspec.structs.astuple(sums) for sums in flows.sums]


def test_all_transfers_of_a_replaced_transaction_are_taken_back() -> None:
    state = ChainState()
    for id_ in ("a", "a:1", "ab"):
        state.on_transfer(transfer(id_, 10.0), START)
    state.on_transfer(transfer("c", 5.0, replaces=("a",)), START)
    state.tick(START)
    assert list(state.known) == ["ab", "c"]
    assert (state.assets["BTC"].sums[0].moved, state.replaced) == (15.0, 2)


def test_what_moves_within_or_between_exchanges_flows_nowhere() -> None:
    state = ChainState()
    state.on_transfer(transfer("a", 10.0, "Binance", "Binance"), START)
    state.on_transfer(transfer("b", 10.0, "Binance", "Kraken"), START)
    state.tick(START)
    assert sums_of(state)[0] == (0.0, 0.0, 20.0, 2)


def test_memory_is_flat_over_days_of_a_flood() -> None:
    state = ChainState()
    for number in range(20_000):
        ts = START + number * 13 * S
        state.on_transfer(transfer(f"t{number}", 1.0, asset=f"A{number % 100}"), ts)
        state.tick(ts)
    assert len(state.known) == KNOWN_KEPT
    assert len(state.assets) == ASSETS_KEPT
    assert max(len(flows.minutes) for flows in state.assets.values()) <= MINUTES_KEPT


def test_a_rounding_is_not_left_where_all_was_taken_back() -> None:
    state = ChainState()
    for number, amount in enumerate((0.1, 0.2, 1e15)):
        state.on_transfer(transfer(f"t{number}", amount, receiver="Binance"), START)
    state.on_transfer(transfer("new", 7.0, replaces=("t0", "t1", "t2")), START + 70 * S)
    state.tick(START + 70 * S)
    assert sums_of(state)[1] == (0.0, 0.0, 7.0, 1)


# In the core ----------------------------------------------------------------------------------


def folded(*notes: ChainTransfer | FeedStatus, book: bool = True, until_s: int = 1) -> State:
    state, out = State(), BatchBuilder()
    out.add_note(Listed(0, BTC), START)
    if book:
        out.add_levels(Kind.SNAPSHOT, START, [(6_000_000, 100)], [(6_000_100, 100)], symbol=0, last_id=1)
        out.add_note(FeedStatus("binance", "SYNCED", 0), START)
    for note in notes:
        out.add_note(note, START)
    out.add(Kind.TICK, START + 100_000_000, symbol=-1)
    apply(state, out.take())
    for second in range(1, until_s + 1):
        out.add(Kind.TICK, START + second * S, symbol=-1)
        apply(state, out.take())
    return state


def test_nobody_watching_a_chain_shows_none() -> None:
    assert picture(folded(), View()).chain is None


def test_a_source_alone_is_shown_and_makes_no_alert_of_every_failure() -> None:
    state = folded(
        *(FeedStatus("mempool.space", state, reason="no data") for state in ("LIVE", "BACKOFF") * 5)
    )
    shown = picture(state, View()).chain
    assert shown is not None
    assert [feed.venue for feed in shown.feeds] == ["mempool.space"]
    assert len([event for event in state.events if event.kind == "FEED"]) == 1


def test_the_picture_has_the_newest_first_with_their_flows() -> None:
    state = folded(transfer("a", 300.0, receiver="Kraken"), transfer("b", 500.0, "Binance"))
    shown = picture(state, View()).chain
    assert shown is not None
    assert [(t.amount, t.sender, t.receiver) for t in shown.transfers] == [
        (500.0, "Binance", ""),
        (300.0, "", "Kraken"),
    ]
    assert [(f.window_s, f.into, f.out, f.seen) for f in shown.flows] == [
        (w, 300.0, 500.0, 2) for w in WINDOWS_S
    ]


def test_the_adviser_sees_the_hours_flows_in_dollars_and_what_is_usual_after_two() -> None:
    state = folded(transfer("a", 300.0, receiver="Kraken"), transfer("b", 500.0, "Binance"))
    mid = state.symbols[0].feature("mid")
    assert mid == pytest.approx(60_000.5)
    early = sight_of(state, state.symbols[0], state.ts).flows
    assert early == (3600, 2, 300.0 * mid, 500.0 * mid, 0.0)
    late = sight_of(state, state.symbols[0], state.ts + 4 * 3600 * S - 1 * S).flows
    assert late.usual == pytest.approx(800.0 * mid / 4.0, rel=1e-3)


def test_without_a_price_in_dollars_the_adviser_sees_nothing() -> None:
    state = folded(transfer("a", 300.0, receiver="Kraken"), book=False)
    assert sight_of(state, state.symbols[0], state.ts).flows.seen == 0


# Checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_brings_all_of_it_back() -> None:
    state = folded(transfer("a", 300.0, receiver="Kraken"), transfer("b", 5.0, replaces=("x",)))
    again = unpack(pack(state))
    assert again.chain == state.chain
    assert picture(again, View()) == picture(state, View())


def broken() -> list[ChainState]:
    good = Known(transfer("a", 1.0), 5)
    flows = {"BTC": AssetFlows(START, [Minute(5, 0.0, 0.0, 1.0, 1)])}
    return [
        ChainState({f"A{n}": AssetFlows(START) for n in range(ASSETS_KEPT + 1)}),
        ChainState(flows, {f"t{n}": Known(transfer(f"t{n}", 1.0), 5) for n in range(KNOWN_KEPT + 1)}),
        ChainState({}, {"a": good}),
        ChainState(flows, {"b": good}),
        ChainState(flows, {"a": Known(transfer("a", float("nan")), 5)}),
        ChainState({"BTC": AssetFlows(START, [Minute(n) for n in range(MINUTES_KEPT + 2)])}),
        ChainState({"BTC": AssetFlows(START, [Minute(6), Minute(6)])}),
        ChainState({"BTC": AssetFlows(START, [Minute(6, 1e31)])}),
        ChainState({"BTC": AssetFlows(START, [Minute(6, float("nan"))])}),
        ChainState(minute=-1),
        ChainState(replaced=2**61),
    ]


@pytest.mark.parametrize("number", range(11))
def test_a_state_that_no_session_could_have_come_to_is_refused(number: int) -> None:
    state = State(chain=broken()[number])
    with pytest.raises(BadCheckpoint):
        unpack(pack(state))
