"""The agents panel: amounts as they are, each agent where there is room, and no panel where there are no agents."""

from __future__ import annotations

import struct

import pytest

from engine.frame import Frame, Market
from engine.frame.agents import AgentNow, AgentsNow, FamilyNow
from engine.frame.symbol import Line
from engine.instrument import Instrument
from tests.tui import frames
from tests.tui.stage import drawn, stage
from tui.look import plain_look
from tui.panels.agents import Agents

SIM = Instrument("sim", "BTCUSD", "BTC", "USD", "1", "0.001")


def course(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


FAMILIES = (
    FamilyNow("maker", 2, 1.21, 38.4, -3.0, 12_345, 20, course(*(float(i) for i in range(60)))),
    FamilyNow("informed", 1, -4.0, -12.9, 2.0, 7, 0, course(0.0, -5.0, -12.9)),
)
AGENTS = AgentsNow(
    FAMILIES,
    (
        AgentNow(0, 1.5, 60_001.0, 30.0, 2.5, -1.0, 4.0, 12_000, 10),
        AgentNow(0, -0.29, 59_000.0, 6.4, -0.5, -2.0, 2.0, 345, 10),
        AgentNow(1, -4.0, None, -10.0, -2.9, 2.0, 15.0, 7, 0),
    ),
)
FRAME = Frame(Market(ts=1, lines=(Line(SIM, "SYNCED"),), agents=AGENTS))


def test_families_with_their_inventory_profit_and_course() -> None:
    rows = drawn(Agents(plain_look()), FRAME, 46, 9)
    maker, informed = rows[2].split(), rows[3].split()
    assert maker[1:5] == ["maker", "2", "+1.21", "+38.4"]
    assert informed[1:5] == ["informed", "1", "−4.00", "−12.9"]
    assert "▁" in maker[5]
    assert maker[5].endswith("█")
    assert "fees paid −1.0" in rows[5]
    assert "60 001" not in "".join(rows)


def test_zoomed_every_agent_has_a_line() -> None:
    text = drawn(Agents(plain_look()), FRAME, 110, 16)
    assert "maker 1" in text[8]
    assert text[8].split()[3:11] == ["+1.500", "60", "001", "+30.0", "+2.5", "−1.0", "−4.0", "12"]
    assert "maker 2" in text[9]
    assert "informed 1" in text[10]
    assert "–" in text[10]


def test_quiet_mode_hides_amounts() -> None:
    from dataclasses import replace

    text = "".join(drawn(Agents(replace(plain_look(), quiet=True)), FRAME, 110, 16))
    for amount in ("38.4", "12.9", "1.21", "30.0"):
        assert amount not in text


@pytest.mark.parametrize(("width", "height"), [(3, 3), (12, 5), (46, 4), (200, 60)])
def test_any_size(width: int, height: int) -> None:
    rows = drawn(Agents(plain_look()), FRAME, width, height)
    assert not any("failed" in row for row in rows)
    assert all(len(row) <= width for row in rows)


def test_a_recording_of_nonsense_draws() -> None:
    odd = AgentsNow(
        (FamilyNow("x" * 80, 10**12, 1e300, -1e300, 0.0, 0, 0, b""),),
        (AgentNow(99, 1e18, 1e18, 1e18, 0.0, 0.0, 0.0, 10**15, 10**9),),
    )
    rows = drawn(Agents(plain_look()), Frame(Market(lines=FRAME.market.lines, agents=odd)), 110, 12)
    assert not any("failed" in row for row in rows)


async def test_it_is_on_the_screen_only_where_there_are_agents() -> None:
    async with stage(frames.live) as (ready, pilot):
        assert "agents" not in [panel.title for panel in ready.app.main.on_screen()]  # type: ignore[union-attr]
        await ready.press(pilot, "4")
        assert "agents" not in [panel.title for panel in ready.app.main.on_screen()]  # type: ignore[union-attr]
    async with stage(lambda view: FRAME) as (ready, pilot):
        await ready.press(pilot, "4")
        assert "agents" in [panel.title for panel in ready.app.main.on_screen()]  # type: ignore[union-attr]
        assert "+38.4" in ready.text()
