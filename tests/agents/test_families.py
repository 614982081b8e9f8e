"""Files of a person's own: each fault is a sentence with the file's line, and never an exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.agents.families import BadFamily, Families, load, read
from engine.agents.others import jitted
from engine.rng import new_streams
from engine.scenario import BadScenario, parse
from tests.agents.own import MOMENTUM, PATIENT, written

START = "import msgspec\nNAME = 'mine'\nclass Params(msgspec.Struct):\n    size: float = 1.0\n"
COLUMNS = "def columns(p):\n    return (p.size,)\n"
ARGUMENTS = "sight, params, traits, memory, random, venue, held, lots_a_unit, out"
DECIDE = f"def decide({ARGUMENTS}):\n    return 0\n"


def problem(folder: Path, text: str) -> str:
    (folder / "mine.py").write_text(text, "utf-8")
    found = load(folder)
    assert not found.jitted
    assert not found.plain
    (said,) = found.problems
    assert "\n" not in said
    return said.removeprefix(str(folder) + "/")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (\n", "mine.py:1: SyntaxError: '(' was never closed"),
        ("import msgspec\n\nimport nowhere\n", "mine.py:3: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\ny = x / 0\n", "mine.py:2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "mine.py:2: SystemExit: 3"),
        ("x = 1\n", "mine.py:1: expected NAME = 'a_name' of small letters, digits and _, found None"),
        ("\nNAME = 'No Name'\n", "mine.py:2: expected NAME = 'a_name' of small letters, digits and _, found"),
        ("NAME = 'noise'\n", "mine.py:1: expected a name of its own, found 'noise', which is built in"),
        ("NAME = 'mine'\nParams = 3\n", "mine.py:2: expected a class Params(msgspec.Struct), found 3"),
        (
            START.replace(" = 1.0", "") + COLUMNS + DECIDE,
            "mine.py:4: expected a default for every parameter, found none for size",
        ),
        (START, "mine.py:2: expected a function decide, or a class Family with one; found neither"),
        (
            START + COLUMNS + "def decide(x):\n    return 0\n",
            f"mine.py:7: expected decide({ARGUMENTS}), found x",
        ),
        (START + DECIDE, "mine.py:5: expected a function columns(params)"),
        (START + "def columns(p):\n    return (p.sise,)\n" + DECIDE, "mine.py:6: columns: AttributeError"),
        (
            START + "def columns(p):\n    return (float('nan'),)\n" + DECIDE,
            "mine.py:5: expected columns to give up to 24 finite numbers, found 1: (nan,)",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_left_out_and_its_line_is_named(
    tmp_path: Path, text: str, said: str
) -> None:
    assert problem(tmp_path, text).startswith(said)


def test_one_bad_file_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = ")
    (tmp_path / "b.py").write_text(MOMENTUM)
    (tmp_path / "c.py").write_text(PATIENT)
    (tmp_path / "d.py").write_text(MOMENTUM)
    (tmp_path / "_draft.py").write_text("x = ")
    found = load(tmp_path)
    line = MOMENTUM.splitlines().index('NAME = "momentum"') + 1
    assert (list(found.jitted), list(found.plain)) == (["momentum"], ["patient"])
    assert [text.split(": ", 1)[0] for text in found.problems] == [
        f"{tmp_path}/a.py:1",
        f"{tmp_path}/d.py:{line}",
    ]
    assert "'momentum' twice" in found.problems[1]


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert load(tmp_path / "agents") == Families()


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("    return nothing\n", 8, "NameError: name 'nothing' is not defined"),
        ("    x = 1\n    sight[0, 0] = 2.0\n    return x\n", 9, "Cannot modify readonly array"),
        ("    return out[0, 0].price\n", 8, "Unknown attribute 'price'"),
    ],
)
def test_what_does_not_compile_is_told_with_its_line(body: str, line: int, said: str) -> None:
    text = START + COLUMNS + f"def decide({ARGUMENTS}):\n{body}"
    path = written("mine", text)
    with pytest.raises(BadFamily) as error:
        jitted(str(path))
    place, _, rest = str(error.value).partition(": ")
    assert place == f"{path}:{line}"
    assert rest.startswith("decide does not compile: ")
    assert said in rest
    assert "\n" not in rest


def test_a_compiled_family_cannot_reach_beyond_its_arrays() -> None:
    helper = "import numba\n@numba.njit\ndef put(memory, at):\n    memory[at] = 1.0\n"
    text = START + COLUMNS + helper + f"def decide({ARGUMENTS}):\n    put(memory, venue)\n    return 0\n"
    decide = jitted(str(written("beyond", text)))
    row, lots = np.zeros(3), np.zeros(2, np.int64)
    memory, out = np.zeros(15), np.zeros((32, 6), np.int64)
    streams = new_streams(1, ["x"])
    assert decide(np.zeros((2, 13)), row, row, memory, streams, 14, lots, 1.0, out) == 0
    assert memory[14] == 1.0
    with pytest.raises(IndexError):
        decide(np.zeros((2, 13)), row, row, memory, streams, 15, lots, 1.0, out)


@pytest.fixture(scope="module")
def families() -> Families:
    momentum, patient = read(written("momentum", MOMENTUM)), read(written("patient", PATIENT))
    problem = "agents/broken.py:3: SyntaxError: invalid syntax"
    return Families({"momentum": momentum}, {"patient": patient}, (problem,))


def test_a_scenario_takes_its_numbers_and_parameters(families: Families) -> None:
    scenario = parse("[counts]\nmomentum = 7\n[agents.momentum]\nlimit = 4.0\n", "x.toml", families=families)
    (own,) = scenario.own
    assert (own.name, own.count, own.spreads) == ("momentum", 7, (0.3, 0.0))
    assert own.columns == (0.5, 20.0, 1.0, 0.2, 4.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[counts]\nmomentum = -1\n", "x.toml:2: counts.momentum expected zero or more agents, found -1"),
        ("[counts]\nmomentum = 'a'\n", "x.toml:2: counts.momentum expected zero or more agents, found 'a'"),
        ("[counts]\nmomentum = 9990\n", "x.toml:1: counts expected at most 10000 agents, found 10075"),
        (
            "[agents.momentum]\nlimit = 'a'\n",
            "x.toml:2: agents.momentum.limit: Expected `float`, got `str`",
        ),
        (
            "[agents.momentum]\nlimits = 1.0\n",
            "x.toml:1: agents.momentum: Object contains unknown field `limits`",
        ),
        (
            "[counts]\nwhale = 1\n",
            "'whale' is no family of agents here; there are maker, informed, noise, arbitrage, momentum; "
            "left out: agents/broken.py:3: SyntaxError: invalid syntax",
        ),
        ("[counts]\npatient = 1\n", "'patient' is a family in plain Python, which trades on paper only"),
        ("own = []\n", "x.toml:1: expected own families in [counts], found 'own'"),
        (
            "[agents.maker]\nmodel = 'other'\n",
            "x.toml:2: agents.maker.model expected glft or avellaneda-stoikov, found 'other'",
        ),
    ],
)
def test_a_wrong_scenario_is_told_its_line(families: Families, text: str, said: str) -> None:
    with pytest.raises(BadScenario) as error:
        parse(text, "x.toml", families=families)
    assert said in str(error.value)
