"""Posts for a simulated market: made up, said to be so, and scored like any others.

The market has a mood of its own; what its people write leans that way, more or less clearly. A sentiment shock is a
burst of such posts. Equal seeds give equal posts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.batch import Batch
from engine.events import Kind, Post, Shock
from engine.ports import Command
from engine.sentiment.service import Reading

if TYPE_CHECKING:
    from engine.core import State

SECOND_NS = 1_000_000_000
SOURCE = "synthetic"
A_MINUTE = 8.0
BURST = 12.0  # times as many while a sentiment shock lasts
LEAN = 2.0  # log odds of a bullish post for a mood of one
OPINIONATED = 0.7  # share of posts that take a side
PEOPLE = 400

_BULLISH = (
    "{a} looks ready to break out, adding more here",
    "bought the dip on {a}, feeling good about this one",
    "{a} to the moon 🚀🚀",
    "strong bid under {a}, the bulls are in control",
    "higher lows on {a} all week, this is bullish",
    "finally green, {a} holders deserve it",
    "loading up on {a} before the next leg up",
    "{a} pumping and hardly anyone is selling",
    "the accumulation in {a} is obvious, going higher",
    "never selling my {a}, diamond hands",
    "huge demand for {a} today, love to see it",
    "{a} is cheap here, I am a buyer",
)
_BEARISH = (
    "{a} is breaking down, get out while you can",
    "sold all my {a}, this looks terrible",
    "rekt again, {a} just keeps dumping",
    "no bids left on {a}, lower we go",
    "{a} crash incoming, the chart is ugly",
    "bears are in control of {a}, expecting new lows",
    "panic everywhere, {a} is going to zero",
    "another lower high on {a}, shorting this",
    "liquidations all over {a}, this will get worse",
    "lost too much on {a}, I am done",
    "{a} bounce is a trap, do not buy",
    "whales are dumping {a} on us",
)
_NEUTRAL = (
    "what wallet do you use for {a}?",
    "daily discussion: {a}",
    "how do fees on {a} work?",
    "anyone else watching {a} tonight",
    "{a} volume is about average today",
    "new to {a}, where do I start reading",
    "is there an API for {a} order books",
    "{a} network statistics for this week",
)
_ENDS = ("", "", "", " imo", " tbh", "!", "...", " right now", " today")


class SyntheticPosts:
    """`engine.ports.Producer`: posts about the first symbol's asset, scored by `reading`.

    `mood`: the market's own, in [-1, 1], read when a post is written. `hear`, where its agents listen to posts, is told
    every second what these come to and how doubtful that is; without any, no sentiment and `doubt`.
    """

    accepts: frozenset[str] = frozenset()

    def __init__(
        self,
        reading: Reading,
        mood: Callable[[], float],
        seed: int,
        hear: Callable[[float, float], None] | None = None,
        doubt: float = 0.25,
    ) -> None:
        self._reading, self._mood = reading, mood
        self._hear, self._doubt = hear, doubt
        self._second = 0
        self._random = random.Random(f"posts {seed}")
        self._next = 0
        self._number = 0
        self._burst: tuple[int, float] = (0, 0.0)  # until when, and which way

    def command(self, command: Command) -> None:
        """It takes none."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        if not state.symbols:
            return None
        self._see(batch, state.ts)
        self._tell(state)
        if not self._next:
            self._next = state.ts + self._wait(state.ts)
        while self._next <= state.ts:
            self._reading.put(self._post(state, self._next))
            self._next += self._wait(self._next)
        return self._reading.after(state, batch)

    def _see(self, batch: Batch, ts: int) -> None:
        for row in batch.rows[batch.rows["kind"] == Kind.NOTE]:
            note = batch.notes[int(row["level_start"])]
            if isinstance(note, Shock) and note.kind == "sentiment":
                self._burst = (ts + int(max(note.duration_s, 5.0) * 1e9), note.side * note.size)
                self._next = ts

    def _tell(self, state: State) -> None:
        """The score as it stands at this tick, once a second."""
        if self._hear is None or state.ts // SECOND_NS == self._second:
            return
        self._second = state.ts // SECOND_NS
        told = state.sentiment.assets.get(next(iter(state.symbols.values())).instrument.base)
        mean = told.mood.swift.mean if told is not None else None
        doubt = told.mood.swift.doubt if told is not None else None
        self._hear(0.0 if mean is None else mean, self._doubt if doubt is None else doubt)

    def _wait(self, ts: int) -> int:
        rate = A_MINUTE * (BURST if ts < self._burst[0] else 1.0)
        return max(1, int(self._random.expovariate(rate / 60.0) * 1e9))

    def _post(self, state: State, ts: int) -> Post:
        asset = next(iter(state.symbols.values())).instrument.base
        mood = self._burst[1] if ts < self._burst[0] else self._mood()
        self._number += 1
        return written(self._random, asset, mood, ts, self._number)


def written(draw: random.Random, asset: str, mood: float, ts: int, number: int) -> Post:
    """A made-up post about `asset` by people of this mood, in [-1, 1], written at `ts` ns; `number` makes it unique."""
    if draw.random() < OPINIONATED:
        bullish = draw.random() < 1.0 / (1.0 + math.exp(-2.0 * LEAN * mood))
        texts: tuple[str, ...] = _BULLISH if bullish else _BEARISH
    else:
        texts = _NEUTRAL
    text = draw.choice(texts).format(a=f"${asset}") + draw.choice(_ENDS)
    author = f"synthetic-{draw.randrange(PEOPLE)}"
    return Post(f"synthetic-{ts}-{number}", SOURCE, ts, text, author, (asset,), synthetic=True)
