"""`microtui risk` against the state that the session itself ended with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.risk import risk as command
from engine.core import State
from engine.risk.shown import risk_now
from engine.session import Session
from store.header import new_header
from store.recorder import Recorder
from tests.alerts.test_alert_laws import SETUP, Crowd
from tests.laws.generated import generated_batches
from tests.laws.test_laws import ListSource


def run(*args: str) -> Result:
    return CliRunner().invoke(command, list(args))


def recorded(path: Path, ticks: int, *, crowd: bool = True) -> State:
    session = Session(
        ListSource(generated_batches(seed=4, ticks=ticks)),
        sink=Recorder(path, new_header("test", 1)),
        producers=[Crowd(8)] if crowd else [],
    )
    asyncio.run(session.run())
    return session.state


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, State]:
    path = tmp_path_factory.mktemp("risk") / "session.sqlite"
    return path, recorded(path, 900)


def test_the_table_is_the_state_at_the_end(session: tuple[Path, State]) -> None:
    path, state = session
    rows = [json.loads(line) for line in run(str(path), "--json").stdout.splitlines()]
    assert [row["family"] for row in rows] == ["maker", "you"]
    for row in rows:
        now = risk_now(state.risk, row["family"], state.symbols[0].feature("mid"), SETUP.risk)
        assert now is not None
        assert row["var"] == pytest.approx(now.var)
        assert row["es_ewma"] == pytest.approx(now.es_ewma)
        assert row["coverage"]["forecasts"] == now.coverage.forecasts > 20
        assert row["coverage"]["kupiec"] == pytest.approx(now.coverage.kupiec)
        assert (row["horizon_s"], row["level"]) == (1.0, 0.9)


def test_for_people_it_names_what_it_is_of(session: tuple[Path, State]) -> None:
    path, state = session
    shown = run(str(path)).stdout.splitlines()
    assert shown[0] == "session: 90 % over 1 s, in USDT"
    maker = next(line for line in shown if line.startswith("maker"))
    coverage = state.risk.families["maker"].held
    assert f"{coverage.failures} of {coverage.forecasts}" in maker


def test_where_nobody_traded_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "alone.sqlite"
    recorded(path, 50, crowd=False)
    assert run(str(path)).stdout == "Nobody traded in alone: there is no risk to tell of.\n"
    assert run(str(path), "--json").stdout == ""


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"
    path.write_bytes(b"not a recording")
    found = run(str(path))
    assert found.exit_code == 1
    assert "Traceback" not in found.output
