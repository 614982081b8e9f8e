"""A child whose parent's recording lacks events; a producer that fails; a symbol listed anew on another grid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np

from engine.batch import OWN, Batch, BatchBuilder
from engine.checkpoint import pack, unpack
from engine.child import Continued, parted
from engine.core import State, apply, fold_all, listed
from engine.events import AgentFamily, Agents, Kind, Listed
from engine.frame.host import Transport
from engine.kernels.level_book import ASK, BID, KNOWN, levels_of
from engine.kernels.market import UPDATE_ID
from engine.ports import Checkpoint, Command, Jump, Pause, Seek, StepBy
from engine.session import Session
from tests.laws.generated import generated_batches
from tests.laws.test_laws import ListSource
from tests.paper.flows import COIN, START_NS, TICK_NS

AT, LOST, BACK = 150, 200, 330  # a child from the first of these ticks; events between the others are missing


class Gapped:
    """A recording that has batches up to some tick, and then the state behind those that are missing."""

    accepts = frozenset({"pause", "speed", "step", "seek"})
    transport = Transport()

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self.commands: list[Command] = []

    async def batches(self) -> AsyncIterator[Batch | Jump]:
        before = self._state(100)
        yield Jump(before, _ts(self._batches[AT]))
        for batch in self._batches[100:LOST]:
            yield batch
        behind = self._state(BACK)
        yield Jump(behind, behind.ts)
        for batch in self._batches[BACK:]:
            yield batch

    def _state(self, number: int) -> Checkpoint:
        state = fold_all(State(), self._batches[:number])
        return Checkpoint(state.seq, state.ts, pack(state), listed(state))

    async def command(self, command: Command) -> None:
        self.commands.append(command)

    async def close(self) -> None: ...


def _ts(batch: Batch) -> int:
    return int(batch.rows[-1]["ts_recv"])


def test_a_child_lives_through_a_gap_of_its_parent() -> None:
    batches = list(generated_batches(seed=5, ticks=400))
    whole = fold_all(State(), batches)
    begun = fold_all(State(), batches[: AT + 1])
    child = Session(
        Continued(Gapped(batches), begun.ts, "child", listed(begun)), state=parted(unpack(pack(begun)))
    )
    ticks: list[int] = []
    child.observers.append(lambda state, _: ticks.append(state.ts))
    asyncio.run(child.run())
    assert ticks == [_ts(b) for b in (*batches[AT + 1 : LOST], *batches[BACK - 1 :])]
    assert child.state.symbols.keys() == whole.symbols.keys()
    for index, symbol in whole.symbols.items():
        here = child.state.symbols[index]
        assert here.shown_state == symbol.shown_state
        assert here.market.now[UPDATE_ID] == symbol.market.now[UPDATE_ID]
        for side in (BID, ASK):
            np.testing.assert_array_equal(
                levels_of(here.market.book, side), levels_of(symbol.market.book, side)
            )
            assert (
                here.market.book.head[side, KNOWN] <= symbol.market.book.head[side, KNOWN]
            )  # no more is claimed
    assert any("missing in the parent's recording" in event.text for event in child.state.events)


def test_a_child_passes_on_only_what_it_accepts() -> None:
    source = Gapped([])
    child = Continued(source, 1, "child")

    async def run() -> None:
        for command in (Seek(5), StepBy(-1), Pause(True)):
            await child.command(command)

    asyncio.run(run())
    assert source.commands == [Pause(True)]


class Failing:
    """Places an order of the person's, and fails at a later tick."""

    accepts = frozenset({"order"})

    def __init__(self) -> None:
        self.number = 0

    def after(self, state: State, batch: Batch) -> Batch | None:
        self.number += 1
        if self.number == 10:
            raise ZeroDivisionError("no\x1b[31m luck")
        out = BatchBuilder()
        out.add(Kind.ORDER, state.ts, symbol=0, side=1, price_ticks=100, size_lots=5, first_id=1, last_id=OWN)
        return out.take()

    def command(self, command: Command) -> None: ...


def test_a_producer_that_fails_is_dropped_and_told_of_and_the_session_goes_on() -> None:
    batches = list(generated_batches(seed=5, ticks=40))
    session = Session(ListSource(batches), producers=[Failing()])
    resting: list[int] = []
    session.observers.append(lambda state, _: resting.append(len(state.resting)))
    asyncio.run(session.run())
    assert session.state.ts == _ts(batches[-1])
    assert session.producers == ()
    assert session.accepts == session.source.accepts
    assert (resting[8], resting[9], resting[10]) == (1, 1, 0)
    (said,) = [event.text for event in session.state.events if event.kind == "SAID"]
    assert said == "trading on paper stopped, the session goes on without it: ZeroDivisionError: no[31m luck"


def test_what_was_told_in_a_grid_that_is_gone_is_forgotten() -> None:
    finer = type(COIN)(COIN.venue, COIN.symbol, COIN.base, COIN.quote, "0.001", COIN.lot_size)
    state = State()
    for number, instrument in enumerate((COIN, COIN, finer), 1):
        out, ts = BatchBuilder(), START_NS + number * TICK_NS
        out.add_note(Listed(0, instrument), ts, 0)
        if number == 1:
            out.add_note(Agents(0, (AgentFamily("you", 1, 5, 0, 0, 0, 1, 1),), (), paper=True), ts, 0)
            for symbol in (0, 1):
                out.add(
                    Kind.ORDER,
                    ts,
                    symbol=symbol,
                    side=1,
                    price_ticks=7,
                    size_lots=5,
                    first_id=symbol,
                    last_id=OWN,
                )
        out.add(Kind.TICK, ts, symbol=-1)
        apply(state, out.take())
        kept = (1, [0, 1], 1) if number < 3 else (0, [1], 0)
        assert (len(state.profits), sorted(state.resting), int(state.agents is not None)) == kept
