"""Made-up chains: who pays whom, what waits for a block and what a block took, in the words of three sources."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from engine.feeds.chain_addresses import Addresses, shipped
from engine.feeds.chain_etherscan import ASSETS

BLOCKCHAIN, MEMPOOL = "blockchain.info", "mempool.space"
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BLOCK_S = 12.0
_BITCOIN_BLOCK_S = 60.0  # ten times faster than the real one: somebody waits for it
_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@dataclass(frozen=True)
class Paid:
    """A bitcoin transaction. `coins` are what it spends: (transaction, output); `outputs` satoshis by address."""

    id: str
    number: int
    time_s: int
    coins: tuple[tuple[str, int], ...]
    sender: str
    outputs: tuple[tuple[str, int], ...]

    @property
    def satoshis(self) -> int:
        return sum(value for _, value in self.outputs)


@dataclass(frozen=True)
class Moved:
    """A transfer on ethereum, in the asset's smallest unit. One that failed moved nothing."""

    asset: str
    units: int
    sender: str
    receiver: str
    failed: bool = False


class MadeUpChains:
    """`small_hz` and `large_hz` are transactions of bitcoin a second that happen by themselves."""

    def __init__(self, seed: int = 1, small_hz: float = 0.0, large_hz: float = 0.0) -> None:
        self.waiting: dict[str, Paid] = {}
        self.blocks: dict[int, list[Moved]] = {}  # ethereum's, by number
        self.head = 20_000_000
        self.now_s = 0.0
        self._rng = random.Random(seed)
        self._small_hz, self._large_hz = small_hz, large_hz
        known = Addresses(shipped())
        self._exchanges, self._eth_exchanges = list(known.bitcoin), list(known.ethereum)
        self._count = 0
        self._news: list[tuple[str, bytes]] = []
        self._sequence = 0
        self._next_block_s = self._next_bitcoin_block_s = 0.0

    # Bitcoin -------------------------------------------------------------------------------------

    def address(self) -> str:
        return "1" + "".join(self._rng.choices(_ALPHABET, k=33))

    def pay(
        self,
        *outputs: tuple[str, float],
        sender: str = "",
        instead_of: Paid | None = None,
        to: Sequence[str] = (BLOCKCHAIN, MEMPOOL),
    ) -> Paid:
        """Bitcoin by address, told to these sources. `instead_of` spends the same coins and takes its place."""
        self._count += 1
        id_ = sha256(f"tx {self._count}".encode()).hexdigest()
        if instead_of is not None:
            coins, sender = instead_of.coins, instead_of.sender
            self.waiting.pop(instead_of.id, None)
        else:
            coins = tuple(
                (sha256(f"parent {self._count} {n}".encode()).hexdigest(), n)
                for n in range(self._rng.randint(1, 3))
            )
        values = tuple((address, round(amount * 1e8)) for address, amount in outputs)
        tx = Paid(id_, self._count, int(self.now_s), coins, sender or self.address(), values)
        self.waiting[id_] = tx
        self.tell(tx, to)
        return tx

    def tell(self, tx: Paid, to: Sequence[str]) -> None:
        if BLOCKCHAIN in to:
            self._news.append((BLOCKCHAIN, blockchain_message(tx)))
        if MEMPOOL in to:
            self._news.append((MEMPOOL, self._changes(added=[tx])))

    def mine(self, *taken: Paid) -> None:
        """A block with these, or with all that waits."""
        ids = [tx.id for tx in taken] or list(self.waiting)
        for id_ in ids:
            self.waiting.pop(id_, None)
        self._news.append((MEMPOOL, self._changes(mined=ids)))

    def _changes(self, added: Sequence[Paid] = (), mined: Sequence[str] = ()) -> bytes:
        self._sequence += 1
        changes = {
            "sequence": self._sequence,
            "added": [mempool_tx(tx) for tx in added],
            "removed": [],
            "mined": list(mined),
            "replaced": [],
        }
        return json.dumps({"mempool-transactions": changes}).encode()

    def take_news(self) -> list[tuple[str, bytes]]:
        news, self._news = self._news, []
        return news

    # Ethereum ------------------------------------------------------------------------------------

    def block(self, *moved: Moved) -> int:
        """A block with these transfers, in their order. Returns its number."""
        self.head += 1
        self.blocks[self.head] = list(moved)
        return self.head

    def eth_address(self) -> str:
        return "0x" + f"{self._rng.getrandbits(160):040x}"

    def answer(self, values: dict[str, str]) -> bytes:
        """What Etherscan says to a question of these values."""
        match values.get("action"):
            case "eth_blockNumber":
                return _rpc(hex(self.head))
            case "eth_getBlockByNumber":
                number = int(values["tag"], 16)
                return _rpc(self._whole_block(number) if number <= self.head else None)
            case "getLogs":
                return self._logs(int(values["fromBlock"]), values["address"])
            case "gettxreceiptstatus":
                number, index = self._place(values["txhash"])
                failed = self.blocks[number][index].failed
                return _answer("1", "OK", {"status": "0" if failed else "1"})
        return self.complain("Error! Missing Or invalid Action name")

    def complain(self, sentence: str) -> bytes:
        return _answer("0", "NOTOK", sentence)

    def _whole_block(self, number: int) -> dict[str, Any]:
        transactions = [
            {
                "hash": eth_hash(number, index),
                "from": moved.sender,
                "to": moved.receiver if moved.asset == "ETH" else ASSETS[moved.asset].contract,
                "value": hex(moved.units) if moved.asset == "ETH" else "0x0",
                "input": "0x",
            }
            for index, moved in enumerate(self.blocks.get(number, []))
        ]
        return {"number": hex(number), "timestamp": hex(int(self.now_s)), "transactions": transactions}

    def _logs(self, number: int, contract: str) -> bytes:
        logs = [
            {
                "address": contract,
                "topics": [_TOPIC, *("0x" + a[2:].rjust(64, "0") for a in (moved.sender, moved.receiver))],
                "data": f"0x{moved.units:064x}",
                "blockNumber": hex(number),
                "timeStamp": hex(int(self.now_s)),
                "logIndex": hex(index) if index else "0x",
                "transactionHash": eth_hash(number, index),
            }
            for index, moved in enumerate(self.blocks.get(number, []))
            if ASSETS[moved.asset].contract == contract and not moved.failed
        ]
        return _answer("1", "OK", logs) if logs else _answer("0", "No records found", [])

    def _place(self, id_: str) -> tuple[int, int]:
        return next(
            (number, index)
            for number, moved in self.blocks.items()
            for index in range(len(moved))
            if eth_hash(number, index) == id_
        )

    # By itself -----------------------------------------------------------------------------------

    def advance(self, elapsed_s: float, now_s: float) -> None:
        self.now_s = now_s
        rng = self._rng
        if rng.random() < self._small_hz * elapsed_s:
            self.pay((self.address(), rng.lognormvariate(-3.0, 2.0)), (self.address(), 0.01))
        if rng.random() < self._large_hz * elapsed_s:
            self._large()
        if self._large_hz and now_s >= self._next_block_s:
            self._next_block_s = now_s + _BLOCK_S
            self.block(*(self._large_on_ethereum() for _ in range(rng.randint(0, 2))))
            for old in [number for number in self.blocks if number < self.head - 100]:
                del self.blocks[old]
        if self._large_hz and now_s >= self._next_bitcoin_block_s:
            self._next_bitcoin_block_s = now_s + _BITCOIN_BLOCK_S
            self.mine()

    def _large(self) -> None:
        rng = self._rng
        amount = round(rng.lognormvariate(5.3, 0.7), 4)
        sender = rng.choice(self._exchanges) if rng.random() < 0.4 else self.address()
        receiver = rng.choice(self._exchanges) if rng.random() < 0.4 else self.address()
        self.pay((receiver, amount), (sender, round(amount * rng.random(), 4)), sender=sender)

    def _large_on_ethereum(self) -> Moved:
        rng = self._rng
        asset = rng.choice(list(ASSETS))
        whole = rng.lognormvariate(7.5, 0.7) if asset == "ETH" else rng.lognormvariate(16.3, 0.8)
        sender = rng.choice(self._eth_exchanges) if rng.random() < 0.4 else self.eth_address()
        receiver = rng.choice(self._eth_exchanges) if rng.random() < 0.4 else self.eth_address()
        return Moved(asset, int(whole) * 10 ** ASSETS[asset].decimals, sender, receiver)


