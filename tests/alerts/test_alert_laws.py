"""The two laws with alert rules that speak all the time, agents whose risk is counted, and transfers on a chain."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from engine.batch import Batch, BatchBuilder
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply
from engine.events import AgentFamily, AgentLine, Agents, Alert, ChainTransfer, Derived, Setup, SignalRule
from engine.rules import AlertRule, AlertRules, RiskRule
from store.recording import Recording
from tests.laws.beside import Recorded, Speaker, assert_seeks, recorded_beside
from tests.laws.generated import generated_batches
from tests.laws.test_laws import replayed

Said = list[tuple[int, int | None, str, str]]
RULES = (
    AlertRule("s", "signal", threshold=0.0, every_s=0.0, bell=True),
    AlertRule("r", "regime"),
    AlertRule("f", "feed", notify=True),
    AlertRule("stale", "stale", threshold=1.0, every_s=1.0),
    AlertRule("spread", "spread", threshold=1.0, every_s=2.0),
    AlertRule("depth", "depth", threshold=1e6, every_s=3.0),
    AlertRule("move", "move", threshold=0.01, window_s=2.0, every_s=1.0),
    AlertRule("whale", "whale", threshold=1.0, every_s=5.0),
    *(
        AlertRule(kind, kind, threshold=1e-9, every_s=5.0)
        for kind in ("drawdown", "var", "es", "exposure", "inventory")
    ),
    AlertRule("sizing", "sizing", threshold=0.01, every_s=5.0, family="you"),
)
SETUP = Setup(
    signal=SignalRule(hold_s=5.0, gate_window_s=60),
    alerts=AlertRules(RULES, 20, 1200.0),
    risk=RiskRule(horizon_s=1.0, level=0.9),
)


class Crowd(Speaker):
    """A producer of the rules, of agents' books once a second, and of transfers."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._equity = [0, 0]

    def after(self, state: State, batch: Batch) -> Batch | None:
        rng, out, ts = self._rng, BatchBuilder(), state.ts
        self._number += 1
        if self._number == 1:
            out.add_note(SETUP, ts)
        if rng.random() < 0.05:
            out.add_note(ChainTransfer(f"t{self._number}", ts, "BTC", 10.0, None, "", "Binance"), ts)
        if self._number % 10 == 0:
            held = [rng.randint(-(10**6), 10**6) for _ in range(2)]
            self._equity = [equity + rng.randint(-(10**9), 10**9) for equity in self._equity]
            families = tuple(
                AgentFamily(name, 1, position, equity, 0, 0, self._number, 1)
                for name, position, equity in zip(("maker", "you"), held, self._equity, strict=True)
            )
            lines = tuple(AgentLine(i, held[i], 0, 0, 0, 0, 0, 0, 0) for i in range(2))
            out.add_note(Agents(0, families, lines, True), ts)
        return out.take()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recorded, Said]:
    said: Said = []

    def hear(_: State, derived: Sequence[Derived]) -> None:
        said.extend((d.ts, d.symbol, d.kind, d.text) for d in derived if isinstance(d, Alert))

    folder = tmp_path_factory.mktemp("alerts")
    return recorded_beside(folder, Crowd(6), seed=12, ticks=1200, observers=[hear]), said


def test_every_kind_speaks_and_the_table_has_what_was_told(recorded: tuple[Recorded, Said]) -> None:
    session, said = recorded
    with Recording(session.path) as recording:
        rows = recording.query("select ts, symbol, kind, text from alerts order by rowid")
    assert [tuple(row) for row in rows] == said
    kinds = {kind for _, _, kind, _ in said}
    assert {"SPREAD", "DEPTH", "MOVE", "RISK", "WHALE", "HELD"} <= kinds
    words = " ".join(text for *_, text in said)
    for word in ("drawdown", "value at risk", "shortfall", "exposure", "inventory", "times the size"):
        assert word in words
    passed = sum(kind not in ("MARK", "SAID", "FILL", "SHOCK") for _, _, kind, _ in said)
    assert passed <= 10 + 20 + 120 / 3  # defaults until the rules came, then theirs


def test_law_1_a_replay_tells_what_the_session_told(recorded: tuple[Recorded, Said]) -> None:
    session, _ = recorded
    assert replayed(session.path) == session.frames


def test_law_2_a_seek_finds_the_conditions_of_that_moment(recorded: tuple[Recorded, Said]) -> None:
    session, _ = recorded
    assert_seeks(session.path, session.frames, 3)


@pytest.fixture(scope="module")
def state() -> State:
    """A state in which all of it has something to remember."""
    state, crowd = State(), Crowd(2)
    for batch in generated_batches(seed=3, ticks=600):
        apply(state, batch)
        said = crowd.after(state, batch)
        if said is not None and len(said):
            apply(state, said)
    assert state.risk.families
    assert state.alerts.conditions
    return state


def test_a_checkpoint_brings_all_of_it_back(state: State) -> None:
    again = unpack(pack(state))
    assert pack(again) == pack(state)
    assert again.risk == state.risk
    assert again.symbols[0].watch == state.symbols[0].watch


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("alerts", "tokens"), 1e9),
        (("alerts", "whales"), ["x"] * 1000),
        (("alerts", "held"), {"MOVE": -5}),
        (("symbols", 0, "watch", "spread", "counts"), [0.0] * 3),
        (("symbols", 0, "watch", "spread", "weight"), 1e300),
        (("symbols", 0, "watch", "thinness", "total"), float("nan")),
        (("symbols", 0, "watch", "conditions"), {"x": [0, False, 9, 0, 0]}),
        (("risk", "unit"), None),
        (("risk", "unit"), [0, "0.01", "1e900"]),
        (("risk", "unit"), [0, "NaN", "1"]),
        (("risk", "families", "you", "changes"), [1] * 600),
        (("risk", "families", "you", "place"), 500),
        (("risk", "families", "you", "variance"), float("nan")),
        (("risk", "families", "you", "held"), [5, 9, 0, 0, 0, 0, 0]),
        (("risk", "families", "you", "held"), [5, 1, 9, 0, 0, 0, 7]),
        (("risk", "minute_variance"), -1.0),
        (("setup", "alerts", "per_hour"), 0.0),
        (("setup", "risk", "horizon_s"), 0.0),
        (("setup", "alerts", "rules"), [{"name": "x" * 41, "kind": "feed"}]),
        (("setup", "alerts", "rules"), [{"name": "x", "kind": "what"}]),
    ],
)
def test_a_strangers_checkpoint_is_refused(state: State, path: tuple[str | int, ...], value: object) -> None:
    packed = msgspec.msgpack.decode(pack(state))
    inner = packed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(BadCheckpoint):
        unpack(msgspec.msgpack.encode(packed))
