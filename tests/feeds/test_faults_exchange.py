"""The fake exchange itself, against a client of thirty lines of json and dicts, and against captures."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
import socket
from collections import Counter
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cli.exchange import exchange as command
from engine.feeds import fake_faults as ff
from engine.feeds.errors import FeedError
from engine.feeds.fake_binance import SUFFIXES, BinanceDialect, FakeBinance
from engine.feeds.fake_book import Change, Oracle, PlainBook, to_text, to_units
from engine.feeds.fake_capture import CapturePlayback
from engine.feeds.fake_market import SYMBOLS, MadeUpMarket
from engine.feeds.fake_wire import DEPTH, TOP, TRADE, Wire

CAPTURE = "binance_spot_btcusdt_20240808.gz"
DIALECT = BinanceDialect()


def apply(book: PlainBook, diff: dict[str, object]) -> None:
    for is_ask, side in ((False, "b"), (True, "a")):
        for price, size in diff[side]:  # type: ignore[attr-defined]
            book.apply(Change(diff["u"], is_ask, to_units(price), to_units(size)))  # type: ignore[arg-type]
    book.update_id = diff["u"]  # type: ignore[assignment]


async def joined(exchange: FakeBinance, symbol: str, diffs: int) -> PlainBook:
    """Joins by the venue's rules and returns the book after `diffs` applied diffs."""
    stream = f"{exchange.ws}/stream?streams={symbol.lower()}@depth@100ms"
    async with connect(stream, max_size=2**25, max_queue=None) as socket, httpx.AsyncClient() as http:
        held = [json.loads(await socket.recv())["data"]]
        reply = await http.get(f"{exchange.rest}/api/v3/depth", params={"symbol": symbol, "limit": 5000})
        snapshot = reply.json()
        book = PlainBook(
            snapshot["lastUpdateId"],
            {to_units(p): to_units(s) for p, s in snapshot["bids"]},
            {to_units(p): to_units(s) for p, s in snapshot["asks"]},
        )
        applied = 0
        while applied < diffs:
            diff = held.pop() if held else json.loads(await socket.recv())["data"]
            if diff["u"] <= book.update_id:
                continue
            assert diff["U"] <= book.update_id + 1 if applied == 0 else diff["U"] == book.update_id + 1
            apply(book, diff)
            applied += 1
        return book


async def test_a_plain_client_arrives_at_the_oracles_book():
    async with FakeBinance(("ETHUSDT", "XRPUSDT"), seed=5, rate=5) as exchange:
        for symbol in ("ETHUSDT", "XRPUSDT"):
            book = await joined(exchange, symbol, 25)
            assert book == exchange.oracle(symbol).book_at(book.update_id)
            assert min(len(book.bids), len(book.asks)) >= 1500


@pytest.mark.parametrize("symbol", [row[0] for row in SYMBOLS])
def test_every_made_up_market_stays_alive_and_uncrossed(symbol: str):
    market = MadeUpMarket((symbol,), seed=11)
    book = market.oracle(symbol).now.copy()
    first_mid, moved, trades, ids = sum(book.best()[::2]) / 2, set(), 0, []
    for beat in range(400):  # 8 s
        for wire in market.advance(0.02, 1_700_000_000_000 + beat * 20):
            data = json.loads(DIALECT.word(wire))
            if wire.channel == DEPTH:
                assert data["U"] == book.update_id + 1
                apply(book, data)
                ids.append(data["u"])
            elif wire.channel == TOP:
                bid, bid_size, ask, ask_size = market.oracle(symbol).book_at(data["u"]).best()
                assert [bid, bid_size, ask, ask_size] == [to_units(data[key]) for key in "bBaA"]
                assert bid < ask
                moved.add(bid + ask)
            else:
                trades += 1
    assert book == market.oracle(symbol).book_at(ids[-1])
    assert len(ids) == 80
    assert len(moved) > 2, "the mid never moves"
    assert trades > 5
    assert 0.9 < sum(book.best()[::2]) / 2 / first_mid < 1.1
    listing = market.listings[symbol]
    tick, lot = to_units(listing.tick_size), to_units(listing.lot_size)
    assert all(p % tick == 0 and s % lot == 0 for side in (book.bids, book.asks) for p, s in side.items())


def test_a_trade_takes_what_was_there():
    """Conservation: what trades at a price disappears from that level, at least."""
    market = MadeUpMarket(("BTCUSDT",), seed=2)
    oracle = market.oracle("BTCUSDT")
    checked = 0
    for beat in range(300):
        before = oracle.now.copy()
        taken: Counter[tuple[bool, int]] = Counter()
        for wire in market.advance(0.02, beat):
            if wire.channel == TRADE:
                data = json.loads(DIALECT.word(wire))
                taken[not data["m"], to_units(data["p"])] += to_units(data["q"])
        if not taken:
            continue
        gone: Counter[tuple[bool, int]] = Counter()
        for update_id in range(before.update_id + 1, oracle.now.update_id + 1):
            after = oracle.book_at(update_id)
            for is_ask, price in taken:
                old, new = ((b.asks if is_ask else b.bids).get(price, 0) for b in (before, after))
                gone[is_ask, price] += max(0, old - new)
            before = after
        for level, size in taken.items():
            assert size <= gone[level]
            checked += 1
    assert checked > 50


