"""Where a day of UTC ends a live session goes on in a new recording, and what is too old goes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from cli.recording import next_sink_maker, sink_maker
from cli.settings import RecordSettings, Settings
from cli.watching import Market
from store.recorder import Recorder
from store.recording import Recording
from tests.laws.generated import START_NS, generated_batches

DAY_NS = 86_400_000_000_000


def test_the_next_recording_names_the_one_before_and_old_ones_go(tmp_path: Path) -> None:
    settings = Settings(record=RecordSettings(folder=tmp_path, keep_days=1.0))
    market, said, now = Market(("BTC/USD",), ("kraken",)), list[str](), [START_NS]
    batch = next(iter(generated_batches(5, 1)))

    def begin() -> Recorder:
        sink = sink_maker(settings, market, lambda: now[0], said.append)()
        assert isinstance(sink, Recorder)
        sink.put(0, batch, ())
        return sink

    old = begin()
    old.close()
    long_ago = os.stat(old.status.path).st_mtime - 2 * 86_400
    os.utime(old.status.path, (long_ago, long_ago))
    before = begin()
    now[0] += DAY_NS
    after = next_sink_maker(settings, market, lambda: now[0], said.append)(before, 7)
    for thread in threading.enumerate():
        if thread.name == "prune":
            thread.join(10)
    assert isinstance(after, Recorder)
    after.put(7, batch, ())
    for sink in (before, after):
        sink.close()
    assert said == []
    assert {path.name for path in tmp_path.glob("*.sqlite")} == {
        Path(sink.status.path).name for sink in (before, after)
    }
    with Recording(Path(after.status.path)) as following, Recording(Path(before.status.path)) as first:
        assert following.header.parent == first.header.id
        assert following.header.source == first.header.source == "live BTC/USD on kraken"
