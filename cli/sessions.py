"""`microtui sessions`: the recordings that are kept, and what can be done with them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cli.settings import Settings
    from store.recording import Recording
    from store.sessions import Catalogue, Session

_GB = 1 << 30


class _Sessions(click.Group):
    """Turns what can be wrong with a recording into one sentence and exit code 1."""

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


@click.group(cls=_Sessions)
def sessions() -> None:
    """The recordings that are kept: one SQLite file each, in one folder."""


@sessions.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """Name, begin, length, size, marks and symbols of every session, the latest first."""
    catalogue, _ = _open()
    for said in catalogue.recover():
        click.echo(f"microtui: {said}", err=True)
    found = catalogue.sessions()
    if as_json:
        import json

        for session in found:
            click.echo(json.dumps(_line(session)))
        return
    if not found:
        click.echo(f"There are no recordings in {catalogue.folder} yet; `microtui live BTCUSDT` makes one.")
        return
    names = {s.id: s.name for s in found if s.id}
    width = max(len(s.name) for s in found)
    click.echo(f"{'NAME':{width}}  {'BEGAN (UTC)':19}  {'LENGTH':>8}  {'SIZE':>8}  MARKS  SYMBOLS")
    for s in found:
        shown = " ".join(s.symbols[:6]) + (" …" if s.symbols[6:] else "")
        note = "" if s.state == "closed" else f"  [{s.state}]"
        if s.parent:
            note = f"  child of {names.get(s.parent, s.parent)}{note}"
        click.echo(
            f"{s.name:{width}}  {_moment(s.started_ns):19}  {_length(s.seconds):>8}  {_size(s.bytes):>8}  "
            f"{s.marks:5}  {shown}{note}"
        )


@sessions.command()
@click.argument("name", required=False, metavar="[NAME|FILE]")
def show(name: str | None) -> None:
    """What one recording holds, how it was made, its gaps and marks; the latest if none is named."""
    from cli.replay import find
    from engine.text import clean
    from store.recording import Recording
    from store.tables import PLAIN

    path = find(name)
    with Recording(path) as recording:
        header = recording.header
        lines = {
            "file": clean(str(path), 4096),
            "session": header.id,
            "source": header.source,
            "parent": f"{header.parent} at event {header.parent_seq}" if header.parent else "none",
            "began": f"{_moment(recording.start)} UTC",
            "ended": "is being written" if recording.being_written else f"{_moment(recording.end)} UTC",
            "length": _length(recording.seconds),
            "size": _size(path.stat().st_size),
            "events": f"{recording.next_seq:,}",
            "symbols": " ".join(i.key for i in recording.instruments),
            "rows": ", ".join(f"{table} {_count(recording, table):,}" for table in PLAIN),
            "made by": ", ".join(f"{part} {version}" for part, version in sorted(header.versions.items())),
        }
        for label, text in lines.items():
            click.echo(f"{label:8}  {text}")
        if recording.lost:
            click.echo(f"{'lost':8}  {recording.lost}")
        for gap in recording.gaps:
            events = gap.last_seq - gap.seq + 1
            click.echo(f"{'gap':8}  {_moment(gap.ts)} UTC  {events:,} events: {gap.reason}")
        for ts, kind in recording.marks:
            click.echo(f"{'mark':8}  {_moment(ts)} UTC  {kind}")


@sessions.command()
@click.argument("name", required=False, metavar="[NAME|FILE]")
@click.option(
    "--table", default="trades", show_default=True, help="trades, book_metrics, book, tops, alerts …"
)
@click.option("--format", "format_", type=click.Choice(["csv", "jsonl", "parquet"]), help="[default: csv]")
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="A file; its ending names the format."
)
def export(name: str | None, table: str, format_: str | None, to: Path | None) -> None:
    """Write a table of a recording as CSV, JSON lines or Parquet, to a file or to stdout."""
    from cli.replay import find
    from store.export import FORMATS, read_table, write_text
    from store.export import export as write
    from store.recording import Recording

    ending = to.suffix.lstrip(".").lower() if to is not None else ""
    chosen = format_ or (ending if ending in FORMATS else "csv")
    with Recording(find(name)) as recording:
        if to is not None:
            count = write(recording, table, chosen, to)
            click.echo(f"{count:,} rows of {table} in {to}", err=True)
        elif chosen == "parquet":
            raise click.UsageError("Parquet needs a file: --to trades.parquet")
        else:
            write_text(read_table(recording, table), chosen, sys.stdout)


@sessions.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@click.option("--quick", is_flag=True, help="Leave out folding everything again.")
def verify(names: tuple[str, ...], quick: bool) -> None:
    """Check the file, the sequence of events, every piece, and that folding them gives the same again."""
    from cli.replay import find
    from engine.text import clean
    from store.errors import StoreError
    from store.verify import verify as check

    catalogue, _ = _open()
    paths = [find(name) for name in names] or [s.path for s in catalogue.sessions()]
    bad = 0
    for path in paths:
        try:
            found = check(path, None if quick else refold)
        except StoreError as error:
            click.echo(f"BAD   {clean(path.stem)}  {error}")
            bad += 1
            continue
        counted = f"{found.events:,} events, {found.ticks:,} ticks, {found.checkpoints} checkpoints"
        gaps = f", {found.gaps} gaps" if found.gaps else ""
        click.echo(f"{'good' if found.good else 'BAD ':4}  {clean(path.stem)}  {counted}{gaps}")
        for text in (*found.problems, *([found.note] if found.note else [])):
            click.echo(f"      {text}")
        bad += not found.good
    if bad:
        sys.exit(1)


@sessions.command()
@click.option("--keep-days", type=click.FloatRange(min=0), help="[default: from the settings, 30]")
@click.option("--cap-gb", type=click.FloatRange(min=0), help="[default: from the settings, 20]")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(keep_days: float | None, cap_gb: float | None, dry_run: bool) -> None:
    """Delete recordings that are too old, and the oldest where all together take too much room."""
    catalogue, settings = _open()
    days = settings.record.keep_days if keep_days is None else keep_days
    cap = settings.record.disk_cap_gb if cap_gb is None else cap_gb
    gone = catalogue.prune(days, int(cap * _GB), only_say=dry_run)
    for session in gone:
        click.echo(f"{'would delete' if dry_run else 'deleted'}  {session.name}  {_size(session.bytes)}")
    if not gone:
        click.echo(f"Nothing to delete: all are younger than {days:g} days and fit in {cap:g} GB.")


@sessions.command()
@click.argument("name", metavar="NAME")
@click.argument("new", metavar="NEW")
def rename(name: str, new: str) -> None:
    """Give a session another name."""
    click.echo(_open()[0].rename(name, new).stem)


@sessions.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What it is to be called here.  [default: the file's name]")
def import_(file: Path, name: str | None) -> None:
    """Check somebody's recording through and through, then copy it among the others."""
    click.echo(_open()[0].import_(file, name, _fold_of_a_stranger).stem)


