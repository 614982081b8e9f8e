"""What a session may be set up with. A recording or a checkpoint may come from a stranger: it is held to the same."""

from __future__ import annotations

from engine.events import ChainTransfer, Post, Scored, Setup

MAX_BANDS = 8

# (lowest, highest), both allowed. A ratio of exactly one would make the signal's threshold zero, so neither
# side may reach it.
SETUP = {"round_trip_quote": (1e-12, 1e18), "metrics_every_s": (0.1, 3600.0)}
SIGNAL = {
    "long_ratio": (1.0 + 1e-9, 1e6),
    "short_ratio": (1e-6, 1.0 - 1e-9),
    "hold_s": (1e-3, 86_400.0),
    "gate_quantile": (0.0, 1.0 - 1e-9),
    "gate_window_s": (1, 86_400),
}
SENTIMENT = {"tau_s": (1.0, 86_400.0), "alpha": (0.001, 0.9)}
BAND_BPS = (1e-6, 5000.0)
SCORE = {
    "polarity": (-1.0, 1.0),
    "confidence": (0.0, 1.0),
    "aleatoric": (0.0, 2.0),
    "epistemic": (0.0, 2.0),
    "entropy": (0.0, 2.0),
    "bot": (0.0, 1.0),
    "cost_micro": (0, 10**12),  # a million dollars; sums of them are still numbers that a file can hold
    "took_ms": (0, 10**9),
}
TIME_NS = (0, 2**63 - 1)
AMOUNT = (0.0, 1e18)


def check_setup(setup: Setup) -> None:
    """Raises ValueError for numbers that no session could have used."""
    if not 1 <= len(setup.bands_bps) <= MAX_BANDS:
        raise ValueError(f"expected a setup with 1 to {MAX_BANDS} bands, found {len(setup.bands_bps)}")
    for band in setup.bands_bps:
        _check("bands_bps", band, BAND_BPS)
    for name, bounds in SETUP.items():
        _check(name, getattr(setup, name), bounds)
    for name, bounds in SIGNAL.items():
        _check(name, getattr(setup.signal, name), bounds)
    for name, bounds in SENTIMENT.items():
        found = getattr(setup.sentiment, name)
        if found is not None:
            _check(name, found, bounds)


def check_post(note: Post | Scored) -> None:
    """Raises ValueError for a post's time, or a score, that nobody could have given."""
    _check("ts_event", note.ts_event, TIME_NS, "a post")
    for name, bounds in SCORE.items() if isinstance(note, Scored) else ():
        found = getattr(note, name)
        if found is not None:
            _check(name, found, bounds, "a score")


def check_transfer(note: ChainTransfer) -> None:
    """Raises ValueError for a time or an amount that no chain could have shown."""
    _check("ts_event", note.ts_event, TIME_NS, "a transfer")
    _check("amount", note.amount, AMOUNT, "a transfer")
    if note.value_quote is not None:
        _check("value_quote", note.value_quote, AMOUNT, "a transfer")


def _check(name: str, found: float, bounds: tuple[float, float], what: str = "a setup") -> None:
    lowest, highest = bounds
    if not lowest <= found <= highest:  # so written, it refuses what is not a number too
        raise ValueError(f"expected {what} with {name} from {lowest:g} to {highest:g}, found {found:g}")
