"""The connection to a venue, through good times and bad.

    IDLE → CONNECTING → SUBSCRIBING → LIVE → DRAINING | BACKOFF | BLOCKED

A task of its own (`run`) connects, subscribes, waits and tries again. What arrives goes into the inbox, and
`fold_one`, `folded` and `check`, called at every tick, hand it to the protocol and judge whether the connection
lives. So rows and states come about in one place and in order. Every state is said, with its reason and the time of the
next attempt.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from engine.feeds.backoff import Backoff
from engine.feeds.errors import Answer, Refused
from engine.feeds.hosts import Hosts
from engine.feeds.inbox import Inbox
from engine.feeds.line import Line
from engine.feeds.listing import Listing
from engine.feeds.liveness import Liveness, Silence
from engine.feeds.network import Network
from engine.feeds.opener import Opener
from engine.feeds.options import FeedOptions
from engine.feeds.rest import Rest
from engine.feeds.snapshots import Snapshots
from engine.feeds.states import ConnectionState
from engine.feeds.stream_snapshots import StreamSnapshots
from engine.feeds.venue import (
    ALIVE,
    ANSWERED,
    DEPTH,
    LOST,
    REFUSED,
    SHUTDOWN,
    STREAMS_A_SYMBOL,
    TRADE,
    Venue,
)
from engine.ports import Clock

_RENEWAL_GAP_NS = 60_000_000_000  # between attempts to hand over
_NOT_YET = 2**62  # the time of something under way
_COURTESY_S = 3.0  # for which a venue waits until those named before it are listed
_OVERLAP_NS = 2_000_000_000  # both connections speak for so long before the old one is left


class Connection:
    """Drives one venue's protocol over a `Network`; everything that passes time goes through `clock`.

    `before`: of the venues that were named earlier, set once their symbols are numbered.
    """

    def __init__(
        self,
        protocol: Venue,
        network: Network,
        clock: Clock,
        rng: random.Random,
        options: FeedOptions,
        hosts: Hosts,
        before: Sequence[asyncio.Event] = (),
    ) -> None:
        self.state: str = ConnectionState.IDLE
        self.settled = asyncio.Event()  # it is listed, or has failed to be
        self.trouble = ""  # why it could not be asked or opened, the last time that it could not
        self._before = before
        self.inbox = Inbox(options.max_inbox_bytes)
        self.protocol = protocol
        self._clock = clock
        self._options = options
        rest = Rest(network, clock, hosts, options)
        self._listing = Listing(protocol, rest, options.status_every_s, self._done_in_order)
        self._opener = Opener(protocol.paths, network, clock, options, hosts, self.inbox)
        self._backoff = Backoff(rng, options.backoff_min_s, options.backoff_max_s)
        self._rng, self._rest = rng, rest
        self._watch()
        self._line: Line | None = None  # the one that counts
        self._next: Line | None = None  # the one that takes over
        self._beside: list[bytes] = []  # what the next one has said so far
        self._renew = asyncio.Event()
        self._renew_reason = ""
        self._renew_not_before = 0
        self._live_since = 0
        self._request_id = 0
        self._resubscribed_at: int | None = None
        self._late = False
        self._tasks: set[asyncio.Task[None]] = set()

    def _watch(self) -> None:
        """Be ready for the symbols as they are known now."""
        protocol, options = self.protocol, self._options
        self._snapshots: Snapshots | StreamSnapshots = (
            StreamSnapshots(protocol, self._rng, options, self._resubscribe_books)
            if protocol.snapshots_come
            else Snapshots(protocol, self._rest, self._clock, self._rng, options, self.in_order)
        )
        numbers = range(len(protocol.symbols) * STREAMS_A_SYMBOL)
        streams = tuple(protocol.stream(number) for number in numbers)
        bursts = tuple(number % STREAMS_A_SYMBOL == TRADE for number in numbers)
        self._liveness = Liveness(streams, bursts, options)

    def resync(self, symbol: int, reason: str) -> None:
        """Fetch this book afresh, by its number in the session, if it is ours and a connection could bring it."""

        def act(ts: int) -> None:
            if self._line is not None:
                self.protocol.resync(symbol - self.protocol.first, reason, ts)

        self.in_order(act)

    # the task

    async def run(self) -> None:
        """Connect, serve, wait, for ever. Raises UnknownSymbol; ends otherwise only when cancelled."""
        while True:
            try:
                if not self.protocol.listed:
                    names = ", ".join(self.protocol.names)
                    self._say(ConnectionState.CONNECTING, f"asking what {names} is")
                    await self._let_others_go_first()
                    await self._listing.fetch(self._clock.now())
                    self._watch()
                    self.settled.set()
                if not self.protocol.symbols:
                    await self._rest_for_good("trades none of the symbols")
                line = await self._opener.open(
                    lambda host: self._say(ConnectionState.CONNECTING, f"to {host}")
                )
            except Refused as refused:
                self.trouble = refused.reason
                self.settled.set()
                await self._wait_after(refused)
                continue
            reason = await self._serve(line)
            await self._wait_after(Refused(reason))

    async def _let_others_go_first(self) -> None:
        """Symbols are numbered venue by venue, in the order in which a person named them, unless one is late."""
        waiting = [asyncio.create_task(event.wait()) for event in self._before]
        try:
            if waiting:
                await asyncio.wait(waiting, timeout=_COURTESY_S)
        finally:
            for task in waiting:
                task.cancel()

    async def close(self) -> None:
        self._snapshots.cancel()
        for task in self._tasks:
            task.cancel()
        await self._opener.close()

    def in_order(self, action: Callable[[int], None]) -> None:
        """Run `action(session time)` at the next tick, after everything that was received before now."""
        self.inbox.act(self._clock.now(), action)

    async def _done_in_order(self, action: Callable[[int], None]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def run(ts: int) -> None:
            try:
                action(ts)
            except Exception as error:
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(None)

        self.in_order(run)
        await done

    async def _subscribe(self, line: Line) -> None:
        requests = self.protocol.subscriptions(self._request_id + 1)
        self._request_id += len(requests)
        await line.request(requests)

    async def _serve(self, line: Line) -> str:
        """Subscribe and stay until the line ends, handing over to new ones on the way. Returns the reason."""
        first = self._opener.count == 1

        def begin(ts: int) -> None:
            self._line = line
            self._liveness.start(ts)
            self._resubscribed_at = None
            self.protocol.reconnects += not first
            self.protocol.connected(ts)

        self._renew.clear()
        self._say(ConnectionState.SUBSCRIBING, "")
        await self._done_in_order(begin)
        await self._subscribe(line)
        while True:
            renew = asyncio.create_task(self._renew.wait())
            either: set[asyncio.Future[Any]] = {line.ended, renew}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                renew.cancel()
            if not line.ended.done():
                line = await self._hand_over(line)
                continue
            reason = line.ended.result()
            self._opener.leave(line)

            def finish(ts: int, reason: str = reason) -> None:
                self._line = None
                self.protocol.disconnected(reason, ts)

            await self._done_in_order(finish)
            return reason

    async def _hand_over(self, old: Line) -> Line:
        """Open a second line, let both speak, swap. Returns the line that counts from now on."""
        self._renew.clear()
        self._say(ConnectionState.DRAINING, f"{self._renew_reason}; a second connection takes over")
        try:
            new = await self._opener.open()
        except Refused as refused:
            return self._stay(old, f"a second connection could not be opened: {refused.reason}")
        self._next, self._beside = new, []
        await self._subscribe(new)
        deadline = self._clock.now() + int(self._options.hand_over_s * 1e9)
        while not old.ended.done() and not new.ended.done() and self._clock.now() < deadline:
            spoke_ns = new.speaks_for_ns(self._clock.now())
            if spoke_ns > _OVERLAP_NS and self.protocol.may_take_over(self._beside):
                break
            await self._clock.sleep(0.1)
        if new.ended.done() or (new.first_data is None and not old.ended.done()):
            self._next = None
            self._opener.leave(new)
            why = new.ended.result() if new.ended.done() else f"silent for {self._options.hand_over_s:g} s"
            return self._stay(old, f"the second connection was of no use: {why}")
        await self._done_in_order(lambda ts: self._swap(new, ts))
        self._opener.leave(old)
        self._say(ConnectionState.LIVE, "handed over to a new connection")
        return new

    def _stay(self, old: Line, reason: str) -> Line:
        self._renew_not_before = self._clock.now() + _RENEWAL_GAP_NS
        if not old.ended.done():
            self._say(ConnectionState.LIVE, reason)
        return old

    def _swap(self, new: Line, ts: int) -> None:
        self._line, self._next = new, None
        self._renew_not_before = ts + _RENEWAL_GAP_NS  # a venue whose every server goes is left as they go
        self.protocol.handed_over(ts)
        said, self._beside = self._beside, []
        for data in said:
            self._hear(new, data, ts)
        for index, symbol in enumerate(self.protocol.symbols):
            if symbol.renewed:  # its updates go to nothing until then
                self.protocol.stale(index, "its snapshot has not come on the new connection yet", ts)

    async def _wait_after(self, refused: Refused) -> None:
        """Say why and until when, and wait; after a refusal for good, as long as the session lasts."""
        if refused.answer is Answer.FINAL:
            await self._rest_for_good(refused.reason)
        told = refused.answer is Answer.WAIT
        wait_s = refused.seconds if told else self._backoff.next_s()
        state = ConnectionState.BLOCKED if told else ConnectionState.BACKOFF
        self._say(state, refused.reason, self._clock.now() + int(wait_s * 1e9))
        await self._clock.sleep(wait_s)

    async def _rest_for_good(self, reason: str) -> None:
        self._say(ConnectionState.BLOCKED, reason)
        while True:
            await self._clock.sleep(3600.0)

    # at every tick

    def fold_one(self) -> None:
        """Hand the oldest of what was received to the protocol."""
        ts, number, what = self.inbox.take()
        if not isinstance(what, bytes):
            what(ts)
        elif self._line is not None and number == self._line.number:
            self._hear(self._line, what, ts)
        elif self._next is not None and number == self._next.number:
            self._next.first_data = self._next.first_data or ts
            self._beside.append(what)

    def folded(self, until: int) -> None:
        """Everything up to `until` was."""
        if self.inbox.overflowed:
            self.inbox.overflowed = False
            for index in range(len(self.protocol.symbols)):
                self.protocol.resync(index, "messages came faster than they could be folded", until)

    def check(self, now: int, late: bool) -> None:
        """Judge the connection at a tick; `late`: we were busy ourselves, so that silence proves nothing."""
        self.protocol.count(now)
        if self._line is not None and (self.state != ConnectionState.SUBSCRIBING or self._line.answered):
            self._snapshots.ask(now)  # before, a book would be shown as in step that nothing keeps so
        if late:
            self._late = True
            return
        if self._late:
            self._late = False
            self._liveness.excuse(now)
        line = self._line
        if line is None:
            return
        if self.state == ConnectionState.SUBSCRIBING:
            self._check_subscription(line, now)
        else:
            self._check_life(line, now)
        if now - self._live_since > self._options.steady_s * 1e9 and self.state == ConnectionState.LIVE:
            self._backoff.reset()
        if now - line.opened > self._options.renew_after_s * 1e9:
            self._ask_renewal("the connection has been open for long", now)
        if self._listing.is_due(now):
            self._spawn(self._listing.refresh())

    def _hear(self, line: Line, data: bytes, ts: int) -> None:
        heard = self.protocol.receive(data, ts)
        if heard >= 0:
            self._liveness.heard(heard, ts)
            if self.state == ConnectionState.SUBSCRIBING:
                self._live_since = ts
                line.first_data = ts
                self._say_now(ConnectionState.LIVE, "", None, ts)
        elif heard == ALIVE:
            self._liveness.alive(ts)
        elif heard == ANSWERED:
            line.unanswered -= 1
        elif heard == REFUSED:
            line.end(f"the exchange refused a subscription: {self.protocol.last_error}")
            self._spawn(self._listing.refresh())  # it may not be traded any more
        elif heard == LOST:
            line.end(self.protocol.last_error)
        elif heard == SHUTDOWN:
            self._ask_renewal("the exchange's server shuts down", ts)

    def _ask_renewal(self, reason: str, now: int) -> None:
        if self.state == ConnectionState.LIVE and now >= self._renew_not_before:
            self._renew_reason = reason
            self._renew.set()

    def _check_subscription(self, line: Line, now: int) -> None:
        wait_ns = int(self._options.first_data_s * 1e9)
        if line.subscribed is None or now - line.subscribed < wait_ns or not self._trades():
            return
        said = "was not answered" if line.unanswered > 0 else "was acknowledged, but no data came"
        line.end(f"the subscription {said} in {self._options.first_data_s:g} s")

    def _check_life(self, line: Line, now: int) -> None:
        for index, symbol in enumerate(self.protocol.symbols):
            depth = index * STREAMS_A_SYMBOL + DEPTH
            self._liveness.witness(depth, symbol.last_top, symbol.last_depth, now)
        silence = self._liveness.silence(now)
        if silence is None or not self._trades(silence.streams):
            if self._resubscribed_at is not None:
                self._resubscribed_at = None
                self._say_now(self.state, "", None, now)
            return
        for index in range(len(self.protocol.symbols)):
            if not silence.streams or index * STREAMS_A_SYMBOL + DEPTH in silence.streams:
                self.protocol.stale(index, silence.reason, now)
        patience_ns = int(self._options.unanswered_s * 1e9)
        if not silence.streams:
            if silence.seconds > self._options.stale_s + self._options.unanswered_s:
                line.end(silence.reason)
        elif self._resubscribed_at is None:
            self._resubscribed_at = _NOT_YET
            self._say_now(self.state, f"{silence.reason}; subscribing again", None, now)
            self._spawn(self._resubscribe(line, silence))
            self._spawn(self._listing.refresh())  # a halt would explain it
        elif now - self._resubscribed_at > patience_ns:
            line.end(f"{silence.reason}, also after subscribing again")

    async def _resubscribe(self, line: Line, silence: Silence) -> None:
        await self._enter_again(line, silence.streams)
        self._resubscribed_at = self._clock.now()

    async def _enter_again(self, line: Line, streams: Sequence[int]) -> None:
        requests = self.protocol.resubscriptions(streams, self._request_id + 1)
        self._request_id += len(requests)
        await line.request(requests)

    def _resubscribe_books(self, indices: Sequence[int]) -> None:
        """Their snapshots come with the new subscription."""
        if self._line is not None:
            self._spawn(self._enter_again(self._line, [i * STREAMS_A_SYMBOL + DEPTH for i in indices]))

    def _trades(self, streams: tuple[int, ...] = ()) -> bool:
        """Whether any symbol of these streams (none given: any symbol) trades, so that silence is strange."""
        symbols = self.protocol.symbols
        concerned = {number // STREAMS_A_SYMBOL for number in streams} or range(len(symbols))
        return any(symbols[index].trading in ("TRADING", "") for index in concerned)

    def _say(self, state: str, reason: str, retry_at: int | None = None) -> None:
        self.in_order(lambda ts: self._say_now(state, reason, retry_at, ts))

    def _say_now(self, state: str, reason: str, retry_at: int | None, ts: int) -> None:
        self.state = state
        self.protocol.say_connection(state, reason, retry_at, ts)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
