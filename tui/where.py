"""Where what a person does will act: in the market itself, or on paper beside a real one."""

from __future__ import annotations

from engine.frame import Frame


def is_paper(frame: Frame) -> bool:
    """Whether shocks and orders touch nothing but our own world: anywhere but in a market that is simulated now.

    A replay shows what was simulated once; what is done there goes beside it, on paper.
    """
    label, agents = frame.host.transport.label, frame.market.agents
    if label in ("SIM", "REPLAY"):
        return label == "REPLAY"
    return agents is None or agents.paper


def acts(frame: Frame) -> str:
    """In words, as the end of a sentence."""
    label = frame.host.transport.label
    if label in ("REPLAY", "REWIND"):
        return f"{'on paper' if is_paper(frame) else 'in a market'}, in a session of its own from here"
    return "on paper, plainly ours" if is_paper(frame) else "in this market"
