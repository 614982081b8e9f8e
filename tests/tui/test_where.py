"""Where a shock or an order will act, said before it is done."""

from __future__ import annotations

import pytest

from engine.frame import Frame, Market
from engine.frame.agents import AgentsNow
from engine.frame.host import Host, Transport
from tui.where import acts, is_paper

SIMULATED, PAPER = AgentsNow(), AgentsNow(paper=True)


@pytest.mark.parametrize(
    ("label", "agents", "paper", "words"),
    [
        ("SIM", SIMULATED, False, "in this market"),
        ("CHILD", SIMULATED, False, "in this market"),
        ("REWIND", SIMULATED, False, "in a market, in a session of its own from here"),
        ("REPLAY", SIMULATED, True, "on paper, in a session of its own from here"),
        ("REPLAY", PAPER, True, "on paper, in a session of its own from here"),
        ("REWIND", PAPER, True, "on paper, in a session of its own from here"),
        ("CHILD", PAPER, True, "on paper, plainly ours"),
        ("CHILD", None, True, "on paper, plainly ours"),
        ("LIVE", PAPER, True, "on paper, plainly ours"),
        ("LIVE", None, True, "on paper, plainly ours"),
    ],
)
def test_it_says_where_it_acts(label: str, agents: AgentsNow | None, paper: bool, words: str) -> None:
    frame = Frame(Market(agents=agents), Host(transport=Transport(label)))
    assert is_paper(frame) is paper
    assert acts(frame) == words
