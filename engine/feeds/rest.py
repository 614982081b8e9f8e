"""Requests to the venue: which endpoint has its turn, what the weight budget allows, what a refusal means."""

from __future__ import annotations

from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import Endpoints, Hosts
from engine.feeds.network import Network, host_of
from engine.feeds.options import FeedOptions
from engine.feeds.refusal import refusal
from engine.feeds.requests import Request
from engine.feeds.weight import Weight
from engine.ports import Clock

_USED_WEIGHT = "x-mbx-used-weight-1m"


class Rest:
    """GET a path from whichever endpoint may be asked."""

    def __init__(self, network: Network, clock: Clock, hosts: Hosts, options: FeedOptions) -> None:
        self._network = network
        self._clock = clock
        self._options = options
        self._endpoints = Endpoints(options.rest, hosts, options.tries_an_endpoint)
        self.weight = Weight(options.weight_limit, options.weight_share)

    async def get(self, request: Request) -> bytes:
        """The body of a good answer. Raises Refused."""
        while True:
            now = self._clock.now()
            wait_s = self.weight.wait_s(request.weight, now)
            if wait_s > 0:
                reason = f"this minute's request weight of {self.weight.limit} is used up"
                raise Refused(reason, Answer.WAIT, wait_s)
            base = self._endpoints.current(now)
            self.weight.spend(request.weight, now)
            try:
                body = await self._ask(base, request)
            except Refused as refused:
                self._endpoints.failed(base, refused, self._clock.now())
                if refused.answer is not Answer.FINAL and not refused.elsewhere:
                    raise
            else:
                self._endpoints.worked()
                return body

    async def _ask(self, base: str, request: Request) -> bytes:
        reply = await self._network.get(base + request.path)
        if _USED_WEIGHT in reply.headers:
            self.weight.heard(reply.headers[_USED_WEIGHT], self._clock.now())
        refused = refusal(
            host_of(base), reply.status, reply.headers, reply.body, self._options.firewall_wait_s
        )
        if refused is not None:
            raise refused
        return reply.body
