"""From bitcoin transactions, told by any number of sources, to large transfers: each once, confirmed, or replaced.

What goes back to an address that the coins came from is change and no transfer. Change to a fresh address cannot be
told from a payment, so an amount is an upper bound. A transaction that spends the coins of one that waits for a block
replaces it (BIP 125): only one of the two can ever be confirmed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from engine.events import ChainTransfer
from engine.feeds.errors import Malformed
from engine.limits import MAX_REPLACED

SATOSHIS = 100_000_000
MOST_SATOSHIS = 21_000_000 * SATOSHIS  # that will ever be
OUTPOINTS_KEPT = 64  # of a transaction: one that replaces it spends at least one of them, mostly all
TRANSFERS_EACH = 4  # of a transaction, the largest
_DAY_NS = 86_400 * 10**9


class Coin(NamedTuple):
    """An input or output. `outpoint` names where an input comes from, in its source's own spelling."""

    address: str  # empty where the script has none
    satoshis: int
    outpoint: str = ""


class Transaction(NamedTuple):
    """As a source tells it. Inputs without a value, such as a miner's, are left out."""

    id: str
    time_ns: int  # when the source first saw it; 0: it does not say
    inputs: Sequence[Coin]
    outputs: Sequence[Coin]


@dataclass(slots=True)
class _Told:
    """What was said of a transaction."""

    transfers: tuple[ChainTransfer, ...]
    outpoints: list[str]  # that it holds in `BitcoinLedger._spent`
    confirmed: bool = False
    gone: str = ""  # who replaced it; another source may still tell of it, and miners may still choose it


class BitcoinLedger:
    """Remembers the latest large transactions. `names` gives an exchange by address; `least` is in bitcoin."""

    def __init__(self, names: Mapping[str, str], least: float, kept: int) -> None:
        self._names = names
        self._least = round(least * SATOSHIS)
        self._kept = kept
        self._told: OrderedDict[str, _Told] = OrderedDict()
        self._spent: dict[str, str] = {}  # outpoint -> who spends it

    def take(self, tx: Transaction, source: str, now: int) -> list[ChainTransfer]:
        """What there is to tell of it: nothing where it is small or known. Raises Malformed for impossible amounts."""
        outpoints = [coin.outpoint for coin in tx.inputs if coin.outpoint]
        told = self._told.get(tx.id)
        if told is not None:
            return self._again(tx.id, told, outpoints)
        groups = self._groups(tx)
        large = [group for group in groups if group[1] >= self._least]
        replaced = list(dict.fromkeys(self._spent[o] for o in outpoints if o in self._spent))
        if any(self._told[id_].confirmed for id_ in replaced):
            raise Malformed("a transaction spends coins that a block shows spent")
        if not large and not replaced:
            return []
        time_ns = tx.time_ns if now - _DAY_NS < tx.time_ns <= now else now
        sender = _largest(tx.inputs, self._names)
        transfers = tuple(
            ChainTransfer(
                id=f"{tx.id}:{n}" if n else tx.id,
                ts_event=time_ns,
                asset="BTC",
                amount=satoshis / SATOSHIS,
                sender=sender,
                receiver=receiver,
                source=source,
                replaces=tuple(replaced[:MAX_REPLACED]) if n == 0 else (),
            )
            for n, (receiver, satoshis) in enumerate(large[:TRANSFERS_EACH] or groups[:1] or [("", 0)])
        )
        for id_ in replaced:
            self._replace(id_, tx.id)
        told = self._told[tx.id] = _Told(transfers, [])
        self._hold(tx.id, told, outpoints)
        while len(self._told) > self._kept:
            _, oldest = self._told.popitem(last=False)
            self._release(oldest)
        return list(transfers)

    def _again(self, id_: str, told: _Told, outpoints: Sequence[str]) -> list[ChainTransfer]:
        """One that is known. In this source's spelling its coins may be those of another that was told of as well."""
        if told.gone:
            return []
        others = dict.fromkeys(self._spent[o] for o in outpoints if self._spent.get(o, id_) != id_)
        replaced = tuple(other for other in others if not self._told[other].confirmed)
        for other in replaced:
            self._replace(other, id_)
        self._hold(id_, told, outpoints)
        if not replaced:
            return []
        return [msgspec.structs.replace(told.transfers[0], replaces=replaced[:MAX_REPLACED])]

    def mined(self, ids: Iterable[str], source: str) -> list[ChainTransfer]:
        """A block has these: those among them that were told of are told again, as confirmed."""
        said = []
        for id_ in ids:
            told = self._told.get(id_)
            if told is None or told.confirmed:
                continue
            told.confirmed = True
            beaten = self._revive(id_, told) if told.gone else ()
            said += [
                msgspec.structs.replace(
                    transfer, confirmed=True, source=source, replaces=beaten if n == 0 else ()
                )
                for n, transfer in enumerate(told.transfers)
            ]
        return said

    def _revive(self, id_: str, told: _Told) -> tuple[str, ...]:
        """Of two that spend the same coins a block took the first after all: the other is gone instead."""
        other = told.gone
        while (found := self._told.get(other)) is not None and found.gone:
            other = found.gone
        told.gone = ""
        if found is None or found.confirmed:
            return ()
        self._replace(other, id_)
        return (other,)

    def _groups(self, tx: Transaction) -> list[tuple[str, int]]:
        """What moves, by receiving exchange (empty: elsewhere), the largest first."""
        own = {coin.address for coin in tx.inputs if coin.address}
        for coins in (tx.inputs, tx.outputs):
            if any(coin.satoshis < 0 for coin in coins) or sum(c.satoshis for c in coins) > MOST_SATOSHIS:
                raise Malformed("a transaction moves more bitcoin than there are, or less than none")
        groups: dict[str, int] = {}
        for coin in tx.outputs:
            if coin.address not in own:
                receiver = self._names.get(coin.address, "")
                groups[receiver] = groups.get(receiver, 0) + coin.satoshis
        return sorted(groups.items(), key=lambda group: (-group[1], group[0]))

    def _hold(self, id_: str, told: _Told, outpoints: Sequence[str]) -> None:
        for outpoint in outpoints[:OUTPOINTS_KEPT]:
            if outpoint not in self._spent and len(told.outpoints) < 2 * OUTPOINTS_KEPT:
                self._spent[outpoint] = id_
                told.outpoints.append(outpoint)

    def _release(self, told: _Told) -> None:
        for outpoint in told.outpoints:
            del self._spent[outpoint]
        told.outpoints.clear()

    def _replace(self, id_: str, by: str) -> None:
        told = self._told[id_]
        self._release(told)
        told.gone = by


def _largest(coins: Sequence[Coin], names: Mapping[str, str]) -> str:
    """The exchange that most of the coins come from, among those that are known; they are spent together."""
    known: dict[str, int] = {}
    for coin in coins:
        if (name := names.get(coin.address)) is not None:
            known[name] = known.get(name, 0) + coin.satoshis
    return max(sorted(known), key=lambda name: known[name], default="")
