"""mempool.space's stream of bitcoin's waiting transactions, and of what each block took of them. No I/O, no key.

https://mempool.space/docs/api/websocket, "track mempool"; the same from a server of one's own. Fields as in
https://github.com/mempool/mempool/blob/master/backend/src/api/websocket-handler.ts.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from engine.feeds.chain_bitcoin import Coin, Transaction
from engine.feeds.chain_blockchain import TX_ID, Heard
from engine.feeds.errors import Malformed


class _Output(msgspec.Struct):
    value: int = 0
    scriptpubkey_address: str | None = None


class _Input(msgspec.Struct):
    txid: str = ""
    vout: int = 0
    prevout: _Output | None = None


class _Tx(msgspec.Struct):
    txid: str
    vout: list[_Output]
    vin: list[_Input] = []
    first_seen: float | None = msgspec.field(default=None, name="firstSeen")


class _Changes(msgspec.Struct):
    added: list[_Tx] = []
    mined: list[str] = []


class _Message(msgspec.Struct):
    changes: _Changes | None = msgspec.field(default=None, name="mempool-transactions")


_decode = msgspec.json.Decoder(_Message).decode


class MempoolSpace:
    """Requests go out by `hello`, messages come in by `receive`."""

    venue: ClassVar[str] = "mempool.space"

    def hello(self) -> tuple[bytes, ...]:
        return (b'{"track-mempool":true}',)

    def receive(self, data: bytes) -> Heard:
        """Raises Malformed."""
        try:
            changes = _decode(data).changes
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"a message cannot be read: {error}") from None
        if changes is None:
            return Heard()
        if not all(TX_ID.fullmatch(id_) for id_ in (*(tx.txid for tx in changes.added), *changes.mined)):
            raise Malformed("a transaction has an id that is none")
        return Heard(tuple(map(_transaction, changes.added)), tuple(changes.mined), data=True)


def _transaction(tx: _Tx) -> Transaction:
    inputs = tuple(
        Coin(i.prevout.scriptpubkey_address or "", i.prevout.value, f"{i.txid}:{i.vout}" if i.txid else "")
        for i in tx.vin
        if i.prevout is not None
    )
    outputs = tuple(Coin(o.scriptpubkey_address or "", o.value) for o in tx.vout)
    seen_s = tx.first_seen if tx.first_seen is not None and 0 < tx.first_seen < 1e11 else 0.0
    return Transaction(tx.txid, int(seen_s) * 10**9, inputs, outputs)
