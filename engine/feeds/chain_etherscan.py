"""Etherscan's API: what to ask next, and what to make of the answer. No I/O.

Block by block, some blocks behind the newest, so that what is told is confirmed: the block's own transactions for
ether, its `Transfer` logs for each token. A transaction that moves a large amount of ether may have failed, so its
receipt is asked for. Ether that contracts move among themselves is in neither and is not told.

https://docs.etherscan.io: free keys take 3 calls a second; errors come with status 200 and a sentence.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from engine.events import ChainTransfer
from engine.feeds.chain_options import ChainOptions
from engine.feeds.errors import Answer, Malformed, Refused
from engine.feeds.network import Reply, host_of
from engine.feeds.refusal import refusal
from engine.text import clean

VENUE = "etherscan"
_NS = 1_000_000_000
_TRANSFER = (
    "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # Transfer(address,address,uint256)
)
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_PAGE = 1000  # logs that an answer holds at most


class Asset(NamedTuple):
    """`contract` is None for ether itself. More than `most` of it, far above its supply, nobody can move."""

    contract: str | None
    decimals: int
    most: float


# Contracts by https://tether.to/en/supported-protocols and https://developers.circle.com/stablecoins/usdc-contract-addresses
ASSETS = {
    "ETH": Asset(None, 18, 1e9),
    "USDT": Asset("0xdac17f958d2ee523a2206206994597c13d831ec7", 6, 1e12),
    "USDC": Asset("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6, 1e12),
}


class Step(NamedTuple):
    """A question: what for, of which block, of which asset; `held` waits for the answer."""

    kind: str  # head block logs receipt
    block: int = 0
    asset: str = ""
    held: ChainTransfer | None = None


class Answered(NamedTuple):
    """What an answer brought. `refused` is why it brought nothing."""

    transfers: tuple[ChainTransfer, ...] = ()
    malformed: int = 0
    ignored: int = 0
    refused: Refused | None = None


class _Tx(msgspec.Struct):
    hash: str
    value: str = "0x0"
    sender: str | None = msgspec.field(default=None, name="from")
    receiver: str | None = msgspec.field(default=None, name="to")


class _Block(msgspec.Struct):
    number: str
    timestamp: str
    transactions: list[_Tx]


class _Log(msgspec.Struct):
    topics: list[str]
    data: str
    hash: str = msgspec.field(name="transactionHash")
    index: str = msgspec.field(default="0x0", name="logIndex")
    timestamp: str = msgspec.field(default="0x0", name="timeStamp")


class _Receipt(msgspec.Struct):
    status: str = ""


class _Fault(msgspec.Struct):
    message: str = ""


class _Reply(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    status: str = "1"
    message: str = ""
    error: _Fault | None = None


_reply = msgspec.json.Decoder(_Reply).decode
_text = msgspec.json.Decoder(str | None).decode
_block = msgspec.json.Decoder(_Block | None).decode
_logs = msgspec.json.Decoder(list[_Log]).decode
_receipt = msgspec.json.Decoder(_Receipt).decode


class Etherscan:
    """`due` (ns) is when `request` may be sent next. `names` gives an exchange by address in lower case."""

    def __init__(self, options: ChainOptions, names: Mapping[str, str]) -> None:
        if options.key is None:
            raise ValueError("Etherscan is asked with a key only")
        self.due = 0
        self.head_at = 0  # when the newest block was last seen to be another one
        self._head = 0
        self._key = options.key
        self._options = options
        self._names = names
        self._steps: deque[Step] = deque()
        self._next: int | None = None  # block
        self._failures = 0

    def request(self) -> str:
        """The address to GET. It holds the key: it is shown to nobody."""
        step = self._step
        values: dict[str, str | int] = {"chainid": 1}
        if step.kind == "head":
            values |= {"module": "proxy", "action": "eth_blockNumber"}
        elif step.kind == "block":
            values |= {"module": "proxy", "action": "eth_getBlockByNumber", "tag": hex(step.block)}
            values |= {"boolean": "true"}
        elif step.kind == "logs":
            values |= {"module": "logs", "action": "getLogs", "fromBlock": step.block, "toBlock": step.block}
            values |= {"address": ASSETS[step.asset].contract or "", "topic0": _TRANSFER}
            values |= {"page": 1, "offset": _PAGE}
        else:
            held = step.held.id if step.held is not None else ""
            values |= {"module": "transaction", "action": "gettxreceiptstatus", "txhash": held}
        return f"{self._options.etherscan}?{urlencode(values | {'apikey': self._key.value})}"

    def receive(self, reply: Reply, now: int) -> Answered:
        """An HTTP answer that arrived at `now`."""
        try:
            return self._read(reply, now)
        except Refused as refused:
            return self.failed(refused, now)
        except (Malformed, msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            what = clean(self._hidden(str(error)), 100)
            host = host_of(self._options.etherscan)
            answered = self.failed(Refused(f"{host} sent what cannot be read: {what}"), now)
            return answered._replace(malformed=answered.malformed + 1)

    def failed(self, refused: Refused, now: int) -> Answered:
        """No answer came, or none that can be used. A question that fails again and again is given up."""
        options = self._options
        self._failures += 1
        if refused.seconds > 0:
            wait_s = refused.seconds + 1.0
        else:
            wait_s = min(options.backoff_max_s, options.backoff_min_s * 2.0 ** min(self._failures, 30))
        ignored = 0
        if refused.answer is Answer.RETRY and self._steps and self._failures >= options.tries:
            self._steps.popleft()
            self._failures, ignored = 0, 1
        self.due = now + int(wait_s * _NS)
        told = Refused(self._hidden(refused.reason), refused.answer, refused.seconds, refused.elsewhere)
        return Answered(ignored=ignored, refused=told)

    def _hidden(self, text: str) -> str:
        """A sentence of theirs may repeat the key, in any case of letters."""
        return re.sub(re.escape(self._key.value), "(hidden)", text, flags=re.IGNORECASE)

    @property
    def _step(self) -> Step:
        return self._steps[0] if self._steps else Step("head")

    def _read(self, reply: Reply, now: int) -> Answered:
        options = self._options
        host = host_of(options.etherscan)
        refused = refusal(host, reply.status, reply.headers, reply.body, options.refused_wait_s)
        if refused is not None:
            raise refused
        answer = _reply(reply.body)
        self._complain(answer, host)
        step = self._step
        if step.kind == "head":
            answered = self._on_head(answer.result, now)
        elif step.kind == "block":
            answered = self._on_block(step, answer.result, now)
        elif step.kind == "logs":
            answered = self._on_logs(step, answer.result, now)
        else:
            answered = self._on_receipt(step, answer.result)
        if step.kind != "head":
            self._steps.remove(step)
        self._failures = 0
        self.due = now + int((options.gap_s if self._steps else options.every_s) * _NS)
        return answered

    def _complain(self, answer: _Reply, host: str) -> None:
        """Raises Refused for what they say against a request; "no records found" is an answer."""
        if answer.error is not None:
            raise Refused(f"{host} answered {clean(answer.error.message, 100)}")
        if answer.status != "0" or bytes(answer.result).lstrip()[:1] == b"[":
            return
        said = clean(_text(answer.result) or answer.message, 100)
        low = said.lower()
        if "invalid api key" in low and "too many" not in low:
            seconds = self._options.key_wait_s
            raise Refused(
                f"{host} refuses the key; check chain.etherscan.api_key (a new one takes minutes to work)",
                Answer.WAIT,
                seconds,
            )
        if "daily" in low:
            raise Refused(f"{host}: {said}", Answer.WAIT, 3600.0)
        if "rate limit" in low or "too many" in low:
            raise Refused(f"{host}: {said}", Answer.WAIT, 60.0 if "too many" in low else 2.0)
        raise Refused(f"{host}: {said}")

    def _on_head(self, result: msgspec.Raw, now: int) -> Answered:
        head = _number(_text(result) or "")
        if head != self._head:
            self._head, self.head_at = head, now
        newest = head - self._options.lag_blocks
        if self._next is not None and self._next - newest > self._options.most_behind:
            self._next = None  # a newest block was told of that never was
        first = newest if self._next is None else self._next
        skipped = max(0, newest - first + 1 - self._options.most_behind)
        first += skipped
        for block in range(first, newest + 1):
            for asset in self._options.least:
                if asset in ASSETS:
                    kind = "block" if ASSETS[asset].contract is None else "logs"
                    self._steps.append(Step(kind, block, asset))
        self._next = max(first, newest + 1)
        return Answered(ignored=skipped)

    def _on_block(self, step: Step, result: msgspec.Raw, now: int) -> Answered:
        block = _block(result)
        if block is None:
            raise Malformed(f"block {step.block} is not there yet")
        if _number(block.number) != step.block:
            raise Malformed(f"expected block {step.block}, found another")
        malformed = 0
        for tx in block.transactions:
            try:
                amount = _amount("ETH", tx.value)
                if amount < self._options.least["ETH"]:
                    continue
                held = self._transfer("ETH", tx.hash, amount, tx.sender, tx.receiver, block.timestamp, now)
            except Malformed:
                malformed += 1
                continue
            self._steps.insert(1, Step("receipt", step.block, "ETH", held))
        return Answered(malformed=malformed)

    def _on_logs(self, step: Step, result: msgspec.Raw, now: int) -> Answered:
        logs = _logs(result)
        transfers, malformed = [], 0
        for log in logs:
            try:
                amount = _amount(step.asset, log.data)
                if amount < self._options.least[step.asset]:
                    continue
                if len(log.topics) != 3:
                    raise Malformed("a transfer's log has other topics than it should")
                id_ = f"{log.hash}:{_number(log.index)}"
                sender, receiver = ("0x" + topic[-40:] for topic in log.topics[1:])
                transfers.append(
                    self._transfer(step.asset, id_, amount, sender, receiver, log.timestamp, now)
                )
            except Malformed:
                malformed += 1
        # A page that is full may have left something out.
        return Answered(tuple(transfers), malformed, ignored=len(logs) >= _PAGE)

    def _on_receipt(self, step: Step, result: msgspec.Raw) -> Answered:
        status = _receipt(result).status
        if status not in ("0", "1"):
            raise Malformed(f"the receipt of {step.held.id if step.held else ''} is not there yet")
        if status == "0" or step.held is None:
            return Answered(ignored=1)
        return Answered((step.held,))

    def _transfer(
        self, asset: str, id_: str, amount: float, sender: str | None, receiver: str | None, at: str, now: int
    ) -> ChainTransfer:
        if not _HASH.fullmatch(id_.partition(":")[0]):
            raise Malformed("a transaction has an id that is none")
        at_ns = _number(at) * _NS
        return ChainTransfer(
            id=id_,
            ts_event=at_ns if 0 < at_ns <= now else now,
            asset=asset,
            amount=amount,
            sender=self._names.get((sender or "").lower(), ""),
            receiver=self._names.get((receiver or "").lower(), ""),
            source=VENUE,
            confirmed=True,
        )


def _number(text: str) -> int:
    """A hexadecimal number as the API writes it. Raises Malformed."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{0,64}", text):
        raise Malformed(f"expected a number such as 0x1b4, found {clean(text, 30)!r}")
    return int(text[2:] or "0", 16)


def _amount(asset: str, text: str) -> float:
    known = ASSETS[asset]
    amount = _number(text) / 10**known.decimals
    if amount > known.most:
        raise Malformed(f"a transfer of more {asset} than there is")
    return float(amount)
