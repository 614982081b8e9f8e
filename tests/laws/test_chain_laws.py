"""The two laws with public chains beside the market: transfers, confirmed, replaced, flooded; a replay asks nobody."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State
from engine.events import ChainTransfer, FeedCount, FeedStatus
from engine.ports import Command
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.laws.generated import generated_batches
from tests.laws.test_laws import ListSource, digest, replayed, sought


class Chains:
    """A producer of random transfers, some told again, some replaced."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, seed: int) -> None:
        self._rng, self._number = random.Random(seed), 0

    def command(self, command: Command) -> None:
        """It takes none."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        rng, out, ts = self._rng, BatchBuilder(), state.ts
        if rng.random() < 0.5:
            return None
        if rng.random() < 0.1:
            state_of_it = rng.choice(("LIVE", "BACKOFF"))
            out.add_note(FeedStatus("mempool.space", state_of_it, reason="trouble"), ts)
            out.add_note(FeedCount("mempool.space", self._number), ts)
        for _ in range(40 if rng.random() < 0.02 else 1):
            self._number += rng.random() < 0.8
            older = tuple(f"t{rng.randrange(self._number + 1)}" for _ in range(rng.randrange(2)))
            names = [rng.choice(("", "", "Binance", "Kraken")) for _ in range(2)]
            note = ChainTransfer(
                f"t{self._number}", ts - 5, rng.choice(("BTC", "ETH", "USDT")), rng.uniform(100, 5000),
                rng.choice((None, 1e7)), *names, "made", rng.random() < 0.3, older,
            )  # fmt: skip
            out.add_note(note, ts)
        return out.take()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes]]:
    path = tmp_path_factory.mktemp("chains") / "session.sqlite"
    seen: dict[int, bytes] = {}
    session = Session(
        ListSource(generated_batches(seed=8, ticks=800)),
        sink=Recorder(path, new_header("test", 1)),
        producers=[Chains(3)],
    )
    session.observers.append(lambda state, _: seen.update({state.ts: digest(state)}))
    asyncio.run(session.run())
    chain = session.state.chain
    assert chain.assets["BTC"].sums[2].seen > 80
    assert chain.replaced > 20
    return path, seen


def test_law_1_a_replay_shows_what_the_session_showed(recorded: tuple[Path, dict[int, bytes]]) -> None:
    path, frames = recorded
    assert replayed(path) == frames


def test_law_2_a_seek_finds_the_flows_of_that_moment(recorded: tuple[Path, dict[int, bytes]]) -> None:
    path, frames = recorded
    ticks = sorted(frames)
    rng = random.Random(12)
    for target, state in sought(path, [ticks[-1], ticks[0], *rng.sample(ticks, 8)]):
        assert digest(state) == frames[target], f"seek to {target}"
