"""Reconstructions of the past: stories that ship or are one's own, each built once into a recording and kept.

A story follows from its file and a seed, so its recording is a cache: it may be deleted at any time and lies beside
the catalogue of sessions, not in it. While it is built it can be watched already.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli import paths
from cli.errors import UserError

if TYPE_CHECKING:
    from engine.past.story import Story
    from store.plan import Plan
    from store.recording import Recording

# Raised when a later build of the same story would say something else.
FORM = 4
ENOUGH_NS = 600_000_000_000  # of session time: what is there before the first picture
LOOK_EVERY_S = 0.05
TELL_EVERY_S = 0.5

Say = Callable[[str], None]


def built_in() -> dict[str, Path]:
    """The stories that come with microtui, by name, march2020 first."""
    from engine.past.story import is_story

    found = [path for path in paths.built_in("replays").glob("*.toml") if is_story(path)]
    return {
        _named(path): path for path in sorted(found, key=lambda path: (path.stem != "march2020", path.stem))
    }


def find(name: str | None) -> Path | None:
    """The story by its name or file; None where it is none, and may be a recording."""
    if name is None:
        return None
    known = built_in()
    for its_name, path in known.items():
        if name in (its_name, path.stem):
            return path
    path = Path(name)
    return path if path.suffix == ".toml" and path.is_file() else None


def _named(path: Path) -> str:
    return str(tomllib.loads(path.read_text("utf-8")).get("name", path.stem))


def read_story(path: Path) -> Story:
    """A fault in it is a UserError."""
    from engine.past.story import BadStory, read

    try:
        return read(path)
    except BadStory as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Reel:
    """A story's recording: whole, or growing while it is built by `builder` or by another microtui."""

    story: Story
    file: Path
    builder: subprocess.Popen[str] | None = None

    def failed(self) -> str:
        """Why nobody builds it any more although it is not whole; nothing where all is well."""
        from cli.past_build import is_whole
        from store.lock import is_being_written

        builder = self.builder
        if builder is not None and builder.poll() is None:
            return ""
        if is_being_written(self.file) or is_whole(self.file):
            return ""
        said = builder.stdout.read().strip() if builder is not None and builder.stdout is not None else ""
        return f"{self.story.name} cannot be built: {said or 'the build was ended'}"


def reel(story: Story, story_file: Path, *, real: bool = False) -> Reel:
    """The recording of a story, which a process of its own begins to build where it is not there.

    `real`: around the real trades of one of its venues, which were fetched before. Raises UserError.
    """
    from cli.past_build import is_whole
    from store.lock import is_being_written

    folder = _folder()
    trades: list[Path] = []
    name = story.name
    if real:
        story, trades = around_real(story)
        name = f"{story.name}-real"
    file = folder / f"{name}-{_key(story, trades)}.sqlite"
    _forget_others(file, name)
    if is_whole(file):
        return Reel(_as_built(story, file), file)
    if is_being_written(file):
        return Reel(story, file)
    return Reel(story, file, _begin(story_file, file, trades))


def _as_built(story: Story, file: Path) -> Story:
    """The story as the help card tells of it: with what is recorded and is not so in its recording."""
    import msgspec

    from cli.past_build import told_of

    missed = tuple(f"Not met: {text}" for text in told_of(file))
    return msgspec.structs.replace(story, recorded=(*story.recorded, *missed))


def recording_of(story_file: Path) -> Path:
    """A story's recording, for whoever reads what is whole. Raises UserError where it is not built yet."""
    from cli.past_build import is_whole

    story = read_story(story_file)
    file = paths.replays_folder() / f"{story.name}-{_key(story)}.sqlite"
    if not is_whole(file):
        raise UserError(
            f"{story.name} is a story that is not built yet: `microtui replay {story_file.stem} --build` does, in a "
            "minute or two"
        )
    return file


def around_real(story: Story) -> tuple[Story, list[Path]]:
    """The story as it is told around real trades, and the files of these. Raises UserError where a day is missing."""
    from cli.data import kept_in
    from cli.settings import load_settings
    from engine.data.errors import DataError
    from engine.data.trades import VENUES, fetched
    from engine.past.real import as_told

    markets = {venue: market for market, venue in VENUES.items()}
    venue = next((venue for venue in story.venues if venue.name in markets), None)
    if venue is None:
        raise UserError(
            f"--real: expected a venue among {', '.join(markets)} in {story.name}, which has none"
        )
    first, last = (
        datetime.fromtimestamp(ns / 1e9, UTC).date()
        for ns in (story.begins_ns, story.ends_ns - 1_000_000_000)
    )
    try:
        files = fetched(kept_in(load_settings()), venue.symbol, first, last, markets[venue.name])
    except DataError as error:
        raise UserError(f"--real: {error}") from None
    return as_told(story, venue), files


def _key(story: Story, trades: Sequence[Path] = ()) -> str:
    """What the recording follows from."""
    from importlib.metadata import version

    from engine.data.errors import DataError
    from engine.data.files import origin_of

    try:
        proofs = "".join(f" {origin_of(path).sha256}" for path in trades)
    except DataError as error:
        raise UserError(f"--real: {error}") from None
    text = f"{story.hash} {version('microtui')} {FORM}{proofs}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _folder() -> Path:
    """Where reconstructions are kept; where nothing can be written there, a folder that goes when we do."""
    folder = paths.replays_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        passing = tempfile.mkdtemp(prefix="microtui-")
        atexit.register(shutil.rmtree, passing, ignore_errors=True)
        return Path(passing)


