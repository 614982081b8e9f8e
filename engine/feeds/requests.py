"""What a venue is asked by REST."""

from __future__ import annotations

from typing import NamedTuple


class Request(NamedTuple):
    """A GET: the path with its query, and its weight, where the venue counts weights."""

    path: str
    weight: int = 0
