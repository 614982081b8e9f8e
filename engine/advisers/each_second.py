"""From opinions to advice: once a second and symbol, with a probability from the record, marked at its horizon.

A direction begins where a score reaches BEGIN and lasts until it falls under END or turns: a score that flickers
around a line is not news every second. What begins is `Advice`; what became of it is an `Outcome`; what all of it
comes to is a `Decision`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from engine.advisers import chain, microstructure, news, sentiment, technical
from engine.advisers.calibration import probabilities
from engine.advisers.coordinator import BASE, Coordinator, Verdict
from engine.advisers.record import Piece, Record, added, strength_of
from engine.advisers.sight import (
    BUILT_IN,
    CHAIN,
    COORDINATOR,
    MICROSTRUCTURE,
    NEWS,
    SENTIMENT,
    TECHNICAL,
    Opinion,
    Sight,
)
from engine.events import Advice, Advised, AdviserRule, Baseline, Decision, Derived, Outcome
from engine.kernels.seconds import MID, SECOND_NS, SPREAD_BPS

BEGIN, END = 0.3, 0.1  # of |score|
GRACE = 0.5  # horizons that a mark may be late, where no mid is known at its time; then nobody can tell
NEWS_OF = 0.02  # a change of probability that is told
MOST_OWN = 16  # advisers of a person's own
OURS = frozenset((*BUILT_IN, COORDINATOR, BASE))  # names that they may not have

_ADVISE: dict[str, Callable[[Sight], Opinion]] = {
    MICROSTRUCTURE: microstructure.advise,
    TECHNICAL: technical.advise,
    SENTIMENT: sentiment.advise,
    CHAIN: chain.advise,
    NEWS: news.advise,
}
_SLOW = frozenset(
    (SENTIMENT, CHAIN, NEWS)
)  # over many minutes: asked every SLOW_S, between which their word stands
SLOW_S = 5
_NO_BOOK = "the book is not trusted, or a side of it is empty"


class Stance(msgspec.Struct):
    """One adviser's word on one symbol, and its record."""

    horizon_s: float
    score: float | None = None
    direction: int = 0
    confidence: float | None = None
    reason: str = ""
    said: float | None = None  # the confidence that was told last
    piece: Piece | None = None
    record: Record = msgspec.field(default_factory=Record)
    carried: Record | None = None  # from earlier sessions
    levels: tuple[float, float, float] | None = None  # probabilities by strength; None: to be found anew


