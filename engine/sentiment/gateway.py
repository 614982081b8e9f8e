"""Tier 2: posts that remain doubtful, put to a language model behind an OpenAI-compatible endpoint, for money.

No request leaves before its price at most is reserved in the purse, whatever the endpoint may say later. What comes
back is believed only as far as `engine.sentiment.prompt` reads it; of a post without a usable answer nothing is said,
and what other tiers said of it stands. Nothing here raises because of an endpoint.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from engine.sentiment.breaker import Breaker
from engine.sentiment.gateway_http import Http, Lost, NotSent, Reply
from engine.sentiment.gateway_options import GatewayOptions
from engine.sentiment.prompt import Request, Shape, speaks_to_a_model, wire_text
from engine.sentiment.scores import TIERS, Floats, Scores, concat, from_draws
from engine.sentiment.service import Answer
from engine.text import clean

WAIT_S = (0.5, 8.0)  # before a second attempt, at first and at most; the half of it is drawn
# Refused before any work was done, or failed by the endpoint's own account: no bill. Everything else that was sent and
# has no readable answer may have been worked on behind some proxy, and counts in whole.
_UNBILLED = {*range(300, 500), 500, 501, 503, 529}
_AGAIN = {408, 409, 429}
_MISUNDERSTOOD = {400, 422}


class Purse(Protocol):
    """Money for requests; `store.spend.Spend` is one. Called from threads, raises nothing."""

    ceiling_micro: int
    reason: str

    @property
    def spent_micro(self) -> int:
        """In this UTC month, as far as is known here."""

    def reserve(self, micro: int) -> int | None:
        """A reservation's number, or None; then `reason` says why."""

    def settle(self, number: int, micro: int) -> None:
        """What of a reservation was spent."""


class _Outcome(NamedTuple):
    """Of one request: draws of its posts by place, and what it cost. `swayed`: it had our own posts wrong."""

    draws: dict[int, list[Floats]]
    cost_micro: int
    swayed: bool = False


