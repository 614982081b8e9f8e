"""The request weight that a minute allows, as the exchange counts it and we foresee it."""

from __future__ import annotations

MINUTE_NS = 60_000_000_000


class Weight:
    """`limit` a minute for the whole address, of which we allow ourselves `share`."""

    def __init__(self, limit: int, share: float) -> None:
        self.limit = limit
        self._share = share
        self._used = 0
        self._at = 0

    def wait_s(self, weight: int, now: int) -> float:
        """Seconds until a request of this weight fits; 0.0 if it does now.

        When the exchange's minute began is not known, so what was used counts for a minute from when we
        last heard of it: a little longer than it really does.
        """
        if now - self._at >= MINUTE_NS or self._used + weight <= self.limit * self._share:
            return 0.0
        return (self._at + MINUTE_NS - now) / 1e9

    def spend(self, weight: int, now: int) -> None:
        if now - self._at >= MINUTE_NS:
            self._used = 0
        self._used += weight
        self._at = now

    def heard(self, header: str, now: int) -> None:
        """X-MBX-USED-WEIGHT-1M of an answer."""
        if header.isascii() and header.isdigit() and len(header) < 10:
            self._used, self._at = int(header), now
