"""The market under bounds checks: shocks, own orders and halts reach outside no array, and go the same way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COURSE = """
from engine.kernels.matching_state import Do
from engine.market.people import ask
from engine.market.shocks import begin
from engine.market.state import new_market
from engine.shocks import KINDS, parse
from tests.market.worlds import SMALL, digest, step
market = new_market(SMALL, 17)
step(market, 600)
for number, kind in enumerate(KINDS):
    begin(market, parse(f"{kind.name}/4s"))
    for venue in (0, 1):
        price = SMALL.start_ticks + 20 * (number % 2) - 10
        ask(market, Do.LIMIT, venue, number % 2, price, 900)
        ask(market, Do.MARKET, venue, 1 - number % 2, 0, 400)
    step(market, 70)
    ask(market, Do.CANCEL, number % 2)
    step(market, 30)
print(digest(market))
"""


def found(**env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COURSE],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif("NUMBA_BOUNDSCHECK" in os.environ, reason="this is the checked run")
def test_nothing_reaches_outside_its_arrays() -> None:
    assert found(NUMBA_BOUNDSCHECK="1") == found()
