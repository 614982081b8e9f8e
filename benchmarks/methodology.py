"""`python -m benchmarks.methodology [PART …]`: make the tables of docs/methodology.md anew, between their markers.

Each part is what one command prints, told above it as anyone would type it. The recording is the captured BTCUSDT
session of Binance's USDⓈ-M futures (`MICROTUI_CAPTURES`). All of it takes ten minutes on two cores.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from pathlib import Path

from click import Command
from click.testing import CliRunner

from benchmarks.where import capture

PAGE = Path(__file__).parent.parent / "docs" / "methodology.md"
RECORDING = "binance_usdm_btcusdt_20240808.gz"
FITTED = "btcusdt-calibrated.toml"

# part -> a command as it is typed; the recording and the fitted scenario stand for their files
PARTS = {
    "calibrate": f"calibrate --from {RECORDING} --trials 90 --seconds 2000 --seeds 3 --out {FITTED}",
    "pair": f"validate default --scenario {FITTED} --against {RECORDING} --seeds 8 --steps 3000",
    "known": "calibrate --known default --truths 20 --seconds 2000",
}


def printed(typed: str, folder: Path) -> str:
    """What a command of microtui prints on stdout."""
    name, *arguments = typed.split()
    places = {RECORDING: str(capture(RECORDING)), FITTED: str(folder / FITTED)}
    command: Command = getattr(importlib.import_module(f"cli.{name}"), name)
    done = CliRunner().invoke(command, [places.get(argument, argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def pasted(page: str, part: str, typed: str, text: str) -> str:
    """The page with a part's text between its markers."""
    begin, end = f"<!-- begin {part} -->", f"<!-- end {part} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"expected {begin} and {end} in {PAGE.name}, found no such part")
    return f"{before}{begin}\n```\n$ microtui {typed}\n{text}\n```\n{end}{after}"


def main(chosen: list[str], folder: Path) -> int:
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        print(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for part, typed in PARTS.items():
        if chosen and part not in chosen:
            continue
        if FITTED in typed and part != "calibrate" and not (folder / FITTED).exists():
            printed(PARTS["calibrate"], folder)
        start = time.perf_counter()
        text = printed(typed, folder)
        PAGE.write_text(pasted(PAGE.read_text("utf-8"), part, typed, text), "utf-8")
        print(f"{part}: {time.perf_counter() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.exit(main(sys.argv[1:], Path(made)))
