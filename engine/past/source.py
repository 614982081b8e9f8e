"""A story as a source: the batches of its session, as fast as they are asked for, equal for equal story and seed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from engine.batch import Batch, BatchBuilder, concat
from engine.data.trades import Trades
from engine.events import AdviserRule, FeedStatus, Listed, Mark, Note, Post, RegimeRule, Scored, Setup
from engine.frame.host import Transport
from engine.past.hours import Hours
from engine.past.posts import posts
from engine.past.real import RealTrades, with_real
from engine.past.recipe import usual
from engine.past.story import Happening, Story
from engine.ports import Command
from engine.rules import DEFAULT_RULES, AlertRules

SCORED_TOGETHER = 64  # posts: three times as quick as one by one, and a score does not depend on its company
Score = Callable[[Sequence[Post]], Sequence[Scored]]


class Said(NamedTuple):
    """What is told at a time, of which symbol or -1; of a post its score, if it has one."""

    at: int
    note: Note
    symbol: int = -1
    scored: Scored | None = None


# What speaks of a made-up book (advisers, imbalance, spread, depth, gaps) would tell of its recipe; what follows from
# recorded prices and posts is told.
RECORDED_KINDS = frozenset({"regime", "feed", "move", "swing"})
# What is usual is that of calm days and does not follow. Five times that is soon passed in a crash, and a whole day
# called DISLOCATED would not set its worst hours apart.
SETUP = Setup(
    regime=RegimeRule(dislocated=15.0),
    advisers=AdviserRule(on=False),
    alerts=AlertRules(tuple(rule for rule in DEFAULT_RULES if rule.kind in RECORDED_KINDS)),
)


class PastSource:
    """`engine.ports.Source` of a story. It accepts no command: what it says is cached and replayed.

    `score` gives the posts of a tick their scores, which are recorded behind them; without it they stay unscored.
    `real`: what one of its venues traded, around which all is rebuilt. Raises DataError where they are not its own.
    """

    accepts: frozenset[str] = frozenset()

    def __init__(
        self,
        story: Story,
        *,
        seed: int | None = None,
        setup: Setup | None = None,
        score: Score | None = None,
        real: Trades | None = None,
    ) -> None:
        self.story = story if real is None else with_real(story, real)
        self.seed = story.seed if seed is None else seed
        self._real = None if real is None else RealTrades(self.story, real)
        fees = {venue.name: venue.taker_fee_bps for venue in self.story.venues}
        told = setup or SETUP
        regime = msgspec.structs.replace(told.regime, usual=usual(self.story, told.round_trip_quote))
        self._setup = msgspec.structs.replace(told, taker_bps=fees, regime=regime)
        self._score = score
        self._at = story.begins_ns
        self._closed = False

    @property
    def transport(self) -> Transport:
        return Transport("REPLAY", 0.0, False, self.story.begins_ns, self._at, note=self.story.note)

    async def batches(self) -> AsyncIterator[Batch]:
        for batch in self.made():
            if self._closed:
                return
            self._at = batch.rows["ts_recv"].item(-1)
            yield batch

    async def command(self, command: Command) -> None:
        """It takes none."""

    async def close(self) -> None:
        self._closed = True

    def made(self) -> Iterator[Batch]:
        """Every batch in order, each ending at its tick, without a loop to wait in."""
        hours = Hours(self.story, self.seed, self._real)
        said = _merged(iter(self._notes()), self._posts(hours))
        waiting = next(said, None)
        begun = self.story.begins_ns
        for batch in hours.batches():
            if waiting is not None and waiting.at <= begun:
                due = []
                while waiting is not None and waiting.at <= begun:
                    due.append(waiting)
                    waiting = next(said, None)
                batch = concat([self._head(due, begun), batch])
            yield batch
            begun = batch.rows["ts_recv"].item(-1)

    def _head(self, due: list[Said], ts: int) -> Batch:
        """What is said as a tick begins."""
        out = BatchBuilder(2 * len(due), 0)
        for said in due:
            out.add_note(said.note, ts, said.symbol)
        for said in due:
            if said.scored is not None:
                out.add_note(said.scored, ts)
        return out.take()

    def _posts(self, hours: Hours) -> Iterator[Said]:
        """Every post in order of time, with its score."""
        written = posts(self.story, hours.path, self.seed)
        while some := list(islice(written, SCORED_TOGETHER)):
            scores = self._score(some) if self._score is not None else [None] * len(some)
            for post, scored in zip(some, scores, strict=True):
                yield Said(post.ts_event, post, scored=scored)

    def _notes(self) -> list[Said]:
        """What is known before anything is made: who is listed, what happened and when."""
        begins = self.story.begins_ns
        found = [Said(begins, self._setup)]
        instruments = [venue.instrument() for venue in self.story.venues]
        for index, instrument in enumerate(instruments):
            found.append(Said(begins, FeedStatus(instrument.venue, "LIVE")))
            found.append(Said(begins, Listed(index, instrument), index))
            status = FeedStatus(instrument.venue, "SYNCED", index, trading="TRADING")
            found.append(Said(begins, status, index))
        for event in self.story.events:
            found.append(Said(event.at_ns, Mark(event.text, event.at_ns)))
            if event.kind == "outage":
                found += self._outage(event)
        return sorted(found, key=lambda said: said.at)

    def _outage(self, event: Happening) -> Iterator[Said]:
        """The venue's book stands still and says why: nobody can trade on it, and our agents do not."""
        index = self.story.names.index(event.venue)
        down = FeedStatus(event.venue, "STALE", index, event.text, trading="HALT")
        back = FeedStatus(event.venue, "SYNCED", index, trading="TRADING")
        yield Said(event.at_ns, down, index)
        yield Said(event.until_ns, back, index)


def _merged(notes: Iterator[Said], written: Iterator[Said]) -> Iterator[Said]:
    """Notes and posts in one order of time, notes first."""
    note, post = next(notes, None), next(written, None)
    while note is not None or post is not None:
        if post is None or (note is not None and note.at <= post.at):
            if note is not None:
                yield note
            note = next(notes, None)
        else:
            yield post
            post = next(written, None)
