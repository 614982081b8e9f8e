"""What may be asked of a what-if, and what is said to a person who asks for more."""

from __future__ import annotations

import math

from engine.ports import WhatIf
from engine.shocks import checked

MOST_FUTURES = 4096
MOST_SECONDS = 3600
MOST_IN_ALL = 500_000  # futures x seconds: 24 MB


class BadWhatIf(ValueError):
    """Says what was expected, what was found, and what would work."""

    for_people = True


def checked_wish(wish: WhatIf) -> WhatIf:
    """The wish if it can be granted. Raises BadWhatIf, or BadShock."""
    if not 1 <= wish.futures <= MOST_FUTURES:
        raise BadWhatIf(f"expected 1 to {MOST_FUTURES} futures, found {wish.futures}")
    if not 1 <= wish.seconds <= MOST_SECONDS:
        raise BadWhatIf(f"expected futures of 1 to {MOST_SECONDS} s, found {wish.seconds}")
    if wish.futures * wish.seconds > MOST_IN_ALL:
        raise BadWhatIf(
            f"expected futures x seconds up to {MOST_IN_ALL:,}, found {wish.futures * wish.seconds:,}: "
            f"{MOST_IN_ALL // wish.seconds:,} futures of {wish.seconds} s would do"
        )
    if wish.level_ticks is not None and not 0 < wish.level_ticks < 2**53:
        raise BadWhatIf(f"expected a level above zero, found {wish.level_ticks} ticks")
    if wish.shock is not None:
        checked(wish.shock)
    return wish


def delay_s(wish: WhatIf, ts: int) -> int:
    """Whole seconds from `ts` until the shock begins; raises BadWhatIf for one beyond the horizon."""
    if wish.shock is None or not wish.shock.ts:
        return 0
    delay = max(0, math.ceil((wish.shock.ts - ts) / 1e9))
    if delay >= wish.seconds:
        raise BadWhatIf(
            f"expected a shock within the {wish.seconds} s that futures last, found one in {delay} s"
        )
    return delay
