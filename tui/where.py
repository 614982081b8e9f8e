"""Where what a person does will act: in the market itself, or on paper beside a real one."""

from __future__ import annotations

from engine.frame import Frame


def is_paper(frame: Frame) -> bool:
    """Whether shocks and orders touch nothing but our own world: anywhere but in a simulated market itself."""
    return frame.host.transport.label != "SIM"


def acts(frame: Frame) -> str:
    """In words, as the end of a sentence."""
    label = frame.host.transport.label
    if label == "SIM":
        return "in this market"
    if label in ("REPLAY", "REWIND"):
        return "on paper, in a session of its own from here"
    return "on paper, plainly ours"
