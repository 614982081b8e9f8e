"""What a run without a screen prints, and from when on it counts."""

from __future__ import annotations

import io
import json

from cli.headless import LinePrinter
from engine.batch import BatchBuilder
from engine.core import State, apply
from engine.events import FeedStatus, Kind, Listed
from engine.frame.host import Recording
from engine.instrument import Instrument

MINUTE = 60_000_000_000


def test_a_run_that_begins_within_a_recording_counts_from_there() -> None:
    """A seek folds what leads there from a checkpoint: no line of it, and its trades are not the first line's."""
    state, printed, second = State(), io.StringIO(), 10**9
    out = BatchBuilder()
    out.add_note(Listed(0, Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")), MINUTE, 0)
    printer = LinePrinter(5.0, 12.0, out=printed, from_ts=MINUTE + 60 * second)
    for number in range(1, 90):
        ts = MINUTE + number * second
        out.add(Kind.TRADE, ts, symbol=0, last_id=number, price_ticks=6_000_000, size_lots=100_000, side=1)
        out.add(Kind.TICK, ts, symbol=-1)
        apply(state, out.take())
        printer(state, ())
    printer.last(state, Recording())
    *rows, end = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert [(row["ts"][14:19], row["trades"], row["volume"]) for row in rows] == [
        ("02:05", 5, 5.0),
        ("02:10", 5, 5.0),
    ]
    assert (end["ts"][14:19], end["seconds"]) == ("02:12", 12.0)
    assert printer.done.is_set()


def ended(*listed: tuple[str, str], silent: str = "") -> list[str]:
    """The keys of the last line's symbols."""
    state, printed, out = State(), io.StringIO(), BatchBuilder()
    for number, (venue, symbol) in enumerate(listed):
        out.add_note(FeedStatus(venue, "LIVE"), MINUTE)
        out.add_note(Listed(number, Instrument(venue, symbol, "BTC", "USD", "0.01", "0.001")), MINUTE, number)
    if silent:
        out.add_note(FeedStatus(silent, "CONNECTING"), MINUTE)
    out.add_note(FeedStatus("reddit", "LIVE"), MINUTE)
    out.add(Kind.TICK, MINUTE, symbol=-1)
    apply(state, out.take())
    LinePrinter(5.0, out=printed).last(state, Recording())
    return list(json.loads(printed.getvalue())["symbols"])


def test_symbols_have_one_form_their_venues_too_where_several_are_watched() -> None:
    both = [("binance", "BTCUSDT"), ("binance-usdm", "BTCUSDT"), ("coinbase", "BTC-USD")]
    assert ended(*both) == ["binance:BTCUSDT", "binance-usdm:BTCUSDT", "coinbase:BTC-USD"]
    assert ended(*both[:1], *both[2:]) == ["binance:BTCUSDT", "coinbase:BTC-USD"]
    assert ended(both[0], ("binance", "BTCUSDC")) == ["BTCUSDT", "BTCUSDC"]
    assert ended(both[0], silent="kraken") == ["binance:BTCUSDT"]
