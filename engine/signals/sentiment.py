"""Sentiment as part of State: posts and their scores folded into a mood an asset, its history and its swing."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from engine.events import Post, Scored, SentimentRecord, SentimentRule
from engine.frame.sentiment import LagNow, PostNow, SentimentNow, SourceNow
from engine.limits import SENTIMENT, check_post
from engine.signals.mood import HORIZONS_S, SECOND_NS, Decayed, Mood, Sample
from engine.signals.swing import BARS_KEPT, Swing

SAMPLE_NS = 5 * SECOND_NS  # between points of the history
HISTORY_KEPT = 720  # points: an hour
POSTS_KEPT = 200
WAITING_KEPT = 4000  # posts whose minute is not over, 66 a second; the oldest makes room
ASSETS_KEPT = 200  # a stranger's recording cannot make us keep more
SOURCES_KEPT = 100
LIQUIDITY_AFTER_NS = 60 * SECOND_NS
MOST = 1e30  # of any number in a state: far above what a session comes to, and its square is a number still


class Liquidity(msgspec.Struct, frozen=True, array_like=True):
    """What stood in an asset's book: relative spread, and depth within 1 % of the mid, base units."""

    spread_bps: float | None = None
    depth: float | None = None


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A post, and what was said of it last, at `at`. With a fixed alpha, `marks` are its places, by asset."""

    post: Post
    scored: Scored | None = None
    at: int = 0
    marks: tuple[float, ...] = ()


class Source(msgspec.Struct, array_like=True):
    posts: int = 0
    polarity: float = 0.0  # summed over scored posts
    scored: int = 0
    latest: int = 0


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """A scored post whose market is looked at again at `due`."""

    due: int
    before: Liquidity
    post: Post
    scored: Scored
    at: int
    marks: tuple[float, ...] = ()

    @property
    def seen(self) -> Seen:
        return Seen(self.post, self.scored, self.at, self.marks)


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A point of the panel's history, NaN-free: None is missing."""

    value: float | None
    doubt: float | None
    aleatoric: float | None


class AssetState(msgspec.Struct):
    mood: Mood
    swing: Swing = msgspec.field(default_factory=Swing)
    history: list[Point] = msgspec.field(default_factory=list)
    sampled_at: int = 0


