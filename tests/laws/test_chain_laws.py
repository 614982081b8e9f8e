"""The two laws with public chains beside the market: transfers, confirmed, replaced, flooded; a replay asks nobody."""

from __future__ import annotations

import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State
from engine.events import ChainTransfer, FeedCount, FeedStatus
from tests.laws.beside import Recorded, Speaker, assert_seeks, recorded_beside
from tests.laws.test_laws import replayed


class Chains(Speaker):
    """A producer of random transfers, some told again, some replaced."""

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
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    found = recorded_beside(tmp_path_factory.mktemp("chains"), Chains(3), seed=8, ticks=800)
    chain = found.state.chain
    assert chain.assets["BTC"].sums[2].seen > 80
    assert chain.replaced > 20
    return found


def test_law_1_a_replay_shows_what_the_session_showed(recorded: Recorded) -> None:
    assert replayed(recorded.path) == recorded.frames


def test_law_2_a_seek_finds_the_flows_of_that_moment(recorded: Recorded) -> None:
    assert_seeks(recorded.path, recorded.frames, 12)
