"""A real capture of Kraken through the real driver: ten books, every checksum the venue's own.

It is of version 1, whose levels and checksums are those of version 2 in other brackets: here they are put into the
brackets of version 2, digit for digit.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import zstandard
from msgspec.structs import replace

from engine.core import State, apply
from engine.feeds.fake_kraken import Side
from engine.feeds.fake_time import FakeClock, run_in_fake_time
from engine.feeds.hosts import Hosts
from engine.feeds.kraken import Kraken
from engine.feeds.live import LiveSource, Watched
from engine.feeds.network import Reply
from engine.feeds.venues import VENUES
from engine.kernels.level_book import levels_of

OPTIONS = VENUES["kraken"].options

UPDATES, TRADES = 4269, 10  # in the capture


class Line(NamedTuple):
    """One message of the capture; numbers are as they were written."""

    at_s: float
    pair: str
    channel: str  # book, trade or heartbeat
    parts: dict[str, list[list[str]]]  # levels by "as", "bs" (of a snapshot), "a" and "b"; trades by "t"
    checksum: int | None


def lines(path: Path) -> tuple[dict[str, dict[str, Any]], list[Line]]:
    """AssetPairs by `wsname`, and what was said of books and trades."""
    listing: dict[str, dict[str, Any]] = {}
    found = []
    with path.open("rb") as file:
        for text in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file)):
            record = json.loads(text)
            data = json.loads(record["data"]) if "data" in record else None
            if record["t"] == "http":
                listing = {pair["wsname"]: pair for pair in data["result"].values() if "wsname" in pair}
            elif record["t"] == "recv" and data == {"event": "heartbeat"}:
                found.append(Line(record["ts"], "", "heartbeat", {}, None))
            elif record["t"] == "recv" and isinstance(data, list):
                *parts, channel, pair = data[1:]
                channel = channel.partition("-")[0]
                both = {"t": parts[0]} if channel == "trade" else {k: v for p in parts for k, v in p.items()}
                checksum = both.pop("c", None)
                if channel in ("book", "trade"):
                    found.append(Line(record["ts"], pair, channel, both, checksum and int(checksum)))
    return listing, found


def v2_name(pair: str) -> str:
    return pair.replace("XBT", "BTC")


def digits(text: str) -> int:
    return int(text.replace(".", ""))


def decimal(value: int, decimals: int) -> str:
    return f"{value // 10**decimals}.{value % 10**decimals:0{decimals}d}"


class Translation:
    """Messages of version 2, as a client that subscribed to so many levels would be told them.

    Where that is fewer than in the capture, what lies behind is left out as the venue does it.
    """

    def __init__(self, path: Path, depth: int) -> None:
        self.listing, self.lines = lines(path)
        self.depth = depth
        self.pairs = sorted({line.pair for line in self.lines if line.channel == "book"})
        self.books: dict[str, tuple[Side, Side]] = {}
        snapshots = (line for line in self.lines if "as" in line.parts)
        self._decimals = {line.pair: len(line.parts["as"][0][0].partition(".")[2]) for line in snapshots}

    def asset_pairs(self) -> bytes:
        """Prices in the book have more decimals than the capture's AssetPairs say; ticks are those of today."""
        result = {
            pair.replace("/", ""): {
                "wsname": pair,
                "pair_decimals": self._decimals[pair],
                "lot_decimals": self.listing[pair]["lot_decimals"],
                "tick_size": f"{10 ** -self.listing[pair]['pair_decimals']:.8f}",
            }
            for pair in self.pairs
        }
        return json.dumps({"error": [], "result": result}).encode()

    def messages(self) -> Iterator[tuple[float, bytes]]:
        for line in self.lines:
            if line.channel == "heartbeat":
                yield line.at_s, b'{"channel":"heartbeat"}'
                continue
            data = self._trades(line) if line.channel == "trade" else self._book(line)
            if data is not None:
                kind = "snapshot" if "as" in line.parts else "update"
                yield line.at_s, f'{{"channel":"{line.channel}","type":"{kind}","data":[{data}]}}'.encode()

    def _trades(self, line: Line) -> str:
        return ",".join(
            f'{{"symbol":"{v2_name(line.pair)}","side":"{"buy" if side == "b" else "sell"}","price":{price}'
            f',"qty":{size},"ord_type":"market","trade_id":{int(float(at) * 1e6)}'
            f',"timestamp":"2021-04-17T16:49:0{n}Z"}}'
            for n, (price, size, at, side, *_) in enumerate(line.parts["t"])
        )

    def _book(self, line: Line) -> str | None:
        bids, asks = (line.parts.get(name, line.parts.get(name + "s", [])) for name in "ba")
        changes = [[(digits(price), digits(size)) for price, size, *_ in side] for side in (bids, asks)]
        if "as" in line.parts:
            self.books[line.pair] = (
                Side(dict(changes[0]), self.depth, best_is_most=True),
                Side(dict(changes[1]), self.depth, best_is_most=False),
            )
            said = [list(side.told.items()) for side in self.books[line.pair]]
        else:
            said = [side.change(part) for side, part in zip(self.books[line.pair], changes, strict=True)]
        if not any(said):
            return None
        price_decimals, size_decimals = self._decimals[line.pair], self.listing[line.pair]["lot_decimals"]

        sides = [
            ",".join(
                f'{{"price":{decimal(p, price_decimals)},"qty":{decimal(q, size_decimals)}}}' for p, q in side
            )
            for side in said
        ]
        checksum = "null" if line.checksum is None else line.checksum
        return f'{{"symbol":"{v2_name(line.pair)}","bids":[{sides[0]}],"asks":[{sides[1]}],"checksum":{checksum}}}'


