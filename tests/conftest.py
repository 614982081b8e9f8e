"""Where the real captures are, and what happens to tests that need them where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CAPTURES = Path(
    os.environ.get("MICROTUI_CAPTURES", Path(__file__).parent.parent / ".." / "shared" / "captures")
)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real exchange messages; a test that asks for it skips where there is none."""
    if CAPTURES.is_dir():
        return CAPTURES.resolve()
    reason = f"real captures are not at {CAPTURES}; set MICROTUI_CAPTURES"
    if os.environ.get("MICROTUI_REQUIRE_CAPTURES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
