"""Where the real captures and data are, and what happens to tests that need them where they are not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

CAPTURES = Path(
    os.environ.get("MICROTUI_CAPTURES", Path(__file__).parent.parent / ".." / "shared" / "captures")
)


DATA = Path(os.environ.get("MICROTUI_DATA", Path(__file__).parent.parent / ".." / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell that starts these tests in the background has them ignore SIGINT, and their children with them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of labelled data; a test that asks for it skips where there is none."""
    if DATA.is_dir():
        return DATA.resolve()
    reason = f"labelled data are not at {DATA}; set MICROTUI_DATA"
    if os.environ.get("MICROTUI_REQUIRE_CAPTURES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real exchange messages; a test that asks for it skips where there is none."""
    if CAPTURES.is_dir():
        return CAPTURES.resolve()
    reason = f"real captures are not at {CAPTURES}; set MICROTUI_CAPTURES"
    if os.environ.get("MICROTUI_REQUIRE_CAPTURES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
