"""`microtui data import`: what files hold, played once into a recording that replays like any other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.batch import Batch
    from engine.core import State
    from engine.events import Derived, Setup
    from engine.instrument import Instrument
    from store.recorder import Recorder


class Tape(Protocol):
    """A session that files hold."""

    note: str
    instrument: Instrument

    def batches(self) -> Iterator[Batch]: ...


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--symbol", default="", help="Of bars and npz: what was traded.  [default: from the file's name]"
)
@click.option("--venue", default="", help="Of bars and npz: where.  [default: file]")
@click.option("--name", help="What the session is to be called.  [default: its time and symbol]")
@click.option("--set", "flags", multiple=True, metavar="KEY=VALUE", help="A setting, such as record.folder=…")
def import_(
    files: tuple[Path, ...], symbol: str, venue: str, name: str | None, flags: tuple[str, ...]
) -> None:
    """Make a recording of FILEs: fetched dumps, LOBSTER's pairs, hftbacktest's npz, bars (CSV, Parquet) or a capture.

    LOBSTER's two files are found by either one's name. Fetched trades and bookTicker of one symbol make one session.
    A capture is what an exchange sent: of `microtui live --raw`, of hftbacktest (.gz) or of cryptofeed (.jsonl.zst).
    """
    from cli.settings import load_settings

    settings = load_settings(flags)
    tape, told = open_files(files, settings.setup(), symbol, venue)
    for text in told:
        click.echo(f"microtui: {text}", err=True)
    path, lines = asyncio.run(_record(tape, settings, name))
    click.echo(path.stem)
    for text in lines:
        click.echo(f"  {text}", err=True)


def open_files(
    files: Sequence[Path], setup: Setup, symbol: str = "", venue: str = ""
) -> tuple[Tape, Sequence[str]]:
    """What some files hold, and what was mended in reading them. Raises DataError."""
    from engine.data.errors import DataError
    from engine.data.lobster import pair_of

    pairs = {pair_of(path) for path in files}
    if pairs != {None}:
        if len(pairs) > 1 or None in pairs:
            raise DataError("expected one day of one ticker: a LOBSTER pair is imported by itself")
        return _lobster(files[0], setup), ()
    if any(is_capture(path) for path in files):
        from engine.data.raw_tape import RawTape

        if len(files) > 1:
            raise DataError("expected one capture: it is imported by itself")
        return RawTape(files[0], setup), ()
    if any(path.suffix == ".npz" for path in files):
        from engine.data.hft import HftDay

        if len(files) > 1:
            raise DataError("expected one file of hftbacktest: it is imported by itself")
        return HftDay(files[0], setup, symbol, venue), ()
    kinds = {path: _kind(path) for path in files}
    if all(kind in ("aggTrades", "trades", "bookTicker") for kind in kinds.values()):
        from engine.data.trade_rows import Tape as TradeTape

        tops = [path for path, kind in kinds.items() if kind == "bookTicker"]
        return TradeTape([path for path in files if path not in tops], tops, setup), ()
    if any(kind not in ("", "klines") for kind in kinds.values()):
        raise DataError("expected either trades and tops, or bars: found both among these files")
    from engine.data.bar_rows import BarTape
    from engine.data.bars import read_bars

    bars = read_bars(files, symbol, venue)
    return BarTape(bars, setup), bars.told


def _lobster(path: Path, setup: Setup) -> Tape:
    from engine.data.lobster import pair_of, read
    from engine.data.lobster_rows import LobsterDay

    pair = pair_of(path)
    assert pair is not None  # noqa: S101  asked before
    return LobsterDay(pair, read(pair), setup)


def is_capture(path: Path) -> bool:
    """Whether a file is a capture by its name; bars may be packed too, as .csv.gz."""
    endings = path.suffixes[-2:]
    return ".jsonl" in endings or (path.suffix in (".gz", ".zst") and ".csv" not in endings)


def _kind(path: Path) -> str:
    """The kind of a fetched file, empty for all others."""
    from engine.data.errors import DataError
    from engine.data.files import origin_of

    if path.suffix != ".parquet" or not path.is_file():
        return ""
    try:
        return origin_of(path).kind
    except DataError:
        return ""


async def _record(tape: Tape, settings: Settings, name: str | None) -> tuple[Path, list[str]]:
    """Play it into a recording, whole or not at all. Returns the file, and what is to be said of it."""
    from cli.errors import UserError
    from cli.kernels import warm_kernels
    from cli.recording import catalogue_of, forget
    from engine.data.batches import Offline
    from engine.session import Session
    from store.header import new_header
    from store.recorder import Recorder

    await warm_kernels(lambda text: click.echo(text, err=True))
    batches = tape.batches()
    first = [next(batches)]
    started = int(first[0].rows[-1]["ts_recv"])
    if int(first[0].rows[0]["ts_recv"]) == started:  # what is known before the first row, and a tick earlier
        first += islice(batches, 1)
    catalogue = catalogue_of(settings)
    path = catalogue.new_path((tape.instrument.symbol.replace("/", "-"),), int(first[-1].rows[0]["ts_recv"]))
    recorder = Recorder(path, new_header(_source_of(tape), started), patient=True)
    with _progress(tape.instrument.symbol) as progress:
        session = Session(Offline(chain(first, batches), tape.note, progress), sink=recorder)
        session.observers.append(partial(_watch, recorder))
        try:
            await session.run()
        except BaseException:
            recorder.close()
            forget(path)
            raise
    if recorder.status.state != "OFF" or recorder.status.lost_events:
        forget(path)
        raise UserError(f"the session could not be recorded: {recorder.status.reason or 'events were lost'}")
    symbols = session.state.symbols.values()
    trades = sum(symbol.trade_count for symbol in symbols)
    lines = [tape.note, f"{session.state.seq:,} events, {trades:,} trades"]
    if decided := sum(symbol.feature("decided") or 0.0 for symbol in symbols):
        verified = sum(symbol.feature("verified") or 0.0 for symbol in symbols)
        lines.append(f"best prices as stated: {verified:,.0f} of {decided:,.0f}")
    lines.append(f"microtui replay {path.stem}")
    if name is not None:
        path = catalogue.rename(path.stem, name)
        lines[-1] = f"microtui replay {path.stem}"
    return path, lines


def _source_of(tape: Tape) -> str:
    """The recording's source in words: what was captured from a server on the same machine is no market's."""
    from engine.data.raw_tape import RawTape

    made_up = isinstance(tape, RawTape) and tape.made_up
    return f"{'made-up import' if made_up else 'import'} {tape.note}"


def _watch(recorder: Recorder, state: State, derived: Sequence[Derived]) -> None:
    """An observer that ends the import where its recording has failed: going on would be of no use."""
    from cli.errors import UserError

    if recorder.status.state == "FAILED":
        raise UserError(recorder.status.reason)


@contextmanager
def _progress(symbol: str) -> Iterator[Callable[[int], None]]:
    """The session's time on a terminal, once a quarter of a second; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda ts: None
        return
    import time

    from cli.headless import iso

    told = time.monotonic()

    def tell(ts: int) -> None:
        nonlocal told
        if time.monotonic() - told > 0.25:
            told = time.monotonic()
            click.echo(f"\r{symbol} {iso(ts)}", err=True, nl=False)

    yield tell
    click.echo("\r\x1b[K", err=True, nl=False)
