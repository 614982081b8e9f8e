"""A generated session with somebody beside the market who speaks, recorded; what a replay and a seek show of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.core import State
from engine.ports import Command, Producer
from engine.session import Observer, Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.generated import generated_batches
from tests.laws.test_laws import ListSource, digest, sought


class Speaker:
    """The part of a producer that takes no commands and has a seed: `after` is its own."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, seed: int) -> None:
        self._rng, self._number = random.Random(seed), 0

    def command(self, command: Command) -> None:
        """It takes none."""


class Recorded(NamedTuple):
    """`frames`: the digest at every tick, `state`: as it was at the end."""

    path: Path
    frames: dict[int, bytes]
    state: State


def recorded_beside(
    folder: Path, speaker: Producer, *, seed: int, ticks: int, observers: Sequence[Observer] = ()
) -> Recorded:
    path, seen = folder / "session.sqlite", dict[int, bytes]()
    session = Session(
        ListSource(generated_batches(seed, ticks)),
        sink=Recorder(path, new_header("test", 1)),
        producers=[speaker],
    )
    session.observers.append(lambda state, _: seen.update({state.ts: digest(state)}))
    session.observers.extend(observers)
    asyncio.run(session.run())
    return Recorded(path, seen, session.state)


def assert_seeks(path: Path, frames: dict[int, bytes], seed: int) -> None:
    """The second law at the last tick, the first one, and eight between."""
    ticks = sorted(frames)
    targets = [ticks[-1], ticks[0], *random.Random(seed).sample(ticks, 8)]
    found = {target: digest(state) for target, state in sought(path, targets)}
    assert found == {target: frames[target] for target in targets}