class AdvisersState(msgspec.Struct):
    """Everything that advisers of one symbol remember, but for the indicators' arrays."""

    stances: dict[str, Stance] = msgspec.field(default_factory=dict)
    coordinator: Coordinator = msgspec.field(default_factory=Coordinator)
    advised: dict[str, Advised] = msgspec.field(default_factory=dict)  # by a person's own, latest
    advised_at: dict[str, int] = msgspec.field(default_factory=dict)
    swing: float | None = None
    swing_at: int = 0

    def on_advised(self, note: Advised, ts: int) -> None:
        """What a person's own adviser says; a name of ours, or one too many, is not heard."""
        name = note.adviser
        if not name or name in OURS:
            return
        if name not in self.advised and len(self.advised) >= MOST_OWN:
            return
        self.advised[name], self.advised_at[name] = note, ts

    def second(self, sight: Sight, index: int, rule: AdviserRule, baseline: Baseline) -> list[Derived]:
        """Take one row of the grid. Returns advice, outcomes and the decision, where they changed."""
        said: list[Derived] = []
        mid = sight.row[MID]
        if not mid > 0.0:
            self._without_book(sight.ts, index, rule, said)
            return said
        speaking: dict[str, float] = {}
        slow = sight.ts // SECOND_NS % SLOW_S != 0
        for name, horizon_s in self._horizons(rule):
            stance = self.stances.get(name)
            if stance is None or stance.horizon_s != horizon_s:
                stance = self._stance(name, horizon_s, baseline)
            if stance.piece is not None:
                self._mark(name, stance, sight.ts, mid, index, said)
            if not (slow and name in _SLOW):
                self._take(name, stance, self._opinion(name, sight), sight, index, rule, said)
            if stance.direction and stance.confidence is not None:
                speaking[name] = stance.confidence if stance.direction > 0 else 1.0 - stance.confidence
        stance = self._stance(COORDINATOR, rule.decision_s, baseline)
        self._mark(COORDINATOR, stance, sight.ts, mid, index, said)
        verdict = self.coordinator.second(sight.ts, mid, sight.regime, speaking, rule)
        self._decide(stance, verdict, sight, index, said)
        return said

    def _horizons(self, rule: AdviserRule) -> Iterable[tuple[str, float]]:
        yield MICROSTRUCTURE, rule.microstructure_s
        yield TECHNICAL, rule.technical_s
        yield SENTIMENT, rule.sentiment_s
        yield CHAIN, rule.chain_s
        yield NEWS, rule.news_s
        for name, note in self.advised.items():
            yield name, note.horizon_s

    def _opinion(self, name: str, sight: Sight) -> Opinion:
        advise = _ADVISE.get(name)
        if advise is not None:
            return advise(sight)
        note = self.advised[name]
        lasts = sight.ts - self.advised_at[name] < note.horizon_s * 1e9
        return Opinion(note.score, note.reason) if lasts else Opinion(None, "has said nothing lately")

    def _stance(self, name: str, horizon_s: float, baseline: Baseline) -> Stance:
        stance = self.stances.get(name)
        if stance is None or stance.horizon_s != horizon_s:  # a record is of one horizon
            stance = self.stances[name] = Stance(horizon_s)
            self.carry(baseline, name)
        return stance

    def carry(self, baseline: Baseline, name: str) -> None:
        """Take what an adviser brings from earlier sessions."""
        stance = self.stances[name]
        record = added(baseline.tallies, name, stance.horizon_s)
        stance.carried, stance.levels = record if record.count else None, None

    def _mark(self, name: str, stance: Stance, ts: int, mid: float, index: int, said: list[Derived]) -> None:
        piece = stance.piece
        if piece is None or ts < piece.due:
            return
        stance.piece = None
        if ts > piece.due + GRACE * stance.horizon_s * 1e9:
            return
        move, hit = stance.record.mark(piece, mid)
        stance.levels = None
        said.append(
            Outcome(
                ts, index, name, piece.given, stance.horizon_s, piece.direction, piece.confidence,
                piece.regime, move, piece.cost_bps, int(hit),
            )
        )  # fmt: skip

    def _take(
        self,
        name: str,
        stance: Stance,
        opinion: Opinion,
        sight: Sight,
        index: int,
        rule: AdviserRule,
        said: list[Derived],
    ) -> None:
        """What an adviser says now, with its probability; a piece begins where none is open."""
        before, score = stance.direction, opinion.score
        direction = _direction(before, score)
        stance.score, stance.reason, stance.direction = score, opinion.reason, direction
        stance.confidence = None
        if direction and score is not None:
            if stance.levels is None:
                stance.levels = probabilities(name, stance.record, stance.carried, rule.prior_pieces)
            strength = strength_of(score)
            stance.confidence = stance.levels[strength]
            if stance.piece is None:
                stance.piece = _piece(stance, strength, sight)
        if direction != before or _moved(stance):
            stance.said = stance.confidence
            said.append(
                Advice(sight.ts, index, name, direction, stance.confidence, stance.horizon_s, opinion.reason)
            )

    def _decide(
        self, stance: Stance, verdict: Verdict, sight: Sight, index: int, said: list[Derived]
    ) -> None:
        changed = verdict.direction != stance.direction
        stance.direction, stance.confidence, stance.reason = (
            verdict.direction,
            verdict.probability,
            verdict.reason,
        )
        if verdict.direction and verdict.probability is not None and stance.piece is None:
            stance.piece = _piece(stance, strength_of(min(1.0, (verdict.probability - 0.5) * 5.0)), sight)
        if changed or (verdict.direction and _moved(stance)):
            stance.said = verdict.probability
            said.append(
                Decision(
                    sight.ts,
                    index,
                    verdict.direction,
                    verdict.probability,
                    stance.horizon_s,
                    verdict.reason,
                    parts_of(verdict),
                )
            )

    def _without_book(self, ts: int, index: int, rule: AdviserRule, said: list[Derived]) -> None:
        """Nobody says anything, and pieces whose mark is long overdue are let go."""
        for name, stance in self.stances.items():
            if stance.piece is not None and ts > stance.piece.due + GRACE * stance.horizon_s * 1e9:
                stance.piece = None
            spoke, stance.direction, stance.score = stance.direction, 0, None
            stance.confidence, stance.said, stance.reason = None, None, _NO_BOOK
            if spoke and name == COORDINATOR:
                said.append(Decision(ts, index, 0, None, stance.horizon_s, _NO_BOOK, ""))
            elif spoke:
                said.append(Advice(ts, index, name, 0, None, stance.horizon_s, _NO_BOOK))
        self.coordinator.late(ts, rule)


def parts_of(verdict: Verdict) -> str:
    """Each contribution in words: who, how likely a rise, what share of the weight."""
    return ", ".join(
        f"{name} {p * 100.0:.1f} % up x {share * 100.0:.0f} %" for name, p, share in verdict.shares
    )


def _direction(before: int, score: float | None) -> int:
    if score is None:
        return 0
    if score >= BEGIN:
        return 1
    if score <= -BEGIN:
        return -1
    return before if before and score * before >= END else 0


def _moved(stance: Stance) -> bool:
    """Whether the probability differs by what is worth telling from the one that was told."""
    return (
        stance.confidence is not None
        and stance.said is not None
        and abs(stance.confidence - stance.said) >= NEWS_OF
    )


def _piece(stance: Stance, strength: int, sight: Sight) -> Piece:
    spread = sight.row[SPREAD_BPS]
    cost_bps = spread if spread >= 0.0 else 0.0
    due = sight.ts + int(stance.horizon_s * 1e9)
    return Piece(
        sight.ts, due, stance.direction, strength, stance.confidence or 0.5, sight.row[MID], cost_bps,
        sight.regime,
    )  # fmt: skip
