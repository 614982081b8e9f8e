"""Agents of a person's own in the simulated market: the documented one trades, the wild one harms nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.agents.families import load
from engine.market.kernel import run_steps
from engine.market.source import NO_STATISTICS
from engine.market.state import new_market
from engine.scenario import Own, Scenario, parse
from tests.agents.own import MOMENTUM, WILD, python, written
from tests.market.test_market import digest, ran

MARKET = """
import json, sys
from pathlib import Path
import numpy as np
from engine.agents.families import read, use
from engine.agents.families import Families
momentum, wild = (read(Path(path)) for path in sys.argv[1:])
use((momentum, wild))
from engine.agents.others import FAULTS, NAMES, troubles
from engine.market.kernel import run_steps
from engine.market.report import agents_note, conserved
from engine.market.rows import resting
from engine.market.source import NO_STATISTICS
from engine.market.state import CASH, COST, FILLS, new_market
from engine.scenario import Scenario, parse
from tests.market.test_market import digest, ran

families = Families({"momentum": momentum, "wild": wild})
plain = ran(Scenario(), 11, 400)
built_in = plain._replace(params=plain.params[:4])  # there are rows for families that nobody belongs to
told = {"names": NAMES, "default": digest(built_in)}
scenario = parse("[counts]\\nmomentum = 5", "x.toml", families=families)
quiet = ran(scenario, 3, 6000)
told["note"] = [(f.name, f.count, f.fills) for f in agents_note(quiet).families]
told["trouble"] = list(troubles(quiet.family, quiet.memory))
held = np.abs(quiet.held[np.flatnonzero(quiet.family == 4)].sum(axis=1)).max()
told["held"] = int(held)
again = digest(ran(scenario, 3, 6000))
told["same"] = again == digest(quiet)

scenario = parse("[counts]\\nmomentum = 5\\nwild = 8", "x.toml", families=families)
market = new_market(scenario, 3)
told["amiss"] = 0
for _ in range(60):
    run_steps(market, 50, NO_STATISTICS)
    told["amiss"] += sum(map(abs, conserved(market).values()))
    for venue in (0, 1):
        bids, asks = resting(market, venue)
        told["amiss"] += bool(bids and asks and bids[0][0] >= asks[0][0]) + sum(n <= 0 for _, n in bids + asks)
mad = np.flatnonzero(market.family == 5)
told["most"] = float(np.abs(market.ledger[:, [CASH, COST]].astype(float)).max())
told["fills"] = int(market.ledger[mad, FILLS].sum())
told["faults"] = market.memory[mad, FAULTS].tolist()
told["nan"] = int(np.isnan(market.memory[market.family != 5]).sum())
told["mad"] = list(troubles(market.family, market.memory))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a process said that compiled both families in."""
    paths = [str(written("momentum", MOMENTUM)), str(written("wild", WILD))]
    code = MARKET.replace("sys.argv[1:]", repr(paths))
    found: dict[str, Any] = json.loads(python(code))
    return found


def test_the_documented_family_trades_and_keeps_its_limit(told: dict[str, Any]) -> None:
    assert told["names"] == ["momentum", "wild"]
    name, count, fills = told["note"][-1]
    assert (name, count) == ("momentum", 5)
    assert fills > 100
    assert 100 < told["held"] <= 2_000 + 3_000 * 0.2 * 3.0  # its limit, and one order
    assert told["trouble"] == []


def test_markets_with_own_families_are_the_same_for_a_seed(told: dict[str, Any]) -> None:
    assert told["same"]


def test_a_scenario_without_them_is_the_same_market_as_ever(told: dict[str, Any]) -> None:
    assert told["default"] == digest(ran(Scenario(), 11, 400))


def test_a_wild_family_corrupts_nothing(told: dict[str, Any]) -> None:
    assert told["fills"] > 20
    assert told["amiss"] == 0
    assert told["nan"] == 0
    assert told["most"] < 2.0**60
    assert min(told["faults"]) > 1000
    assert [text.split(":")[0] for text in told["mad"]] == ["wild"]


def test_a_family_that_is_not_compiled_in_is_named() -> None:
    scenario = Scenario(own=(Own("whale", 1, (), (0.0, 0.0), ""),))
    with pytest.raises(RuntimeError, match="found whale, which is not compiled in"):
        new_market(scenario, 1)


def test_a_scenarios_hash_knows_a_familys_source_and_parameters() -> None:
    families = load(written("momentum", MOMENTUM).parent)
    plain = parse("[counts]\nmomentum = 5", "x.toml", families=families)
    other = parse("[counts]\nmomentum = 5\n[agents.momentum]\nlimit = 3.0", "x.toml", families=families)
    nobody = parse("[counts]\nmomentum = 0", "x.toml", families=families)
    assert len({plain.hash, other.hash, nobody.hash}) == 3
    assert nobody.hash == Scenario(name="default").hash
    market = new_market(nobody, 1)
    run_steps(market, 10, NO_STATISTICS)
