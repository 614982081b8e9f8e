"""A session: takes a source's batches, folds them, records them, and publishes frames. READ SECOND.

Live, simulated and replayed sessions are this one class; what differs lies in the source. It runs in the
engine's own thread and loop, and it is the only writer of its State.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from engine.batch import Batch, concat
from engine.checkpoint import BadCheckpoint, pack, unpack
from engine.core import State, apply, listed
from engine.events import Derived
from engine.frame import Frame, View
from engine.frame.host import Host
from engine.paper_orders import farewell
from engine.picture import picture
from engine.ports import (
    Checkpoint,
    Command,
    Jump,
    Pause,
    Producer,
    Record,
    Refold,
    Resync,
    Seek,
    SetView,
    Sink,
    Source,
    Speed,
    tag_of,
)

log = logging.getLogger(__name__)

DRAW_EVERY_S = 0.095  # of wall time: the screen looks ten times a second, more frames help nobody
MOST_REFOLDS = (
    3  # a seek may have been under way when the first was asked for; a recording that begins late has none
)
DAY_NS = 86_400_000_000_000
YIELD_AFTER_S = 0.005  # how long folding may keep the loop from reading a command

Observer = Callable[[State, Sequence[Derived]], None]


class Session:
    """One run of a source. `publish` gets frames; `observers` see the state at every tick.

    `producers` trade on paper beside the source: what they say after a tick is folded, and recorded, at the
    head of the next batch. One that fails is dropped, and the person told. `beside` runs as long as the session
    does, in its loop (what reads text, for one); it tells its own faults. `state` is where a child session goes on
    from. `next_sink` gives the sink that follows this one from an event number on, when a day of UTC ends: a file
    that grows for months could neither be moved nor pruned.
    """

    def __init__(
        self,
        source: Source,
        *,
        publish: Callable[[Frame], None] | None = None,
        sink: Sink | None = None,
        make_sink: Callable[[], Sink | None] | None = None,
        next_sink: Callable[[Sink, int], Sink | None] | None = None,
        host: Callable[[Host], Host] = lambda host: host,
        view: View | None = None,
        begin_at: int | None = None,
        producers: Sequence[Producer] = (),
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
        state: State | None = None,
    ) -> None:
        self.source = source
        self.producers = tuple(producers)
        self._beside = tuple(beside)
        self.state = state or State()
        self.view = view or View()
        self.sink = sink
        self.observers: list[Observer] = []
        self._make_sink = make_sink
        self._next_sink = next_sink
        self._closing: set[asyncio.Task[None]] = set()  # sinks of days that have ended
        self._begin_at = begin_at
        self._publish = publish
        self._host = host
        self._refolds = 0
        self._said: list[Batch] = []  # by producers, since the last tick
        self._drawn_at = 0.0
        self._draw_from_ts = 0  # after a jump: nothing before this tick is drawn
        self._late: asyncio.TimerHandle | None = None  # draws a tick that came too soon after another

    async def run(self) -> None:
        """Until the source has no more. The sink is closed whatever happens."""
        tasks = [asyncio.create_task(run()) for run in self._beside]
        try:
            if self._begin_at is not None:
                await self.source.command(Seek(self._begin_at))
            yielded = time.perf_counter()
            async for item in self.source.batches():
                if isinstance(item, Jump):
                    await self._jump(item)
                else:
                    await self._fold(item)
                if time.perf_counter() - yielded > YIELD_AFTER_S:
                    await asyncio.sleep(0)
                    yielded = time.perf_counter()
            self.draw()
        finally:
            self._drop_late()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.source.close()
            if self.sink is not None:
                await asyncio.to_thread(self.sink.close)
            await asyncio.gather(*self._closing)

    async def command(self, command: Command) -> None:
        """Views and recording are the session's own; the rest is for the source."""
        match command:
            case SetView():
                self.view = command.view
                self.draw()
            case Record():
                await self._record(command.on)
                self.draw()
            case Pause() | Speed():
                await self.source.command(command)
                self.draw()
            case _:
                tag = tag_of(command)
                for producer in self.producers:
                    if tag in producer.accepts:
                        producer.command(command)
                        return
                await self.source.command(command)

    @property
    def accepts(self) -> frozenset[str]:
        """The commands that the source or a producer takes, by tag."""
        return self.source.accepts.union(*(producer.accepts for producer in self.producers))

    def draw(self) -> None:
        """Publish the state as it stands, unless a jump is still on its way."""
        self._drop_late()
        if self._publish is not None and self.state.ts >= self._draw_from_ts:
            self._drawn_at = time.perf_counter()
            self._publish(self.frame())

    def frame(self) -> Frame:
        host = Host(accepts=self.accepts, transport=self.source.transport)
        if self.sink is not None:
            host = Host(host.accepts, host.transport, self.sink.status)
        return Frame(picture(self.state, self.view), self._host(host), self.view)

    async def _fold(self, batch: Batch) -> None:
        state = self.state
        self._turn_at_midnight(batch)
        sink = self.sink
        if sink is not None and sink.wants_checkpoint:
            sink.checkpoint(Checkpoint(state.seq, state.ts, pack(state), listed(state)))
        if self._said:
            batch, self._said = concat([*self._said, batch]), []
        seq = state.seq
        derived, requests = apply(state, batch)
        if sink is not None:
            sink.put(seq, batch, derived)
        if batch.ends_at_tick:
            for observe in self.observers:
                observe(state, derived)
            for producer in self.producers:
                said = self._heard(producer, batch)
                if said is not None:
                    self._said.append(said)
            if state.ts >= self._draw_from_ts:
                self._draw_in_time()
        for request in requests:
            await self._request(request)

    def _turn_at_midnight(self, batch: Batch) -> None:
        """Go on in a new sink where this batch begins another day; the old one is closed meanwhile."""
        state, sink = self.state, self.sink
        if sink is None or self._next_sink is None or not state.ts or not len(batch):
            return
        if int(batch.rows[-1]["ts_recv"]) // DAY_NS == state.ts // DAY_NS or sink.status.state != "ON":
            return
        following = self._next_sink(sink, state.seq)
        if following is not None:
            self.sink = following
            closing = asyncio.create_task(asyncio.to_thread(sink.close))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _heard(self, producer: Producer, batch: Batch) -> Batch | None:
        """What a producer says; of one that fails its last words, and the session goes on without it."""
        try:
            return producer.after(self.state, batch)
        except Exception as error:
            log.exception("a producer stopped")
            self.producers = tuple(p for p in self.producers if p is not producer)
            return farewell(self.state, error, trades="order" in producer.accepts)

    def _draw_in_time(self) -> None:
        """Now if the last frame is old enough, else as soon as it is: the latest tick is always drawn."""
        wait_s = self._drawn_at + DRAW_EVERY_S - time.perf_counter()
        if wait_s <= 0:
            self.draw()
        elif self._late is None and self._publish is not None:
            self._late = asyncio.get_running_loop().call_later(wait_s, self.draw)

    def _drop_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    async def _request(self, request: Resync) -> None:
        if "resync" in self.source.accepts:
            await self.source.command(request)

    async def _jump(self, jump: Jump) -> None:
        self._drop_late()
        try:
            self.state = unpack(jump.checkpoint.blob) if jump.checkpoint is not None else State()
        except BadCheckpoint:  # of another version, or damaged: its events say the same, only not as fast
            self._refolds += 1
            if self._refolds > MOST_REFOLDS or "refold" not in self.source.accepts:
                raise
            await self.source.command(Refold(jump.until_ts))
            return
        self._said.clear()
        self._draw_from_ts = jump.until_ts
        self._drawn_at = 0.0
        if jump.checkpoint is not None and self.state.ts >= jump.until_ts:  # arrived without a batch
            for observe in self.observers:
                observe(self.state, ())
            self.draw()

    async def _record(self, on: bool | None) -> None:
        recording = self.sink is not None and self.sink.status.state == "ON"
        if on is recording or self._make_sink is None:
            return
        if self.sink is not None:  # recording, or failed
            sink, self.sink = self.sink, None
            await asyncio.to_thread(sink.close)
        if not recording:
            self.sink = self._make_sink()
