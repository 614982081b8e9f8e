"""The two laws with fits beside the market: factors and labels in a replay with nobody fitting, and after a seek."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import msgspec
import pytest

from engine.batch import Batch, BatchBuilder
from engine.core import State
from engine.events import FactorFit, Markov
from engine.kernels.seconds import LATEST
from engine.ports import Command
from engine.session import Session
from store.codec import decode, encode
from store.errors import BadRecording
from store.header import new_header
from store.recorder import Recorder
from tests.laws.generated import generated_batches
from tests.laws.test_laws import ListSource, digest, replayed, sought
from tests.regimes.windows import fitted

MARKOV = Markov((0.5, 3.0), (0.97, 0.9), (0.9, 0.1))


class Fits:
    """A producer of fits of all kinds, some late, some failed."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def command(self, command: Command) -> None:
        """It takes none."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        rng, out = self._rng, BatchBuilder(4, 0)
        if rng.random() > 0.01:
            return None
        for index, symbol in state.symbols.items():
            latest = int(symbol.seconds.clock[LATEST])
            markov = rng.choice((None, MARKOV))
            note = fitted(max(0, latest - rng.choice((0, 1, 30, 700))), markov=markov, symbol=index)
            failed = FactorFit(index, rng.choice(("FLAT", "FAILED", "OFF")), "no reason", latest)
            out.add_note(rng.choice((note, note, failed)), state.ts, index)
        return out.take()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes]]:
    path = tmp_path_factory.mktemp("regimes") / "session.sqlite"
    seen: dict[int, bytes] = {}
    session = Session(
        ListSource(generated_batches(seed=8, ticks=1500)),
        sink=Recorder(path, new_header("test", 1)),
        producers=[Fits(1)],
    )
    session.observers.append(lambda state, _: seen.update({state.ts: digest(state)}))
    asyncio.run(session.run())
    for symbol in session.state.symbols.values():
        assert symbol.regime.label
        assert symbol.regime.factors != (None, None)
    return path, seen


def test_law_1_a_replay_has_the_factors_of_the_session(recorded: tuple[Path, dict[int, bytes]]) -> None:
    path, frames = recorded
    assert replayed(path) == frames


def test_law_2_a_seek_finds_the_filter_where_it_stood(recorded: tuple[Path, dict[int, bytes]]) -> None:
    path, frames = recorded
    ticks = sorted(frames)
    targets = [ticks[-1], ticks[0], *random.Random(13).sample(ticks, 8)]
    for target, state in sought(path, targets):
        assert digest(state) == frames[target], f"seek to {target}"


def test_a_strangers_fit_is_refused_when_it_is_read() -> None:
    def read(note: FactorFit) -> object:
        out = BatchBuilder(1, 0)
        out.add_note(note, 5, 0)
        return decode(encode(out.take())).notes[0]

    whole = fitted(1_700_000_000, markov=MARKOV)
    assert read(whole) == whole
    assert whole.model is not None
    huge = msgspec.structs.replace(whole.model, means=(1e300,) * 7)
    for broken in (
        msgspec.structs.replace(whole, model=huge),
        msgspec.structs.replace(whole, symbol=-4),
        msgspec.structs.replace(whole, markov=Markov((0.0, 1.0), (0.5, 0.5), (0.5, 0.5))),
        msgspec.structs.replace(whole, dropped=(("a", "b"),) * 9),
    ):
        with pytest.raises(BadRecording):
            read(broken)
    rude = msgspec.structs.replace(whole, reason="\x1b[31mred", dropped=(("senti\x07ment", "\u202ex"),))
    assert read(rude) == msgspec.structs.replace(whole, reason="[31mred", dropped=(("sentiment", "x"),))
