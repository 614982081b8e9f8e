"""Public chains: what a transaction, a block and a transfer cost, beside a day that is full of them.

Bitcoin has about seven transactions a second, which both streams tell; ethereum has a block every 12 s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from engine.advisers.gather import sight_of
from engine.batch import BatchBuilder
from engine.checkpoint import pack
from engine.core import State, apply
from engine.events import ChainTransfer, FeedStatus, Kind, Listed
from engine.feeds.chain_addresses import Addresses, shipped
from engine.feeds.chain_bitcoin import BitcoinLedger
from engine.feeds.chain_blockchain import BlockchainInfo
from engine.feeds.chain_etherscan import Etherscan
from engine.feeds.chain_mempool import MempoolSpace
from engine.feeds.chain_options import ChainOptions, EtherscanKey
from engine.feeds.fake_chain_site import BLOCKCHAIN, MadeUpChains
from engine.feeds.network import Reply
from engine.frame import View
from engine.instrument import Instrument
from engine.picture import picture

START = 1_795_000_000_000_000_000
TRANSACTIONS = 3000
A_DAY = 1440 * 60 * 10**9


def _streams() -> dict[str, float]:
    """Each stream's own transactions, a hundredth of them large, read and entered."""
    names = Addresses(shipped()).bitcoin
    figures = {}
    for protocol, key in ((BlockchainInfo(), "blockchain_us"), (MempoolSpace(), "mempool_us")):
        chains = MadeUpChains()
        for number in range(TRANSACTIONS):
            outputs = [(chains.address(), 0.1) for _ in range(3)]
            chains.pay((chains.address(), 150.0 if number % 100 == 0 else 1.0), *outputs)
        messages = [m for venue, m in chains.take_news() if (venue == BLOCKCHAIN) == (key == "blockchain_us")]
        ledger = BitcoinLedger(names, 100.0, 5000)
        begun = time.perf_counter()
        for message in messages:
            for tx in protocol.receive(message).transactions:
                ledger.take(tx, "bench", START)
        figures[key] = (time.perf_counter() - begun) / len(messages) * 1e6
    return figures


def _block() -> float:
    """A block of 250 transactions with 2 kB of calldata each, read, ms."""
    chains = MadeUpChains()
    transactions = [
        {"hash": f"0x{n:064x}", "from": chains.eth_address(), "to": chains.eth_address(), "value": hex(n * 10**18),
         "input": "0x" + "ab" * 2000, "gas": "0x5208", "nonce": "0x1"}
        for n in range(250)
    ]  # fmt: skip
    protocol = Etherscan(ChainOptions(key=EtherscanKey("BENCH"), lag_blocks=0, least={"ETH": 1000.0}), {})
    protocol.receive(Reply(200, {}, b'{"result":"0x100"}'), START)
    result = {"number": "0x100", "timestamp": "0x6afd6f00", "transactions": transactions}
    reply = Reply(200, {}, json.dumps({"result": result}).encode())
    begun = time.perf_counter()
    protocol.receive(reply, START)
    return (time.perf_counter() - begun) * 1e3


def _full_day() -> State:
    """A state whose last day had a transfer of each of four assets in every minute."""
    state, out = State(), BatchBuilder()
    out.add_note(Listed(0, Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")), START)
    out.add_levels(Kind.SNAPSHOT, START, [(6_000_000, 100)], [(6_000_100, 100)], symbol=0, last_id=1)
    out.add_note(FeedStatus("binance", "SYNCED", 0), START)
    out.add(Kind.TICK, START, symbol=-1)
    apply(state, out.take())
    for minute in range(1440):
        for asset in ("BTC", "ETH", "USDT", "USDC"):
            note = ChainTransfer(f"{asset}{minute}", START, asset, 1.0, None, "", "Binance", "bench")
            state.chain.on_transfer(note, START + minute * 60 * 10**9)
    return state


def _us(work: Callable[[int], object], times: int) -> float:
    begun = time.perf_counter()
    for number in range(times):
        work(number)
    return (time.perf_counter() - begun) / times * 1e6


def run() -> dict[str, float]:
    state = _full_day()
    chain, end = state.chain, START + A_DAY
    notes = [ChainTransfer(f"n{n}", START, "BTC", 1.0, None, "", "Binance", "bench") for n in range(2000)]
    figures = _streams()
    figures["ethereum_block_ms"] = _block()
    figures["transfer_us"] = _us(lambda n: chain.on_transfer(notes[n], end + n * 10**6), 2000)
    figures["tick_us"] = _us(lambda n: chain.tick(end + n * 10**6), 20_000)
    figures["minute_us"] = _us(lambda n: chain.tick(end + (n + 1) * 60 * 10**9), 60)
    figures["adviser_sight_us"] = _us(lambda n: sight_of(state, state.symbols[0], START + n), 2000)
    figures["picture_us"] = _us(lambda n: picture(state, View()), 300)
    figures["state_kb"] = (len(pack(state)) - len(pack(State(symbols=state.symbols)))) / 1e3
    return figures