class SentimentState(msgspec.Struct):
    """Everything that follows from the posts and scores so far."""

    assets: dict[str, AssetState] = msgspec.field(default_factory=dict)
    posts: dict[str, Seen] = msgspec.field(default_factory=dict)  # the latest, by id, oldest first
    sources: dict[str, Source] = msgspec.field(default_factory=dict)
    waiting: dict[str, Waiting] = msgspec.field(default_factory=dict)  # by id, the next due first
    tiers: dict[str, int] = msgspec.field(default_factory=dict)  # posts scored by each
    cost_micro: int = 0
    second: int = 0

    def on_post(self, post: Post) -> None:
        """A post that came; one with the same id is the same post."""
        if post.id in self.posts:
            return
        self.posts[post.id] = Seen(post)
        while len(self.posts) > POSTS_KEPT:
            self.posts.pop(next(iter(self.posts)))
        if post.source in self.sources or len(self.sources) < SOURCES_KEPT:
            source = self.sources.setdefault(post.source, Source())
            source.posts += 1
            source.latest = max(source.latest, post.ts_event)

    def on_scored(
        self, scored: Scored, now: int, books: Callable[[], Mapping[str, Liquidity]], rule: SentimentRule
    ) -> SentimentRecord | None:
        """A tier's word on a post; a later tier's replaces an earlier one's. Returns the post's record as it is now.

        It follows its post. One of a post that is remembered no more counts as spending alone: what was said of it
        first has its place in the sums already. One that differs by the author's weight alone is no second score.
        """
        waiting = self.waiting.get(scored.post)
        before = self.posts.get(scored.post) or (waiting.seen if waiting is not None else None)
        if before is not None and before.scored is not None and _same(before.scored, scored):
            scored = msgspec.structs.replace(scored, cost_micro=before.scored.cost_micro)
        else:
            self.tiers[scored.tier] = self.tiers.get(scored.tier, 0) + 1
            self.cost_micro += scored.cost_micro
        if before is None:
            return None
        self._count(before, -1, now, rule)
        seen = Seen(before.post, scored, now, before.marks)
        seen = msgspec.structs.replace(seen, marks=self._count(seen, 1, now, rule))
        if scored.post in self.posts:
            self.posts[scored.post] = seen
        if before.scored is None:
            known = books()
            liquidity = next((known[asset] for asset in scored.assets if asset in known), Liquidity())
            waiting = Waiting(now + LIQUIDITY_AFTER_NS, liquidity, seen.post, scored, now, seen.marks)
        elif waiting is not None:
            waiting = msgspec.structs.replace(waiting, scored=scored, at=now)
        if waiting is None:  # its record is complete
            return None
        self.waiting[scored.post] = waiting
        return _record(waiting, {})

    def _count(self, seen: Seen, sign: int, now: int, rule: SentimentRule) -> tuple[float, ...]:
        """Enter a score into its source's and its assets' sums, or take it out of them. Returns its places there."""
        scored = seen.scored
        if scored is None:
            return ()
        source = self.sources.get(seen.post.source)
        if source is not None:
            source.polarity += sign * scored.polarity
            source.scored += sign
        places = seen.marks or (None,) * len(scored.assets)
        marks = [
            self._enter(asset, _sample(scored, seen.at, mark), sign, now, rule)
            for asset, mark in zip(scored.assets, places, strict=False)
        ]
        return () if rule.alpha is None else tuple(marks)

    def _enter(self, asset: str, sample: Sample, sign: int, now: int, rule: SentimentRule) -> float:
        """Into an asset's mood, or out of it."""
        state = self.assets.get(asset)
        if state is None:
            if sign < 0 or len(self.assets) >= ASSETS_KEPT:
                return 0.0
            state = self.assets[asset] = AssetState(Mood(Decayed(rule.tau_s, alpha=rule.alpha)))
        return (state.mood.take if sign > 0 else state.mood.drop)(sample, now)

    def due(self, now: int) -> bool:
        """Whether `tick` has anything to do at `now`: what it is to be told takes a while to read."""
        return now // SECOND_NS != self.second or len(self.waiting) > WAITING_KEPT

    def ripe(self, now: int) -> bool:
        """Whether a post's minute is over, so that `tick` looks at its market again."""
        first = next(iter(self.waiting.values()), None)
        return first is not None and first.due <= now

    def tick(
        self, now: int, books: Mapping[str, Liquidity], flows: Mapping[str, tuple[float | None, float | None]]
    ) -> Iterator[SentimentRecord]:
        """At every tick: forgets, samples, and yields the records whose minute is over, now complete.

        `books` are looked at where a post is `ripe`. `flows` has, by asset, depth within 25 bp and order-flow imbalance
        of the last second, base units.
        """
        while len(self.waiting) > WAITING_KEPT:
            self.waiting.pop(next(iter(self.waiting)))
        second = now // SECOND_NS
        if second == self.second:
            return
        self.second = second
        for asset, state in self.assets.items():
            depth, flow = flows.get(asset, (None, None))
            state.swing.step(now, state.mood.swift.mean, depth, flow)
            if now - state.sampled_at >= SAMPLE_NS:
                state.sampled_at = now - now % SAMPLE_NS
                state.mood.forget(now)  # a mean does not change by it, so that it need not be every second
                sums = state.mood.swift
                state.history.append(Point(sums.mean, sums.doubt, sums.aleatoric))
                del state.history[:-HISTORY_KEPT]
        while (first := next(iter(self.waiting), None)) is not None and self.waiting[first].due <= now:
            yield _record(self.waiting.pop(first), books)


def check(state: SentimentState) -> None:
    """Raises ValueError for a state that no session could have come to; it may come from a stranger."""
    for asset in state.assets.values():
        mood = asset.mood
        if len(mood.lags) != len(HORIZONS_S):
            raise ValueError(f"expected {len(HORIZONS_S)} memories of a mood, found {len(mood.lags)}")
        for sums in (mood.swift, *mood.lags, mood.slow):
            if not 1.0 <= sums.tau_s <= 1e6:
                raise ValueError(f"expected sentiment that forgets over 1 to 1e6 s, found {sums.tau_s:g}")
            low, high = SENTIMENT["alpha"]
            if sums.alpha is not None and not low <= sums.alpha <= high:
                raise ValueError(f"expected a fixed alpha of {low:g} to {high:g}, found {sums.alpha:g}")
            _check_finite("a mood's sums", msgspec.structs.astuple(sums))
        for point in asset.history:
            _check_finite("a mood's history", msgspec.structs.astuple(point))
        for bar in asset.swing.bars:
            _check_finite("a swing's bars", msgspec.structs.astuple(bar))
        _check_finite("a swing's flow", (asset.swing.flow,))
    _check_finite("the sources' means", [source.polarity for source in state.sources.values()])
    for seen in (*state.posts.values(), *(waiting.seen for waiting in state.waiting.values())):
        check_post(seen.post)
        if seen.scored is not None:
            check_post(seen.scored)
        _check_finite("the places of posts", seen.marks)
    sizes = (
        (len(state.assets), ASSETS_KEPT),
        (len(state.posts), POSTS_KEPT),
        (len(state.sources), SOURCES_KEPT),
        (len(state.waiting), WAITING_KEPT),
        (max((len(a.history) for a in state.assets.values()), default=0), HISTORY_KEPT),
        (max((len(a.swing.bars) for a in state.assets.values()), default=0), BARS_KEPT),
    )
    if any(found > most for found, most in sizes):
        raise ValueError("expected a sentiment's history within its bounds, found more")


