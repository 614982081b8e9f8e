"""The microstructure adviser: which way book and aggressors press, over seconds.

Order flow's z-score, the microprice's drift, the imbalance signal and who took, in VPIN's buckets of volume: what of
these is known counts by its weight. VPIN itself has no direction: it says how one-sided trading is, and so how much
its lean counts.
"""

from __future__ import annotations

from engine.advisers.sight import Opinion, Sight, clipped
from engine.kernels.indicators import DRIFT_BPS, LEAN, OFI_Z, VPIN
from engine.kernels.seconds import SPREAD_BPS

_FULL_Z = 4.0  # of order flow, for a full score
_WEIGHTS = (0.35, 0.25, 0.25, 0.15)  # of order flow, microprice, the book's imbalance, VPIN


def advise(sight: Sight) -> Opinion:
    told, signal = sight.told, sight.signal
    ofi_z, drift, spread = told[OFI_Z], told[DRIFT_BPS], sight.row[SPREAD_BPS]
    score = known = 0.0
    reason: list[str] = []
    flow_weight, drift_weight, book_weight, vpin_weight = _WEIGHTS
    if ofi_z == ofi_z:
        score += flow_weight * clipped(ofi_z / _FULL_Z)
        known += flow_weight
        reason.append(f"order flow {ofi_z:+z.1f} sd")
    if drift == drift and spread > 0.0:
        share = drift / (spread / 2.0)  # of the way from the mid to the touch
        score += drift_weight * clipped(2.0 * share)
        known += drift_weight
        reason.append(f"microprice {share * 50.0:+z.0f} % of the spread")
    if signal.direction != "FLAT" and signal.confidence is not None:
        side = 1.0 if signal.direction == "LONG" else -1.0
        score += book_weight * side * signal.confidence / 0.75  # 0.75 is the most that signal says
        known += book_weight
        reason.append(signal.reason)
    elif signal.ratio is not None:
        known += book_weight
    vpin, lean = told[VPIN], told[LEAN]
    if vpin > 0.0 and lean == lean:
        score += vpin_weight * clipped(2.0 * lean)
        known += vpin_weight
        reason.append(f"VPIN {vpin:.2f}, takers {lean * 100.0:+z.0f} %")
    if known < 0.55:  # order flow or VPIN must be among them
        return Opinion(None, "order flow and microprice are not known for long enough yet")
    return Opinion(clipped(score / known), ", ".join(reason))
