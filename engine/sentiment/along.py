"""Posts that a source writes itself are scored by the tier that always answers, as the source writes them.

A reconstruction is recorded with its scores, so that watching it needs no model; equal posts get equal scores anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from engine.events import Post, Scored
from engine.sentiment.scores import Tier
from engine.sentiment.service import Arrived, scored_of


def scorer(first: Tier) -> Callable[[Sequence[Post]], list[Scored]]:
    """What turns posts into their scores by `first`, in their order."""

    def score(posts: Sequence[Post]) -> list[Scored]:
        scores = first.predict_batch([post.text for post in posts])
        found = [scored_of(Arrived(post, 0), scores, row) for row, post in enumerate(posts)]
        return [msgspec.structs.replace(scored, took_ms=None) for scored in found]

    return score
