"""The agents panel: every family and every agent with its own numbers, at any size and in any number."""

from __future__ import annotations

import frames
import msgspec
import numpy as np
import pytest
import worlds

from engine.frame import Frame
from tests.tui.panel_stage import inside, lines, on_stage
from tests.tui.stage import stage
from tui.look import Look, plain_look
from tui.panels.agents import Agents
from tui.theme import FALLBACK, Palette

FEW = {"maker": 2, "informed": 1, "noise": 1, "you": 1}


def of(counts: dict[str, int]) -> Frame:
    return worlds.on_paper(counts=counts)


def amount(text: str) -> float:
    return float(text.replace("−", "-").replace(" ", ""))


async def all_rows(panel: Agents) -> list[str]:
    """Every row there is, read by scrolling through them."""
    seen = inside(panel)
    while True:
        panel.action_scroll(len(inside(panel)))
        now = inside(panel)
        foot = lines(panel)[-1]
        hidden = int(foot.split("↑ ")[1].split()[0]) if "↑ " in foot else 0
        seen = seen[:hidden] + now
        if "↓" not in foot:
            return seen


@pytest.mark.parametrize("size", [(40, 20), (80, 24), (160, 46)])
@pytest.mark.parametrize("counts", [FEW, worlds.CROWD])
async def test_every_family_has_its_line(size: tuple[int, int], counts: dict[str, int]) -> None:
    panel, frame = Agents(plain_look()), of(counts)
    assert frame.market.agents is not None
    async with on_stage(panel, frame, size):
        rows = inside(panel)
        for family in frame.market.agents.families:
            words = next(row for row in rows if row.startswith(family.name.ljust(10))).split()
            assert int(words[1]) == family.count
            assert amount(words[2]) == pytest.approx(family.position, abs=0.005)
            assert amount(words[3]) == pytest.approx(family.pnl, abs=0.05)
        assert ("fills" in rows[0]) == (size[0] > 50)
        assert "paper" in lines(panel)[0]


@pytest.mark.parametrize("size", [(80, 24), (160, 46)])
@pytest.mark.parametrize("counts", [FEW, worlds.CROWD])
async def test_every_agent_is_there_once_with_its_numbers(
    size: tuple[int, int], counts: dict[str, int]
) -> None:
    panel, frame = Agents(plain_look()), of(counts)
    agents = frame.market.agents
    assert agents is not None
    async with on_stage(panel, frame, size):
        rows = [row for row in await all_rows(panel) if row.strip()]
        heading = next(i for i, row in enumerate(rows) if row.startswith("agent"))
        beside = rows[heading].count("agent")
        width = rows[heading].find("agent", 1)
        cells = []
        for row in rows[heading + 1 :]:
            cells += [row[:width], row[width:]] if beside == 2 else [row]
        told = {cell[:14].strip(): cell[14:].split() for cell in cells if cell.strip()}
        assert len(told) == len(agents.agents)
        number: dict[int, int] = {}
        for agent in agents.agents:
            number[agent.family] = number.get(agent.family, 0) + 1
            name = agents.families[agent.family].name
            words = told[name if name == "you" else f"{name} {number[agent.family]}"]
            assert amount(words[0]) == pytest.approx(agent.position, abs=0.0006)
            assert str(agent.fills) in words
        assert beside == (2 if size[0] == 160 and len(told) > 1 else 1)


async def test_you_come_first_and_in_the_colour_of_what_is_ones_own() -> None:
    panel = Agents(plain_look())
    async with on_stage(panel, of(worlds.CROWD), (80, 24)):
        rows = inside(panel)
        first = next(i for i, row in enumerate(rows) if row.startswith("agent")) + 1
        assert rows[first].startswith("you ")
        name = next(s for s in panel.render_line(1 + first) if s.text.startswith("you"))
        assert name.style == panel.look.palette.own


@pytest.mark.parametrize(("first", "last"), [(1.0, 8.0), (-9971.0, -9964.0), (8.0, 1.0), (-1.0, -8.0)])
async def test_the_course_is_the_last_minute_over_its_own_range(first: float, last: float) -> None:
    frame = of({"maker": 1})
    agents = frame.market.agents
    assert agents is not None
    history = np.concatenate([np.full(240, 1e6), np.linspace(first, last, 60)])
    family = msgspec.structs.replace(agents.families[0], history=history.tobytes())
    market = msgspec.structs.replace(frame.market, agents=msgspec.structs.replace(agents, families=(family,)))
    panel = Agents(plain_look())
    async with on_stage(panel, msgspec.structs.replace(frame, market=market), (120, 20)):
        columns = inside(panel)[1][43:].rstrip()
        assert len(columns) == 60
        assert (columns[0], columns[-1]) == (("▁", "█") if last > first else ("█", "▁"))
        assert list(columns) == sorted(columns, reverse=last < first)


async def test_quiet_hides_what_they_hold_and_earn() -> None:
    panel = Agents(Look(Palette(FALLBACK), quiet=True))
    async with on_stage(panel, of(FEW), (80, 24)):
        body = "".join(inside(panel)[1:5])
        assert "+1.21" not in body
        assert "•••" in body


async def test_a_low_panel_spends_no_row_on_a_gap() -> None:
    frame = of({"maker": 2, "informed": 1, "noise": 1, "arbitrage": 1, "you": 1})
    panel = Agents(plain_look())
    for height, rows in ((9, 7), (10, 8)):
        async with on_stage(panel, frame, (40, height)):
            assert [row[:4].strip() for row in inside(panel)][-1] == "fees"
            assert len(inside(panel)) == rows
            assert "↓" not in lines(panel)[-1]
        panel = Agents(plain_look())


async def test_without_agents_there_is_no_panel_and_in_simulation_no_paper() -> None:
    async with stage(frames.live) as (it, _):
        assert it.panel("agents") not in it.app.main.needed  # type: ignore[union-attr]
    panel = Agents(plain_look())
    async with on_stage(panel, worlds.simulated(), (80, 24)):
        assert "paper" not in lines(panel)[0]
