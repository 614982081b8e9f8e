"""Numba kernels: how every one of them is compiled, and where the compiled code is kept.

numba keys its cache by a function's own file, so a helper edited in another file would stay stale. Here the
cache folder's name is a hash of all kernel sources, where and when they were written, numba and Python: edit
anything and all is compiled anew.
Code compiled with bounds checks lives in a folder of its own, or numba would load the unchecked one.

Importing this package imports no numba; the first module that decorates a function does.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_dir

F = TypeVar("F", bound=Callable[..., Any])

# Where jitted lines may lie outside this folder, from the engine's: sources that import from here, and state.py
# and trading.py, whose numbers they use.
_ELSEWHERE = ("rng.py", "agents/*.py", "market/*.py", "paper/*.py", "futures/*.py")
_USED = ("state.py", "trading.py")
# What calls agents. With families of a person's own among them it is compiled anew, into a folder of that set.
_CALLS_AGENTS = ("engine.market", "engine.paper", "engine.futures")
_UNUSED_AFTER_S = 24 * 3600.0


def _fingerprint() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256(f"{version('numba')} {sys.version} {here}".encode())
    others = [source for pattern in _ELSEWHERE for source in sorted(here.parent.glob(pattern))]
    jitted = [s for s in others if s.name in _USED or b"from engine.kernels import" in s.read_bytes()]
    for source in (*sorted(here.glob("*.py")), *jitted):
        # numba's own index goes by a file's path and time: another clone's code would not be loaded.
        digest.update(f"{source.name} {source.stat().st_mtime_ns} ".encode() + source.read_bytes())
    checked = os.environ.get("NUMBA_BOUNDSCHECK", "") not in ("", "0")
    return digest.hexdigest()[:16] + ("-checked" if checked else "")


def _remove_unused(root: Path, current: Path, pattern: str = "*") -> None:
    """Earlier versions' folders; a young one may belong to a program that is compiling right now."""
    for folder in root.glob(pattern):
        if folder != current and time.time() - folder.stat().st_mtime > _UNUSED_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _choose_cache() -> Path | None:
    """The cache folder, or None where nothing can be written: numba would refuse to import `cache=True`.

    A shared temporary folder is no alternative: the cache is pickles, and others could plant theirs.
    """
    root = Path(user_cache_dir("microtui")) / "numba"
    given = os.environ.get("NUMBA_CACHE_DIR", "")
    if given and Path(given).parent != root:  # a person's choice; one below root is our parent process's
        return Path(given) if _writable(Path(given)) else None
    folder = root / _fingerprint()
    if not _writable(folder):
        os.environ.pop("NUMBA_CACHE_DIR", None)
        return None
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    with contextlib.suppress(OSError):  # another instance was quicker
        _remove_unused(root, folder)
    return folder


CACHE_DIR = _choose_cache()


def cache_of(module: str) -> Path | None:
    """Where the code of a module is kept: what calls agents has a folder for each set of a person's families."""
    files = os.environ.get("MICROTUI_FAMILIES", "")
    if CACHE_DIR is None or not files or not module.startswith(_CALLS_AGENTS):
        return CACHE_DIR
    return _cache_of_families(CACHE_DIR, files)


@functools.cache
def _cache_of_families(root: Path, files: str) -> Path | None:
    digest = hashlib.sha256(files.encode())
    for file in files.split(os.pathsep):
        with contextlib.suppress(OSError):  # whoever loads the family says so
            digest.update(Path(file).read_bytes())
    folder = root / f"families-{digest.hexdigest()[:16]}"
    if not _writable(folder):
        return None
    with contextlib.suppress(OSError):
        _remove_unused(root, folder, "families-*")
    return folder


def compiled(function: F, module: str, *signature: Any, **options: Any) -> F:
    """Compile a function as part of a module, whose cache folder it shares; at once where a signature is given."""
    import numba

    folder = cache_of(module)
    if folder is not None:
        config: Any = numba.config
        config.CACHE_DIR = str(folder)  # numba may have been imported before this package
    options |= {"cache": folder is not None, "nogil": True, "error_model": "numpy"}
    return numba.njit(*signature, **options)(function)


def _compile(function: F, **options: Any) -> F:
    return compiled(function, function.__module__, **options)


def jit(function: F) -> F:
    """Compile a kernel that Python calls. Division by zero gives inf or nan, never an exception."""
    return _compile(function)


def helper(function: F) -> F:
    """Compile a function that only kernels call, without reference counting: it may not allocate.

    Counting references of the arrays passed along cost 2.4 times in a hot loop.
    """
    return _compile(function, _nrt=False, forceinline=False)  # unsaid, it would be inherited from the caller


def inlined(function: F) -> F:
    """A helper whose code becomes part of its caller: for hot paths, where passing a dozen arrays costs more."""
    return _compile(function, _nrt=False, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
