"""The process of one own adviser: `python -m engine.advisers.own_child FILE`, lines of JSON in and out.

It loads nothing of ours but msgspec and the messages; what a person's file prints goes to where errors go.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import msgspec

from engine.advisers.own import Answer, Hello, Seen

ALONE_S = 60


def main(path: Path) -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the file prints is no answer
    _alone_for(ALONE_S)
    try:
        module = _imported(path)
        hello = _hello(module, path)
    except (Exception, SystemExit) as error:
        hello = Hello(fault=_sentence(error, path))
        module = None
    _alone_for(0)
    _say(out, hello)
    if module is None or hello.fault:
        return
    for line in sys.stdin.buffer:
        _say(out, _answer(module, msgspec.json.decode(line, type=Seen), path))


def _alone_for(seconds: int) -> None:
    """What hangs for longer ends also where nobody is left to end it; 0: it has not hung."""
    if (alarm := getattr(signal, "alarm", None)) is not None:
        alarm(seconds)


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("microtui_own_adviser", path)
    if spec is None or spec.loader is None:
        raise ImportError("expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def _hello(module: ModuleType, path: Path) -> Hello:
    name, horizon = getattr(module, "NAME", None), getattr(module, "HORIZON_S", None)
    if not isinstance(name, str) or not isinstance(horizon, int | float):
        return Hello(
            fault=f"{path}:1: expected NAME = 'a_name' and HORIZON_S = 60, found {name!r}, {horizon!r}"
        )
    if not callable(getattr(module, "advise", None)):
        return Hello(fault=f"{path}:1: expected a function advise(sight), found none")
    return Hello(name, float(horizon))


def _answer(module: ModuleType, seen: Seen, path: Path) -> Answer:
    try:
        _alone_for(ALONE_S)
        said: Any = module.advise(seen)
        _alone_for(0)
        if said is None:
            return Answer()
        score, reason = said
        return Answer(None if score is None else float(score), str(reason))
    except (Exception, SystemExit) as error:
        return Answer(fault=_sentence(error, path))


def _sentence(error: BaseException, path: Path) -> str:
    """File, line, kind and first line of an error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else 1
    text = str(error).strip().splitlines()
    return f"{path}:{line}: {type(error).__name__}: {text[0] if text else 'no reason given'}"


def _say(out: BinaryIO, message: Hello | Answer) -> None:
    out.write(msgspec.json.encode(message) + b"\n")
    out.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
