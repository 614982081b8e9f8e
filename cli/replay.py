"""`microtui replay`: a recording or a reconstruction of the past, played on the screen or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.durations import Duration, Speed, moment_ns

if TYPE_CHECKING:
    from cli.past import Reel
    from engine.desk import Desk
    from engine.frame import Frame
    from engine.frame.host import Host
    from engine.session import Session
    from store.plan import Plan
    from store.recording import Recording
    from store.replay import ReplaySource
    from tui.bridge import Bridge


@click.command()
@click.argument("name", required=False, metavar="[NAME|FILE]")
@click.option("--at", metavar="TIME", help="Begin there: 14:25, 2024-08-08T23:55:00 or +5m.")
@click.option(
    "--speed",
    type=Speed(),
    help="0.25 to 64, or max. [default: on the screen 1, or a story's own pace; headless max]",
)
@click.option("--headless", is_flag=True, help="No screen: one JSON object a line on stdout.")
@click.option("--for", "for_s", type=Duration(), help="End after this much session time (headless).")
@click.option(
    "--interval", "interval_s", type=Duration(), default="5s", show_default=True, help="Between lines."
)
@click.option("--real", is_flag=True, help="A story around every real trade; see `microtui data fetch`.")
@click.option("--build", is_flag=True, help="Only build a story's recording, and say where it is.")
@click.option("--list", "listing", is_flag=True, help="The stories that come with microtui.")
def replay(
    name: str | None,
    at: str | None,
    speed: float | None,
    headless: bool,
    for_s: float | None,
    interval_s: float,
    real: bool,
    build: bool,
    listing: bool,
) -> None:
    """Play a recording by its NAME (see `microtui sessions list`) or FILE; the latest if none is named.

    Or a story, a reconstruction of the past: one that comes with microtui (see --list), or a FILE.toml of your own. It
    is built while you watch, within a minute, and kept.
    """
    if listing:
        _list()
        return
    shown = _Shown.of(name, real)
    if build:
        _build(shown)
        return
    if headless:
        _headless(shown, at, 0.0 if speed is None else speed, for_s, interval_s)
        return
    if for_s is not None:
        raise click.UsageError("--for goes with --headless")
    if at is not None:
        shown.check_moment(at)  # a wrong time is said before the screen is taken over
    from cli.export import exporters
    from cli.screen import run_screen

    run_screen(
        partial(_build_desk, shown, at, speed),
        title=f"replay {shown.title}",
        exporters=exporters(lambda: str(shown.path or "")),
    )


@dataclass(slots=True)
class _Shown:
    """What is to be played: a recording, or a story whose recording `open` finds or begins to build."""

    path: Path | None
    story_file: Path | None = None
    reel: Reel | None = None
    real: bool = False  # a story around the real trades

    @classmethod
    def of(cls, name: str | None, real: bool = False) -> _Shown:
        """Raises UserError that names what is there."""
        from cli import past
        from cli.errors import UserError

        story_file = past.find(name)
        if story_file is not None:
            if real:
                past.around_real(past.read_story(story_file))  # a missing day is said before anything begins
            return cls(None, story_file, real=real)
        if real:
            raise click.UsageError("--real goes with a story; --list tells which there are")
        try:
            return cls(find(name))
        except UserError as error:
            stories = ", ".join(past.built_in())
            raise UserError(f"{error.message}; stories of the past are {stories}") from None

    @property
    def title(self) -> str:
        file = self.path or self.story_file
        return file.stem if file is not None else ""

    def check_moment(self, at: str) -> None:
        if self.story_file is not None:
            from cli import past

            _moment(at, past.read_story(self.story_file).begins_ns)
        elif self.path is not None:
            with _open(self.path) as recording:
                _moment(at, recording.start)

    def begin(self) -> None:
        """Begin to build a story's recording where it is not there yet; nothing for a recording."""
        if self.story_file is not None:
            from cli import past

            self.reel = past.reel(past.read_story(self.story_file), self.story_file, real=self.real)
            self.path = self.reel.file

    async def open(self, say: Callable[[str], None]) -> Recording:
        """The recording, as soon as there is enough of it to look at. Raises UserError."""
        if self.reel is not None:
            from cli import past

            return await past.opened(self.reel, say)
        assert self.path is not None  # noqa: S101  a recording has one
        return _open(self.path)

    def source(self, recording: Recording, speed: float | None, *, hold_at_end: bool) -> ReplaySource:
        """What plays it. `speed` None is a story's own pace, and 1 for a recording."""
        from engine.ports import AUTO
        from store.replay import ReplaySource

        plan = self.plan
        if plan is None:
            return ReplaySource(recording, speed=1.0 if speed is None else speed, hold_at_end=hold_at_end)
        return ReplaySource(
            recording,
            speed=AUTO if speed is None else speed,
            follow=recording.being_written,
            hold_at_end=hold_at_end,
            plan=plan,
        )

    @property
    def plan(self) -> Plan | None:
        """What is known of a story's recording besides its file; None of a session's."""
        if self.reel is None:
            return None
        from cli.past import plan_of

        return plan_of(self.reel.story)


