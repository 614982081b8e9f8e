"""The sentiment adviser: what people write, how it has changed, how much they disagree, and how long swings last."""

from __future__ import annotations

from engine.advisers.sight import Opinion, Sight, clipped

_POSTS_NEEDED = 3.0  # effective
_FULL = 0.4  # polarity for a full score
_FULL_SWING = 50.0  # of the swing sustainability score, for a full vote


def advise(sight: Sight) -> Opinion:
    if sight.mood is None:
        return Opinion(None, f"nothing is written about {sight.asset}")
    mood = sight.mood.mood
    now, hour = mood.swift, mood.lags[-1]
    mean, doubt, posts = now.mean, now.doubt, now.effective
    if mean is None or doubt is None or posts < _POSTS_NEEDED:
        return Opinion(None, f"{posts:.1f} posts about {sight.asset} lately; {_POSTS_NEEDED:.0f} are needed")
    before = hour.mean
    change = mean - before if before is not None else 0.0
    apart = now.disagreement or 0.0
    sure = abs(mean) / (abs(mean) + doubt) if mean else 0.0
    votes, weights = 0.6 * clipped(mean / _FULL) + 0.4 * clipped(change / _FULL), 1.0
    if sight.swing is not None:
        votes, weights = votes + 0.4 * clipped(sight.swing / _FULL_SWING), 1.4
    score = clipped(votes / weights * sure * (1.0 - 0.5 * min(1.0, apart)))
    swing = f", swing {sight.swing:+z.0f}" if sight.swing is not None else ""
    reason = (
        f"{mean:+z.2f} ±{doubt:.2f} of {posts:.0f} posts, {change:+z.2f} against the hour, "
        f"disagreement {apart:.2f}{swing}"
    )
    return Opinion(score, reason)
