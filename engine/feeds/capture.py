"""A recorded stream of raw Binance messages, read by the same protocol that reads the live one.

The files are hftbacktest's: gzipped lines `receive_ns json`, with combined streams and REST snapshots in the
order in which they arrived. The recorded receive clock takes the place of ours.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from engine.batch import Batch, BatchBuilder
from engine.events import Kind
from engine.feeds.binance import Binance
from engine.feeds.binance_usdm import BinanceUsdm
from engine.feeds.clock import TICK_NS
from engine.feeds.errors import FeedError, Malformed
from engine.feeds.options import FeedOptions
from engine.instrument import Instrument

_CAPTURED_LIMIT = 1000  # levels a side of the recorded snapshots
_MAX_LINE_BYTES = (
    16 * 2**20
)  # a snapshot of a thousand levels has 0.1 MB; a zip of a stranger's may have any line


def capture_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(receive time in ns, raw message) of every line. Raises FeedError where a line is something else."""
    try:
        with gzip.open(path) as file:
            for number, line in enumerate(iter(partial(file.readline, _MAX_LINE_BYTES), b""), 1):
                if line.isspace():
                    continue
                stamp, _, message = line.rstrip().partition(b" ")
                if not stamp.isdigit() or len(stamp) > 19 or not message:
                    raise FeedError(
                        f"{path.name}, line {number}: expected `receive_ns json`, found {line[:40]!r}"
                    )
                yield int(stamp), message
    except (OSError, EOFError, zlib.error) as error:
        raise FeedError(f"{path.name} cannot be read to its end: {error}") from error


def capture_batches(path: Path, instrument: Instrument) -> Iterator[Batch]:
    """The capture as batches that end at ticks, every 100 ms of its own time from its first message on.

    `instrument` gives the grid; a message of another symbol is counted as ignored. The last batch ends at
    the tick behind the last message. Raises FeedError.
    """
    builder = BatchBuilder()
    market = BinanceUsdm if is_usdm(message for _, message in capture_lines(path)) else Binance
    protocol = market([instrument.symbol], FeedOptions(depth_limit=_CAPTURED_LIMIT), builder)
    tick = 0
    for ts, message in capture_lines(path):
        if not tick:
            tick = ts - ts % TICK_NS
            protocol.use(0, instrument, ts)
            protocol.connected(ts)
        while tick + TICK_NS < ts:
            tick += TICK_NS
            yield _end_at(tick, protocol, builder)
        now = max(ts, tick)
        if message.startswith(b'{"lastUpdateId":'):
            _join(protocol, message, now)
        else:
            protocol.receive(message, now)
    if tick:
        yield _end_at(tick + TICK_NS, protocol, builder)


def is_usdm(messages: Iterable[bytes]) -> bool:
    """Whether the first diff among these messages is one of the futures: only those name the id before it."""
    diff = next((message for message in messages if b"depthUpdate" in message[:100]), b"")
    return b'"pu":' in diff[:400]


def _join(protocol: Binance, body: bytes, ts: int) -> None:
    try:
        protocol.snapshot(0, protocol.snapshot_asked(0, ts), _CAPTURED_LIMIT, body, ts)
    except Malformed as error:
        raise FeedError(f"the captured snapshot cannot be read: {error}") from error


def _end_at(tick: int, protocol: Binance, builder: BatchBuilder) -> Batch:
    protocol.count(tick)
    builder.add(Kind.TICK, tick, symbol=-1)
    return builder.take()
