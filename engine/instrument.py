"""What is traded: its symbol, tick and lot, and the one exact bridge between decimal text and integers.

Inside microtui a price is an integer count of ticks and a size an integer count of lots.
Decimals exist only where text comes in and where text goes out, and both go through this file.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import cached_property

import msgspec

INT64_MAX = 2**63 - 1


class NotOnGrid(ValueError):
    """A decimal that is no whole number of ticks or lots, or that does not fit in 64 bits."""


class Step(msgspec.Struct, frozen=True, dict=True):
    """A decimal grid, such as a tick of 0.01: value = count x mantissa x 10**-decimals."""

    text: str

    @cached_property
    def value(self) -> Decimal:
        try:
            value = Decimal(self.text)
        except InvalidOperation:
            raise NotOnGrid(f"a step is a positive decimal such as 0.01, found {self.text[:40]!r}") from None
        if not value.is_finite() or value <= 0 or value.adjusted() > 15 or value.adjusted() < -18:
            raise NotOnGrid(f"a step is a positive decimal such as 0.01, found {self.text[:40]!r}")
        return value.normalize()

    @cached_property
    def decimals(self) -> int:
        """Digits behind the point that a value on this grid needs."""
        return max(0, -int(self.value.as_tuple().exponent))

    @cached_property
    def mantissa(self) -> int:
        return int(self.value.scaleb(self.decimals))

    def count(self, text: str | Decimal) -> int:
        """Decimal text -> whole steps, exactly.

        >>> Step("0.01").count("61737.63000000")
        6173763
        """
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise NotOnGrid(f"expected a decimal number, found {str(text)[:40]!r}") from None
        if not value.is_finite():
            raise NotOnGrid(f"expected a finite number, found {str(text)[:40]!r}")
        if value and value.adjusted() - self.value.adjusted() > 19:
            raise NotOnGrid(f"{str(text)[:40]} at a step of {self.text} does not fit in 64 bits")
        # Exact at any number of digits: Decimal's own division would round.
        exponent = max(-int(value.as_tuple().exponent), self.decimals, 0)
        if exponent > 60:
            raise NotOnGrid(f"{str(text)[:40]} is not a multiple of the step {self.text}")
        steps, rest = divmod(_scaled(value, exponent), _scaled(self.value, exponent))
        if rest:
            raise NotOnGrid(f"{str(text)[:40]} is not a multiple of the step {self.text}")
        if abs(steps) > INT64_MAX:
            raise NotOnGrid(f"{str(text)[:40]} at a step of {self.text} does not fit in 64 bits")
        return steps

    def text_of(self, count: int) -> str:
        """Whole steps -> decimal text with the grid's own number of digits.

        >>> Step("0.01").text_of(6173763)
        '61737.63'
        """
        scaled = count * self.mantissa
        if not self.decimals:
            return str(scaled)
        sign = "-" if scaled < 0 else ""
        whole, rest = divmod(abs(scaled), 10**self.decimals)
        return f"{sign}{whole}.{rest:0{self.decimals}d}"

    def to_float(self, count: float) -> float:
        """Whole (or fractional) steps -> a float, for charts and ratios only."""
        return float(count * self.mantissa / 10**self.decimals)


def _scaled(value: Decimal, decimals: int) -> int:
    """value x 10**decimals, whole by the choice of `decimals`."""
    sign, digits, exponent = value.as_tuple()
    whole: int = int("".join(map(str, digits))) * 10 ** (decimals + int(exponent))
    return -whole if sign else whole


class Instrument(msgspec.Struct, frozen=True, dict=True, tag="instrument"):
    """One thing that trades on one venue. Its identity is `venue:symbol`, in the venue's own spelling."""

    venue: str
    symbol: str
    base: str
    quote: str
    tick_size: str
    lot_size: str
    kind: str = "spot"  # spot | linear | inverse
    multiplier: str = "1"

    @property
    def key(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @cached_property
    def tick(self) -> Step:
        return Step(self.tick_size)

    @cached_property
    def lot(self) -> Step:
        return Step(self.lot_size)
