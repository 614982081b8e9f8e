"""Where microtui keeps its files, whether it can, how much room is left, and what is there already."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli import paths
from cli.doctor_report import FAULT, HINT, OK, Finding, age, size

if TYPE_CHECKING:
    from cli.settings import Settings

AREA = "files"
_LITTLE_BYTES = 2 << 30  # a busy day of ten symbols is about one
_NONE_BYTES = 100 << 20
_MOST_FILES = 100_000  # that are counted in a folder
_GB = 1 << 30


def findings(settings: Settings) -> Iterator[Finding]:
    """settings: the ones in force, or the defaults where those cannot be read."""
    yield from _config()
    recordings = (settings.record.folder or paths.recordings_folder()).expanduser()
    yield from _recordings(recordings, settings)
    data = (settings.data.folder or paths.data_folder()).expanduser()
    for what, folder, holds in (
        ("data", data, "fetched dumps"),
        ("exports", paths.exports_folder(), "exported tables and pictures"),
        ("state", paths.state_file().parent, "the screen's last state, what was spent, the key of authors"),
        ("cache", paths.replays_folder().parent, "compiled kernels, pasts that were built: may be deleted"),
        ("log", paths.log_file().parent, "warnings"),
    ):
        yield folder_finding(what, folder, holds)


def _config() -> Iterator[Finding]:
    from cli.config import faults

    file = paths.config_file()
    found = faults(file)
    if found:
        for text in found:
            yield Finding(
                AREA, "settings", FAULT, text, "microtui config check tells again once it is changed"
            )
    elif file.is_file():
        yield Finding(AREA, "settings", OK, str(file))
    else:
        yield Finding(
            AREA, "settings", OK, f"{file}: not there, all are defaults; microtui config init writes it"
        )


def _recordings(folder: Path, settings: Settings) -> Iterator[Finding]:
    from store.schema import SUFFIX

    yield folder_finding(
        "recordings", folder, "" if settings.record.on else "recording is off in the settings"
    )
    files = [path for path in _listed(folder) if path.suffix == SUFFIX and path.stem != "catalogue"]
    stats = [found for path in files if (found := _stat(path)) is not None]
    total, count = sum(found.st_size for found in stats), len(stats)
    facts = {"count": count, "bytes": total}
    if not count:
        yield Finding(AREA, "sessions", OK, "none yet; microtui live records as you watch", "", facts)
        return
    oldest_s = time.time() - min(found.st_mtime for found in stats)
    names = "session" if count == 1 else "sessions"
    told = f"{count} {names}, {size(total)}, the oldest {age(oldest_s)} old"
    cap = settings.record.disk_cap_gb * _GB
    kept = f"kept for {settings.record.keep_days:g} days and up to {settings.record.disk_cap_gb:g} GB"
    free = _free(folder)
    if free is not None and cap - total > free:
        advice = (
            f"{kept}, but only {size(free)} are free: lower record.disk_cap_gb, or microtui sessions prune"
        )
        yield Finding(AREA, "sessions", HINT, told, advice, facts)
    else:
        yield Finding(AREA, "sessions", OK, f"{told}; {kept}", "", facts)


def folder_finding(what: str, folder: Path, holds: str) -> Finding:
    """Whether the folder, or the nearest above it that exists, takes files, and how much room there is."""
    here = folder
    while not here.exists() and here != here.parent:
        here = here.parent
    shown = f"{folder}{'' if folder.exists() else ' (made when it is needed)'}"
    free = _free(here)
    facts = {"path": str(folder), "free_bytes": free}
    if not here.is_dir():
        return Finding(AREA, what, FAULT, f"{here} is not a folder", "move that file away", facts)
    if not os.access(here, os.W_OK | os.X_OK):
        advice = f"nothing can be written there: chown or chmod {here}, or name another folder"
        return Finding(AREA, what, FAULT, shown, advice, facts)
    room = "" if free is None else f", {size(free)} free"
    if free is not None and free < _NONE_BYTES:
        return Finding(
            AREA, what, FAULT, shown + room, "the disk is full: make room, or name another folder", facts
        )
    if free is not None and free < _LITTLE_BYTES:
        return Finding(AREA, what, HINT, shown + room, "the disk is nearly full", facts)
    return Finding(AREA, what, OK, f"{shown}{room}{f' ({holds})' if holds else ''}", "", facts)


def _free(folder: Path) -> int | None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return list(folder.iterdir())[:_MOST_FILES]
    except OSError:
        return ()


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def usage(folder: Path) -> tuple[int, int]:
    """Files below a folder, and their bytes; links are not followed."""
    count = total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            found = _stat(Path(at) / name)
            if found is not None:
                count, total = count + 1, total + found.st_size
        if count > _MOST_FILES:
            break
    return count, total
