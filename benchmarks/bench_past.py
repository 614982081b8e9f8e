"""A reconstruction from nothing to the first picture, to its whole recording, and as it starts ever after.

March 2020 as a person starts it, in a terminal of its own, with kernels compiled. To reach: the first picture within
5 s, the whole of two days within 60 s, later starts within 2 s.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.terminal import Terminal
from cli.past_build import is_whole
from engine.kernels import CACHE_DIR
from store.recording import Recording

STORY = "march2020"
SHOWN = b"reconstructed book"
LONGEST_S = 600.0


def run() -> dict[str, float]:
    microtui = str(Path(sys.executable).with_name("microtui"))
    with tempfile.TemporaryDirectory() as folder:
        env = {f"XDG_{name}_HOME": folder for name in ("DATA", "CONFIG", "STATE", "CACHE")}
        env["NUMBA_CACHE_DIR"] = str(CACHE_DIR)
        began = time.perf_counter()
        with Terminal([microtui, "replay", STORY], env=env) as terminal:
            first_s = terminal.wait_for(SHOWN, timeout_s=60.0)
            file = _file(Path(folder))
            while not is_whole(file) and time.perf_counter() - began < LONGEST_S:
                time.sleep(0.2)
            whole_s = time.perf_counter() - began
        with Terminal([microtui, "replay", STORY], env=env) as terminal:
            again_s = terminal.wait_for(SHOWN, timeout_s=60.0)
        with Recording(file) as recording:
            found = {
                "first picture, s": first_s,
                "whole recording, s": whole_s,
                "a later start, s": again_s,
                "hours": recording.seconds / 3600,
                "events, millions": recording.next_seq / 1e6,
                "size, MB": os.path.getsize(file) / 1e6,
            }
    return found


def _file(folder: Path) -> Path:
    (file,) = (folder / "microtui" / "replays").glob(f"{STORY}-*.sqlite")
    return file


if __name__ == "__main__":
    print(run())
