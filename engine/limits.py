"""What a session may be set up with. A recording or a checkpoint may come from a stranger: it is held to the same."""

from __future__ import annotations

from engine.events import (
    FACTOR_SERIES,
    Advised,
    Agents,
    Asked,
    Baseline,
    ChainTransfer,
    FactorFit,
    FactorModel,
    Markov,
    Post,
    Scored,
    Setup,
)
from engine.rules import check_risk, check_rules

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
HORIZON_S = (1.0, 86_400.0)
ADVISERS = {
    **dict.fromkeys(("microstructure_s", "technical_s", "sentiment_s", "chain_s", "news_s"), HORIZON_S),
    "decision_s": HORIZON_S,
    "least_probability": (0.5, 0.99),
    "prior_pieces": (1.0, 1e6),
}
MAX_TALLIES = 64
TALLY = {  # sums; counts of pieces are held to the same
    "ups": (0, 10**12),
    "downs": (0, 10**12),
    "brier": (0.0, 1e12),
    "net": (-1e18, 1e18),
    "net_square": (0.0, 1e24),
}
REGIME = {
    "stressed": (1.05, 100.0),
    "dislocated": (1.05, 1000.0),
    "trend_sigmas": (0.5, 100.0),
    "baseline_s": (60.0, 86_400.0),
}
USUAL = {
    "volatility_bps": (1e-18, 1e6),
    "round_trip_bps": (1e-18, 1e6),
    "depth": (1e-9, 1e18),
}
FIT_STATES = ("FITTED", "NOT_CONVERGED", "SHORT", "FLAT", "FAILED", "OFF")
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
FEE_BPS = (-100.0, 1000.0)
MAX_VENUES = 64
MAX_REPLACED = 20  # transactions that one transfer takes the place of
TIME_NS = (0, 2**63 - 1)
AMOUNT = (0.0, 1e18)
MAX_AGENTS = 10_000  # of which each is told
MAX_ASKED = 200  # symbols of a venue: twice what may be watched in one run
# Sums and differences of such are still numbers that a file can hold.
MONEY, POSITION, COUNT = (-(2**60), 2**60), (-(2**50), 2**50), (0, 2**53)
FAMILY = {
    "position_lots": POSITION,
    **dict.fromkeys(("realised", "unrealised", "fees"), MONEY),
    **dict.fromkeys(("count", "fills", "orders"), COUNT),
}


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
    for name, bounds in REGIME.items():
        _check(name, getattr(setup.regime, name), bounds)
    for name, bounds in USUAL.items() if setup.regime.usual is not None else ():
        _check(name, getattr(setup.regime.usual, name), bounds)
    for name, bounds in ADVISERS.items():
        _check(name, getattr(setup.advisers, name), bounds)
    for name, bounds in SENTIMENT.items():
        found = getattr(setup.sentiment, name)
        if found is not None:
            _check(name, found, bounds)
    if len(setup.taker_bps) > MAX_VENUES:
        raise ValueError(f"expected fees of up to {MAX_VENUES} venues, found {len(setup.taker_bps)}")
    for fee in setup.taker_bps.values():
        _check("taker_bps", fee, FEE_BPS)
    check_rules(setup.alerts)
    check_risk(setup.risk)


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


def check_agents(note: Agents) -> None:
    """Raises ValueError for agents that are too many, or amounts that nobody could hold."""
    if len(note.agents) > MAX_AGENTS:
        raise ValueError(f"expected up to {MAX_AGENTS} agents, found {len(note.agents)}")
    for family in note.families:
        for name, bounds in FAMILY.items():
            _check(name, getattr(family, name), bounds, "agents")
    if note.agents:
        held = [line.position_lots for line in note.agents]
        _check("position_lots", min(held), POSITION, "agents")
        _check("position_lots", max(held), POSITION, "agents")


def check_baseline(note: Baseline) -> None:
    """Raises ValueError for records of advisers that no sessions could have added up to."""
    if len(note.tallies) > MAX_TALLIES:
        raise ValueError(f"expected records of up to {MAX_TALLIES} advisers, found {len(note.tallies)}")
    for tally in note.tallies:
        _check("horizon_s", tally.horizon_s, HORIZON_S, "a record")
        for name, bounds in TALLY.items():
            _check(name, getattr(tally, name), bounds, "a record")
        for pieces, hits in zip(tally.pieces, tally.hits, strict=True):
            _check("pieces", pieces, (0, 10**12), "a record")
            _check("hits", hits, (0, pieces), "a record")


def check_advised(note: Advised) -> None:
    """Raises ValueError for a score or a horizon that no adviser may give."""
    _check("horizon_s", note.horizon_s, HORIZON_S, "advice")
    if note.score is not None:
        _check("score", note.score, (-1.0, 1.0), "advice")


def check_asked(note: Asked) -> None:
    """Raises ValueError for more symbols than any session asks for."""
    if len(note.symbols) > MAX_ASKED:
        raise ValueError(f"expected at most {MAX_ASKED} symbols of a venue, found {len(note.symbols)}")


def check_fit(note: FactorFit) -> None:
    """Raises ValueError for a fit that no factor model could have come to."""
    if note.state not in FIT_STATES:
        raise ValueError(f"expected a fit's state among {', '.join(FIT_STATES)}, found {note.state[:20]!r}")
    _check("at", note.at, (0, 2**34), "a fit")
    _check("iterations", note.iterations, (0, 10**6), "a fit")
    _check("took_ms", note.took_ms, (0, 10**9), "a fit")
    _check("loglikelihood", note.loglikelihood or 0.0, (-1e12, 1e12), "a fit")
    if len(note.dropped) > len(FACTOR_SERIES):
        raise ValueError(f"expected at most {len(FACTOR_SERIES)} dropped series, found {len(note.dropped)}")
    if note.model is not None:
        _check_model(note.model)
    if note.markov is not None:
        _check_markov(note.markov)


def _check_model(model: FactorModel) -> None:
    count = len(model.series)
    if not 1 <= count <= len(FACTOR_SERIES) or [s for s in FACTOR_SERIES if s in model.series] != [
        *model.series
    ]:
        raise ValueError(f"expected series of {', '.join(FACTOR_SERIES)} in this order")
    sizes = [len(getattr(model, name)) for name in ("means", "sds", "loadings", "noise_ar", "noise_var")]
    if {*sizes} != {count} or len(model.state) != count + 2 or len(model.state_cov) != (count + 2) ** 2:
        raise ValueError(f"expected a factor model of {count} series to be as large as that")
    pairs = (*model.loadings, *model.transition, *model.shocks)
    numbers = (*model.means, *model.noise_ar, *model.state, *model.state_cov, *(n for p in pairs for n in p))
    for number in numbers:
        _check("numbers", number, (-1e12, 1e12), "a factor model")
    for name, lowest in (("sds", 1e-12), ("noise_var", 0.0)):
        for number in getattr(model, name):
            _check(name, number, (lowest, 1e12), "a factor model")


def _check_markov(markov: Markov) -> None:
    for number in markov.sds:
        _check("sds", number, (1e-9, 1e9), "states of volatility")
    for number in (*markov.stays, *markov.probabilities):
        _check("probabilities", number, (0.0, 1.0), "states of volatility")


def _check(name: str, found: float, bounds: tuple[float, float], what: str = "a setup") -> None:
    lowest, highest = bounds
    if not lowest <= found <= highest:  # so written, it refuses what is not a number too
        raise ValueError(f"expected {what} with {name} from {lowest:g} to {highest:g}, found {found:g}")
