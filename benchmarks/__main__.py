"""`make bench`: run every benchmark (or those named), print its figures, append them to a history.

Options go to the benchmark that is named before them: `python -m benchmarks day --venue kraken`.

The history is one JSON line a run in `benchmarks/history.jsonl`, with the machine's name, so that figures
are compared with others of the same machine. Timings inform; they fail no build.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
HISTORY = HERE / "history.jsonl"


def commit() -> str:
    """The commit that is measured, with a `+` where files differ from it."""
    try:
        name = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True, cwd=HERE
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return name.stdout.strip()


def processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def main(words: list[str]) -> int:
    first = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
    chosen, options = words[:first], words[first:]
    names = sorted(path.stem for path in HERE.glob("bench_*.py"))
    unknown = [name for name in chosen if f"bench_{name}" not in names]
    if unknown:
        known = ", ".join(name.removeprefix("bench_") for name in names)
        print(f"no benchmark is called {', '.join(unknown)}; there are {known}", file=sys.stderr)
        return 2
    figures: dict[str, float] = {}
    for name in [f"bench_{c}" for c in chosen] or names:
        print(f"\n{name.removeprefix('bench_')}", flush=True)
        try:
            module = importlib.import_module(f"benchmarks.{name}")
            found: dict[str, float] = module.run(options) if options else module.run()
        except FileNotFoundError as error:
            print(f"  left out: {error}")
            continue
        for key, value in found.items():
            print(f"  {key:<58} {value:>12.4g}", flush=True)
        figures |= {f"{name.removeprefix('bench_')}.{key}": round(value, 6) for key, value in found.items()}
    line = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "machine": f"{processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        **figures,
    }
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
