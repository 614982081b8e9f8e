"""The text sources of a session, from the settings; and the key that keeps authors' names out of recordings."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cli import paths
from cli.errors import UserError

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.feeds.text_source import TextSource
    from engine.ports import Clock
    from engine.sentiment.authors import Authors

KEY_BYTES = 32


def text_source(
    settings: Settings, clock: Clock, say: Callable[[str], None], authors: Authors | None = None
) -> TextSource | None:
    """To run beside a market; None where the settings switch all text off."""
    if not settings.sources.on:
        return None
    from engine.feeds.text_source import TextSource

    try:
        key = author_key(paths.author_key_file())
    except UserError as error:
        key = secrets.token_bytes(KEY_BYTES)
        say(f"{error}; authors have hashes of this session alone")
    return TextSource(settings.text_options(), clock, author_key=key, authors=authors)


def author_key(file: Path) -> bytes:
    """The key in `file`, made at the first call. The same author has the same hash as long as it is there.

    Raises UserError where it can neither be read nor made.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None
    with os.fdopen(fresh, "wb") as out:
        key = secrets.token_bytes(KEY_BYTES)
        out.write(key)
    return key


def _read(file: Path) -> bytes:
    try:
        key = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise UserError(
            f"{file}: expected {KEY_BYTES} bytes, found {len(key)}; delete it, and authors get new hashes"
        )
    return key
