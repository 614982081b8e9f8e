"""Which posts go up, and how far: the embedded tier always answers; whoever knows better is asked while it is unsure.

A post is doubtful while 0.4 < p < 0.6, p being the calibrated probability of bullish given not neutral: of opinionated
posts 14 to 18 %, right in .55 to .57 of cases. First the model on this machine is asked, then, about what is doubtful
still, the gateway, while there is money.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.sentiment.scores import TIERS, Scores, Tier, replaced
from engine.sentiment.service import Answer

DOUBTFUL = (0.4, 0.6)  # of p


class Answered(Protocol):
    """Row i of `scores` is of text `rows[i]`; a text in no row has no answer."""

    @property
    def rows(self) -> Sequence[int]: ...
    @property
    def scores(self) -> Scores: ...


class Local(Protocol):
    """The local tier; `engine.sentiment.worker.Worker` is one."""

    @property
    def available(self) -> bool: ...
    @property
    def model(self) -> str: ...
    async def score(self, texts: Sequence[str]) -> Answered: ...
    async def close(self) -> None: ...


class Paid(Protocol):
    """The gateway tier; `engine.sentiment.gateway.Gateway` is one."""

    @property
    def ready(self) -> bool: ...
    @property
    def state(self) -> str: ...
    async def ask(self, texts: Sequence[str]) -> Answer: ...
    async def close(self) -> None: ...


class Router:
    """`engine.sentiment.service.Upper` over what there is. With `everything` no post is too sure to go up."""

    def __init__(
        self, local: Local | None = None, gateway: Paid | None = None, *, everything: bool = False
    ) -> None:
        self.local, self.gateway = local, gateway
        self._everything = everything

    def wants(self, scores: Scores) -> list[bool]:
        """Of which texts more should be known, where somebody could tell now."""
        local = self.local is not None and self.local.available
        gateway = self.gateway is not None and self.gateway.ready
        if not (local or gateway):
            return [False] * len(scores)
        return [bool(wanted) for wanted in self.doubtful(scores)]

    async def improve(self, texts: Sequence[str], first: Scores) -> list[Answer]:
        """Of those of `texts` that are doubtful in `first`; the local tier's answers, then the gateway's."""
        answers: list[Answer] = []
        known = first
        rows = np.flatnonzero(self.doubtful(known))
        if self.local is not None and self.local.available and len(rows):
            said = await self.local.score([texts[int(row)] for row in rows])
            if len(said.rows):
                answered = rows[list(said.rows)]
                answers.append(_answer(answered, said.scores, self.local.model))
                known = replaced(known, answered, said.scores)
        if not self._everything:
            rows = rows[self.doubtful(known)[rows]]
        if self.gateway is not None and self.gateway.ready and len(rows):
            told = await self.gateway.ask([texts[int(row)] for row in rows])
            if len(told.rows):
                answered = rows[list(told.rows)]
                answers.append(_answer(answered, told.scores, told.model, told.cost_micro))
        return answers

    async def close(self) -> None:
        """End the local tier's process and the gateway's connections."""
        for tier in (self.local, self.gateway):
            if tier is not None:
                await tier.close()

    def doubtful(self, scores: Scores) -> npt.NDArray[np.bool_]:
        """Which rows should go up, whether or not somebody is there."""
        if self._everything:
            return np.ones(len(scores), bool)
        return (scores.bullish > DOUBTFUL[0]) & (scores.bullish < DOUBTFUL[1])


def _answer(
    rows: npt.NDArray[np.intp], scores: Scores, model: str, cost_micro: Sequence[int] | None = None
) -> Answer:
    return Answer([int(row) for row in rows], scores, model, cost_micro or [0] * len(rows))


class Routed:
    """`engine.sentiment.scores.Tier` for those who wait: the first tier, bettered at once by a router."""

    def __init__(self, name: str, first: Tier, router: Router) -> None:
        self.name = name
        self._router, self._first = router, first
        self._unanswered = 0

    def predict_batch(self, texts: Sequence[str]) -> Scores:
        """Whoever said it is in `Scores.tier`."""
        scores = self._first.predict_batch(texts)
        if any(self._router.wants(scores)):
            for answer in asyncio.run(self._improved(texts, scores)):
                scores = replaced(scores, np.array(answer.rows, np.intp), answer.scores)
        by_gateway = scores.tier == TIERS.index("gateway")
        self._unanswered += int((self._router.doubtful(scores) & ~by_gateway).sum())
        return scores

    @property
    def complaint(self) -> str:
        """That there is a gateway and it left posts without an answer, and why; else nothing."""
        gateway = self._router.gateway
        if gateway is None or not self._unanswered:
            return ""
        posts = "1 post keeps its" if self._unanswered == 1 else f"{self._unanswered:,} posts keep their"
        return f"{posts} first score, the gateway gave none; it is {gateway.state}"

    async def _improved(self, texts: Sequence[str], first: Scores) -> list[Answer]:
        try:
            return await self._router.improve(texts, first)
        finally:
            if self._router.gateway is not None:
                await self._router.gateway.close()


class Here:
    """`Local` over a tier in this process, for commands without a screen."""

    available = True

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self.model = str(getattr(tier, "model", tier.name))

    async def score(self, texts: Sequence[str]) -> Answer:
        scores = await asyncio.to_thread(self._tier.predict_batch, texts)
        return Answer(range(len(texts)), scores, self.model, [0] * len(texts))

    async def close(self) -> None:
        """There is nothing to close."""
