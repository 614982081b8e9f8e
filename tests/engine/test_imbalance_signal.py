"""The imbalance signal against hand-worked cases: when it speaks, when it must not, and how sure it is."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from engine.events import SignalRule
from engine.signals.imbalance import ImbalanceSignal

RULE = SignalRule()
TICK_NS = 100_000_000


def run(
    signal: ImbalanceSignal, ratios: list[float | None], rule: SignalRule = RULE, start: int = 0
) -> list[int]:
    """The tick numbers at which the direction changed."""
    return [
        start + n for n, ratio in enumerate(ratios) if signal.step(ratio, (start + n) * TICK_NS, 0.1, rule)
    ]


def test_it_speaks_when_the_ratio_has_held_for_more_than_a_minute() -> None:
    signal = ImbalanceSignal()
    changes = run(signal, [3.0] * 700)
    assert len(changes) == 1
    assert 600 <= changes[0] <= 602  # 60 s of tenths, to rounding
    assert signal.now.direction == "LONG"
    assert signal.now.reason.startswith("book 3.0 : 1 bids for ")


def test_the_other_side_is_its_mirror() -> None:
    up, down = ImbalanceSignal(), ImbalanceSignal()
    run(up, [3.0] * 900)
    run(down, [1 / 3.0] * 900)
    assert (up.now.direction, down.now.direction) == ("LONG", "SHORT")
    assert up.now.confidence == pytest.approx(down.now.confidence)
    assert down.now.reason.startswith("book 1 : 3.0 asks for ")


def test_confidence_is_the_stated_formula() -> None:
    signal = ImbalanceSignal()
    run(signal, [3.0] * 1201)
    held = signal.now.held_s
    magnitude = math.log2(3.0) - 1.0
    persistence = (held - 60.0) / 240.0
    assert signal.now.confidence == pytest.approx(
        0.40 + 0.35 * (0.5 * magnitude + 0.3 * persistence + 0.2), abs=1e-6
    )


def test_a_flicker_does_not_end_an_episode_but_does_not_count() -> None:
    steady, flickering = ImbalanceSignal(), ImbalanceSignal()
    run(steady, [3.0] * 640)
    pattern = ([3.0] * 19 + [1.5]) * 32
    run(flickering, pattern)
    assert steady.now.direction == flickering.now.direction == "LONG"
    assert flickering.now.held_s == pytest.approx(steady.now.held_s * 0.95, abs=1.0)
    assert (flickering.now.confidence or 0) < (steady.now.confidence or 0)


@pytest.mark.parametrize("break_with", [[1.0] * 30, [0.3], [None]])
def test_a_real_break_ends_it(break_with: list[float | None]) -> None:
    signal = ImbalanceSignal()
    run(signal, [3.0] * 700)
    assert signal.now.direction == "LONG"
    changes = run(signal, break_with, start=700)
    assert len(changes) == 1
    assert signal.now.direction == "FLAT"


def test_what_is_usual_here_is_no_signal() -> None:
    rng = random.Random(3)
    signal = ImbalanceSignal()
    # A market whose ratio swings beyond 2 about half the time, in bursts: the bare rule would speak.
    usual: list[float | None] = []
    while len(usual) < 9000:
        usual += [2.2 + rng.random() * 0.2] * rng.randint(100, 300) + [1.5] * rng.randint(100, 300)
    run(signal, usual)
    assert run(signal, [2.25] * 900, start=len(usual)) == []
    assert "usual for this market" in signal.now.reason
    run(signal, [9.0] * 700, start=len(usual) + 900)
    assert signal.now.direction == "LONG"


def test_missing_and_silly_ratios_say_so() -> None:
    signal = ImbalanceSignal()
    for ratio in (None, 0.0, -1.0, math.inf, math.nan):
        assert not signal.step(ratio, 0, 0.1, RULE)
        assert signal.now.reason == "no ratio: the book is not trusted now, or a side of it is empty"
        assert signal.now.confidence is None


def test_a_packed_copy_goes_on_the_same() -> None:
    rng = random.Random(1)
    ratios: list[float | None] = [math.exp(rng.gauss(0.6, 0.5)) for _ in range(3000)]
    one = ImbalanceSignal()
    run(one, ratios[:1500], SignalRule(hold_s=3))
    two = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=ImbalanceSignal)
    run(one, ratios[1500:], SignalRule(hold_s=3), 1500)
    run(two, ratios[1500:], SignalRule(hold_s=3), 1500)
    assert one == two
