"""What a person set up and wants to find again: theme, symbol, layout, each panel's settings.

One small JSON file, read tolerantly and written whole. It is a comfort: nothing that goes wrong with it is an
error, and a home that cannot be written simply forgets.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

MAX_BYTES = 65_536


def read(path: Path | None) -> dict[str, Any]:
    """The kept settings, or none of them."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def write(path: Path | None, kept: dict[str, Any]) -> None:
    """Put the settings where `read` finds them, at once or not at all."""
    if path is None:
        return
    half = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(json.dumps(kept, indent=1, sort_keys=True), "utf-8")
        half.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