class Gateway:
    """For one asyncio loop between two calls of `close`."""

    def __init__(
        self,
        options: GatewayOptions,
        purse: Purse,
        *,
        now_s: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.options, self.purse = options, purse
        self.model = clean(options.model, 80)
        self._now_s, self._rng = now_s, rng or random.Random()
        self._breaker = Breaker(now_s)
        self._quiet_until = -math.inf  # as the endpoint asked for
        self._shape = Shape()
        self._off = ""
        self._poor = ""  # why the last reservation was refused
        self._http: Http | None = None
        self._turns: asyncio.Semaphore | None = None
        shortest = Request([""], model=options.model, samples=options.samples, order=self._rng)
        self._least_micro = self._most_micro(shortest, shortest.body(self._shape))

    @property
    def ready(self) -> bool:
        """Whether asking makes sense now."""
        left = self.purse.ceiling_micro - self.purse.spent_micro
        quiet = self._now_s() < self._quiet_until
        return not self._off and not quiet and self._breaker.admits and left >= self._least_micro

    @property
    def state(self) -> str:
        """In words, for people."""
        if self._off:
            return f"off: {self._off}"
        if self.purse.ceiling_micro - self.purse.spent_micro < self._least_micro:
            return "off until next month: the ceiling is reached"
        if (rest_s := max(self._breaker.rest_s, self._quiet_until - self._now_s())) > 0:
            return f"resting {math.ceil(rest_s)} s: {self._breaker.reason}"
        if self._poor:
            return f"not asked: {self._poor}"
        return f"ready: {self.model}" + (f" (last: {self._breaker.reason})" if self._breaker.reason else "")

    async def ask(self, texts: Sequence[str]) -> Answer:
        """Scores of those texts that the endpoint gave a usable answer for; epistemic only of several samples.

        What all of it cost is shared among them, with what was paid in vain.
        """
        lines = [wire_text(text) for text in texts]
        alone = {row for row, line in enumerate(lines) if speaks_to_a_model(line)}
        others = [row for row, line in enumerate(lines) if line and row not in alone]
        size = self.options.posts
        groups = [[row] for row in sorted(alone)] + [
            others[at : at + size] for at in range(0, len(others), size)
        ]
        found: dict[int, Scores] = {}
        cost = 0
        for rows, outcome in await self._all(lines, groups):
            cost += outcome.cost_micro
            for place, draws in outcome.draws.items():
                found[rows[place]] = from_draws(np.stack(draws)[:, None, :], tier=TIERS.index("gateway"))
        answered = sorted(found)
        share, rest = divmod(cost, len(answered) or 1)
        costs = [share + (number < rest) for number in range(len(answered))]
        return Answer(answered, concat([found[row] for row in answered]), self.model, costs)

    async def close(self) -> None:
        """Close connections. It may be asked again."""
        http, self._http, self._turns = self._http, None, None
        if http is not None:
            await http.close()

    async def _all(
        self, lines: Sequence[str], groups: Sequence[list[int]]
    ) -> list[tuple[list[int], _Outcome]]:
        outcomes = await asyncio.gather(*(self._outcome([lines[row] for row in rows]) for rows in groups))
        done = list(zip(groups, outcomes, strict=True))
        # One of these posts talked the model into something: alone, each can only spoil its own answer.
        apart = [[row] for rows, outcome in done if outcome.swayed and len(rows) > 1 for row in rows]
        return [*done, *await self._all(lines, apart)] if apart else done

    async def _outcome(self, lines: Sequence[str]) -> _Outcome:
        """One request with its retries, when it is its turn."""
        if self._turns is None:
            self._turns = asyncio.Semaphore(self.options.at_once)
        async with self._turns:
            request = Request(lines, model=self.options.model, samples=self.options.samples, order=self._rng)
            until, cost = self._now_s() + self.options.deadline_s, 0
            for attempt in range(self.options.attempts):
                wait_s = self._wait_s(attempt)
                if self._now_s() + wait_s >= until:
                    break
                await asyncio.sleep(wait_s)
                if self._off or not self._breaker.enter():
                    break
                try:
                    outcome, again = await self._attempt(request, until)
                except asyncio.CancelledError:
                    self._breaker.given_up()
                    raise
                cost += outcome.cost_micro
                if not again:
                    return outcome._replace(cost_micro=cost)
            return _Outcome({}, cost)

    def _wait_s(self, attempt: int) -> float:
        backoff = min(WAIT_S[0] * 2.0 ** (attempt - 1), WAIT_S[1]) if attempt else 0.0
        return max(self._rng.uniform(backoff / 2, backoff), self._quiet_until - self._now_s())

    async def _attempt(self, request: Request, until: float) -> tuple[_Outcome, bool]:
        """One request over the wire, paid; and whether another attempt may help. Tells the breaker how it went."""
        shape = self._shape
        body = request.body(shape)
        most = self._most_micro(request, body)
        number = await self._reserved(most)
        if number is None:
            return _Outcome({}, 0), False
        cost = most  # unless something says otherwise, cancellation included
        try:
            reply = await self._exchange(body, until)
            if reply is None:
                cost = 0
            elif reply.status == 200:
                billed = reply.cost_micro(self.options)
                cost = min(most, most if billed is None else billed)
                if billed is not None and billed > most:
                    self._off = (
                        "the endpoint counts more tokens than there can be: no ceiling can be kept with it"
                    )
                return self._read(request, reply)._replace(cost_micro=cost), False
            elif reply.status in _UNBILLED:
                cost = 0
            return _Outcome({}, cost), reply is None or self._refused(reply, shape)
        except Lost as error:
            self._breaker.bad(str(error))
            return _Outcome({}, cost), True
        finally:
            await asyncio.shield(asyncio.to_thread(self.purse.settle, number, cost))

    async def _reserved(self, micro: int) -> int | None:
        number = await asyncio.to_thread(self.purse.reserve, micro)
        self._poor = self.purse.reason if number is None else ""
        if number is None:
            self._breaker.given_up()
        return number

    async def _exchange(self, body: bytes, until: float) -> Reply | None:
        """None where nothing was sent. Raises Lost where nobody knows what became of it."""
        try:
            if self._http is None:
                self._http = Http(self.options)
            return await self._http.post(body, until - self._now_s())
        except NotSent as error:
            self._breaker.bad(str(error))
            return None

    def _refused(self, reply: Reply, shape: Shape) -> bool:
        """What a status other than 200 means of a request in that shape; whether to try again."""
        host = self.options.host
        wait_s = reply.retry_after_s
        if reply.status in _AGAIN or reply.status >= 500:
            self._breaker.bad(f"{host} answered {reply.status}")
            if wait_s is not None:
                self._quiet_until = max(self._quiet_until, self._now_s() + wait_s)
            return True
        simpler = shape.simpler(reply.body) if reply.status in _MISUNDERSTOOD else None
        if simpler is not None:
            if self._shape == shape:  # else another request has learnt it already
                self._shape = simpler
            self._breaker.given_up()
            return True
        # What the endpoint says of it is not repeated: some repeat the key.
        self._breaker.bad(f"{host} answered {reply.status}{_MEANING.get(reply.status, '')}", for_sure=True)
        return False

    def _read(self, request: Request, reply: Reply) -> _Outcome:
        read = [request.read(content) for content in reply.contents()[: self.options.samples]]
        draws: dict[int, list[Floats]] = {}
        for found in read:
            if found is not None and found.trusted:
                for place, probabilities in found.answers.items():
                    draws.setdefault(place, []).append(probabilities)
        if draws:
            self._breaker.good()
        else:
            self._breaker.bad(f"{self.options.host} gave no usable answer")
        swayed = any(found is not None and not found.trusted for found in read)
        return _Outcome(draws, 0, swayed and not draws)

    def _most_micro(self, request: Request, body: bytes) -> int:
        return self.options.cost_micro(request.tokens_in(body), request.tokens_out)


_MEANING = {
    401: ": it does not know the key",
    402: ": it wants to be paid first",
    403: ": the key does not allow that",
    404: ": it has no such address or model; url ends before /chat/completions",
}
