"""Beside a live session: what advisers bring from earlier ones, and what a person's own advisers say.

Both are said as notes, so that a replay needs neither the state file nor anybody's Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from engine.advisers.own import Answer, OwnAdviser, Seen
from engine.advisers.record import Record
from engine.advisers.sight import BUILT_IN, COORDINATOR
from engine.batch import Batch, BatchBuilder
from engine.events import Advised, Baseline, Said, Tally
from engine.kernels import indicators as indicator_kernel
from engine.kernels import seconds as grid
from engine.ports import Command

if TYPE_CHECKING:
    from engine.core import State
    from engine.symbol import SymbolState

AGAIN = 0.5  # horizons after which the same word is said again, so that it stays valid
MOST_SYMBOLS = 32  # shown: so much goes into a pipe without waiting for its reader
KEEP_EVERY_S = 300.0
STEP = 0.05  # of a score: a smaller change is not worth a note
_SHOWN = {
    "mid": grid.MID,
    "microprice": grid.MICROPRICE,
    "spread_bps": grid.SPREAD_BPS,
    "bid_depth": grid.BID_DEPTH,
    "ask_depth": grid.ASK_DEPTH,
    "order_flow": grid.ORDER_FLOW,
    "volume": grid.VOLUME,
    "flow": grid.FLOW_SIGNED,
    "volatility_bps": grid.VOLATILITY_BPS,
    "sentiment": grid.SENTIMENT,
    "doubt": grid.DOUBT,
}


class AdviserDesk:
    """`engine.ports.Producer`, and what runs beside the session to end with it.

    `baseline` is said once; `keep` takes the session's tallies now and then and at its end; `say` hears of files that
    are of no use.
    """

    accepts: frozenset[str] = frozenset()

    def __init__(
        self,
        baseline: Baseline | None,
        own: Sequence[OwnAdviser],
        say: Callable[[str], None],
        keep: Callable[[Sequence[Tally]], None],
    ) -> None:
        self._baseline, self._own = baseline, list(own)
        self._say, self._keep = say, keep
        self._state: State | None = None
        self._second = 0
        self._said: dict[tuple[str, int], tuple[Advised, int]] = {}
        self._notes: list[Advised | Baseline | Said] = []

    def command(self, command: Command) -> None:
        """It takes none."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        self._state = state
        if self._baseline is not None and state.symbols:
            self._notes.append(self._baseline)
            self._baseline = None
        for own in list(self._own):
            for index, answer in own.answers():
                self._hear(own, index, answer, state.ts)
            if own.fault or self._taken(own):
                self._drop(own, state.ts)
        second = state.ts // grid.SECOND_NS
        if second != self._second:
            self._second = second
            self._ask(state)
        if not self._notes:
            return None
        out = BatchBuilder()
        for note in self._notes:
            out.add_note(note, state.ts)
        self._notes.clear()
        return out.take()

    async def run(self) -> None:
        """As long as the session does: what was learnt is kept now and then and at the end, then all processes end."""
        try:
            while True:
                await asyncio.sleep(KEEP_EVERY_S)
                await asyncio.to_thread(self._keep, self._tallies())
        finally:
            for own in self._own:
                own.close()
            self._keep(self._tallies())

    def _tallies(self) -> list[Tally]:
        return tallies_of(self._state) if self._state is not None else []

    def _ask(self, state: State) -> None:
        ready = [own for own in self._own if own.ready]
        for index, symbol in islice(state.symbols.items(), MOST_SYMBOLS if ready else 0):
            seen = seen_of(symbol, state.ts)
            for own in ready:
                own.ask(index, seen)

    def _taken(self, own: OwnAdviser) -> bool:
        """Whether its name is somebody else's already."""
        if own.hello is None:
            return False
        others = {o.hello.name for o in self._own if o is not own and o.hello is not None}
        if own.hello.name in others | set(BUILT_IN) | {COORDINATOR}:
            own.fault = f"expected a name of its own, found {own.hello.name!r}"
        return bool(own.fault)

    def _hear(self, own: OwnAdviser, index: int, answer: Answer, ts: int) -> None:
        if own.hello is None:
            return
        note = Advised(own.hello.name, index, answer.score, own.hello.horizon_s, answer.reason)
        before, at = self._said.get((note.adviser, index), (None, 0))
        stale = ts - at > AGAIN * note.horizon_s * 1e9
        if (before is None and note.score is not None) or (
            before is not None and (_differs(before, note) or (stale and note.score is not None))
        ):
            self._said[note.adviser, index] = note, ts
            self._notes.append(note)

    def _drop(self, own: OwnAdviser, ts: int) -> None:
        own.close()
        self._own.remove(own)
        text = f"adviser {own.path.name} is left out: {own.fault}"
        self._say(text)
        self._notes.append(Said(text, ts))
        name = own.hello.name if own.hello is not None else ""
        if any(other.hello is not None and other.hello.name == name for other in self._own):
            return  # what was said under this name is that one's
        for adviser, index in [key for key in self._said if key[0] == name]:
            before, _ = self._said.pop((adviser, index))
            self._notes.append(Advised(adviser, index, None, before.horizon_s, "it was left out"))


def tallies_of(state: State) -> list[Tally]:
    """What this session's advice came to, by adviser and horizon, all symbols together."""
    records: dict[tuple[str, float], Record] = {}
    for symbol in state.symbols.values():
        for name, stance in symbol.advisers.stances.items():
            if stance.record.count:
                record = records.setdefault((name, stance.horizon_s), Record())
                record.add(stance.record.tally(name, stance.horizon_s))
    return [record.tally(name, horizon_s) for (name, horizon_s), record in records.items()]


def seen_of(symbol: SymbolState, ts: int) -> Seen:
    """What own advisers are shown of a symbol."""
    row: list[float] = grid.latest(symbol.seconds).tolist()
    told: list[float] = symbol.indicators.memory[: indicator_kernel.TOLD].tolist()
    shown = {name: row[column] for name, column in _SHOWN.items() if row[column] == row[column]}
    known = {name: value for name, value in zip(indicator_kernel.NAMES, told, strict=True) if value == value}
    return Seen(symbol.instrument.symbol, ts, **shown, regime=symbol.regime.label, indicators=known)


def _differs(before: Advised, now: Advised) -> bool:
    if before.score is None or now.score is None:
        return before.score is not now.score
    return abs(before.score - now.score) >= STEP or (before.score > 0) != (now.score > 0)
