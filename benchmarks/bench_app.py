"""What a person pays for leaving it open: CPU and memory of the app in a 160x48 terminal, live and recording.

The fake exchange runs in a process of its own: the capture at its own pace for one symbol, ten made-up
symbols for ten. To reach: 12 % of a core for one symbol, 40 % for ten, 220 MB; 45 % for ten symbols on two venues each
(twenty books), and fifty books without a screen on one core: forty on four venues, at a rate a quarter above the usual.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.terminal import Terminal
from benchmarks.where import capture
from engine.feeds.fake_market import SYMBOLS

TEN = tuple(symbol for symbol, *_ in SYMBOLS)
SETTLE_S, MEASURE_S = 12.0, 45.0


def _live(
    symbols: tuple[str, ...],
    exchange: list[str],
    port: int,
    venues: tuple[str, ...] = ("binance",),
    options: tuple[str, ...] = (),
) -> tuple[float, float, float]:
    """(share of a core, resident MB, bytes painted a second)"""
    microtui = str(Path(sys.executable).with_name("microtui"))
    named = ",".join(venues)
    command = [microtui, "exchange", "--port", str(port), "--venue", named, *exchange]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        for _ in venues:
            server.stdout.readline()
        with tempfile.TemporaryDirectory() as folder:
            env = {
                "XDG_DATA_HOME": folder,
                "XDG_CONFIG_HOME": folder,
                "XDG_STATE_HOME": folder,
            }
            for number, venue in enumerate(venues):
                setting = f"MICROTUI_VENUES__{venue.upper().replace('-', '_')}"
                env[f"{setting}__REST"] = f"http://127.0.0.1:{port + number}"
                env[f"{setting}__WS"] = f"ws://127.0.0.1:{port + number}"
            watch = [microtui, "live", *symbols, "--venue", named, *options]
            with Terminal(watch, env=env) as terminal:
                terminal.wait_for(b"SYNCED" if "--headless" in options else b"LIVE")
                time.sleep(SETTLE_S)
                cpu, painted, began = terminal.cpu_s(), terminal.bytes, time.monotonic()
                time.sleep(MEASURE_S)
                took = time.monotonic() - began
                return (
                    (terminal.cpu_s() - cpu) / took,
                    terminal.memory_mb(),
                    (terminal.bytes - painted) / took,
                )
    finally:
        server.terminate()
        server.wait()


def run() -> dict[str, float]:
    file = capture("binance_spot_btcusdt_20240808.gz")
    one = _live(("BTCUSDT",), ["--capture", str(file)], 9411)
    ten = _live(TEN, list(TEN), 9412)
    two = _live(TEN, list(TEN), 9420, ("binance", "coinbase"))
    four = ("binance", "binance-usdm", "coinbase", "kraken")
    fifty = _live(TEN, [*TEN, "--rate", "1.25"], 9430, four, ("--headless",))
    return {
        "one symbol, % of a core": 100 * one[0],
        "one symbol, resident MB": one[1],
        "one symbol, kB painted a second": one[2] / 1e3,
        "ten symbols, % of a core": 100 * ten[0],
        "ten symbols, resident MB": ten[1],
        "ten symbols on two venues, % of a core": 100 * two[0],
        "ten symbols on two venues, resident MB": two[1],
        "fifty books headless, % of a core": 100 * fifty[0],
        "fifty books headless, resident MB": fifty[1],
    }


if __name__ == "__main__":
    print(run())
