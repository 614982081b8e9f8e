"""What kind of market it is now, and the factors behind that."""

from __future__ import annotations

import msgspec

REGIMES = ("CALM", "TRENDING", "STRESSED", "DISLOCATED")


class LoadingNow(msgspec.Struct, frozen=True, array_like=True):
    """How much of each factor is in a series, both in standard deviations."""

    series: str
    first: float
    second: float


class RegimeNow(msgspec.Struct, frozen=True):
    """What kind of market the chosen symbol's is now; see `engine.kernels.regime`.

    Histories are little-endian float64, one each `history_ns`, oldest first, NaN where nothing was known.
    """

    label: str = ""  # of REGIMES; empty while it is not known, and `state` says why
    state: str = ""  # in words
    why: str = ""  # what is unusual now
    since: int = 0  # of the label, ns
    probabilities: tuple[float, ...] = ()  # of REGIMES in their order; empty with the label
    volatility: float | None = None  # over what is usual; the next two as well
    round_trip: float | None = None
    thinness: float | None = None  # one over the depth
    by_states: bool = False  # probabilities are of fitted states of volatility too, not of thresholds alone
    history_ns: int = 0
    history_end: int = 0
    history_label: bytes = b""  # place in REGIMES
    history_probability: bytes = b""  # of that label
    factor_1: bytes = b""
    factor_2: bytes = b""
    fit: str = ""  # FITTED NOT_CONVERGED SHORT FLAT FAILED OFF LOST, or empty before the first
    fit_words: str = ""
    fit_at: int = 0  # end of the window that the factors in use were fitted to, ns; 0: none
    loadings: tuple[LoadingNow, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()  # series that carry nothing, and why
    loglikelihood: float | None = None
    took_ms: int | None = None

    @property
    def probability(self) -> float | None:
        """Of the label."""
        return self.probabilities[REGIMES.index(self.label)] if self.label and self.probabilities else None

    @property
    def lingers(self) -> bool:
        """The label stands by its hysteresis while another is likelier."""
        return self.probability is not None and self.probability < max(self.probabilities)
