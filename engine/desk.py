"""What stands before the person: one session, and, when it is rewound, a replay of its own recording over it.

A live source cannot seek. So a step back in a live session opens a read-only replay of the session's own
file, shows that, and leaves recording alone; `GoLive` closes it again. The screen sees one stream of frames.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from engine.frame import Frame, Host
from engine.ports import AddMark, Command, GoLive, Pause, Record, Seek, SetView, Source, Speed, StepBy
from engine.session import Session


class Desk:
    """Routes commands to the session in front; only that one's frames are published."""

    def __init__(
        self,
        publish: Callable[[Frame], None],
        make_session: Callable[[Callable[[Frame], None], Callable[[Host], Host]], Session],
        host: Callable[[Host], Host],
        open_rewind: Callable[[], Source | None] | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._publish = publish
        self._host = host
        self._open_rewind = open_rewind
        self._say = say
        self._rewind: Session | None = None
        self._rewind_task: asyncio.Task[None] | None = None
        self.main = make_session(self._publish_main, self._main_host)

    async def run(self) -> None:
        """Until the main session ends. A rewind is closed first: its file closes cleanly only without readers."""
        running = asyncio.create_task(self.main.run())
        try:
            await asyncio.wait({running})
        finally:
            await self._close_rewind()
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
                await (self._rewind or self.main).command(command)
            case Record():
                await self.main.command(command)
                if self._rewind is not None:
                    self._rewind.draw()
            case AddMark(text, None) if self._rewind is not None:
                await self.main.command(AddMark(text, self._rewind.state.ts))
            case Seek() | StepBy() | Pause() | Speed() if self._for_rewind(command):
                await self._rewound(command)
            case _:
                await (self._rewind or self.main).command(command)

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
        self._rewind = session
        self._rewind_task = asyncio.create_task(session.run())
        self._rewind_task.add_done_callback(self._rewind_ended)

    def _rewind_ended(self, task: asyncio.Task[None]) -> None:
        """A rewind that failed gives the screen back to the session itself."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._say(f"the rewind ended: {error}")
        if task is self._rewind_task:
            self._rewind = self._rewind_task = None
            self.main.draw()

    async def _close_rewind(self) -> None:
        task, self._rewind, self._rewind_task = self._rewind_task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _publish_main(self, frame: Frame) -> None:
        if self._rewind is None:
            self._publish(frame)

    def _main_host(self, host: Host) -> Host:
        if self._can_rewind():
            host = msgspec.structs.replace(host, accepts=host.accepts | {"seek", "step", "pause"})
        return self._host(host)

    def _rewind_host(self, host: Host) -> Host:
        main = self.main.sink
        recording = main.status if main is not None else host.recording
        return self._host(
            msgspec.structs.replace(
                host, accepts=host.accepts | {"now", "record", "mark"}, recording=recording
            )
        )
