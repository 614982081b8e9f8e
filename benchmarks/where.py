"""Where the real captures are; a benchmark that needs them says so where they are not."""

from __future__ import annotations

import os
from pathlib import Path

CAPTURES = Path(
    os.environ.get("MICROTUI_CAPTURES", Path(__file__).parent.parent / ".." / "shared" / "captures")
)


def capture(name: str) -> Path:
    path = CAPTURES / name
    if not path.is_file():
        raise FileNotFoundError(
            f"it needs the capture {name}, which is not at {CAPTURES}; set MICROTUI_CAPTURES"
        )
    return path.resolve()
