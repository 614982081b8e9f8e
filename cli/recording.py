"""Recordings as the commands use them: where they are kept, how one begins, what happens to old ones."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cli import paths
from cli.settings import Settings
from cli.watching import Market
from engine.feeds.network import is_here
from engine.feeds.venues import VENUES
from engine.ports import Sink
from store.errors import StoreError
from store.header import new_header
from store.recorder import Recorder
from store.sessions import Catalogue


def catalogue_of(settings: Settings) -> Catalogue:
    folder = settings.record.folder
    return Catalogue(folder.expanduser() if folder is not None else paths.recordings_folder())


def tidy(settings: Settings, say: Callable[[str], None]) -> None:
    """Recover what a crash left open and delete what is too old or too much, beside everything else."""

    def run() -> None:
        try:
            for lost in catalogue_of(settings).recover():
                say(lost)
        except (StoreError, OSError) as error:
            say(f"recordings could not be tidied: {error}")
        prune(settings, say)

    threading.Thread(target=run, name="tidy", daemon=True).start()


def prune(settings: Settings, say: Callable[[str], None]) -> None:
    """Delete what is too old or too much. What is being written stays."""
    try:
        record = settings.record
        catalogue_of(settings).prune(record.keep_days, int(record.disk_cap_gb * 2**30))
    except (StoreError, OSError) as error:
        say(f"old recordings could not be deleted: {error}")


def sink_maker(
    settings: Settings, market: Market, now: Callable[[], int], say: Callable[[str], None]
) -> Callable[[], Sink | None]:
    """A function that begins a recording, or says why it cannot and gives None: the session goes on."""

    def make() -> Sink | None:
        started = now()
        try:
            path = catalogue_of(settings).new_path(_told(market), started)
            kind = "made-up" if is_made_up(settings, market.venues) else "live"
            return Recorder(path, new_header(f"{kind} {market.title}", started))
        except (StoreError, OSError) as error:
            say(f"not recording: {error}")
            return None

    return make


def next_sink_maker(
    settings: Settings, market: Market, now: Callable[[], int], say: Callable[[str], None]
) -> Callable[[Sink, int], Sink | None]:
    """What goes on where a day ends: a recording whose parent is the one before; where none can be made, nothing.

    Old ones go then as well: a session that runs for months would otherwise fill the disk.
    """

    def follow(before: Sink, seq: int) -> Sink | None:
        if not isinstance(before, Recorder):
            return None
        started = now()
        try:
            path = catalogue_of(settings).new_path(_told(market), started)
            header = new_header(before.header.source, started, parent=(before.header.id, seq))
            threading.Thread(target=prune, args=(settings, say), name="prune", daemon=True).start()
            return Recorder(path, header)
        except (StoreError, OSError) as error:
            say(f"no new recording for the new day, the old one goes on: {error}")
            return None

    return follow


def _told(market: Market) -> tuple[str, ...]:
    """Symbols as a file's name takes them."""
    return tuple(symbol.replace("/", "-") for symbol in market.symbols)


def is_made_up(settings: Settings, venues: Sequence[str]) -> bool:
    """Whether the market is served on this machine: no record of it is one of a real market."""
    asked = [settings.venues.of(VENUES[venue]) for venue in venues]
    return any(is_here(url) for one in asked for url in (*one.ws, *one.rest))


def forget(path: Path) -> None:
    """Delete a closed recording with what belongs to it."""
    for file in (path, path.with_name(path.name + ".lock")):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
