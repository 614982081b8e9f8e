"""Did value at risk hold? Likelihood ratios of how often it failed, and of whether failures come together.

Kupiec's proportion of failures ("Techniques for verifying the accuracy of risk measurement models", 1995) asks whether
the rate is 1 - level; Christoffersen's independence ("Evaluating interval forecasts", 1998) whether a failure makes the
next one likelier. Both are chi-squared with one degree of freedom.
"""

from __future__ import annotations

import math

import msgspec


class Coverage(msgspec.Struct, array_like=True):
    """Forecasts that were held against what came: how many, how many failed, and pairs of neighbours."""

    forecasts: int = 0
    failures: int = 0
    quiet_quiet: int = 0
    quiet_failed: int = 0
    failed_quiet: int = 0
    failed_failed: int = 0
    last: int = -1  # 1: the last one failed; -1: there is no last one

    def add(self, failed: bool) -> None:
        self.forecasts += 1
        self.failures += failed
        if self.last == 0:
            self.quiet_failed += failed
            self.quiet_quiet += not failed
        elif self.last == 1:
            self.failed_failed += failed
            self.failed_quiet += not failed
        self.last = int(failed)

    def pause(self) -> None:
        """The next forecast has no neighbour before it."""
        self.last = -1

    def kupiec(self, level: float) -> float | None:
        """p-value of a rate of failures of 1 - level; None without a forecast."""
        if not self.forecasts:
            return None
        n, x = self.forecasts, self.failures
        ratio = 2.0 * (_log_likelihood(n, x, x / n) - _log_likelihood(n, x, 1.0 - level))
        return p_value(ratio)

    def independence(self) -> float | None:
        """p-value of failures that do not depend on the one before; None where no failure has a neighbour."""
        after_quiet = self.quiet_quiet + self.quiet_failed
        after_failed = self.failed_quiet + self.failed_failed
        failed = self.quiet_failed + self.failed_failed
        if not after_quiet or not after_failed:
            return None
        apart = _log_likelihood(after_quiet, self.quiet_failed, self.quiet_failed / after_quiet)
        apart += _log_likelihood(after_failed, self.failed_failed, self.failed_failed / after_failed)
        pairs = after_quiet + after_failed
        return p_value(2.0 * (apart - _log_likelihood(pairs, failed, failed / pairs)))


def _log_likelihood(n: int, x: int, rate: float) -> float:
    """Of x failures in n tries at this rate, without the binomial factor; 0 log 0 is 0."""
    failed = x * math.log(rate) if x else 0.0
    return failed + ((n - x) * math.log1p(-rate) if n > x else 0.0)


def p_value(ratio: float) -> float:
    """Of a chi-squared with one degree of freedom."""
    return math.erfc(math.sqrt(max(0.0, ratio) / 2.0))
