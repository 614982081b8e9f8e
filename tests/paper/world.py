"""A session with a paper world beside a made market, and what it told, tick by tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engine.agents.plain import Trader
from engine.batch import Batch, Rows
from engine.core import State
from engine.events import Agents, Kind, Note, Said
from engine.paper.producer import Paper
from engine.paper.rules import Rules
from engine.ports import Command
from engine.scenario import Counts, Scenario
from engine.session import Session
from tests.laws.test_laws import ListSource
from tests.paper.flows import flow

CROWD = msgspec.structs.replace(Scenario(), counts=Counts(maker=3, informed=4, noise=0, arbitrage=2))


SCALE = 100  # of the made market's sizes, so that an agent's smallest order is some lots


class Told:
    """What a paper world said, tick by tick, beside the state that it was said after."""

    def __init__(self, paper: Paper, plan: Mapping[int, Sequence[Command]]) -> None:
        self.paper, self._plan = paper, plan
        self.accepts = paper.accepts
        self.number = 0
        self.rows: list[tuple[int, Rows]] = []  # (tick, its FILL and ORDER rows)
        self.notes: list[tuple[int, Note]] = []
        self.look: Callable[[int, State, Rows], None] = lambda number, state, rows: None

    def command(self, command: Command) -> None:
        self.paper.command(command)

    def after(self, state: State, batch: Batch) -> Batch | None:
        """The producer, with the commands of the plan before each tick."""
        self.number += 1
        for command in self._plan.get(self.number, ()):
            self.paper.command(command)
        said = self.paper.after(state, batch)
        rows = said.rows if said is not None else np.empty(0, batch.rows.dtype)
        kept = rows[(rows["kind"] == Kind.FILL) | (rows["kind"] == Kind.ORDER)]
        self.rows.append((self.number, kept))
        if said is not None:
            self.notes += [(self.number, note) for note in said.notes]
        self.look(self.number, state, kept)
        return said

    @property
    def fills(self) -> Rows:
        rows = np.concatenate([rows for _, rows in self.rows])
        return rows[rows["kind"] == Kind.FILL]

    @property
    def books(self) -> Agents:
        return [note for _, note in self.notes if isinstance(note, Agents)][-1]

    @property
    def said(self) -> list[str]:
        return [note.text for _, note in self.notes if isinstance(note, Said)]


@dataclass
class Run:
    told: Told
    state: State = field(default_factory=State)


def run(
    plan: Mapping[int, Sequence[Command]],
    batches: Iterable[Batch] | None = None,
    *,
    ticks: int = 300,
    seed: int = 7,
    scenario: Scenario | None = None,
    rules: Rules | None = None,
    plain: Sequence[Trader] = (),
    look: Callable[[int, State, Rows], None] | None = None,
) -> Run:
    """Let a session go by, giving each tick's commands; by default the made market of `flow`, and no agents."""
    told = Told(Paper(scenario, rules, plain=plain), plan)
    if look is not None:
        told.look = look
    made = (batch for _, batch in flow(seed, ticks, scale=SCALE)) if batches is None else batches
    session = Session(ListSource(made), producers=[told])
    asyncio.run(session.run())
    return Run(told, session.state)
