"""Agents of families that are not ours: `decide` asks those that this process was told to compile in.

A function that is passed as an argument never hits numba's cache. So a module is generated for each set of
families, into a cache folder of that set (`engine.kernels.cache_of`), and what calls agents is compiled against it;
with no such family `decide` says nothing, and all is as it was.

What a family is given it can only read, but for its own agent's memory and random stream; it is compiled with
bounds checks, and its orders are looked at before a book sees them (`sound`). What it does wrong is counted in
column FAULTS of its agent's memory.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.agents.families import BUILT_IN, VARIABLE, BadFamily, imported, read, said
from engine.agents.trading import (
    FAIR,
    KIND,
    LOTS,
    MEMORY,
    ORDERS,
    PRICE,
    SAID,
    SIDE,
    SLOT,
    SLOTS,
    STEP,
    VENUE,
    VENUES,
    Floats,
    Ints,
)
from engine.kernels import cache_of, compiled, inlined
from engine.kernels.matching_state import Do

FAULTS = MEMORY - 1  # the last column of memory, which a family's `decide` does not see
FIRST = len(BUILT_IN)  # number of the first of these families

# No sum of thousands of agents may overflow: money is ticks x lots, and a price may grow tenfold.
MOST_MONEY = 1e14
_SHARE = 4.0 * SLOTS  # a resting order in every slot of both venues takes half the room, inventory the other

_LIMIT, _MARKET, _IOC, _FOK, _POST_ONLY = (
    int(do) for do in (Do.LIMIT, Do.MARKET, Do.IOC, Do.FOK, Do.POST_ONLY)
)


@inlined
def _allowed(sight: Floats, held: int, out: Ints, row: int) -> bool:
    """Whether a row is an order that a book can be given; puts its slot right where it never rests."""
    venue, kind, side = out[row, VENUE], out[row, KIND], out[row, SIDE]
    price, lots, slot = out[row, PRICE], out[row, LOTS], out[row, SLOT]
    if venue < 0 or venue >= VENUES or sight[venue, STEP] <= 0.0:
        return False
    if side < 0 or side > 1 or slot < -1 or slot >= SLOTS or lots < 0:
        return False
    if lots == 0:
        out[row, KIND] = _LIMIT
        return bool(slot >= 0)
    dear = 10.0 * max(sight[venue, FAIR], 1000.0)
    room = MOST_MONEY / dear
    if lots > room / _SHARE or (held * (1 - 2 * side) > 0.5 * room):
        return False
    priced = bool(1 <= price <= dear)
    if kind in (_LIMIT, _POST_ONLY):
        return priced and bool(slot >= 0)
    out[row, SLOT] = -1
    return kind == _MARKET or (priced and kind in (_IOC, _FOK))


@inlined
def sound(sight: Floats, memory: Floats, agent: int, held: Ints, out: Ints, count: int) -> int:
    """Keep those of `count` rows that a book can be given, in their order; the others are faults of the agent's."""
    if count < 0 or count > ORDERS:
        memory[agent, FAULTS] += 1.0
        return 0
    has = held[agent, 0] + held[agent, 1]
    kept = 0
    for row in range(count):
        if _allowed(sight, has, out, row):
            for column in range(SAID):
                out[kept, column] = out[row, column]
            kept += 1
        else:
            memory[agent, FAULTS] += 1.0
    return kept


def troubles(family: Ints, memory: Floats) -> Iterator[str]:
    """What agents of these families did wrong so far, a sentence a family; `family` and `memory` are a market's."""
    for number, name in enumerate(NAMES, FIRST):
        faults = int(memory[family == number, FAULTS].sum())
        if faults:
            yield f"{name}: {faults} of its orders or decisions were refused, for no book or rule allows them"


@inlined
def _nobody(
    sight: Floats,
    params: Floats,
    family: int,
    traits: Floats,
    memory: Floats,
    streams: Any,
    agent: int,
    venue: int,
    held: Ints,
    lots_a_unit: float,
    out: Ints,
) -> int:
    return 0


