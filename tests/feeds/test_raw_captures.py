"""Real captures, of hftbacktest's and cryptofeed's making, imported through the venues' own protocols."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from fakes.raws import book_of, by_json, warm_once

from engine.core import State, apply
from engine.data.errors import DataError
from engine.data.raw_tape import RawTape
from engine.events import FeedStatus, Kind, Setup
from engine.feeds.capture import capture_batches
from engine.feeds.capture_grid import captured_instrument
from engine.feeds.errors import FeedError
from engine.feeds.raw_formats import CRYPTOFEED, HFT, format_of, messages_of

TICK, LOT = Decimal("0.01"), Decimal("0.00000001")
SPOT, USDM = "binance_spot_btcusdt_20240808.gz", "binance_usdm_btcusdt_20240808.gz"


def test_which_kind_of_capture_it_is(captures: Path, tmp_path: Path) -> None:
    kinds = {
        name: format_of(captures / name) for name in (SPOT, USDM, "COINBASE.jsonl.zst", "BINANCE.jsonl.zst")
    }
    assert list(kinds.values()) == [HFT, HFT, CRYPTOFEED, CRYPTOFEED]
    other = tmp_path / "bars.csv.gz"
    other.write_text("time,open\n1,2\n")
    assert format_of(other) is None
    with pytest.raises(
        FeedError, match=r"bars\.csv\.gz is no capture: expected lines of microtui live --raw"
    ):
        messages_of(other)


@pytest.mark.parametrize(("name", "verified"), [(SPOT, 3432), (USDM, None)])
def test_hftbacktest_s_captures_fold_to_proved_books(captures: Path, name: str, verified: int | None) -> None:
    """All comparisons that can be decided are right; of spot it is known how many there are."""
    warm_once()
    path = captures / name
    tape = RawTape(path, Setup())
    assert tape.instrument == captured_instrument(path)
    state = State()
    rows: dict[int, int] = {}
    for batch in tape.batches():
        assert apply(state, batch)[1] == []
        for kind in batch.rows["kind"].tolist():
            rows[kind] = rows.get(kind, 0) + 1
    symbol = state.symbols[0]
    assert symbol.feature("verified") == symbol.feature("decided")
    assert (symbol.feature("decided") or 0) > 3000
    assert verified is None or symbol.feature("verified") == verified
    plain: dict[int, int] = {}
    for batch in capture_batches(path, tape.instrument):
        for kind in batch.rows["kind"].tolist():
            plain[kind] = plain.get(kind, 0) + 1
    for kind in (Kind.SNAPSHOT, Kind.DELTA, Kind.TRADE, Kind.TOP):
        assert rows[kind] == plain[kind]


def test_prices_that_are_no_decimals_are_told(captures: Path, tmp_path: Path) -> None:
    with gzip.open(captures / SPOT) as file:
        lines = [line.replace(b'"61', b'"6.1.', 1) for line, _ in zip(file, range(20), strict=False)]
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"".join(lines)))
    with pytest.raises(DataError, match=r"a\.gz: its prices and sizes are no decimals that fit in 64 bits"):
        RawTape(path, Setup())


def test_coinbase_s_capture_ends_with_the_books_that_json_and_dicts_make(captures: Path) -> None:
    warm_once()
    path = captures / "COINBASE.jsonl.zst"
    tape = RawTape(path, Setup())
    batches = list(tape.batches())
    states = [
        n for batch in batches for n in batch.notes if isinstance(n, FeedStatus) and n.symbol is not None
    ]
    assert [n.state for n in states if n.symbol == 0][-1] == "SYNCED"
    assert [n.state for n in states if n.symbol == 1][-1] == "SYNCED"
    truth = by_json(path)
    for number, name in enumerate(("BTC-USD", "ETH-USD")):
        bids, asks = book_of(batches, number, TICK, LOT)
        assert len(bids) > 1000
        assert (bids, asks) == truth[name]
    assert tape.note.startswith("BTC-USD ETH-USD on Coinbase")


def test_binance_s_four_thin_symbols_are_all_synced(captures: Path) -> None:
    tape = RawTape(captures / "BINANCE.jsonl.zst", Setup())
    last: dict[int, str] = {}
    for batch in tape.batches():
        last |= {n.symbol: n.state for n in batch.notes if isinstance(n, FeedStatus) and n.symbol is not None}
    assert last == dict.fromkeys(range(4), "SYNCED")
    assert tape.instrument.symbol == "NKNUSDT"


def test_kraken_s_first_version_is_refused_by_its_name(captures: Path) -> None:
    with pytest.raises(FeedError, match="expected version 2 of Kraken's protocol, found version 1"):
        RawTape(captures / "KRAKEN.jsonl.zst", Setup())
