"""What is traded, and whether it is trading now: the venue's listing at the start and again every few minutes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.feeds.errors import Answer, Malformed, Refused
from engine.feeds.rest import Rest
from engine.feeds.venue import Venue

Action = Callable[[int], None]


class Listing:
    """`in_order` runs an action with the session time after all that was received before, and waits for it."""

    def __init__(
        self, protocol: Venue, rest: Rest, every_s: float, in_order: Callable[[Action], Awaitable[None]]
    ) -> None:
        self._protocol = protocol
        self._rest = rest
        self._every_ns = int(every_s * 1e9)
        self._in_order = in_order
        self._asked_at = 0

    async def fetch(self, now: int) -> None:
        """List every symbol of the protocol. Raises Refused and UnknownSymbol."""
        body = await self._ask()
        try:
            await self._in_order(lambda ts: self._protocol.list_symbols(body, ts))
        except Malformed as error:
            raise Refused(str(error)) from None
        self._rest.weight.limit = self._protocol.weight_a_minute or self._rest.weight.limit
        self._asked_at = now

    def is_due(self, now: int) -> bool:
        """Whether the trading status is to be asked for again; says so once."""
        if now - self._asked_at < self._every_ns:
            return False
        self._asked_at = now
        return True

    async def refresh(self) -> None:
        """Ask for the trading status again. What cannot be had or read leaves the screen as it is."""
        try:
            body = await self._ask()
            await self._in_order(lambda ts: self._protocol.take_status(body, ts))
        except Refused:
            return
        except Malformed:
            self._protocol.malformed += 1

    async def _ask(self) -> bytes:
        """Of everything that is traded, where one of ours is not, or not any more."""
        try:
            return await self._rest.get(self._protocol.info_request())
        except Refused as refused:
            if refused.answer is not Answer.SYMBOL:
                raise
            return await self._rest.get(self._protocol.full_info_request())
