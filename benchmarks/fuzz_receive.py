"""Coverage-guided fuzzing of every venue's `receive`: `pip install atheris`, then

    python -m benchmarks.fuzz_receive VENUE -max_total_time=60

Whatever bytes come, nothing may be raised. What it finds is written to a file that the same command plays again.
"""

from __future__ import annotations

import sys

import atheris

from engine.batch import BatchBuilder

with atheris.instrument_imports(include=["engine.feeds"]):
    from engine.feeds.venue import Venue
    from engine.feeds.venues import VENUES

from engine.instrument import Instrument


def watching(venue: str) -> Venue:
    """A protocol with one symbol, listed and connected."""
    info = VENUES[venue]
    protocol = info.protocol()([info.spell([info.example])[0]], info.options, BatchBuilder())
    protocol.use(0, Instrument(venue, protocol.names[0], "BTC", "USDT", "0.01", "0.00000001"), 1)
    protocol.connected(1)
    return protocol


def main() -> None:
    venue = sys.argv.pop(1)
    protocol = watching(venue)

    def one(data: bytes) -> None:
        nonlocal protocol
        for number, message in enumerate(data.split(b"\n")):
            protocol.receive(message, 2 + number)
        if protocol.builder.row_count > 10_000:
            protocol = watching(venue)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
