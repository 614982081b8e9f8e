"""Posts of the past as a session of their own, scored as they would have been then: to be recorded.

What is known of an author is known as of now, and weighs their post so.

There is no market in it. The assets that most is written about are its symbols, so that a screen can choose among
them; a tick comes with each post, and every five seconds, which is how often a mood's history is sampled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec

from engine.batch import Batch, BatchBuilder
from engine.events import Kind, Listed, Post, Scored, Setup
from engine.frame.host import Transport
from engine.instrument import Instrument
from engine.ports import Command

TICK_NS = 100_000_000
SAMPLE_NS = 5_000_000_000
AFTER_NS = 65_000_000_000  # beyond the last post: its record is complete after a minute
SYMBOLS = 5  # each costs its part of every tick
LEADER = "BTC"

Score = Callable[[Sequence[Post]], list[Scored]]
Judge = Callable[[Post, int], float | None]


class ArchiveSource:
    """`engine.ports.Source` of `posts`, at least one, in whatever order; as fast as it is read."""

    accepts: frozenset[str] = frozenset()

    def __init__(self, posts: Sequence[Post], score: Score, judge: Judge, setup: Setup | None = None) -> None:
        if not posts:
            raise ValueError("expected at least one post, found none")
        self._posts = sorted(posts, key=lambda post: (post.ts_event, post.id))
        self._score, self._judge, self._setup = score, judge, setup or Setup()
        self.start = self._posts[0].ts_event // SAMPLE_NS * SAMPLE_NS
        self._end = self._posts[-1].ts_event + AFTER_NS
        self._at = self.start

    @property
    def transport(self) -> Transport:
        return Transport("INGEST", 0.0, False, self.start, self._at)

    async def batches(self) -> AsyncIterator[Batch]:
        yield self._first()
        at = 0
        for tick in self._ticks():
            until = at
            while until < len(self._posts) and self._posts[until].ts_event <= tick:
                until += 1
            yield self._batch(tick, self._posts[at:until])
            at = until

    async def command(self, command: Command) -> None:
        """It takes none."""

    async def close(self) -> None:
        """There is nothing to close."""

    def _ticks(self) -> Iterator[int]:
        """After the start: each post's own, and the regular ones."""
        regular = self.start + SAMPLE_NS
        last = self.start
        for post in self._posts:
            own = -(-post.ts_event // TICK_NS) * TICK_NS
            while regular < own:
                yield (last := regular)
                regular += SAMPLE_NS
            if own > last:
                yield (last := own)
        while last < self._end:
            if regular > last:
                yield (last := regular)
            regular += SAMPLE_NS

    def _first(self) -> Batch:
        out = BatchBuilder()
        out.add_note(self._setup, self.start)
        written = Counter(asset for post in self._posts for asset in post.assets)
        names = [name for name, _ in written.most_common(SYMBOLS)] or [LEADER]
        for index, name in enumerate(names):
            listed = Listed(index, Instrument("posts", name, name, "USD", "0.01", "0.00000001"))
            out.add_note(listed, self.start, index)
        out.add(Kind.TICK, self.start, symbol=-1)
        return out.take()

    def _batch(self, tick: int, posts: Sequence[Post]) -> Batch:
        self._at = tick
        out = BatchBuilder()
        for post, scored in zip(posts, self._score(posts) if posts else (), strict=True):
            out.add_note(post, tick)
            out.add_note(msgspec.structs.replace(scored, bot=self._judge(post, tick)), tick)
        out.add(Kind.TICK, tick, symbol=-1)
        return out.take()