def jitted(path: str) -> Any:
    """The `decide` of a file, compiled for the arrays that it will be given. Raises BadFamily with the line."""
    from numba import types
    from numba.core.errors import NumbaError

    def array(kind: Any, dimensions: int, readonly: bool) -> Any:
        return types.Array(kind, dimensions, "C", readonly=readonly)

    real, whole = types.float64, types.int64
    signature = whole(
        array(real, 2, True), array(real, 1, True), array(real, 1, True), array(real, 1, False),
        array(types.uint64, 2, False), whole, array(whole, 1, True), real, array(whole, 2, False),
    )  # fmt: skip
    module = imported(Path(path))
    for helper in vars(module).values():
        if getattr(getattr(helper, "py_func", None), "__module__", None) == module.__name__:
            helper.targetoptions["boundscheck"] = True  # the person's own helpers, compiled when first called
    try:
        return compiled(module.decide, "engine.market", signature, boundscheck=True)
    except NumbaError as error:
        place = getattr(error, "loc", None)
        line = place.line if place is not None and Path(place.filename) == Path(path) else 1
        raise BadFamily(f"{path}:{line}: decide does not compile: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """The sentence of numba's many lines that says why."""
    lines = [line.strip() for line in str(error).splitlines()]
    marks = ("Cannot ", "NameError", "NumbaTypeError", "Untyped global", "Unknown attribute", "No conversion")
    for line in lines:
        if any(mark in line for mark in marks):
            return said(ValueError(line)).removeprefix("ValueError: ")
    return said(ValueError(" ".join(lines[1:3]) or "no reason given")).removeprefix("ValueError: ")


_HEAD = '''"""Made by microtui for one set of families; see engine.agents.others. Changes here are lost."""

from engine.agents.others import FAULTS, jitted, sound
from engine.kernels import compiled

'''

_ASK = """
def ask(sight, params, family, traits, memory, streams, agent, venue, held, lots_a_unit, out):
    try:
{calls}
        else:
            count = 0
    except Exception:
        count = -1
    return sound(sight, memory, agent, held, out, count)


decide = compiled(ask, "engine.market")
"""

_CALL = """        {word} family == {number}:
            count = decide_{number}(
                sight, params[family], traits[agent], memory[agent, :FAULTS], streams[agent : agent + 1],
                venue, held[agent], lots_a_unit, out,
            )"""


def _source(paths: list[str]) -> str:
    numbers = range(FIRST, FIRST + len(paths))
    made = [f"decide_{number} = jitted({path!r})" for number, path in zip(numbers, paths, strict=True)]
    calls = [_CALL.format(word="if" if number == FIRST else "elif", number=number) for number in numbers]
    return _HEAD + "\n".join(made) + "\n\n" + _ASK.format(calls="\n".join(calls))


def _generated(paths: list[str]) -> ModuleType:
    """The module that asks these families, from its cache folder where there is one."""
    source = _source(paths)
    name = "microtui_agents"
    folder = cache_of("engine.market")
    if folder is None:
        module = ModuleType(name)
        sys.modules[name] = module
        exec(compile(source, "<families>", "exec"), module.__dict__)  # noqa: S102  our own text, above
        return module
    file = folder / f"{name}.py"
    if not file.exists() or file.read_text("utf-8") != source:
        draft = folder / f".{name}-{os.getpid()}.py"
        draft.write_text(source, "utf-8")
        draft.replace(file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # noqa: S101  a .py file has a loader
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_PATHS = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
NAMES = tuple(read(Path(path)).name for path in _PATHS)  # those compiled in, in the order of their numbers
ALL_NAMES = (*BUILT_IN, *NAMES)
decide: Callable[..., int] = _generated(_PATHS).decide if _PATHS else _nobody
