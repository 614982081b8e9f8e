"""How large a position: for a volatility target, and by Kelly's criterion with a cap.

Numbers, not advice: both take the past for the future, and Kelly's a profit that so few changes hardly prove.
"""

from __future__ import annotations

import math

from engine.rules import RiskRule

DAY_S = 86_400.0


def for_volatility(minute_bps: float, price: float, rule: RiskRule) -> float | None:
    """Base units of which a day's return on capital has the target's deviation; None where nothing moves.

    `minute_bps`: deviation of the price over a minute, carried to a day by the root of time.
    """
    day = minute_bps / 1e4 * math.sqrt(DAY_S / 60.0)
    return rule.capital * rule.target / (day * price) if day > 0.0 and price > 0.0 else None


def kelly_times(n: int, total: int, squares: int, money: float, rule: RiskRule) -> float | None:
    """How many times the size that made `n` changes of equity Kelly's criterion would take, before its cap.

    f = share x (mean - its standard error) x capital / variance (E. Thorp, "The Kelly criterion", 2006, for small
    returns): a mean that may be chance alone counts as none. `total` and `squares`: sums of the changes and of their
    squares, whole numbers and so exact. `money`: of one unit of a change, quote units. None with fewer than two
    changes, or where they are all alike.
    """
    if n < 2:
        return None
    mean: float = total / n
    variance: float = (n * squares - total * total) / (n * (n - 1))
    if variance <= 0.0:
        return None
    sure = max(0.0, mean - math.sqrt(variance / n))
    return rule.kelly_share * sure * rule.capital / (variance * money)


def kelly_size(times: float, exposure: float, price: float, rule: RiskRule) -> float:
    """Base units: so many times the mean exposure (quote units), and at most the cap's share of capital."""
    return min(times * exposure, rule.kelly_cap * rule.capital) / price
