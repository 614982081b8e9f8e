"""What a live run leaves behind: its recording, or nothing where it never got to see its market."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.live import _say_what_was_kept
from engine.batch import BatchBuilder
from engine.core import State, apply
from engine.events import Kind, Listed
from engine.instrument import Instrument

AT = 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("kind", "stays"), [(None, False), (Kind.TICK, False), (Kind.TRADE, True), (Kind.SNAPSHOT, True)]
)
def test_a_recording_of_no_market_is_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Kind | None, stays: bool
) -> None:
    """One that ended because another symbol is traded nowhere may have listed its own, and heard nothing of them."""
    state, out, path = State(), BatchBuilder(), tmp_path / "session.sqlite"
    path.touch()
    if kind is not None:
        out.add_note(Listed(0, Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.001")), AT, 0)
    if kind == Kind.TRADE:
        out.add(Kind.TRADE, AT, symbol=0, last_id=1, price_ticks=6_000_000, size_lots=1, side=1)
    elif kind == Kind.SNAPSHOT:
        out.add_levels(Kind.SNAPSHOT, AT, [(6_000_000, 1)], [], symbol=0, last_id=1)
    out.add(Kind.TICK, AT, symbol=-1)
    apply(state, out.take())
    _say_what_was_kept(SimpleNamespace(state=state, sink=SimpleNamespace(status=SimpleNamespace(path=path))))  # type: ignore[arg-type]
    assert path.exists() == stays
    assert (f"recorded: {path}" in capsys.readouterr().err) == stays