def test_the_same_seed_is_the_same_market_and_one_symbol_more_changes_no_other():
    def played(symbols: tuple[str, ...], seed: int) -> list[Wire]:
        market = MadeUpMarket(symbols, seed)
        return [w for i in range(100) for w in market.advance(0.02, i) if w.symbol == "BTCUSDT"]

    alone = played(("BTCUSDT",), 4)
    assert alone == played(("BTCUSDT", "SOLUSDT"), 4)
    assert alone != played(("BTCUSDT",), 5)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.integers(0, 3)), max_size=60), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_oracle_remembers_every_state(changes: list[tuple[bool, int, int]], order: random.Random):
    oracle = Oracle(PlainBook(100))
    states = {100: PlainBook(100)}
    for update_id, (is_ask, price, size) in enumerate(changes, 101):
        oracle.record(Change(update_id, is_ask, price, size))
        states[update_id] = oracle.now.copy()
    asked = list(states)
    order.shuffle(asked)
    for update_id in asked:
        assert oracle.book_at(update_id) == states[update_id]
    with pytest.raises(LookupError, match=r"the journal knows ids 100\.\."):
        oracle.book_at(99)


@given(st.integers(0, 10**15))
def test_units_and_text_are_one_to_one(units: int):
    assert to_units(to_text(units)) == units


async def test_the_layout_is_the_real_one(captures: Path):
    real: dict[str, list[str]] = {}
    with gzip.open(captures / CAPTURE) as lines:
        for line in lines:
            message = json.loads(line.split(b" ", 1)[1])
            if "stream" in message:
                real[message["stream"].split("@", 1)[1]] = list(message["data"])
            else:
                real["snapshot"] = list(message)
    market = MadeUpMarket(("BTCUSDT",))
    snapshot = DIALECT.depth(market.oracle("BTCUSDT").now, 5, 0)
    made: dict[str, list[str]] = {"snapshot": list(json.loads(snapshot))}
    for beat in range(200):
        for wire in market.advance(0.02, beat):
            made[SUFFIXES[wire.channel]] = list(json.loads(DIALECT.word(wire)))
    assert made == real


async def test_capture_playback_sends_the_capture_and_knows_its_book(captures: Path):
    path = captures / CAPTURE
    playback = CapturePlayback(path, speed=1.0)
    assert playback.advance(1e-9, 0)[0].first_id == 50093239189
    before = [wire.recorded for wire in playback.advance(2.0, 0)]
    assert len(before) == 6, "it waits at the snapshot"
    book = playback.snapshot("BTCUSDT")
    assert book is not None
    assert book.update_id == 50093239218
    sent, diffs = list(before), 0
    while not playback.finished:
        for wire in playback.advance(0.5, 0):
            sent.append(wire.recorded)
            if wire.channel == DEPTH:
                diffs += 1
        bid, _, ask, _ = playback.oracle("BTCUSDT").now.best()
        assert bid < ask
    with gzip.open(path) as lines:
        raw = [line.rstrip().split(b" ", 1)[1] for line in lines]
    streams = [message.split(b'"data":', 1)[1][:-1] for message in raw if message.startswith(b'{"stream"')]
    assert sent == streams[1:]
    assert diffs == 3448, "all but the one that straddles the snapshot and came before it"


def test_a_file_that_is_no_capture_of_binance_spot(tmp_path: Path):
    trade = b'{"stream":"btcusdt@trade","data":{"e":"trade"}}'
    for number, (lines, message) in enumerate(
        {
            (): r"expected combined-stream messages of Binance spot, found an empty file$",
            (b"{}",): r"expected combined-stream messages of Binance spot, found b'\{\}'$",
            (trade, b"{}"): r"expected a spot stream's message or a depth snapshot, found b'\{\}'$",
            (trade, trade.replace(b"trade", b"kline")): r"a stream of depth, bookTicker, trade, found kline$",
        }.items()
    ):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(gzip.compress(b"".join(b"%d %s\n" % (10**18 + i, s) for i, s in enumerate(lines))))
        with pytest.raises(FeedError, match=rf"^{number}\.gz: .*{message}"):  # noqa: PT012 - either of them
            playback = CapturePlayback(path)
            playback.advance(1.0, 0)
            playback.snapshot("BTCUSDT")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["btcusdt", "NOSUCH"], r"the made-up market trades BTCUSDT, .*; not NOSUCH"),
        (
            ["--capture", __file__],
            r"test_faults_exchange\.py cannot be read to its end: Not a gzipped file .*",
        ),
    ],
)
def test_the_command_that_serves_it_says_what_it_cannot_serve(arguments: list[str], message: str):
    done = CliRunner().invoke(command, ["--port", "0", *arguments])
    assert done.exit_code == 1
    assert re.fullmatch(rf"microtui: {message}\n", done.stderr)


