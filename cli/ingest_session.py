"""Posts that were fetched, as a session in the recordings' folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import UserError

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.events import Post
    from engine.sentiment.authors import Authors


def recorded(posts: Sequence[Post], settings: Settings, known: Authors, say: Callable[[str], None]) -> Path:
    """Score `posts`, at least one, and record them. Raises UserError where nothing can be written."""
    from cli.reading import bots, first_tier
    from cli.recording import catalogue_of, forget
    from engine.sentiment.along import scorer
    from engine.sentiment.archive import ArchiveSource
    from engine.session import Session
    from store.errors import StoreError
    from store.header import new_header
    from store.recorder import Recorder

    tier, _ = first_tier(say)
    source = ArchiveSource(posts, scorer(tier), bots(say, known).judge, settings.setup())
    try:
        path = catalogue_of(settings).new_path(("posts",), source.start)
    except (StoreError, OSError) as error:
        raise UserError(f"the posts cannot be recorded: {error}") from None
    recorder = Recorder(path, new_header(f"ingest of {len(posts)} posts", source.start), patient=True)
    try:
        asyncio.run(Session(source, sink=recorder).run())
    except BaseException:  # such as Ctrl+C: half a session is none
        recorder.close()
        forget(path)
        raise
    if recorder.status.state == "FAILED":
        forget(path)
        raise UserError(recorder.status.reason)
    return path
