"""Compiles every kernel into the cache: `python -m engine.kernels.warm`.

The compiler holds the interpreter's lock for long stretches, so on a first start a child process runs this
while the screen shows its lines, "3/7 fold". A kernel module that has something to compile defines `warm()`,
which calls its kernels with the types that the engine uses.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.kernels import CACHE_DIR

_MARKER = "warm"


def is_warm() -> bool:
    """Whether the kernels of this version have been compiled on this machine. Imports no numba."""
    return CACHE_DIR is not None and (CACHE_DIR / _MARKER).exists()


def _warmers() -> list[tuple[str, Callable[[], None]]]:
    found = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("__init__", "warm"):
            module = importlib.import_module(f"{__package__}.{path.stem}")
            if hasattr(module, "warm"):
                found.append((path.stem, module.warm))
    return found


def warm() -> Iterator[str]:
    """Compile module by module; each line says which one is next."""
    warmers = _warmers()
    for number, (name, compile_module) in enumerate(warmers, 1):
        yield f"{number}/{len(warmers)} {name}"
        compile_module()
    if CACHE_DIR is not None:
        (CACHE_DIR / _MARKER).touch()


if __name__ == "__main__":
    for line in warm():
        print(line, flush=True)
