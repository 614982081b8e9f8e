"""The table over many sessions: intervals that cover what they say, also where pieces move together; the command."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from cli.advisers import advisers
from engine.advisers.record import wilson
from engine.advisers.table import BLOCK_S, Marked, block_numbers, drawn_again, hit_interval, lines
from engine.events import Outcome
from store.header import new_header
from store.recorder import Recorder
from tests.laws.generated import generated_batches

SECOND = 1_000_000_000
START = 1_700_000_000 // 600 * 600 * SECOND


def pieces(
    rng: np.random.Generator, blocks: int, each: int, together: float, right: float = 0.5, edge: float = 0.0
) -> list[Marked]:
    """`each` pieces in each of `blocks` blocks; of a share `together` all in a block go the same way."""
    out = []
    for block in range(blocks):
        common = rng.random() < right
        for number in range(each):
            hit = common if rng.random() < together else rng.random() < right
            direction = 1 if rng.random() < 0.5 else -1
            move = (1.0 if hit else -1.0) * rng.exponential(2.0) + edge
            given = START + int(block * BLOCK_S * SECOND) + number * 30 * SECOND
            out.append(Marked(0, "x", given, 30.0, direction, 0.5, move, 0.5, int(move > 0)))
    return out


def test_blocks_are_of_ten_minutes_and_of_one_session() -> None:
    rows = pieces(np.random.default_rng(1), 3, 4, 0.0)
    assert block_numbers(rows, 30.0).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert block_numbers([*rows, rows[0]._replace(session=1)], 30.0)[-1] == 3
    assert block_numbers(rows, 900.0).max() <= 1


@pytest.mark.parametrize(("together", "least"), [(0.0, 0.90), (0.8, 0.88)])
def test_the_hit_rates_interval_covers_the_truth_also_where_pieces_move_together(
    together: float, least: float
) -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        rows = pieces(rng, 30, 10, together)
        low, high = hit_interval(np.array([r.hit for r in rows], float), block_numbers(rows, 30.0))
        covered += low <= 0.5 <= high
    assert covered / 300 >= least


def test_taken_as_independent_the_same_pieces_would_promise_too_much() -> None:
    """That the case above needs blocks at all: Wilson's own interval covers far less of it."""
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        hits = sum(row.hit for row in pieces(rng, 30, 10, 0.8))
        low, high = wilson(hits, 300)
        covered += low <= 0.5 <= high
    assert covered / 300 < 0.7


def test_with_few_blocks_each_is_one_piece_and_no_move_is_promised() -> None:
    rows = pieces(np.random.default_rng(3), 4, 20, 0.0, right=1.0)
    [line] = lines(rows)
    assert line.pieces == 80
    assert (line.hit_low, line.hit_high) == pytest.approx(wilson(4, 4), abs=1e-9)
    assert line.net_low is None
    assert line.verdict == "not shown to differ from a coin"


def test_drawn_again_is_near_the_exact_interval_of_independent_blocks() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(0.3, 1.0, 400)
    low, high = drawn_again(values, np.arange(400))
    half = stats.sem(values) * 1.96
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_a_line_adds_up() -> None:
    rows = pieces(np.random.default_rng(5), 20, 8, 0.0, right=0.8, edge=1.0)
    [line] = lines(rows)
    assert line.hit == pytest.approx(np.mean([r.hit for r in rows]))
    assert line.brier == pytest.approx(0.25)
    assert line.net_bps == pytest.approx(np.mean([r.move_bps - r.cost_bps for r in rows]))
    rose = [r.move_bps * r.direction > 0 for r in rows]
    assert line.base == pytest.approx(max(np.mean(rose), 1 - np.mean(rose)))
    assert line.verdict == "better than a coin, earned after costs"
    assert [s.pieces for s in line.calibration] == [160]
    few = lines(rows[:29])
    assert few[0].verdict == "too little data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two real markets, one of them an imported capture, and a simulated one in a folder of their own."""
    monkeypatch.setenv("MICROTUI_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("MICROTUI_RECORD__FOLDER", str(tmp_path))
    rng = np.random.default_rng(6)
    for number, source in enumerate(("live BTCUSDT", "import BTCUSDT on Binance spot", "sim default seed 1")):
        name = f"2026010{number + 1}-000000-x.sqlite"
        recorder = Recorder(tmp_path / name, new_header(source, START))
        outcomes = [
            Outcome(
                r.given + 30 * SECOND, 0, "technical", r.given, 30.0, r.direction, 0.52, "CALM", r.move_bps,
                r.cost_bps, r.hit,
            )
            for r in pieces(rng, 20, 2, 0.0)
        ]  # fmt: skip
        seq = 0
        for batch in generated_batches(1, 3):
            recorder.put(seq, batch, outcomes if not seq else [])
            seq += len(batch)
        recorder.close()
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(advisers, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("home")
def test_the_command_keeps_real_and_simulated_apart() -> None:
    text = run("--all")
    real, simulated = text.split("simulated or reconstructed markets, 1 recording")
    assert "real markets, 2 recordings" in real
    row = next(line for line in real.splitlines() if line.startswith("technical"))
    assert row.split()[1:5] == ["30", "s", "80", "40"]
    assert "when it said 52 %" in real
    row = next(line for line in simulated.splitlines() if line.startswith("technical"))
    assert row.split()[1:5] == ["30", "s", "40", "20"]
    told = [json.loads(line) for line in run("--all", "--json").splitlines()]
    assert [(t["markets"], t["pieces"]) for t in told] == [
        ("real markets", 80),
        ("simulated or reconstructed markets", 40),
    ]


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("import AAPL: LOBSTER's", "real markets"),
        ("made-up BTCUSDT", "simulated or reconstructed markets"),
        ("made-up import BTCUSDT on Binance spot", "simulated or reconstructed markets"),
        ("reconstruction of march2020", "simulated or reconstructed markets"),
        ("child of sim", "simulated or reconstructed markets"),
    ],
)
def test_whose_market_it_was_follows_from_the_recording_s_source(home: Path, source: str, title: str) -> None:
    with sqlite3.connect(home / "20260101-000000-x.sqlite") as file:
        file.execute("update header set value = ? where key = 'source'", (source,))
    file.close()
    assert run("--session", "20260101-000000-x").startswith(f"{title}, 1 recording")


@pytest.mark.parametrize(
    ("source", "counted"), [("live BTCUSDT", 2), ("child of x", 1), ("sim calm seed 1", 1)]
)
def test_of_all_the_next_day_of_a_session_counts_and_a_child_does_not(
    home: Path, source: str, counted: int
) -> None:
    with sqlite3.connect(home / "20260101-000000-x.sqlite") as file:
        file.execute("insert into header values ('parent', 'another'), ('parent_seq', '5')")
        file.execute("update header set value = ? where key = 'source'", (source,))
    file.close()
    real = "recordings" if counted == 2 else "recording"
    assert f"real markets, {counted} {real}" in run("--all")


@pytest.mark.usefixtures("home")
def test_named_sessions_and_wrong_names() -> None:
    assert "real markets, 1 recording" in run("--session", "20260101-000000-x")
    result = CliRunner().invoke(advisers, ["--session", "nowhere"])
    assert result.exit_code == 1
    assert "no session is named 'nowhere'" in result.output
    assert CliRunner().invoke(advisers, ["--all", "--session", "x"]).exit_code == 2
