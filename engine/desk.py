"""What stands before the person: one session, and, when it is rewound, a replay of its own recording over it.

A live source cannot seek. So a step back in a live session opens a read-only replay of the session's own
file, shows that, and leaves recording alone; `GoLive` closes it again. A shock or an order in what is only being
watched (a rewind, a replay) opens a child session over it, which `GoLive` closes too. The screen sees one stream of
frames.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from engine.frame import Frame
from engine.frame.fan import Fan
from engine.frame.host import Host, Transport
from engine.ports import (
    AddMark,
    CancelOrders,
    ClearWhatIf,
    Command,
    GoLive,
    Inject,
    Pause,
    PlaceOrder,
    Record,
    Seek,
    SetView,
    Source,
    Speed,
    StepBy,
    WhatIf,
    tag_of,
)
from engine.session import Session

INTERVENING = frozenset({"shock", "order", "cancel"})
LOOK_EVERY_S = 0.25  # whether the session in front stands elsewhere in time than was last said


class Futures(Protocol):
    """Makes the fan of a what-if beside the session that it starts from."""

    @property
    def fan(self) -> Fan | None:
        """The latest, growing while it is made."""

    def begin(self, session: Session, command: WhatIf, changed: Callable[[], None]) -> None:
        """Fork what the session shows now. Returns at once; `changed` is called in this loop whenever `fan` grew."""

    def clear(self) -> None: ...

    async def close(self) -> None: ...


OpenChild = Callable[[Session, Callable[[Frame], None], Callable[[Host], Host]], Awaitable[Session | None]]


class Desk:
    """Routes commands to the session in front; only that one's frames are published.

    `open_child` makes the session that goes on from the one it is given, with a paper world of its own.
    """

    def __init__(
        self,
        publish: Callable[[Frame], None],
        make_session: Callable[[Callable[[Frame], None], Callable[[Host], Host]], Session],
        host: Callable[[Host], Host],
        open_rewind: Callable[[], Source | None] | None = None,
        say: Callable[[str], None] = lambda text: None,
        open_child: OpenChild | None = None,
        futures: Futures | None = None,
    ) -> None:
        self._out = publish
        self._host = host
        self._open_rewind = open_rewind
        self._say = say
        self._open_child = open_child
        self._futures = futures
        self._in_child = False
        self._rewind: Session | None = None
        self._rewind_task: asyncio.Task[None] | None = None
        self._told: Transport | None = None  # in the last frame that was published
        self.main = make_session(self._publish_main, self._main_host)

    async def run(self) -> None:
        """Until the main session ends. A rewind is closed first: its file closes cleanly only without readers."""
        running = asyncio.create_task(self.main.run())
        looking = asyncio.create_task(self._tell_of_transport())
        try:
            await asyncio.wait({running})
        finally:
            looking.cancel()
            await self._close_rewind()
            if self._futures is not None:
                await self._futures.close()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def command(self, command: Command) -> None:
        match command:
            case GoLive():
                await self._close_rewind()
                self.main.draw()
            case SetView():
                self.main.view = command.view
                await self.front.command(command)
            case Record() if not self._in_child:
                await self.main.command(command)
                if self._rewind is not None:
                    self._rewind.draw()
            case AddMark(text, None) if self._rewind is not None and not self._in_child:
                await self.main.command(AddMark(text, self._rewind.state.ts))
            case WhatIf():
                if self._futures is not None:
                    self._futures.begin(self.front, command, self._fan_changed)
                    self.front.draw()
            case ClearWhatIf():
                if self._futures is not None:
                    self._futures.clear()
                    self.front.draw()
            case Inject() | PlaceOrder() | CancelOrders() if tag_of(command) not in self.front.accepts:
                await self._begin_child(command)
            case Seek() | StepBy() | Pause() | Speed() if not self._in_child and self._for_rewind(command):
                await self._rewound(command)
            case _:
                await self.front.command(command)

    @property
    def front(self) -> Session:
        """The session that is shown."""
        return self._rewind or self.main

    async def _tell_of_transport(self) -> None:
        """Frames come with ticks; while none comes, because it is paused or waits, the rest of it is still told."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._told not in (None, self.front.source.transport):
                self.front.draw()

    def _publish(self, frame: Frame) -> None:
        self._told = frame.host.transport
        self._out(frame)

    def _fan_changed(self) -> None:
        self.front.draw()

    def _for_rewind(self, command: Seek | StepBy | Pause | Speed) -> bool:
        """What the main source does itself it does, while it is in front; it cannot step back."""
        if self._rewind is not None:
            return True
        steps_back = isinstance(command, StepBy) and command.ticks < 0
        own = {Pause: "pause", Speed: "speed", StepBy: "step", Seek: "seek"}[type(command)]
        return self._can_rewind() and (steps_back or own not in self.main.source.accepts)

    def _can_rewind(self) -> bool:
        no_seek = "seek" not in self.main.source.accepts
        return no_seek and self._open_rewind is not None and self.main.sink is not None

    async def _rewound(self, command: Command) -> None:
        if self._rewind is not None:
            await self._rewind.command(command)
        elif not isinstance(command, Speed) and self._open_rewind is not None:
            source = self._open_rewind()
            if source is not None:
                await self._begin_rewind(source, command)

    async def _begin_rewind(self, source: Source, command: Command) -> None:
        session = Session(source, publish=self._publish, host=self._rewind_host, view=self.main.view)
        try:
            await session.command(Seek(command.ts if isinstance(command, Seek) else self.main.state.ts))
            if not isinstance(command, Seek):
                await session.command(Pause(True))
            if isinstance(command, StepBy):
                await session.command(command)
        except Exception as error:
            await source.close()
            self._say(f"cannot rewind: {error}")
            return
        self._show(session)

    async def _begin_child(self, command: Command) -> None:
        """Go on from what is shown with a world of our own, and carry the command out there."""
        if self._open_child is None:
            self._say("this session cannot be changed, and no other can be opened beside it")
            return
        before = self.front
        try:
            child = await self._open_child(before, self._publish, self._child_host)
        except Exception as error:
            self._say(f"no session could be opened from here: {error}")
            return
        if child is None:
            return
        if before is self.main and not before.source.transport.paused:
            await before.command(Pause(True))  # so that `GoLive` finds the replay where it was left
        await self._close_rewind()
        child.view = self.main.view
        self._in_child = True
        self._show(child)
        await child.command(command)

    def _show(self, session: Session) -> None:
        self._rewind = session
        self._rewind_task = asyncio.create_task(session.run())
        self._rewind_task.add_done_callback(self._rewind_ended)

    def _rewind_ended(self, task: asyncio.Task[None]) -> None:
        """A rewind or a child that ended gives the screen back to the session itself."""
        error = None if task.cancelled() else task.exception()
        what = "child session" if self._in_child else "rewind"
        if error is not None:
            self._say(f"the {what} ended: {error}")
        if task is self._rewind_task:
            self._rewind = self._rewind_task = None
            self._in_child = False
            self.main.draw()

    async def _close_rewind(self) -> None:
        task, self._rewind, self._rewind_task = self._rewind_task, None, None
        self._in_child = False
        if task is not None:
            if self._futures is not None:
                self._futures.clear()  # it was of what is closed now
            task.cancel()
            await asyncio.wait({task})

    def _publish_main(self, frame: Frame) -> None:
        if self._rewind is None:
            self._publish(frame)

    def _main_host(self, host: Host) -> Host:
        if self._can_rewind():
            host = msgspec.structs.replace(host, accepts=host.accepts | {"seek", "step", "pause"})
        return self._with_ours(host)

    def _child_host(self, host: Host) -> Host:
        return self._with_ours(msgspec.structs.replace(host, accepts=host.accepts | {"now", "record"}))

    def _with_ours(self, host: Host) -> Host:
        """What the desk itself can do in any session: fork it, and open a child where it cannot be changed."""
        accepts = host.accepts
        if self._open_child is not None:
            accepts |= INTERVENING
        if self._futures is not None:
            accepts |= {"whatif", "clear"}
        fan = self._futures.fan if self._futures is not None else None
        return self._host(msgspec.structs.replace(host, accepts=accepts, fan=fan))

    def _rewind_host(self, host: Host) -> Host:
        main = self.main.sink
        recording = main.status if main is not None else host.recording
        accepts = host.accepts | {"now", "record", "mark"}
        return self._with_ours(msgspec.structs.replace(host, accepts=accepts, recording=recording))