def find(name: str | None) -> Path:
    """The file of a recording, a session's or a story's; the error names what is there."""
    from cli import past
    from cli.errors import UserError
    from cli.recording import catalogue_of
    from cli.settings import load_settings
    from store.errors import StoreError

    story_file = past.find(name)
    if story_file is not None and story_file == Path(name or ""):
        return past.recording_of(story_file)
    try:
        return catalogue_of(load_settings()).find(name)
    except StoreError as error:
        if story_file is None:
            raise UserError(str(error)) from None
    return past.recording_of(story_file)  # a session of one's own comes before a story of its name


def _open(path: Path) -> Recording:
    from cli.errors import UserError
    from store.errors import StoreError
    from store.recording import Recording

    try:
        return Recording(path)
    except StoreError as error:
        raise UserError(str(error)) from None


def _moment(at: str, start_ns: int) -> int:
    from cli.errors import UserError

    try:
        return max(start_ns, moment_ns(at, start_ns))
    except ValueError as error:
        raise UserError(f"--at: {error}") from None


def _list() -> None:
    from cli import past

    for name, path in past.built_in().items():
        click.echo(f"{name:<10} {past.read_story(path).about}")
    click.echo("recordings of sessions: microtui sessions list", err=True)


async def _build_desk(shown: _Shown, at: str | None, speed: float | None, bridge: Bridge) -> Desk:
    from cli.child import child_opener
    from cli.host import HostMeter
    from cli.kernels import warm_kernels
    from cli.paper import PaperWorlds, choose_families
    from cli.settings import load_settings

    bridge.progress = "opening the recording"
    meter = HostMeter()
    say = meter.messages.append

    def tell(text: str) -> None:
        bridge.progress = text

    settings = load_settings()
    families = choose_families(settings, say)
    await warm_kernels(tell)  # before a build, which would have to compile them as well
    shown.begin()
    from engine.desk import Desk
    from engine.futures.what_if import WhatIfs
    from engine.session import Session

    recording = await shown.open(tell)
    start = _moment(at, recording.start) if at is not None else None
    if recording.lost:
        say(recording.lost)

    def make_session(publish: Callable[[Frame], None], host: Callable[[Host], Host]) -> Session:
        source = shown.source(recording, speed, hold_at_end=True)
        return Session(source, publish=publish, host=host, begin_at=start)

    worlds = PaperWorlds(settings, families, settings.agents.on, say)
    open_child = child_opener(
        settings, lambda: shown.path, worlds, say, follow=recording.being_written, plan=shown.plan
    )
    return Desk(bridge.publish, make_session, meter, None, say, open_child, WhatIfs())


def _headless(shown: _Shown, at: str | None, speed: float, for_s: float | None, interval_s: float) -> None:
    import asyncio

    from cli.headless import LinePrinter, run
    from cli.kernels import warm_kernels
    from engine.session import Session

    say = partial(click.echo, err=True)
    if shown.story_file is not None:
        asyncio.run(warm_kernels(say))  # before a build, which would have to compile them as well
    shown.begin()
    recording = asyncio.run(shown.open(say))
    start = _moment(at, recording.start) if at is not None else None
    if recording.lost:
        say(f"microtui: {recording.lost}")
    run(
        lambda: Session(shown.source(recording, speed, hold_at_end=False), begin_at=start),
        LinePrinter(interval_s, for_s, from_ts=start),
    )


def _build(shown: _Shown) -> None:
    """Build a story's recording with a line that tells how far it is."""
    from cli import past

    if shown.story_file is None:
        raise click.UsageError("--build goes with a story; --list tells which there are")
    shown.begin()
    assert shown.reel is not None  # noqa: S101  a story has one
    past.wait(shown.reel, partial(click.echo, err=True, nl=False))
    click.echo(shown.path)
