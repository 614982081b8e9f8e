"""`microtui live`: a market as it happens, on the screen or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.durations import Duration
from cli.raw import RawCapture
from cli.watching import Market, market_of, watched

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.desk import Desk
    from engine.frame import Frame
    from engine.frame.host import Host
    from engine.ports import Sink
    from engine.session import Session
    from store.replay import ReplaySource
    from tui.bridge import Bridge


@click.command()
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@click.option(
    "--venue",
    "venues",
    default="binance",
    show_default=True,
    metavar="NAME[,NAME...]",
    help="Where: see `microtui venues`. Several are watched side by side.",
)
@click.option("--headless", is_flag=True, help="No screen: one JSON object a line on stdout.")
@click.option("--for", "for_s", type=Duration(), help="End after this long, such as 30s (headless).")
@click.option(
    "--interval", "interval_s", type=Duration(), default="5s", show_default=True, help="Between lines."
)
@click.option(
    "--record/--no-record", default=None, help="Record the session (on unless the settings say not)."
)
@click.option(
    "--raw",
    "raw_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep the bytes of the wire as well, such as wire.jsonl.zst.",
)
@click.option("--no-agents", is_flag=True, help="None of our agents trade on paper beside the market.")
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", help="A setting, such as venues.binance.ws=ws://…"
)
def live(
    symbols: tuple[str, ...],
    venues: str,
    headless: bool,
    for_s: float | None,
    interval_s: float,
    record: bool | None,
    raw_file: Path | None,
    no_agents: bool,
    flags: tuple[str, ...],
) -> None:
    """Watch SYMBOL... (such as BTCUSDT ETHUSDT, BTC-USD, XBT/USD or just BTC) on one venue or several.

    A symbol is found in each venue's own spelling, and in its own dollar where it lacks the one that was asked for or
    none was. What it became, and what a venue does not trade, is said.

    The session is recorded as you watch: `microtui replay` plays it again, and the left arrow rewinds it. On the
    screen our agents trade on paper beside the first symbol, and you may too; no order ever leaves this machine.
    """
    market = market_of(symbols, venues)
    if for_s is not None and not headless:
        raise click.UsageError("--for goes with --headless")
    capture = RawCapture(raw_file) if raw_file is not None else None
    try:
        if headless:
            _headless(market, for_s, interval_s, record, capture, flags)
        else:
            _on_screen(market, record, not no_agents, capture, flags)
    finally:
        if capture is not None:
            click.echo(capture.close(), err=True)


def _on_screen(
    market: Market, record: bool | None, agents: bool, capture: RawCapture | None, flags: tuple[str, ...]
) -> None:
    from cli.export import exporters
    from cli.screen import run_screen

    current: list[Session] = []
    run_screen(
        partial(_build_desk, market, record, agents, capture, flags, current),
        title=f"live {market.title}",
        exporters=exporters(lambda: current[0].sink.status.path if current and current[0].sink else ""),
        flags=flags,
    )
    for session in current:
        _say_what_was_kept(session)


async def _build_desk(
    market: Market,
    record: bool | None,
    agents: bool,
    capture: RawCapture | None,
    flags: tuple[str, ...],
    current: list[Session],
    bridge: Bridge,
) -> Desk:
    from cli.child import child_opener
    from cli.host import HostMeter
    from cli.kernels import warm_kernels
    from cli.paper import PaperWorlds, choose_families
    from cli.settings import load_settings

    bridge.progress = "reading the settings"
    settings = load_settings(flags)
    meter = HostMeter()
    say = meter.messages.append
    families = choose_families(settings, say)
    await warm_kernels(lambda text: setattr(bridge, "progress", text))
    bridge.progress = "starting the engine"
    from cli.recording import tidy
    from engine.desk import Desk
    from engine.futures.what_if import WhatIfs

    tidy(settings, say)

    def make_session(publish: Callable[[Frame], None], host: Callable[[Host], Host]) -> Session:
        session = _session(market, settings, record, capture, say, publish=publish, host=host)
        current.append(session)
        return session

    opened: list[Path] = []  # the rewind's file; another day's may have begun since

    def open_rewind() -> ReplaySource | None:
        return _rewind(desk.main.sink, opened, say)

    def rewound() -> Path | None:
        if desk.front is desk.main:
            say("our agents are not ready yet; try again in a moment")
            return None
        return opened[0] if opened else None

    worlds = PaperWorlds(settings, families, agents and settings.agents.on, say)
    open_child = child_opener(settings, rewound, worlds, say, follow=True)
    desk = Desk(bridge.publish, make_session, meter, open_rewind, say, open_child, WhatIfs())
    worlds.join(desk.main)
    bridge.progress = "connecting"
    return desk


def _rewind(sink: Sink | None, opened: list[Path], say: Callable[[str], None]) -> ReplaySource | None:
    """What `sink` has recorded so far, to be read while it goes on; its file becomes the one in `opened`."""
    from store.errors import StoreError
    from store.recording import Recording
    from store.replay import ReplaySource

    if sink is None:
        return None
    try:
        recording = Recording(sink.status.path)
        opened[:] = [recording.path]
        return ReplaySource(recording, label="REWIND", follow=True)
    except StoreError as error:  # in its first moments a recording has nothing to show yet
        say(f"cannot rewind: {error}")
        return None


def _session(
    market: Market,
    settings: Settings,
    record: bool | None,
    capture: RawCapture | None,
    say: Callable[[str], None],
    publish: Callable[[Frame], None] | None = None,
    host: Callable[[Host], Host] = lambda host: host,
) -> Session:
    from cli.advising import adviser_desk
    from cli.chain import chain_reading
    from cli.outlets import outlets_of
    from cli.reading import texts
    from cli.recording import next_sink_maker, sink_maker
    from engine.feeds.clock import SystemClock
    from engine.feeds.driver import Internet
    from engine.feeds.live import LiveSource
    from engine.regimes.service import Refits
    from engine.session import Session

    clock = SystemClock()
    venues = watched(market, settings)
    network = Internet if capture is None else capture.networks(venues, clock, say)
    make_sink = sink_maker(settings, market, clock.now, say)
    on = settings.record.on if record is None else record
    text, refits = texts(settings, clock, say), Refits()
    advising = adviser_desk(settings, market.venues, say)
    chain, outlets = chain_reading(settings, clock, say), outlets_of(settings, say)
    session = Session(
        LiveSource(venues, clock, network=network, setup=settings.setup()),
        publish=publish,
        host=(lambda h: text.tell(host(h))) if text is not None else host,
        sink=make_sink() if on else None,
        make_sink=make_sink,
        next_sink=next_sink_maker(settings, market, clock.now, say),
        producers=[
            *([text.reading] if text is not None else []),
            *([chain] if chain is not None else []),
            refits,
            advising,
        ],
        beside=[part.run for part in (text, chain, refits, advising, outlets) if part is not None],
    )
    if outlets is not None:
        session.observers.append(outlets)
    return session


def _say_what_was_kept(session: Session) -> None:
    """A run that never got to see its market leaves nothing behind."""
    from cli.recording import forget

    if session.sink is None:
        return
    path = Path(session.sink.status.path)
    if not any(s.trade_count or s.feature("update_id") is not None for s in session.state.symbols.values()):
        forget(path)
    elif path.exists():
        click.echo(f"recorded: {path}", err=True)


def _headless(
    market: Market,
    for_s: float | None,
    interval_s: float,
    record: bool | None,
    capture: RawCapture | None,
    flags: tuple[str, ...],
) -> None:
    from cli.headless import LinePrinter, run
    from cli.recording import tidy
    from cli.settings import load_settings

    settings = load_settings(flags)
    say = partial(click.echo, err=True)
    tidy(settings, say)
    sessions: list[Session] = []

    def make() -> Session:
        sessions.append(_session(market, settings, record, capture, say))
        return sessions[0]

    try:
        run(make, LinePrinter(interval_s, for_s))
    finally:
        for session in sessions:
            _say_what_was_kept(session)
