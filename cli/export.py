"""What the screen's export key writes beside a picture. Light: it is loaded before the first paint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

EXPORTED = ("trades", "book_metrics", "alerts", "marks")


def exporters(path: Callable[[], str]) -> Mapping[str, Callable[[], str]]:
    """What the screen's export key offers beside a picture: the recording's tables, by format."""
    return {"csv": partial(_export, path, "csv"), "parquet": partial(_export, path, "parquet")}


def _export(path: Callable[[], str], format_: str) -> str:
    """Write the recording's main tables; the sentence that says where they are."""
    from cli import paths
    from store.errors import StoreError
    from store.export import export
    from store.recording import Recording

    file = Path(path()) if path() else None
    if file is None:
        return "nothing is recorded, so there is nothing to export; r records"
    try:
        folder = paths.exports_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with Recording(file) as recording:
            for table in EXPORTED:
                export(recording, table, format_, folder / f"{file.stem}-{table}.{format_}")
    except (StoreError, OSError) as error:
        return f"export failed: {error}"
    return f"{', '.join(EXPORTED)} written to {folder} as {format_}"
