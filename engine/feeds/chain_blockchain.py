"""blockchain.info's stream of bitcoin transactions as its nodes first see them. No I/O, no key.

https://www.blockchain.com/explorer/api/api_websocket: it tells nothing of blocks' contents, so none of what it says
is ever confirmed by it.
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

import msgspec

from engine.feeds.chain_bitcoin import Coin, Transaction
from engine.feeds.errors import Malformed

TX_ID = re.compile(r"[0-9a-f]{64}")


class Heard(NamedTuple):
    """What a message brought. `data`: it is what was subscribed to, and not an answer or a greeting."""

    transactions: tuple[Transaction, ...] = ()
    mined: tuple[str, ...] = ()
    data: bool = False


class _Output(msgspec.Struct):
    value: int = 0
    addr: str | None = None
    tx_index: int = 0
    n: int = 0


class _Input(msgspec.Struct):
    prev_out: _Output | None = None


class _Tx(msgspec.Struct):
    hash: str
    out: list[_Output]
    inputs: list[_Input] = []
    time: int = 0


class _Message(msgspec.Struct):
    op: str = ""
    x: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Message).decode
_decode_tx = msgspec.json.Decoder(_Tx).decode


class BlockchainInfo:
    """Requests go out by `hello`, messages come in by `receive`."""

    venue: ClassVar[str] = "blockchain.info"

    def hello(self) -> tuple[bytes, ...]:
        return (b'{"op":"unconfirmed_sub"}',)

    def receive(self, data: bytes) -> Heard:
        """Raises Malformed."""
        try:
            message = _decode(data)
            if message.op != "utx":
                return Heard()
            tx = _decode_tx(message.x)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"a message cannot be read: {error}") from None
        if not TX_ID.fullmatch(tx.hash):
            raise Malformed("a transaction has an id that is none")
        inputs = tuple(_spent(i.prev_out) for i in tx.inputs if i.prev_out is not None)
        outputs = tuple(Coin(o.addr or "", o.value) for o in tx.out)
        return Heard((Transaction(tx.hash, max(0, tx.time) * 10**9, inputs, outputs),), data=True)


def _spent(output: _Output) -> Coin:
    # Their number of a transaction is 0 where they have none yet: such coins cannot be told apart.
    outpoint = f"{output.tx_index}:{output.n}" if output.tx_index > 0 else ""
    return Coin(output.addr or "", output.value, outpoint)