def _forget_others(file: Path, name: str) -> None:
    """Earlier forms of the same story; one that is being built stays."""
    from cli.past_build import discard
    from store.lock import is_being_written

    for other in file.parent.glob(f"{name}-{'?' * 16}.sqlite"):
        if other != file and not is_being_written(other):
            discard(other)


def _begin(story_file: Path, file: Path, trades: Sequence[Path]) -> subprocess.Popen[str]:
    """It goes on when this program is left, for the minute that it takes; the next start finds it done."""
    environment = {name: value for name, value in os.environ.items() if name != "MICROTUI_FAMILIES"}
    passing = file.parent != paths.replays_folder()
    builder = subprocess.Popen(  # noqa: S603  our own module, no shell
        [sys.executable, "-P", "-m", "cli.past_build", *map(str, (story_file.resolve(), file, *trades))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=not passing,
    )
    if passing:
        atexit.register(builder.kill)  # before its folder goes
    return builder


async def opened(found: Reel, say: Say) -> Recording:
    """The recording, once there is enough of it for a first picture. Raises UserError where it is not built."""
    from store.errors import StoreError
    from store.recording import Recording

    began, told = time.monotonic(), False
    while True:
        if found.file.exists() and found.file.stat().st_size:
            try:
                recording = Recording(found.file)
            except StoreError:  # its tables are being made
                recording = None
            if recording is not None:
                if recording.end - recording.start >= ENOUGH_NS or not recording.being_written:
                    return recording
                recording.close()
        if reason := found.failed():
            raise UserError(reason)
        if not told and time.monotonic() - began > 1.0:
            say(f"building {found.story.name}; it begins in a moment")
            told = True
        await asyncio.sleep(LOOK_EVERY_S)


def wait(found: Reel, tell: Say) -> None:
    """Until the recording is whole; `tell` gets what a person is to read of it. Raises UserError.

    On a terminal that is a line that is written over, how far it is; in a log a line as it begins and as it ends.
    """
    from cli.past_build import is_whole, told_of

    story, began, over = found.story, time.monotonic(), sys.stderr.isatty()
    if not over and not is_whole(found.file):
        tell(f"building {story.name}\n")
    while not is_whole(found.file):
        if over:
            share = max(0, _built_to(found.file) - story.begins_ns) / (story.ends_ns - story.begins_ns)
            tell(f"\rbuilding {story.name}: {share:4.0%}, {time.monotonic() - began:.0f} s")
        if reason := found.failed():
            tell("\n" if over else "")
            raise UserError(reason)
        time.sleep(TELL_EVERY_S)
    tell(f"\r{story.name} is whole" + " " * 20 + "\n" if over else f"{story.name} is whole\n")
    for text in told_of(found.file):
        tell(f"not met: {text}\n")


def _built_to(file: Path) -> int:
    """Session time that a growing recording has reached, 0 before it begins."""
    from store.errors import StoreError
    from store.recording import Recording

    if not file.exists() or not file.stat().st_size:
        return 0
    try:
        with Recording(file) as recording:
            return recording.end
    except StoreError:
        return 0


def plan_of(story: Story) -> Plan:
    """What is known of the recording besides its file."""
    from store.plan import Plan

    stops = {event.at_ns for event in story.events} | {chapter.begins_ns for chapter in story.chapters}
    return Plan(
        end=story.ends_ns,
        paces=tuple(_paces(story)),
        marks=tuple((ts, "MARK") for ts in sorted(stops)),
        note=story.note,
        about=about(story),
    )


def _paces(story: Story) -> Iterator[tuple[int, float]]:
    yield story.begins_ns, story.speed
    for chapter in sorted(story.chapters, key=lambda chapter: chapter.begins_ns):
        yield chapter.begins_ns, chapter.speed
        yield chapter.ends_ns, story.speed


def about(story: Story) -> tuple[str, ...]:
    """What the help card says of a story: a line each, headings end with a colon."""
    lines = [story.about] if story.about else []
    if story.recorded:
        lines += ["", "Recorded:", *(f"· {text}" for text in story.recorded)]
    if story.reconstructed:
        lines += ["", "Reconstructed:", *(f"· {text}" for text in story.reconstructed)]
    if story.events:
        lines += ["", "What happened:"]
        for event in story.events:
            when = datetime.fromtimestamp(event.at_ns / 1e9, UTC)
            lines.append(f"{when:%d %b %H:%M} {event.text}{_cited(story, event.source)}")
    if story.sources:
        lines += ["", "Sources:"]
        for number, source in enumerate(story.sources, 1):
            link = f" {source.url}" if source.url else ""
            lines.append(f"[{number}] {source.title}: {source.gives}{link}")
    return tuple(lines)


def _cited(story: Story, source: int) -> str:
    return f" [{source}]" if 1 <= source <= len(story.sources) else ""
