"""The paper world as the settings want it: who trades, what they pay, and what is said of names that nobody has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli import paths
from cli.errors import UserError
from cli.paper import PaperWorlds, choose_families
from cli.settings import Settings, load
from engine.agents.families import Families
from engine.core import State, apply
from engine.events import Agents
from engine.paper.producer import Paper
from engine.paper.rules import Rules
from engine.ports import Producer
from tests.paper.flows import flow
from tests.paper.world import SCALE, Told

PLAIN = """
import msgspec

NAME = "sleeper"


class Params(msgspec.Struct, frozen=True):
    size: float = 1.0


class Family:
    def __init__(self, params, seed):
        pass

    def decide(self, sight, agent):
        return None
"""


async def made(settings: Settings, families: Families, agents: bool) -> Producer:
    return await PaperWorlds(settings, families, agents, lambda text: None).make()


def test_fees_latency_and_counts_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        "[agents]\nlatency_ms = 300\nmaker_fee_bps = -0.5\n[agents.counts]\nmaker = 2\nsleeper = 3\n"
    )
    agents = load(file, environment={}).agents
    assert agents.rules() == Rules(maker_fee_bps=-0.5, latency_ms=300.0)
    assert agents.built_in() == {"maker": 2, "informed": 20, "arbitrage": 5}
    assert agents.of_own(["sleeper", "other"]) == {"sleeper": 3, "other": 1}


@pytest.mark.parametrize(
    "flag", ["agents.latency_ms=-1", "agents.maker_fee_bps=nan", "agents.counts.maker=-2"]
)
def test_absurd_agents_are_refused_with_their_place(flag: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"--set: {flag.partition('=')[0]}"):
        load(tmp_path / "none.toml", [flag], environment={})


def test_a_world_has_the_families_of_the_settings_and_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "config_folder", lambda: tmp_path)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "sleeper.py").write_text(PLAIN)
    flags = ["agents.counts.maker=2", "agents.counts.informed=1", "agents.counts.sleper=4"]
    settings = load(tmp_path / "none.toml", flags, environment={})
    said: list[str] = []
    families = choose_families(settings, said.append)
    assert said == ["agents.counts.sleper: expected one of arbitrage, informed, maker, sleeper"]
    for wanted, names in ((True, ["maker", "informed", "sleeper", "you"]), (False, None)):
        paper = asyncio.run(made(settings, families, wanted))
        assert isinstance(paper, Paper)
        told = Told(paper, {})
        state = State()
        for _, batch in flow(1, 30, scale=SCALE):
            apply(state, batch)
            told.after(state, batch)
        books = [note for _, note in told.notes if isinstance(note, Agents)]
        assert ([f.name for f in books[-1].families] if books else None) == names
