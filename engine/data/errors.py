"""What can be wrong with real data, each said in one sentence that names the file, the line and what would work."""

from __future__ import annotations

from typing import Any


class DataError(ValueError):
    """Data that cannot be had or used; `str()` is the sentence a person reads."""

    for_people = True


class NotThere(DataError):
    """The host has no such file."""


def arrow() -> Any:
    """The package pyarrow, with its parts for CSV and Parquet loaded. Raises DataError where it is missing."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            "reading and writing data needs pyarrow, which is not installed: pip install 'microtui[parquet]'"
        ) from None
    return pyarrow
