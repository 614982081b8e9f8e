"""Large transfers on public chains."""

from __future__ import annotations

import msgspec

from engine.frame.feeds import Feed


class TransferNow(msgspec.Struct, frozen=True, array_like=True):
    """A large transfer on a public chain. Names are of known exchanges; empty: unknown."""

    ts: int
    asset: str
    amount: float  # in the asset's unit
    value_quote: float | None  # dollars, where a price was known
    sender: str
    receiver: str
    confirmed: bool
    source: str


class FlowNow(msgspec.Struct, frozen=True, array_like=True):
    """What large transfers of an asset moved over a window, in its unit."""

    asset: str
    window_s: int
    into: float  # to known exchanges from elsewhere
    out: float  # from them to elsewhere
    moved: float  # all of it
    seen: int


class ChainNow(msgspec.Struct, frozen=True):
    """Public chains; see `engine.signals.chain`."""

    transfers: tuple[TransferNow, ...] = ()  # newest first
    flows: tuple[FlowNow, ...] = ()  # by asset, windows from short to long
    replaced: int = 0  # transfers that another transaction took the place of
    feeds: tuple[Feed, ...] = ()  # of CHAIN_FEEDS
