"""Large transfers on public chains as part of State: the latest ones, and what flowed to and from exchanges.

A transfer counts once, in the minute in which we heard of it: said again it is confirmed, not another one, and what
was replaced before a block took it is taken out of the sums. Between two exchanges, or within one, nothing flows in
or out. Sums are made at ticks, where a minute is over or something came, so that most ticks cost a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from engine.events import ChainTransfer
from engine.frame.chain import ChainNow, FlowNow, TransferNow
from engine.frame.feeds import CHAIN_FEEDS, Feed
from engine.limits import check_transfer

MINUTE_NS = 60_000_000_000
WINDOWS_S = (600, 3600, 86_400)
MINUTES_KEPT = WINDOWS_S[-1] // 60
KNOWN_KEPT = 500  # transfers; one that is said again later than that counts again
ASSETS_KEPT = 16  # a stranger's recording cannot make us keep more
SHOWN = 60
MOST = 1e30


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A transfer, and the minute it is counted in."""

    transfer: ChainTransfer
    minute: int


class Minute(msgspec.Struct, array_like=True):
    """What moved in one minute, in the asset's unit."""

    minute: int  # since 1970
    into: float = 0.0
    out: float = 0.0
    moved: float = 0.0
    seen: int = 0


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """What moved in one window."""

    into: float = 0.0  # to exchanges
    out: float = 0.0  # from them
    moved: float = 0.0  # all of it
    seen: int = 0


class AssetFlows(msgspec.Struct):
    """One asset: minutes in which something moved, oldest first, and their sums over WINDOWS_S as of the last tick."""

    since: int  # when its first transfer came, ns
    minutes: list[Minute] = msgspec.field(default_factory=list)
    sums: tuple[Sums, Sums, Sums] = (Sums(), Sums(), Sums())
    changed: bool = False  # since the last tick


class ChainState(msgspec.Struct):
    """Everything that follows from the transfers so far."""

    assets: dict[str, AssetFlows] = msgspec.field(default_factory=dict)
    known: dict[str, Known] = msgspec.field(default_factory=dict)  # the latest, by id, oldest first
    minute: int = 0
    replaced: int = 0  # transfers that were taken back
    changed: bool = False  # any asset, since the last tick

    def on_transfer(self, note: ChainTransfer, ts: int) -> bool:
        """A transfer that was told of at `ts`, ns; whether it is one that was not known."""
        for gone in note.replaces:
            self._take_back(gone)
        known = self.known.get(note.id)
        if known is not None:
            if note.confirmed and not known.transfer.confirmed:
                confirmed = msgspec.structs.replace(known.transfer, confirmed=True)
                self.known[note.id] = Known(confirmed, known.minute)
            return False
        flows = self.assets.get(note.asset)
        if flows is None:
            if len(self.assets) >= ASSETS_KEPT:
                return False
            flows = self.assets[note.asset] = AssetFlows(ts)
        minute = ts // MINUTE_NS
        self.known[note.id] = Known(note, minute)
        while len(self.known) > KNOWN_KEPT:
            self.known.pop(next(iter(self.known)))
        if not flows.minutes or flows.minutes[-1].minute < minute:
            flows.minutes.append(Minute(minute))
        _count(flows.minutes[-1], note, 1)
        flows.changed = self.changed = True
        return True

    def _take_back(self, replaced: str) -> None:
        """A transaction that another one took the place of, with all its transfers, counts no more."""
        for name in [name for name in self.known if name == replaced or name.startswith(f"{replaced}:")]:
            known = self.known[name]
            if known.transfer.confirmed:
                continue
            del self.known[name]
            self.replaced += 1
            flows = self.assets[known.transfer.asset]
            for minute in reversed(flows.minutes):
                if minute.minute == known.minute:
                    _count(minute, known.transfer, -1)
                    break
            flows.changed = self.changed = True

    def tick(self, ts: int) -> None:
        """At every tick: sums anew where a minute is over or something has come."""
        minute = ts // MINUTE_NS
        over = minute > self.minute
        if not over and not self.changed:
            return
        self.minute = max(self.minute, minute)
        for flows in self.assets.values():
            if over or flows.changed:
                _sum_up(flows, self.minute)
                flows.changed = False
        self.changed = False


def _count(minute: Minute, note: ChainTransfer, sign: int) -> None:
    minute.moved += sign * note.amount
    minute.seen += sign
    if note.receiver and not note.sender:
        minute.into += sign * note.amount
    elif note.sender and not note.receiver:
        minute.out += sign * note.amount
    if not minute.seen:  # what was added and taken away again may have left a rounding
        minute.into = minute.out = minute.moved = 0.0


def _sum_up(flows: AssetFlows, now: int) -> None:
    """Forget minutes that are too old, and add the others up, the present one included."""
    minutes = flows.minutes
    old = 0
    while old < len(minutes) and minutes[old].minute <= now - MINUTES_KEPT:
        old += 1
    del minutes[:old]
    sums = []
    for window_s in WINDOWS_S:
        first = now - window_s // 60
        into = out = moved = 0.0
        seen = 0
        for minute in reversed(minutes):
            if minute.minute <= first:
                break
            into += minute.into
            out += minute.out
            moved += minute.moved
            seen += minute.seen
        sums.append(Sums(into, out, moved, seen))
    flows.sums = (sums[0], sums[1], sums[2])


def check(state: ChainState) -> None:
    """Raises ValueError for a state that no session could have come to; it may come from a stranger."""
    if len(state.assets) > ASSETS_KEPT or len(state.known) > KNOWN_KEPT:
        raise ValueError("expected transfers within their bounds, found more")
    if not 0 <= state.minute < 2**40 or not 0 <= state.replaced < 2**60:
        raise ValueError("expected the minute of transfers to be a time")
    for name, known in state.known.items():
        check_transfer(known.transfer)
        if known.transfer.asset not in state.assets or known.transfer.id != name:
            raise ValueError("expected every transfer under its own id, with its asset")
    for flows in state.assets.values():
        if len(flows.minutes) > MINUTES_KEPT + 1:
            raise ValueError(
                f"expected at most {MINUTES_KEPT} minutes of transfers, found {len(flows.minutes)}"
            )
        at = [minute.minute for minute in flows.minutes]
        if any(later <= earlier for earlier, later in pairwise(at)):
            raise ValueError("expected minutes of transfers in order")
        for sums in (*flows.minutes, *flows.sums):
            _check_finite(msgspec.structs.astuple(sums))


def _check_finite(values: Iterable[float]) -> None:
    for value in values:
        if not abs(value) <= MOST:
            raise ValueError(f"expected sums of transfers within {MOST:g}, found {value:g}")


def chain_now(state: ChainState, feeds: Iterable[Feed]) -> ChainNow | None:
    """What the panel shows; None where nobody watches a chain."""
    watching = tuple(feed for feed in feeds if feed.venue in CHAIN_FEEDS)
    if not state.known and not watching:
        return None
    latest = list(state.known.values())[: -SHOWN - 1 : -1]
    return ChainNow(
        transfers=tuple(
            TransferNow(
                t.ts_event, t.asset, t.amount, t.value_quote, t.sender, t.receiver, t.confirmed, t.source
            )
            for t in (known.transfer for known in latest)
        ),
        flows=tuple(
            FlowNow(asset, window_s, *msgspec.structs.astuple(sums))
            for asset, flows in sorted(state.assets.items())
            for window_s, sums in zip(WINDOWS_S, flows.sums, strict=True)
        ),
        replaced=state.replaced,
        feeds=watching,
    )
