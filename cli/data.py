"""`microtui data`: real data fetched from public dumps, and files of others made into recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.data_import import import_

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.data.fetch import Fetched, Progress

INTERRUPTED = 130  # what a shell gives a program that Ctrl+C ended


class _Data(click.Group):
    """Turns what can be wrong with data into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from cli.errors import UserError, explained

        try:
            return super().invoke(ctx)
        except (click.ClickException, BrokenPipeError):  # the reader of a pipe has seen enough
            raise
        except OSError as error:
            raise UserError(f"{error.filename or 'a file'}: {error.strerror}") from None
        except Exception as error:
            if (text := explained(error)) is not None:
                raise UserError(text) from None
            raise


@click.group(cls=_Data)
def data() -> None:
    """Real trades and books: fetch public dumps, and make recordings of files."""


@data.command()
@click.argument("symbol", metavar="SYMBOL")
@click.argument("first", metavar="DAY")
@click.option("--to", "last", metavar="DAY", help="Up to this day too.")
@click.option(
    "--kind",
    type=click.Choice(["aggTrades", "trades", "klines", "bookTicker"], case_sensitive=False),
    metavar="[aggTrades|trades|klines|bookTicker]",
    default="aggTrades",
    show_default=True,
)
@click.option("--market", type=click.Choice(["spot", "usdm"]), default="spot", show_default=True)
@click.option("--interval", default="", metavar="TIME", help="Of klines: 1s, 1m, 1h …  [default: 1m]")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The folder to keep it in.  [default: data.folder]"
)
@click.option(
    "--set", "flags", multiple=True, metavar="KEY=VALUE", help="A setting, such as data.url=http://…"
)
def fetch(
    symbol: str,
    first: str,
    last: str | None,
    kind: str,
    market: str,
    interval: str,
    out: Path | None,
    flags: tuple[str, ...],
) -> None:
    """Fetch what SYMBOL traded on DAY (2020-03-12, UTC) from Binance's public dumps, as Parquet.

    Each file is proved by its sha256 and its rows are checked. What is there already is not fetched again, and
    what broke off is gone on with.
    """
    from cli.settings import load_settings
    from engine.data.dumps import Dump, checked, days

    settings = load_settings(flags)
    day = _day(first, "DAY")
    wanted = days(day, day if last is None else _day(last, "--to"), datetime.now(UTC).date())
    chosen = checked(market, kind, symbol, interval)
    folder = out or kept_in(settings)
    _fetch_all([Dump(*chosen[:3], each, chosen[3]) for each in wanted], settings.data.url, folder)


def kept_in(settings: Settings) -> Path:
    """The folder of what was fetched."""
    from cli import paths

    folder = settings.data.folder
    return folder.expanduser() if folder is not None else paths.data_folder()


def _fetch_all(dumps: list[Any], url: str, folder: Path) -> None:
    """One after the other; a day that is not there does not keep the others from coming."""
    from cli.errors import UserError
    from engine.data.download import Downloads
    from engine.data.errors import NotThere, arrow
    from engine.data.fetch import fetch as fetch_one

    arrow()  # what is missing is said before anything is fetched
    downloads = Downloads()
    absent = 0
    try:
        for dump in dumps:
            try:
                with _bar(dump.stem) as progress:
                    found = fetch_one(dump, url, folder, downloads, progress, partial(_wait, dump.stem))
            except NotThere as error:
                click.echo(f"microtui: {error}", err=True)
                absent += 1
                continue
            _tell(dump.stem, found)
    except KeyboardInterrupt:
        click.echo("\nmicrotui: stopped; run it again to go on where it stopped", err=True)
        sys.exit(INTERRUPTED)
    finally:
        downloads.close()
    if absent:
        raise UserError(f"{absent} of {len(dumps)} files are not there")


def _wait(stem: str) -> None:
    click.echo(f"{stem}  another microtui is fetching it; this one waits", err=True)


def _tell(stem: str, found: Fetched) -> None:
    if found.rows is None:
        click.echo(f"{stem}  there already  {found.path}")
        return
    click.echo(f"{stem}  {found.rows:,} rows  {found.path}")
    for text in found.mended:
        click.echo(f"  {text}", err=True)


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    """A progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda here, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(label, total=None)
        yield lambda here, total: shown.update(task, completed=here, total=total)


def _day(text: str, what: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"expected a day such as 2020-03-12, found {text[:40]!r}", param_hint=what
        ) from None


data.add_command(import_)
