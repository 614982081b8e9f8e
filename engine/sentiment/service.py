"""Beside a market: posts as they come, each scored at once, the doubtful ones again by whoever knows better.

The embedded tier answers in the tick in which a post came. What it is unsure of goes to the higher tiers in the
background; their word comes later as another score of the same post and takes the place of the first. All of it is
recorded, so that a replay shows the same with no model, no key and no network.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from engine.batch import Batch, BatchBuilder
from engine.events import FeedCount, FeedStatus, Post, Scored
from engine.ports import Command
from engine.sentiment.scores import TIERS, Scores, Tier

if TYPE_CHECKING:
    from engine.core import State

A_TICK = 24  # posts scored and judged in one: under 5 ms of the engine's thread, 240 posts a second
# Posts that may wait for the embedded tier; beyond them the oldest is let go, and that is said.
WAITING = 5000
UPWARD = 256  # posts that may wait for a higher tier; beyond them the oldest keeps its first score
AT_ONCE = 16  # posts a higher tier is asked about together
LATELY = 1000  # posts that are weighed anew when more is known of their authors,
LATELY_NS = 50 * 10**9  # within the minute in which their records are open

Put = Callable[[Post | FeedStatus | FeedCount], None]
Judge = Callable[[Post, int], float | None]  # the probability that no person wrote it, at a time in ns
Again = Callable[[Post], float | None]  # the same of a post that was judged, by what is known now


@dataclass(frozen=True, slots=True)
class Answer:
    """What a higher tier says: row i of `scores` answers text `rows[i]` and cost `cost_micro[i]` of a dollar / 1e6."""

    rows: Sequence[int]
    scores: Scores
    model: str
    cost_micro: Sequence[int]


class Upper(Protocol):
    """The tiers above the embedded one, as a router sees them."""

    def wants(self, scores: Scores) -> Sequence[bool]:
        """Of which texts more should be known, and somebody there could tell."""

    async def improve(self, texts: Sequence[str], first: Scores) -> Sequence[Answer]:
        """Answers in the order in which they count; a text that nobody could answer is in none of them."""


class Arrived(NamedTuple):
    """A post on its way through the tiers. `at` is when it came, ns of a monotonic clock."""

    post: Post
    at: int
    bot: float | None = None


class Reading:
    """`engine.ports.Producer` of posts and scores. `put` takes what a text source says, in the engine's loop."""

    accepts: frozenset[str] = frozenset()

    def __init__(
        self,
        first: Tier,
        *,
        model: str = "",
        judge: Judge | None = None,
        again: Again | None = None,
        upper: Upper | None = None,
        source: Callable[[Put], Awaitable[None]] | None = None,
    ) -> None:
        self._first, self._model = first, model
        self._judge, self._again, self._upper, self._source = judge, again, upper, source
        self._lately: OrderedDict[str, tuple[Arrived, Scored]] = OrderedDict()  # what was said last, by post
        self._posts: deque[Arrived] = deque()
        self._said: list[FeedStatus | FeedCount] = []
        self._better: list[Scored] = []
        self._upward: deque[Arrived] = deque(maxlen=UPWARD)
        self._some = asyncio.Event()
        self._lost = 0

    def command(self, command: Command) -> None:
        """It takes none."""

    def put(self, said: Post | FeedStatus | FeedCount) -> None:
        if not isinstance(said, Post):
            self._said.append(said)
            return
        self._posts.append(Arrived(said, time.monotonic_ns()))
        if len(self._posts) > WAITING:
            self._posts.popleft()
            self._lost += 1
            if self._lost == 1 or self._lost % 1000 == 0:
                reason = f"{self._lost:,} posts came faster than they can be scored and were let go"
                self._said.append(FeedStatus("sentiment", "LIVE", None, reason))

    def known(self, author: str) -> None:
        """More is known of an author: their latest posts are weighed anew, their polarity stays as it is."""
        if self._again is None:
            return
        since = time.monotonic_ns() - LATELY_NS
        for arrived, scored in [found for found in self._lately.values() if found[0].post.author == author]:
            bot = self._again(arrived.post)
            if bot != scored.bot and arrived.at >= since:
                self._say(arrived, msgspec.structs.replace(scored, bot=bot, cost_micro=0))

    def _say(self, arrived: Arrived, scored: Scored) -> None:
        """A score that takes the place of an earlier one."""
        self._better.append(scored)
        self._remember(arrived, scored)

    def _remember(self, arrived: Arrived, scored: Scored) -> None:
        if self._again is None:
            return
        self._lately[arrived.post.id] = arrived, scored
        if len(self._lately) > LATELY:
            self._lately.popitem(last=False)

    async def run(self) -> None:
        """Beside the session: the text source, and the higher tiers."""
        tasks = []
        if self._source is not None:
            tasks.append(asyncio.ensure_future(self._source(self.put)))
        if self._upper is not None:
            tasks.append(asyncio.ensure_future(self._improve(self._upper)))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def after(self, state: State, batch: Batch) -> Batch | None:
        """At a tick: what was said, posts with their scores, and better scores of earlier ones."""
        if not (self._posts or self._said or self._better):
            return None
        out, ts = BatchBuilder(64, 0), state.ts
        for said in self._said:
            out.add_note(said, ts)
        self._said.clear()
        self._score(out, ts)
        for scored in self._better:
            out.add_note(scored, ts)
        self._better.clear()
        return out.take()

    def _score(self, out: BatchBuilder, ts: int) -> None:
        arrived = [self._posts.popleft() for _ in range(min(A_TICK, len(self._posts)))]
        if not arrived:
            return
        scores = self._first.predict_batch([post.text for post, *_ in arrived])
        more = self._upper.wants(scores) if self._upper is not None else [False] * len(arrived)
        for row, ((post, at, _), wanted) in enumerate(zip(arrived, more, strict=True)):
            judged = Arrived(post, at, self._judge(post, ts) if self._judge is not None else None)
            scored = scored_of(judged, scores, row, model=self._model)
            out.add_note(post, ts)
            out.add_note(scored, ts)
            self._remember(judged, scored)
            if wanted and not post.synthetic:
                self._upward.append(judged)
                self._some.set()

    async def _improve(self, upper: Upper) -> None:
        while True:
            await self._some.wait()
            arrived = [self._upward.popleft() for _ in range(min(AT_ONCE, len(self._upward)))]
            if not self._upward:
                self._some.clear()
            if not arrived:
                continue
            texts = [post.text for post, *_ in arrived]
            first = await asyncio.to_thread(self._first.predict_batch, texts)
            for answer in await upper.improve(texts, first):
                for row, text in enumerate(answer.rows):
                    cost, one = answer.cost_micro[row], arrived[text]
                    if one.post.id in self._lately:
                        one = one._replace(bot=self._lately[one.post.id][1].bot)
                    self._say(one, scored_of(one, answer.scores, row, model=answer.model, cost_micro=cost))


def scored_of(arrived: Arrived, scores: Scores, row: int, *, model: str = "", cost_micro: int = 0) -> Scored:
    """Row `row` of a tier's scores as the event that is recorded."""
    post = arrived.post
    took_ms = (time.monotonic_ns() - arrived.at) // 1_000_000
    aleatoric, epistemic = _known(scores.aleatoric[row]), _known(scores.epistemic[row])
    return Scored(
        post=post.id,
        ts_event=post.ts_event,
        assets=post.assets,
        polarity=float(scores.polarity[row]),
        confidence=float(scores.confidence[row]),
        aleatoric=_known(scores.aleatoric_sd[row]),
        epistemic=_known(scores.epistemic_sd[row]),
        entropy=None if aleatoric is None else aleatoric + (epistemic or 0.0),
        tier=TIERS[int(scores.tier[row])],
        bot=arrived.bot,
        cost_micro=cost_micro,
        model=model,
        synthetic=post.synthetic,
        took_ms=None if post.synthetic else took_ms,  # equal seeds say the same on any machine
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
