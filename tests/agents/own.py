"""Families as a person would write them: the examples of docs/agents.md, and one that does all it should not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.kernels import CACHE_DIR

ROOT = Path(__file__).parents[2]
_EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "agents.md").read_text("utf-8"), re.DOTALL)
MOMENTUM, PATIENT = _EXAMPLES

WILD = '''
"""Whatever can be written into an order, and what cannot."""

import math

import msgspec

from engine.rng import draw, uniform

NAME = "wild"
EDGES = (0, 1, -1, 2, 11, 12, 31, 32, 100, 599_999, 600_001, 2**31, 2**40, 2**60, -(2**60), 2**62, -(2**62))


class Params(msgspec.Struct):
    pass


def columns(p):
    return ()


def decide(sight, params, traits, memory, random, venue, held, lots_a_unit, out):
    memory[int(uniform(random, 0) * 15)] = math.nan
    turn = int(uniform(random, 0) * 12)
    if turn == 0:
        memory[15] = 0.0  # what it did wrong is not its own to forget
    if turn == 1:
        memory[1000] = 1.0
    if turn == 2:
        out[40, 0] = 1
    if turn == 3:
        raise ValueError("no reason")
    for row in range(32):
        for column in range(6):
            out[row, column] = EDGES[int(uniform(random, 0) * len(EDGES))]
        if turn > 5:  # nearly right
            out[row, 0], out[row, 1], out[row, 2] = row % 2, row % 5, int(uniform(random, 0) * 2.0)
            out[row, 3] = int(uniform(random, 0) * 620_000.0)
            out[row, 4] = int(uniform(random, 0) * 4_000_000.0)
            out[row, 5] = row % 14 - 1
    return int(draw(random, 0) % 80) - 20
'''


def written(name: str, text: str) -> Path:
    """A file of this text in a folder that stays, so that its compiled code is found again."""
    folder = (CACHE_DIR or Path(tempfile.gettempdir()) / f"microtui-{os.getpid()}") / "tests" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return path


def python(code: str, **env: str) -> str:
    """What a fresh interpreter prints, in a process of its own families."""
    clean = {k: v for k, v in os.environ.items() if k != "MICROTUI_FAMILIES"} | env
    if "NUMBA_BOUNDSCHECK" in env:
        clean.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=580
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
