"""What a tick of the futures is worth outside, and the futures as they are shown at that price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.futures.fan import Paths
from engine.futures.pairs import Start
from engine.futures.pilot import sigma_of


def scaled(start: Start, plain: Paths, shocked: Paths | None) -> tuple[Start, Paths, Paths | None]:
    """The same with a tick worth what makes the plain futures as volatile as `start.sigma` says, if it does.

    Price and spread of now stay what they are. No spread is below the venue's tick.
    """
    mid = spread = 0.0
    if start.sigma is not None and (found := sigma_of(plain.mid_ticks)):
        more = start.price_a_tick * found / start.sigma - 1.0
        mid, spread = more * plain.mid_ticks[0, 0], more * plain.spread_ticks[0, 0]
        start = replace(start, price_a_tick=start.sigma / found)
    least = start.venue_tick / start.price_a_tick
    plain, *others = (
        replace(p, mid_ticks=p.mid_ticks + mid, spread_ticks=np.maximum(p.spread_ticks + spread, least))
        for p in (plain, shocked)
        if p is not None
    )
    return start, plain, others[0] if others else None