def blockchain_message(tx: Paid) -> bytes:
    spent = tx.satoshis // len(tx.coins) + 1
    x = {
        "lock_time": 0,
        "ver": 2,
        "size": 250,
        "inputs": [
            {
                "sequence": 4294967293,
                "prev_out": {
                    "spent": True,
                    "tx_index": int(parent[:12], 16) + 1,
                    "type": 0,
                    "addr": tx.sender,
                    "value": spent,
                    "n": n,
                    "script": "76a914",
                },
                "script": "",
            }
            for parent, n in tx.coins
        ],
        "time": tx.time_s,
        "tx_index": tx.number,
        "vin_sz": len(tx.coins),
        "hash": tx.id,
        "vout_sz": len(tx.outputs),
        "relayed_by": "0.0.0.0",  # noqa: S104 (as they write it)
        "out": [
            {"spent": False, "tx_index": tx.number, "type": 0, "addr": address, "value": value, "n": n}
            for n, (address, value) in enumerate(tx.outputs)
        ],
    }
    return json.dumps({"op": "utx", "x": x}).encode()


def mempool_tx(tx: Paid) -> dict[str, Any]:
    spent = tx.satoshis // len(tx.coins) + 1
    return {
        "txid": tx.id,
        "version": 2,
        "locktime": 0,
        "vin": [
            {
                "txid": parent,
                "vout": n,
                "prevout": {"scriptpubkey": "76a914", "scriptpubkey_address": tx.sender, "value": spent},
                "is_coinbase": False,
                "sequence": 4294967293,
            }
            for parent, n in tx.coins
        ],
        "vout": [
            {"scriptpubkey": "76a914", "scriptpubkey_address": address, "value": value}
            for address, value in tx.outputs
        ],
        "size": 250,
        "fee": 1000,
        "firstSeen": tx.time_s,
    }


def eth_hash(number: int, index: int) -> str:
    return "0x" + sha256(f"block {number} {index}".encode()).hexdigest()


def _rpc(result: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 83, "result": result}).encode()


def _answer(status: str, message: str, result: object) -> bytes:
    return json.dumps({"status": status, "message": message, "result": result}).encode()
