"""A person's own agent families: files in the `agents` folder of their settings, found, checked and named.

A file has `NAME`, `Params` (a msgspec Struct whose fields have defaults), `columns(params)` and `decide(...)`: a
jitted family (`engine.agents.others` compiles it). Or `NAME`, `Params` and a class `Family`: a plain one, which
trades on paper only (`engine.agents.plain`). What is wrong with a file is said with its line; nothing raises.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from engine.text import clean

BUILT_IN = ("maker", "informed", "noise", "arbitrage")
VARIABLE = "MICROTUI_FAMILIES"  # files of the families that this process and its children compile in
MOST_COLUMNS = 24
_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")
ARGUMENTS = ("sight", "params", "traits", "memory", "random", "venue", "held", "lots_a_unit", "out")


class BadFamily(ValueError):
    """Says which file and line, what was expected and what was found."""

    for_people = True


@dataclass(frozen=True)
class Family:
    """One file that can be used. `make` is the class of a plain family, None for a jitted one."""

    name: str
    path: Path
    params: type[msgspec.Struct]
    columns: Callable[[Any], tuple[float, ...]]
    make: Callable[..., Any] | None = None

    @property
    def digest(self) -> str:
        """Of the file: what a scenario's hash knows of it."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def row(self, params: msgspec.Struct) -> tuple[float, ...]:
        """The parameters as `decide` reads them. Raises BadFamily."""
        try:
            values = tuple(float(value) for value in self.columns(params))
        except Exception as error:
            raise BadFamily(f"{self.path}:{line_of(error, self.path)}: columns: {said(error)}") from None
        if len(values) > MOST_COLUMNS or not all(math.isfinite(value) for value in values):
            raise BadFamily(
                f"{_at(self.path, 'columns')}: expected columns to give up to {MOST_COLUMNS} finite numbers, "
                f"found {len(values)}: {clean(str(values), 80)}"
            )
        return values


@dataclass(frozen=True)
class Families:
    """What a folder holds, by name, and what is wrong with the files that were left out."""

    jitted: dict[str, Family] = field(default_factory=dict)
    plain: dict[str, Family] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def load(folder: Path) -> Families:
    """Every `*.py` of the folder, in the order of their names. A folder that is not there holds none."""
    found = Families()
    problems: list[str] = []
    for path in sorted(folder.glob("[!_]*.py")) if folder.is_dir() else ():
        try:
            family = read(path)
            if family.name in found.jitted or family.name in found.plain:
                raise BadFamily(
                    f"{_at(path, 'NAME')}: expected a name of its own, found {family.name!r} twice"
                )
        except BadFamily as error:
            problems.append(str(error))
            continue
        (found.jitted if family.make is None else found.plain)[family.name] = family
    return Families(found.jitted, found.plain, tuple(problems))


def read(path: Path) -> Family:
    """The family of one file. Raises BadFamily."""
    module = imported(path)
    for fault, word in _faults(module):
        raise BadFamily(f"{_at(path, word)}: {fault}")
    name, params = module.NAME, module.Params
    if hasattr(module, "decide"):
        family = Family(name, path, params, module.columns)
        family.row(params())
        return family
    return Family(name, path, params, lambda _: (), module.Family)


def imported(path: Path) -> ModuleType:
    """The file as a module. Raises BadFamily with the line at which it failed."""
    name = f"microtui_agents_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadFamily(f"{path}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba looks a compiled function's module up here
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise BadFamily(f"{path}:{line_of(error, path)}: {said(error)}") from None
    return module


def _faults(module: ModuleType) -> Iterator[tuple[str, str]]:
    """(sentence, the word on whose line it belongs)."""
    name = getattr(module, "NAME", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = clean(repr(name), 40)
        yield f"expected NAME = 'a_name' of small letters, digits and _, found {shown}", "NAME"
    elif name in BUILT_IN:
        yield f"expected a name of its own, found {name!r}, which is built in", "NAME"
    params = getattr(module, "Params", None)
    if not (isinstance(params, type) and issubclass(params, msgspec.Struct)):
        yield f"expected a class Params(msgspec.Struct), found {clean(repr(params), 40)}", "Params"
        return
    without = [f.name for f in msgspec.structs.fields(params) if f.required]
    if without:
        yield f"expected a default for every parameter, found none for {', '.join(without)}", without[0]
    decide = getattr(module, "decide", None)
    if decide is None:
        if not callable(getattr(getattr(module, "Family", None), "decide", None)):
            yield "expected a function decide, or a class Family with one; found neither", "NAME"
        return
    arguments = tuple(inspect.signature(decide).parameters) if inspect.isfunction(decide) else ()
    if len(arguments) != len(ARGUMENTS):
        expected, shown = ", ".join(ARGUMENTS), ", ".join(arguments) or clean(repr(decide), 40)
        yield f"expected decide({expected}), found {clean(shown, 120)}", "decide"
    if not callable(getattr(module, "columns", None)):
        yield "expected a function columns(params) that gives decide its numbers, found none", "decide"


def _at(path: Path, word: str) -> str:
    """`file:line` of the first line that defines a word, or the file's first."""
    defines = re.compile(rf"\s*(?:def |class )?{re.escape(word)}\b")
    lines = path.read_text("utf-8", "replace").splitlines()
    return f"{path}:{next((n for n, line in enumerate(lines, 1) if defines.match(line)), 1)}"


def line_of(error: BaseException, path: Path) -> int:
    """The line of a file that an error comes from: the deepest of that file's in its traceback."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if f.lineno is not None and Path(f.filename) == path]
    return lines[-1] if lines else 1


def said(error: BaseException) -> str:
    """An error's kind and its first line, as one clean sentence."""
    text = (str(error) if not isinstance(error, SyntaxError) else error.msg).strip()
    return clean(f"{type(error).__name__}: {text.splitlines()[0] if text else 'no reason given'}", 300)


def use(families: Iterable[Family]) -> None:
    """Have this process and its children compile these families in; before `engine.market.kernel` is imported.

    Numbers of families follow this order. Raises RuntimeError where another set is compiled in already.
    """
    wanted = os.pathsep.join(str(family.path) for family in families)
    if "engine.agents.others" in sys.modules and wanted != os.environ.get(VARIABLE, ""):
        raise RuntimeError(
            f"expected families to be chosen before the market is loaded, found {wanted!r} after"
        )
    if wanted:
        os.environ[VARIABLE] = wanted
    else:
        os.environ.pop(VARIABLE, None)
