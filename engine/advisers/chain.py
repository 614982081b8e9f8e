"""The on-chain adviser: coins that go to exchanges may be sold there, coins that leave are put away."""

from __future__ import annotations

from engine.advisers.sight import Opinion, Sight, clipped

_NEEDED = 3  # transfers


def advise(sight: Sight) -> Opinion:
    flows = sight.flows
    if flows.seen < _NEEDED:
        counted = f"{flows.seen} large transfers" if flows.seen != 1 else "1 large transfer"
        return Opinion(None, f"{counted} of {sight.asset} lately; {_NEEDED} are needed")
    into, out = flows.to_exchanges, flows.from_exchanges
    whole = into + out
    if whole <= 0.0:
        return Opinion(0.0, f"{flows.seen} large transfers, none to or from a known exchange")
    share = (out - into) / whole
    size = min(1.0, whole / flows.usual) if flows.usual > 0.0 else 0.5
    reason = (
        f"${into / 1e6:,.1f}M to exchanges, ${out / 1e6:,.1f}M from them in {flows.window_s / 60.0:.0f} min"
    )
    return Opinion(clipped(share * size), reason)
