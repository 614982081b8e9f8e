"""A fake blockchain.info, mempool.space and Etherscan on loopback, over one made-up bitcoin and one made-up ethereum.

By hand, with no network at all:

    python -m engine.feeds.fake_chain --port 9012

Faults are those of `engine.feeds.fake_faults.OnRequest`: `path` is "ws" for a WebSocket's handshake, "mute" for one
that takes a subscription and says nothing, both with `symbol` "blockchain.info" or "mempool.space"; or "api" with
`symbol` the action that is asked for. An "api" fault of no known kind is the sentence that Etherscan complains with.
What goes wrong within a stream is done by hand: `say`, `cut`, `stall`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from engine.feeds import fake_faults as ff
from engine.feeds.fake_chain_site import BLOCKCHAIN, MEMPOOL, MadeUpChains
from engine.feeds.fake_rest import WEB_PAGE, Answer
from engine.feeds.fake_site import go_on, serve_by_hand

NONSENSE = "nonsense"  # an answer of the API that is no JSON
KEY = "THEKEYOFTHEFAKE"
_PATHS = {"/inv": BLOCKCHAIN, "/api/v1/ws": MEMPOOL}
_HELLO = {BLOCKCHAIN: '"unconfirmed_sub"', MEMPOOL: '"track-mempool"'}
_BEAT_S = 0.02


@dataclass(frozen=True)
class Asked:
    """A question to the API that came: when on the monotonic clock, its values, and what it was given."""

    at_s: float
    values: dict[str, str]
    status: int | str


class FakeChain:
    """The server, as an async context manager. `chains` is what happens there, `requests` what clients asked."""

    def __init__(
        self,
        chains: MadeUpChains | None = None,
        faults: ff.Faults | None = None,
        port: int = 0,
        key: str = KEY,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.chains = chains if chains is not None else MadeUpChains()
        self.faults = faults if faults is not None else ff.Faults()
        self.requests: list[Asked] = []
        self.connects: list[tuple[float, str]] = []  # on the monotonic clock, to whom
        self._port = port
        self._key = key
        self._now_s = now_s
        self._open: dict[ServerConnection, str] = {}  # who is told, and what for
        self._silent: set[ServerConnection] = set()
        self._server: Server
        self._pump: asyncio.Task[NoReturn]

    @property
    def blockchain(self) -> str:
        return f"ws://127.0.0.1:{self._port}/inv"

    @property
    def mempool(self) -> str:
        return f"ws://127.0.0.1:{self._port}/api/v1/ws"

    @property
    def etherscan(self) -> str:
        return f"http://127.0.0.1:{self._port}/v2/api"

    async def __aenter__(self) -> Self:
        self._server = await listen(
            self._serve,
            "127.0.0.1",
            self._port,
            process_request=self._handshake,
            compression=None,
            ping_interval=None,
            close_timeout=1.0,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        self._pump = asyncio.create_task(go_on(self._advance, _BEAT_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, found: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pump.cancel()
        for connection in self._open:
            connection.transport.abort()
        self._server.close()
        await self._server.wait_closed()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump

    # What happens, and who is told ---------------------------------------------------------------

    def _advance(self, seconds: float) -> None:
        """What is new goes to whoever subscribed to it."""
        self.chains.advance(seconds, self._now_s())
        for venue, message in self.chains.take_news():
            self.say(venue, message)

    def listeners(self, venue: str) -> int:
        """How many have subscribed there."""
        return sum(told == venue for told in self._open.values())

    @property
    def silent(self) -> int:
        """How many are stalled."""
        return len(self._silent)

    def say(self, venue: str, message: bytes) -> None:
        """Send these very bytes as a text message."""
        for connection, told in self._open.items():
            if told == venue and connection not in self._silent:
                connection.protocol.send_text(message)
                for part in connection.protocol.data_to_send():
                    connection.transport.write(part)

    def cut(self, venue: str) -> None:
        """End every connection there without a word."""
        for connection in [connection for connection, told in self._open.items() if told == venue]:
            connection.transport.abort()
            self._forget(connection)

    def stall(self, venue: str) -> None:
        """Those who are connected there now hear nothing more, and their lines stay open."""
        self._silent.update(connection for connection, told in self._open.items() if told == venue)

    def _forget(self, connection: ServerConnection) -> None:
        self._open.pop(connection, None)
        self._silent.discard(connection)

    async def _serve(self, connection: ServerConnection) -> None:
        path = urlsplit(connection.request.path if connection.request is not None else "").path
        venue = _PATHS[path]
        fault = self.faults.for_request("mute", venue)
        try:
            async for message in connection:
                if fault is None and _HELLO[venue] in str(message):
                    self._open[connection] = venue
        except ConnectionClosed:
            pass
        finally:
            self._forget(connection)

    # Who asks --------------------------------------------------------------------------------

    async def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        target = urlsplit(request.path)
        if target.path == "/v2/api":
            values = {name: value[-1] for name, value in parse_qs(target.query).items()}
            return await self._api(connection, values)
        venue = _PATHS.get(target.path)
        if venue is None:
            return _answer(404, b"")
        self.connects.append((time.monotonic(), venue))
        return await self._spoiled(self.faults.for_request("ws", venue), connection, None)

    async def _api(self, connection: ServerConnection, values: dict[str, str]) -> Response | None:
        fault = self.faults.for_request("api", values.get("action"))
        status: int | str = fault.kind if fault is not None else 200
        self.requests.append(Asked(time.monotonic(), values, status))
        if values.get("apikey") != self._key:
            complaint = f"Invalid API Key (#err2)|{values.get('apikey', '')}"
            return _answer(200, self.chains.complain(complaint))
        answer = _answer(200, self.chains.answer(values))
        if fault is not None and fault.kind == NONSENSE:
            return _answer(200, b"{]")
        known = (ff.HTML, ff.HANG, ff.CUT_SHORT, ff.SLOW)
        if fault is not None and isinstance(fault.kind, str) and fault.kind not in known:
            return _answer(200, self.chains.complain(fault.kind))
        return await self._spoiled(fault, connection, answer)

    async def _spoiled(
        self, fault: ff.OnRequest | None, connection: ServerConnection, answer: Response | None
    ) -> Response | None:
        """None where a WebSocket may open, or the line was cut or left hanging."""
        if fault is None:
            return answer
        if isinstance(fault.kind, int):
            return _answer(fault.kind, b"", retry_after_s=fault.retry_after_s)
        if fault.kind == ff.HTML:
            return _answer(200, WEB_PAGE, "text/html")
        if fault.kind == ff.SLOW:
            await asyncio.sleep(fault.delay_s)
            return answer
        if fault.kind == ff.CUT_SHORT and answer is not None:
            whole = answer.serialize()
            connection.transport.write(whole[: len(whole) // 2])
            connection.transport.close()
        await connection.wait_closed()
        return None


def _answer(
    status: int, body: bytes, media: str = "application/json", retry_after_s: int | None = None
) -> Response:
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    answer = Answer(status, body, headers, media)
    return Response(answer.status, answer.reason, Headers(answer.head()), answer.body)


def settings_of(server: FakeChain) -> dict[str, str]:
    """What a terminal must be told to watch this server: settings by their keys. The API's key goes another way."""
    return {
        "chain.on": "true",
        "chain.blockchain": server.blockchain,
        "chain.mempool": server.mempool,
        "chain.etherscan.url": server.etherscan,
    }


async def serve(port: int, seed: int = 1) -> None:
    """Run the server until cancelled. Raises OSError where the port cannot be had."""
    async with FakeChain(MadeUpChains(seed, small_hz=3.0, large_hz=0.1), port=port) as server:
        flags = " ".join(f"--set {key}={value}" for key, value in settings_of(server).items())
        print(f"made-up chains on {server.blockchain}, {server.mempool} and {server.etherscan}")
        print(f"MICROTUI_CHAIN__ETHERSCAN__API_KEY={KEY} microtui live BTCUSDT {flags}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m engine.feeds.fake_chain", description="Fake sources of public chains."
    )
    parser.add_argument("--port", type=int, default=9012)
    parser.add_argument("--seed", type=int, default=1)
    serve_by_hand(parser, lambda chosen: serve(chosen.port, chosen.seed))


if __name__ == "__main__":
    main()
