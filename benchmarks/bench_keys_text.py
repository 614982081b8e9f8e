"""Key to handler while 200 posts a second arrive, and while the local tier loads its model: p50 <= 6 ms to reach.

The real app in a pty, live against the fake exchange, with the project's own made-up Reddit and news desk in a process
of their own, which are asked twice a second instead of once a minute. Everything is on: recorder, our agents on paper,
the bot filter, the panel. Then the same with a network of DistilRoBERTa's shape, whose process starts with the first
doubtful post: keys are pressed while it imports torch, loads and scores.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench_keys import pressed
from benchmarks.bench_local import distilroberta
from engine.sentiment.local_options import installed

# What everybody there writes a second; of that, comments are for those who have keys.
WRITTEN_HZ = 300
_DRIVER = """
import json, os, sys, time
from functools import partial
import msgspec
import cli.live, cli.screen, cli.settings
from cli.watching import Market
from textual import events
from tui.app import MicrotuiApp

given, out = json.loads(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY)

class Timed(MicrotuiApp):
    async def on_key(self, event: events.Key) -> None:
        if event.key == "y":
            os.write(out, b"%d\\n" % time.monotonic_ns())

asked = cli.settings.Settings.text_options
cli.settings.Settings.text_options = lambda self: msgspec.structs.replace(
    asked(self), reddit_every_s=0.5, news_every_s=0.5, gap_s=0.0
)
cli.screen.MicrotuiApp = Timed
market = Market(("BTCUSDT",))
build = partial(cli.live._build_desk, market, True, True, None, given["flags"], [])
cli.screen.run_screen(build, title="keys", flags=given["flags"])
"""


def run() -> dict[str, float]:
    figures = {f"posts arriving: {name}": value for name, value in _measured(None).items()}
    if not installed():
        print("  the models extra is not installed: keys while a model loads are left out")
        return figures
    with tempfile.TemporaryDirectory() as folder:
        model = distilroberta(Path(folder) / "model")
        return figures | {f"a model loading: {name}": value for name, value in _measured(model).items()}


def _measured(model: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, _serving("fake_binance", "--symbols", "BTCUSDT") as exchange:
        with _serving("fake_text", "--rate", str(WRITTEN_HZ)) as line:
            *_, rest, _, ws = exchange.split()
            site = line.split()[-1]
            local = f"sentiment.local.model={model}" if model is not None else "sentiment.local.on=false"
            flags = [
                *(f"venues.binance.rest={rest}", f"venues.binance.ws={ws}", f"record.folder={name}/sessions"),
                *(f"sources.reddit.url={site}", f"sources.news.feeds={site}/news/rss", local),
                "sources.fear_greed.on=false",
            ]
            folder = Path(name)
            figures = pressed(_DRIVER, json.dumps({"flags": flags}), b"EWMA", folder, 0.0 if model else 5.0)
        return figures | _recorded(next((folder / "sessions").glob("*.sqlite")))


def _recorded(path: Path) -> dict[str, float]:
    """Posts a second over the recording's last 15 s, how long the worst of them took, and who scored how many."""
    from store.export import read_table
    from store.recording import Recording

    with Recording(path) as recording:
        table = read_table(recording, "sentiment")
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        since = recording.end - 15 * 10**9
    posts = {row["post"] for row in rows if row["ts"] > since}
    local = {row["post"] for row in rows if row["tier"] == "local"}
    return {"posts a second": len(posts) / 15.0, "posts that the local tier scored": len(local)}


@contextlib.contextmanager
def _serving(module: str, *arguments: str) -> Iterator[str]:
    """One of the fakes in a process of its own, and the first line that it says."""
    command = [sys.executable, "-m", f"engine.feeds.{module}", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child.stdout.readline()
        finally:
            child.terminate()


if __name__ == "__main__":
    print(run())
