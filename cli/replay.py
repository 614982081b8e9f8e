"""`microtui replay`: a recording, played on the screen or as JSON lines."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.durations import Duration, Speed, moment_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.desk import Desk
    from engine.frame import Frame, Host
    from engine.session import Session
    from store.recording import Recording
    from tui.bridge import Bridge


@click.command()
@click.argument("name", required=False, metavar="[NAME|FILE]")
@click.option("--at", metavar="TIME", help="Begin there: 14:25, 2024-08-08T23:55:00 or +5m.")
@click.option("--speed", type=Speed(), help="0.25 to 64, or max. [default: 1 on the screen, max headless]")
@click.option("--headless", is_flag=True, help="No screen: one JSON object a line on stdout.")
@click.option("--for", "for_s", type=Duration(), help="End after this much session time (headless).")
@click.option(
    "--interval", "interval_s", type=Duration(), default="5s", show_default=True, help="Between lines."
)
def replay(
    name: str | None,
    at: str | None,
    speed: float | None,
    headless: bool,
    for_s: float | None,
    interval_s: float,
) -> None:
    """Play a recording by its NAME (see `microtui sessions list`) or FILE; the latest if none is named."""
    path = find(name)
    if headless:
        _headless(path, at, 0.0 if speed is None else speed, for_s, interval_s)
        return
    if at is not None:
        with _open(path) as recording:  # a wrong time is said before the screen is taken over
            _start_ns(at, recording)
    from cli.export import exporters
    from cli.screen import run_screen

    run_screen(
        partial(_build_desk, path, at, 1.0 if speed is None else speed),
        title=f"replay {path.stem}",
        exporters=exporters(lambda: str(path)),
    )


def find(name: str | None) -> Path:
    """The file of a recording; the error names what is there."""
    from cli.errors import UserError
    from cli.recording import catalogue_of
    from cli.settings import load_settings
    from store.errors import StoreError

    try:
        return catalogue_of(load_settings()).find(name)
    except StoreError as error:
        raise UserError(str(error)) from None


def _open(path: Path) -> Recording:
    from cli.errors import UserError
    from store.errors import StoreError
    from store.recording import Recording

    try:
        return Recording(path)
    except StoreError as error:
        raise UserError(str(error)) from None


def _start_ns(at: str | None, recording: Recording) -> int | None:
    from cli.errors import UserError

    if at is None:
        return None
    try:
        ts = moment_ns(at, recording.start)
    except ValueError as error:
        raise UserError(f"--at: {error}") from None
    return min(max(ts, recording.start), recording.end)


async def _build_desk(path: Path, at: str | None, speed: float, bridge: Bridge) -> Desk:
    from cli.child import child_opener
    from cli.host import HostMeter
    from cli.kernels import warm_kernels
    from cli.paper import PaperWorlds, choose_families
    from cli.settings import load_settings

    bridge.progress = "opening the recording"
    meter = HostMeter()
    say = meter.messages.append
    settings = load_settings()
    families = choose_families(settings, say)
    recording = _open(path)
    start = _start_ns(at, recording)
    await warm_kernels(lambda text: setattr(bridge, "progress", text))
    from engine.desk import Desk
    from engine.futures.what_if import WhatIfs
    from engine.session import Session
    from store.replay import ReplaySource

    if recording.lost:
        say(recording.lost)

    def make_session(publish: Callable[[Frame], None], host: Callable[[Host], Host]) -> Session:
        return Session(ReplaySource(recording, speed=speed), publish=publish, host=host, begin_at=start)

    worlds = PaperWorlds(settings, families, settings.agents.on, say)
    open_child = child_opener(settings, lambda: path, worlds, say)
    return Desk(bridge.publish, make_session, meter, None, say, open_child, WhatIfs())


def _headless(path: Path, at: str | None, speed: float, for_s: float | None, interval_s: float) -> None:
    from cli.headless import LinePrinter, run
    from engine.session import Session
    from store.replay import ReplaySource

    recording = _open(path)
    start = _start_ns(at, recording)
    if recording.lost:
        click.echo(f"microtui: {recording.lost}", err=True)
    run(
        lambda: Session(ReplaySource(recording, speed=speed, hold_at_end=False), begin_at=start),
        LinePrinter(interval_s, for_s),
    )
