"""What a session loads to keep its recording."""

from __future__ import annotations

import subprocess
import sys


def test_recording_loads_no_pandas_and_whoever_wants_it_still_can() -> None:
    """sqlite-utils imports it where it is installed: 70 MB of every session."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, store.recorder, store.sessions; print('pandas' in sys.modules); "
            "import importlib.util as u; print(u.find_spec('pandas') is not None)",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert told[0] == "False"
    assert told[1] == "True"  # the tests install it, or this test says nothing