def refold(recording: Recording) -> list[str]:
    """Fold the recording from its beginning; what differs from the checkpoints and metrics that it holds."""
    import msgspec

    from engine.checkpoint import BadCheckpoint, pack, unpack
    from engine.core import State, apply
    from engine.events import BookMetrics

    problems: list[str] = []
    metrics: list[tuple[Any, ...]] = []
    state = State()
    checkpoint = recording.checkpoint_after(0)
    if checkpoint is not None and (block := recording.block_from(0)) is not None and block.seq > 0:
        try:
            state = unpack(checkpoint.blob)
        except BadCheckpoint as error:
            return [_with_versions(f"the checkpoint at event {checkpoint.seq}: {error}", recording)]
    for seq, batch in recording.batches_from(state.seq):
        if seq != state.seq:
            break  # the promise reaches to the first gap
        if checkpoint is not None and checkpoint.seq < seq:
            problems.append(f"the checkpoint at event {checkpoint.seq} does not lie behind a tick")
            break
        if checkpoint is not None and checkpoint.seq == seq:
            if pack(state) != checkpoint.blob:
                problems.append(f"folding again differs from the checkpoint at event {seq}")
                break
            checkpoint = recording.checkpoint_after(seq + 1)
        derived, _ = apply(state, batch)
        metrics += [msgspec.structs.astuple(item) for item in derived if isinstance(item, BookMetrics)]
    rows = recording.query("select * from book_metrics where ts <= ? order by rowid", (state.ts,))
    if not problems and rows != metrics:
        problems.append(
            f"folding again gives {len(metrics)} rows of book_metrics that differ from the file's"
        )
    return [_with_versions(text, recording) for text in problems]


def _fold_of_a_stranger(recording: Recording) -> list[str]:
    """It must fold; that it gives the same again is promised only where it was made with the same parts."""
    problems = refold(recording)
    return [] if _differing_parts(recording) else problems


def _differing_parts(recording: Recording) -> list[str]:
    from store.header import new_header

    there, here = recording.header.versions, new_header("", 0).versions
    return [part for part in here if there.get(part) != here[part]]


def _with_versions(text: str, recording: Recording) -> str:
    differing = _differing_parts(recording)
    return f"{text} (recorded with another {', '.join(differing)})" if differing else text


def _open() -> tuple[Catalogue, Settings]:

    from cli.recording import catalogue_of
    from cli.settings import load_settings

    settings = load_settings()
    return catalogue_of(settings), settings


def _count(recording: Recording, table: str) -> int:
    (count,) = recording.query(f"select count(*) from {table}")[0]  # noqa: S608 (the name is ours)
    return int(count)


def _line(session: Session) -> dict[str, object]:
    return {
        "name": session.name,
        "path": str(session.path),
        "state": session.state,
        "id": session.id,
        "began": f"{_moment(session.started_ns).replace(' ', 'T')}Z" if session.started_ns else None,
        "seconds": session.seconds,
        "bytes": session.bytes,
        "symbols": list(session.symbols),
        "marks": session.marks,
        "note": session.note,
        "parent": session.parent or None,
    }


def _moment(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}" if ns else "-"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"
