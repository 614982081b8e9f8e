"""Notes as they may come from a stranger: text made fit for a screen, numbers held to what can be computed with."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from engine.events import Agents, Listed, Note, Setup
from engine.instrument import NotOnGrid
from engine.text import clean
from store.errors import BadRecording

MAX_SYMBOLS = 1 << 12
MAX_TEXT = 2000
MAX_BANDS = 8

# (lowest, highest), both allowed. A ratio of exactly one would make the signal's threshold zero, so neither
# side may reach it.
_SETUP = {"round_trip_quote": (1e-12, 1e18), "metrics_every_s": (0.1, 3600.0)}
_SIGNAL = {
    "long_ratio": (1.0 + 1e-9, 1e6),
    "short_ratio": (1e-6, 1.0 - 1e-9),
    "hold_s": (1e-3, 86_400.0),
    "gate_quantile": (0.0, 1.0 - 1e-9),
    "gate_window_s": (1, 86_400),
}
_BAND_BPS = (1e-6, 5000.0)

S = TypeVar("S", bound=msgspec.Struct)


def cleaned(note: Note) -> Note:
    """The note with its text cleaned. Raises BadRecording for numbers that no session could have used."""
    match note:
        case Listed(symbol=symbol, instrument=instrument):
            instrument = _clean_fields(instrument)
            try:
                _ = instrument.tick.value, instrument.lot.value
            except NotOnGrid as error:
                raise BadRecording(f"an instrument cannot be read: {error}") from None
            if not 0 <= symbol < MAX_SYMBOLS:
                raise BadRecording(f"expected a symbol index from 0 to {MAX_SYMBOLS - 1}, found {symbol}")
            return Listed(symbol, instrument, note.depth_limit)
        case Setup():
            _check_setup(note)
        case Agents(families=families, agents=agents):
            if not all(0 <= line.family < len(families) for line in agents):
                raise BadRecording(f"an agent belongs to none of the {len(families)} families")
            return msgspec.structs.replace(note, families=tuple(_clean_fields(f) for f in families))
    return _clean_fields(note)


def _check_setup(setup: Setup) -> None:
    if not 1 <= len(setup.bands_bps) <= MAX_BANDS:
        raise BadRecording(f"expected a setup with 1 to {MAX_BANDS} bands, found {len(setup.bands_bps)}")
    for band in setup.bands_bps:
        _check("bands_bps", band, _BAND_BPS)
    for name, bounds in _SETUP.items():
        _check(name, getattr(setup, name), bounds)
    for name, bounds in _SIGNAL.items():
        _check(name, getattr(setup.signal, name), bounds)


def _check(name: str, found: float, bounds: tuple[float, float]) -> None:
    lowest, highest = bounds
    if not lowest <= found <= highest:  # so written, it refuses what is not a number too
        raise BadRecording(f"expected a setup with {name} from {lowest:g} to {highest:g}, found {found:g}")


def _clean_fields(value: S) -> S:
    texts = {n: getattr(value, n) for n in value.__struct_fields__ if isinstance(getattr(value, n), str)}
    kept = {name: clean(text, MAX_TEXT) for name, text in texts.items()}
    changed = {name: text for name, text in kept.items() if text != texts[name]}
    return msgspec.structs.replace(value, **changed) if changed else value