def _check_finite(what: str, values: Iterable[float | None]) -> None:
    for value in values:
        if value is not None and not abs(value) <= MOST:
            raise ValueError(f"expected {what} within {MOST:g}, found {value:g}")


def _same(before: Scored, scored: Scored) -> bool:
    """Whether a tier's word is the one before, for which nothing was paid again, with another weight."""
    return msgspec.structs.replace(scored, bot=before.bot, cost_micro=before.cost_micro) == before and (
        scored.cost_micro == 0
    )


def _sample(scored: Scored, at: int, mark: float | None) -> Sample:
    return Sample(
        min(scored.ts_event, at),
        scored.confidence * (1.0 - (scored.bot or 0.0)),
        scored.polarity,
        scored.aleatoric,
        scored.epistemic,
        scored.entropy,
        mark,
    )


def _record(waiting: Waiting, books: Mapping[str, Liquidity]) -> SentimentRecord:
    post, scored, before = waiting.post, waiting.scored, waiting.before
    after = next((books[asset] for asset in scored.assets if asset in books), Liquidity())
    return SentimentRecord(
        ts=post.ts_event,
        post=post.id,
        source=post.source,
        author=post.author,
        assets=" ".join(scored.assets),
        text=post.text,
        polarity=scored.polarity,
        confidence=scored.confidence,
        aleatoric=scored.aleatoric,
        epistemic=scored.epistemic,
        tier=scored.tier,
        model=scored.model,
        bot=scored.bot,
        cost_micro=scored.cost_micro,
        spread_bps_before=before.spread_bps,
        depth_before=before.depth,
        spread_bps_after=after.spread_bps,
        depth_after=after.depth,
        synthetic=int(post.synthetic),
    )


def sentiment_now(
    state: SentimentState, asset: str, depth_25bps: float | None, leader: str = "BTC"
) -> SentimentNow | None:
    """What the panel shows of `asset`; None where no text has ever come."""
    if not state.posts and not state.assets:
        return None
    known = state.assets.get(asset)
    posts = tuple(_post_now(seen) for seen in reversed(state.posts.values()))
    sources = tuple(
        SourceNow(name, s.posts, s.polarity / s.scored if s.scored else None, s.latest)
        for name, s in sorted(state.sources.items())
    )
    common = {
        "asset": asset,
        "posts": posts,
        "sources": sources,
        "tiers": tuple(sorted(state.tiers.items())),
        "cost_micro": state.cost_micro,
    }
    if known is None:
        return SentimentNow(**common)  # type: ignore[arg-type]
    sums, lead = known.mood.swift, state.assets.get(leader)
    return SentimentNow(
        **common,  # type: ignore[arg-type]
        value=sums.mean,
        doubt=sums.doubt,
        aleatoric=sums.aleatoric,
        epistemic=sums.epistemic,
        disagreement=sums.disagreement,
        effective_posts=sums.effective,
        posts_seen=known.mood.posts,
        lags=tuple(
            LagNow(horizon, lag.mean, lag.disagreement)
            for horizon, lag in zip(HORIZONS_S, known.mood.lags, strict=False)
        ),
        day=known.mood.slow.mean,
        leader=lead.mood.swift.mean if lead is not None and asset != leader else None,
        swing=known.swing.score(sums, depth_25bps),
        history_ns=SAMPLE_NS,
        history_end=known.sampled_at,
        history=_column([p.value for p in known.history]),
        history_doubt=_column([p.doubt for p in known.history]),
        history_aleatoric=_column([p.aleatoric for p in known.history]),
        tau_s=sums.tau_s if sums.alpha is None else None,
        alpha=sums.alpha,
    )


def _column(values: list[float | None]) -> bytes:
    return array("d", [float("nan") if v is None else v for v in values]).tobytes()


def _post_now(seen: Seen) -> PostNow:
    post, scored = seen.post, seen.scored
    base = (post.ts_event, post.source, post.text, post.assets, post.synthetic)
    if scored is None:
        return PostNow(*base)
    return PostNow(*base, scored.polarity, scored.confidence, scored.tier, scored.bot, scored.took_ms)