def test_the_command_says_that_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(command, ["--port", str(port)])
    assert (done.exit_code, done.stderr) == (
        1,
        f"microtui: port {port} cannot be served: Address already in use; --port 0 takes any free one\n",
    )


async def test_rest_answers_as_binance_does():
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT")) as exchange,
        httpx.AsyncClient(base_url=exchange.rest) as http,
    ):
        info = (await http.get("/api/v3/exchangeInfo", params={"symbols": '["ETHUSDT"]'})).json()
        filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
        assert info["symbols"][0]["symbol"] == "ETHUSDT"
        assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00010000"
        assert len((await http.get("/api/v3/exchangeInfo")).json()["symbols"]) == 2
        refused = await http.get("/api/v3/depth", params={"symbol": "NOSUCH"})
        assert (refused.status_code, refused.json()) == (400, {"code": -1121, "msg": "Invalid symbol."})
        small = (await http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5})).json()
        assert [len(small["bids"]), len(small["asks"])] == [5, 5]
        assert (await http.get("/api/v3/ping")).json() == {}
        assert (await http.get("/api/v3/nothing")).status_code == 404
        for _ in range(23):
            last = await http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5000})
        assert last.status_code == 200
        assert int(last.headers["X-MBX-USED-WEIGHT-1M"]) == 20 + 20 + 5 + 5 + 1 + 1 + 23 * 250
        over = await http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5000})
        assert over.status_code == 429
        assert 1 <= int(over.headers["Retry-After"]) <= 61
        assert [asked.status for asked in exchange.requests].count(429) == 1


async def test_subscriptions_and_their_limits():
    async with FakeBinance(("BTCUSDT",), rate=5) as exchange, connect(f"{exchange.ws}/ws") as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 7}))
        assert json.loads(await socket.recv()) == {"result": None, "id": 7}
        assert json.loads(await socket.recv())["e"] == "depthUpdate", "a raw stream has no wrapper"
        await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": "x"}))
        while (reply := json.loads(await socket.recv())).get("e"):
            continue
        assert reply == {"result": None, "id": "x"}
        await socket.send("nonsense")
        assert json.loads(await socket.recv())["error"]["code"] == 3
        with pytest.raises(ConnectionClosed):  # noqa: PT012 - whichever of them finds it closed
            for _ in range(8):
                await socket.send("{}")
            while True:
                await socket.recv()


@pytest.mark.parametrize("kind", [429, 418, 403, 451, 503])
async def test_refusals_carry_their_status_on_both_roads(kind: int):
    faults = ff.Faults(ff.OnRequest(kind, retry_after_s=9), ff.OnRequest(kind, path="ws"))
    async with FakeBinance(faults=faults) as exchange, httpx.AsyncClient() as http:
        reply = await http.get(f"{exchange.rest}/api/v3/depth?symbol=BTCUSDT")
        assert (reply.status_code, reply.headers["Retry-After"]) == (kind, "9")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{exchange.ws}/ws")
        assert refused.value.response.status_code == kind
        assert [connect.status for connect in exchange.connects] == [kind]


async def test_cut_and_hanging_answers():
    faults = ff.Faults(ff.OnRequest(ff.CUT_SHORT), ff.OnRequest(ff.HANG), ff.OnRequest(ff.HTML))
    async with FakeBinance(faults=faults) as exchange, httpx.AsyncClient(timeout=0.2) as http:
        url = f"{exchange.rest}/api/v3/depth?symbol=BTCUSDT&limit=5000"
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            await http.get(url)
        with pytest.raises(httpx.ReadTimeout):
            await http.get(url)
        assert (await http.get(url)).text.startswith("<!DOCTYPE html>")
        assert (await http.get(url)).json()["lastUpdateId"]


async def test_a_big_frame_is_one_diff_that_changes_nothing_more():
    async with FakeBinance(("BTCUSDT", "DOGEUSDT"), rate=5) as exchange:
        for symbol in ("BTCUSDT", "DOGEUSDT"):
            exchange.faults.add(ff.OnMessage(ff.BIG, symbol, after=3, size_bytes=200_000))
            book = await asyncio.wait_for(joined(exchange, symbol, 12), 10)
            assert book == exchange.oracle(symbol).book_at(book.update_id)
        assert len(exchange.faults.struck) == 2
