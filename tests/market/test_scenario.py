"""Scenario files: what comes with microtui is right, and a wrong one is told its line and what would be right."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.market.kernel import run_steps
from engine.market.report import conserved
from engine.market.source import NO_STATISTICS
from engine.market.state import new_market
from engine.past.story import is_story
from engine.scenario import _BOUNDS, BadScenario, Scenario, parse, read

ALL = sorted((Path(__file__).parents[2] / "replays").glob("*.toml"))
BUILT_IN = [path for path in ALL if not is_story(path)]


@pytest.mark.parametrize("path", BUILT_IN, ids=lambda p: p.stem)
def test_built_in_scenarios_run(path: Path) -> None:
    scenario = read(path)
    assert scenario.name == path.stem
    market = new_market(scenario, scenario.seed)
    run_steps(market, 3000, NO_STATISTICS)
    assert set(conserved(market).values()) == {0}
    assert market.ledger.any()


def test_there_are_the_promised_ones() -> None:
    assert {"default", "calm", "thin", "cascade"} <= {path.stem for path in BUILT_IN}


def test_an_empty_file_is_the_default() -> None:
    scenario = parse("", "x.toml")
    assert scenario == Scenario()
    counts = scenario.counts
    assert (counts.maker, counts.informed, counts.noise, counts.arbitrage) == (10, 20, 50, 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[agents.maker]\nsize = -2.0\n", "x.toml:2: agents.maker.size expected 1e-06 to 1e+06, found -2"),
        (
            "[counts]\nmaker = 0\ninformed = 0\nnoise = 0\narbitrage = 0\n",
            "x.toml:1: counts expected at least one agent, found none: there is no market without traders",
        ),
        ("[counts]\nnoise = -3\n", "x.toml:2: counts.noise expected zero or more agents, found -3"),
        ("[counts]\nnoise = 20000\n", "x.toml:1: counts expected at most 10000 agents, found 20035"),
        (
            "[agents.whale]\nsize = 3.0\n",
            "'whale' is no family of agents here; there are maker, informed, noise, arbitrage",
        ),
        ("[counts]\nwhale = 3\n", "'whale' is no family of agents here; there are maker, informed, noise"),
        ("[agents.noise]\n\nsise = 3.0\n", "'sise' is no parameter here; there are rate, branching"),
        ("[world]\nvolatility = 1\n", "'volatility' is no parameter here; there are impact_ticks"),
        ("start_ticks = 5\n", "x.toml:1: start_ticks expected a price of 1000 to 100000000 ticks, found 5"),
        ("tick_size = '-1'\n", "x.toml:1: tick_size expected a step is a positive decimal"),
        ("[counts]\nmaker = 'ten'\n", "x.toml:2: counts.maker: expected `int`, got `str`"),
        ("[agents.noise]\ntail = nan\n", "x.toml:2: agents.noise.tail expected 0.5 to 100, found nan"),
        ("[agents.noise]\nbranching = 1.5\n", "agents.noise.branching expected 0 to 0.99, found 1.5"),
        ("[[venues]]\nname = 'a'\n[[venues]]\nname = 'a'\n", "x.toml:3: venues expected two names"),
        ("[[venues]]\nshare = 0.0\n", "expected a share above 0 and up to 1, found 0"),
        ("lot_size = '0.00000001'\nstart_ticks = 100000000\n", "x.toml:1: lot_size expected lots so large"),
        ("counts = [", "x.toml is not valid TOML"),
        ("[[shocks]]\nat_s = 5\nshock = 'riot:500'\n", "x.toml:3: shocks[0].shock expected one of sell, buy"),
        (
            "[[shocks]]\nat_s = 5\nshock = 'sell:-500'\n",
            "x.toml:3: shocks[0].shock expected a shock such as sell",
        ),
        (
            "[[shocks]]\nat_s = 5\nshock = 'halt'\n[[shocks]]\nshock = 'halt'\nat_s = -1\n",
            "x.toml:6: shocks[1].at_s expected 0 to 1e+06 seconds, found -1",
        ),
        ("[[shocks]]\nshock = 'halt'\n", "x.toml:1: shocks[0]: object missing required field `at_s`"),
        ("[[shocks]]\nat_s = 1\nkind = 'halt'\n", "'kind' is no parameter here; there are at_s, shock"),
        ("[world]\nleverage = -1.0\n", "x.toml:2: world.leverage expected 0 to 1e+06, found -1"),
        (
            "[[venues]]\nlatency_s = 99.0\n",
            "x.toml:2: venues[0].latency_s expected 0 to 10 seconds, found 99",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(BadScenario) as error:
        parse(text, "x.toml")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("x.toml")


def test_shocks_come_in_the_order_of_their_times() -> None:
    text = "[[shocks]]\nat_s = 9.5\nshock = 'halt/30s'\n[[shocks]]\nat_s = 2\nshock = 'sell:5'\n"
    planned = parse(text, "x.toml").planned(1_000)
    assert [(shock.kind, shock.ts) for shock in planned] == [
        ("programme", 2_000_001_000),
        ("halt", 9_500_001_000),
    ]
    assert parse(text, "x.toml").hash != Scenario().hash


def test_every_parameter_of_every_family_has_its_bounds() -> None:
    """A number that nobody checks is one that can break a market."""
    scenario = Scenario()
    wanted = {f"world.{name}" for name in scenario.world.__struct_fields__}
    for family in scenario.agents.__struct_fields__:
        wanted |= {f"agents.{family}.{name}" for name in getattr(scenario.agents, family).__struct_fields__}
    assert {key for key, _, _ in _BOUNDS} == wanted - {
        "agents.maker.model",
        "world.hears",
    }  # words, checked by type


def test_the_hash_changes_with_anything_that_matters_and_only_then() -> None:
    scenario = Scenario()
    assert scenario.hash == parse("", "elsewhere.toml").hash
    other = msgspec.structs.replace(scenario, world=msgspec.structs.replace(scenario.world, permanent=0.31))
    assert other.hash != scenario.hash
