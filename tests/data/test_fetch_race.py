"""Two of us who want the same dump at the same time: processes that really run, against a host on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest

from engine.data.dumps import Dump
from tests.data.dumpsite import Site, made, zipped

DUMP = Dump("spot", "aggTrades", "BTCUSDT", date(2020, 3, 12))
MS = 1_000_000
ROWS = 5000  # so that half of the zip fills more than a file's buffer


@pytest.fixture
def held(site: Site) -> Site:
    """A host that keeps the second half of the zip back."""
    content = made(DUMP.kind, DUMP.market, DUMP.day, header=False, unit_ns=MS, flag="True", count=ROWS)
    site.put(DUMP.path, zipped(content.csv, f"{DUMP.stem}.csv"))
    site.holds = threading.Event()
    return site


def fetching(site: Site, folder: Path) -> subprocess.Popen[str]:
    words = ["fetch", "BTCUSDT", "2020-03-12", "--out", str(folder), "--set", f"data.url={site.url}"]
    return subprocess.Popen(
        [sys.executable, "-m", "microtui", "data", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MICROTUI_CONFIG": str(folder / "none.toml")},
    )


def until_half_is_here(folder: Path) -> int:
    """Bytes of the part that lies there once the host keeps the rest back."""
    part = DUMP.file(folder).with_name(f"{DUMP.stem}.zip.part")
    for _ in range(600):
        if part.exists() and part.stat().st_size:
            return part.stat().st_size
        time.sleep(0.05)
    raise AssertionError("nothing of the zip came")


def asked(site: Site) -> list[str]:
    """The ranges in which the zip was asked for."""
    return [wanted for path, wanted in site.asked if path == DUMP.path]


def test_one_fetches_and_the_other_waits_for_it(held: Site, tmp_path: Path) -> None:
    assert held.holds is not None
    one, other = fetching(held, tmp_path), fetching(held, tmp_path)
    until_half_is_here(tmp_path)
    time.sleep(1.0)  # for whoever came second to come to the lock
    held.holds.set()
    told = [each.communicate(timeout=60) for each in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], told
    assert sorted(f"{ROWS:,} rows" in out for out, _ in told) == [False, True]
    assert sorted("there already" in out for out, _ in told) == [False, True]
    assert asked(held) == [""]
    (file,) = DUMP.file(tmp_path).parent.iterdir()
    assert pyarrow.parquet.read_table(file).num_rows == ROWS


def test_who_waits_goes_on_where_another_was_killed(held: Site, tmp_path: Path) -> None:
    assert held.holds is not None
    one = fetching(held, tmp_path)
    here = until_half_is_here(tmp_path)
    other = fetching(held, tmp_path)
    assert other.stderr is not None
    assert other.stderr.readline() == f"{DUMP.stem}  another microtui is fetching it; this one waits\n"
    one.send_signal(signal.SIGKILL)
    one.communicate(timeout=60)
    held.holds.set()
    out, err = other.communicate(timeout=60)
    assert other.returncode == 0, err
    assert f"{ROWS:,} rows" in out
    first, went_on = asked(held)
    assert first == ""
    assert here <= int(went_on.removeprefix("bytes=").removesuffix("-")) < len(held.files[DUMP.path])
    assert [path.name for path in DUMP.file(tmp_path).parent.iterdir()] == [f"{DUMP.stem}.parquet"]
