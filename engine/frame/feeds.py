"""Connections: how each does, and which of them tell of no book."""

from __future__ import annotations

import msgspec

# Connections that text comes by, and who scores it: all others are of markets.
TEXT_FEEDS = ("reddit", "news", "fear-greed", "sentiment")
# Connections that tell of public chains. Neither kind says anything of a book.
CHAIN_FEEDS = ("blockchain.info", "mempool.space", "etherscan")
BESIDE_FEEDS = TEXT_FEEDS + CHAIN_FEEDS


class Feed(msgspec.Struct, frozen=True):
    """One connection, for the health panel."""

    venue: str
    state: str = "IDLE"
    reason: str = ""
    retry_at_ns: int | None = None
    messages: int = 0
    bytes: int = 0
    malformed: int = 0
    ignored: int = 0
    resyncs: int = 0
    reconnects: int = 0
