"""Command to first paint, beside an empty Textual app started in the same run. To reach: 1.75 times that."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.terminal import Terminal

ROUNDS = 7
_EMPTY = """
from textual.app import App, ComposeResult
from textual.widgets import Static
class Empty(App):
    def compose(self) -> ComposeResult:
        yield Static("quite empty")
Empty().run()
"""


def run() -> dict[str, float]:
    microtui = str(Path(sys.executable).with_name("microtui"))
    ours, empty = [], []
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "XDG_DATA_HOME": folder,
            "XDG_CONFIG_HOME": folder,
            "XDG_STATE_HOME": folder,
            "MICROTUI_VENUES__BINANCE__REST": "http://127.0.0.1:9",
            "MICROTUI_VENUES__BINANCE__WS": "ws://127.0.0.1:9",
        }
        for number in range(ROUNDS + 1):
            with Terminal([microtui, "live", "BTCUSDT"], env=env) as terminal:
                one = terminal.wait_for(b"live BTCUSDT")
            with Terminal([sys.executable, "-c", _EMPTY]) as terminal:
                other = terminal.wait_for(b"quite empty")
            if number:  # the first round fills the file cache
                ours.append(one)
                empty.append(other)
    return {
        "command to first paint, ms": 1e3 * statistics.median(ours),
        "an empty Textual app, ms": 1e3 * statistics.median(empty),
        "ratio": statistics.median(a / b for a, b in zip(ours, empty, strict=True)),
    }


if __name__ == "__main__":
    print(run())
