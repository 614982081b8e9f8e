"""How kernels are compiled: the cache folder, its fallbacks, warming, equal numbers under bounds checks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import engine.kernels as kernels

ROOT = Path(kernels.__file__).parent.parent.parent


def python(code: str, **env: str) -> str:
    """What a fresh interpreter prints, without any cache folder of ours in its environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")} | env
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SHOW = "from engine.kernels import CACHE_DIR; import os; print(CACHE_DIR, os.environ.get('NUMBA_CACHE_DIR'))"


def test_the_cache_lies_in_a_folder_named_by_the_sources(tmp_path: Path) -> None:
    folder, announced = python(SHOW, XDG_CACHE_HOME=str(tmp_path)).split()
    assert folder == announced
    assert Path(folder).parent == tmp_path / "microtui" / "numba"
    checked, _ = python(SHOW, XDG_CACHE_HOME=str(tmp_path), NUMBA_BOUNDSCHECK="1").split()
    assert checked == folder + "-checked"
    ours = {
        "XDG_CACHE_HOME": str(tmp_path),
        "NUMBA_CACHE_DIR": folder,
    }  # set by a parent process, not a person
    assert python(SHOW, NUMBA_BOUNDSCHECK="1", **ours).split()[0] == checked


def test_a_persons_cache_folder_is_used_as_it_is(tmp_path: Path) -> None:
    assert python(SHOW, NUMBA_CACHE_DIR=str(tmp_path)) == f"{tmp_path} {tmp_path}"


def test_where_nothing_can_be_written_kernels_still_compile(tmp_path: Path) -> None:
    (tmp_path / "microtui").write_text("in the way")
    code = (
        "from engine.kernels import CACHE_DIR, jit\n"
        "from engine.kernels.warm import is_warm\n"
        "def twice(x): return 2 * x\n"
        "print(CACHE_DIR, is_warm(), jit(twice)(21))"
    )
    assert python(code, XDG_CACHE_HOME=str(tmp_path)) == "None False 42"


def test_unused_folders_of_earlier_versions_are_removed_and_young_ones_kept(tmp_path: Path) -> None:
    root = tmp_path / "microtui" / "numba"
    old, young = root / "0ld", root / "y0ung"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "kernel.nbi").write_text("")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    current, _ = python(SHOW, XDG_CACHE_HOME=str(tmp_path)).split()
    assert sorted(p.name for p in root.iterdir()) == sorted(["y0ung", Path(current).name])


def test_asking_whether_kernels_are_warm_loads_neither_numba_nor_numpy(tmp_path: Path) -> None:
    code = (
        "import sys; from engine.kernels.warm import is_warm; warm = is_warm(); "
        "print(warm, 'numba' in sys.modules, 'numpy' in sys.modules)"
    )
    assert python(code, XDG_CACHE_HOME=str(tmp_path)) == "False False False"


def test_changed_sources_change_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = kernels._fingerprint()
    assert kernels._fingerprint() == before
    (tmp_path / "one.py").write_text("x = 1\n")
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "__init__.py"))
    first = kernels._fingerprint()
    (tmp_path / "one.py").write_text("x = 2\n")
    assert len({before, first, kernels._fingerprint()}) == 3


def test_every_module_that_can_be_warmed_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from engine.kernels import warm

    called: list[str] = []
    found = [name for name, _ in warm._warmers()]
    assert found == sorted(found)
    assert {"fold", "ladder", "level_book"} <= set(found)
    monkeypatch.setattr(warm, "_warmers", lambda: [(n, lambda n=n: called.append(n)) for n in ("a", "b")])
    monkeypatch.setattr(warm, "CACHE_DIR", tmp_path)
    assert not warm.is_warm()
    assert list(warm.warm()) == ["1/2 a", "2/2 b"]
    assert called == ["a", "b"]
    assert warm.is_warm()


SAY = """
import hashlib, sys
from engine.kernels.fold import fit, fold, new_market
from engine.kernels.ladder import read_ladder
from tests.kernels.streams import stream
market, digest = new_market(0.01, 0.001, [100.0, 5.0], 500), hashlib.sha256()
for batch in stream(31, ticks=700, price=60_000).split_at_ticks():
    market = fit(batch.rows, batch.levels, 0, market)
    digest.update(bytes([fold(batch.rows, batch.levels, 0, market)]))
    ladders = read_ladder(market, 0, 7, 30), read_ladder(market, 1, 1, 30)
    for array in (market.features, market.bands, *ladders):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


OVERREACH = """
from engine.kernels.level_book import _levels, new_book
try:
    _levels(*new_book(), 5)
except IndexError:
    print("found out")
"""


def test_no_kernel_reads_outside_its_arrays() -> None:
    plain = python(SAY)
    checked = python(SAY + OVERREACH, NUMBA_BOUNDSCHECK="1")
    assert checked.split("\n") == [plain, "found out"]