class Played:
    """A network with nothing but the capture: whoever subscribes to its books is told all of it, in its time."""

    def __init__(self, translation: Translation) -> None:
        self._translation = translation
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self.finished = False
        self._telling: asyncio.Task[None] | None = None

    async def connect(self, url: str) -> Played:
        assert url == "ws://kraken:1/v2"
        return self

    async def get(self, url: str) -> Reply:
        assert url.startswith("http://kraken:1/0/public/AssetPairs")
        return Reply(200, {}, self._translation.asset_pairs())

    async def receive(self) -> bytes:
        return await self._out.get()

    async def send(self, text: bytes) -> None:
        request = json.loads(text)
        assert request["method"] == "subscribe", "no book is to be asked for again"
        self._out.put_nowait(b'{"method":"subscribe","success":true}')
        if request["params"]["channel"] == "book":
            assert request["params"]["depth"] == self._translation.depth
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        last = self._translation.lines[0].at_s
        for at_s, message in self._translation.messages():
            await asyncio.sleep(max(0.0, at_s - last))
            last = max(last, at_s)
            self._out.put_nowait(message)
        self.finished = True

    async def close(self) -> None:
        return


@pytest.mark.parametrize("depth", [1000, 25, 10])
def test_every_checksum_of_the_capture_is_the_engines_own(captures: Path, depth: int) -> None:
    translation = Translation(captures / "KRAKEN.jsonl.zst", depth)
    names = [v2_name(pair) for pair in translation.pairs]

    async def main(clock: FakeClock) -> State:
        network = Played(translation)
        options = replace(OPTIONS, rest=("http://kraken:1",), ws=("ws://kraken:1",), depth_limit=depth)
        source = LiveSource(
            [Watched(Kraken, names, options)], clock, random.Random(1), lambda _: network, Hosts()
        )
        state, ticks = State(), 0
        async for batch in source.batches():
            _, requests = apply(state, batch)
            assert requests == []
            ticks += network.finished
            if ticks > 3:
                await source.close()
        return state

    state = run_in_fake_time(main)
    assert sorted(s.instrument.symbol for s in state.symbols.values()) == sorted(names)
    for symbol in state.symbols.values():
        assert symbol.shown_state == "SYNCED"
        assert symbol.feature("verified") == symbol.feature("decided")
        pair = symbol.instrument.symbol.replace("BTC", "XBT")
        for number, side in enumerate(translation.books[pair]):
            told = levels_of(symbol.market.book, number).tolist()
            tick = symbol.instrument.tick
            scale = 10 ** (translation._decimals[pair] - tick.decimals) * tick.mantissa
            assert {ticks * scale: lots for ticks, lots in told} == side.told
    decided = sum(int(s.feature("decided") or 0) for s in state.symbols.values())
    assert decided == UPDATES if depth == 1000 else 1000 < decided < UPDATES
    assert sum(s.trade_count for s in state.symbols.values()) == TRADES
