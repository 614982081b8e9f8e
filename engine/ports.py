"""The few shapes by which the rooms of the house know each other: commands, source, sink, clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.events import Listed, Shock
from engine.frame import View
from engine.frame.host import Recording, Transport

if TYPE_CHECKING:
    from engine.batch import Batch
    from engine.core import State
    from engine.events import Derived

# Commands: what a person or the session asks for. Names are what `Source.accepts` lists.


AUTO = -1.0  # a speed: the recording's own pace


class SetView(msgspec.Struct, frozen=True, tag="view"):
    view: View


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    paused: bool | None = None  # None: toggle


class Speed(msgspec.Struct, frozen=True, tag="speed"):
    factor: float  # 0: as fast as it goes; AUTO: as the recording proposes


class StepBy(msgspec.Struct, frozen=True, tag="step"):
    ticks: int  # negative: back


class Seek(msgspec.Struct, frozen=True, tag="seek"):
    ts: int


class GoLive(msgspec.Struct, frozen=True, tag="now"):
    """Back to now after a rewind."""


class AddMark(msgspec.Struct, frozen=True, tag="mark"):
    text: str
    ts: int | None = None  # the moment that is meant, when it is not now: a mark made in a rewind


class Record(msgspec.Struct, frozen=True, tag="record"):
    on: bool | None = None  # None: toggle


class Inject(msgspec.Struct, frozen=True, tag="shock"):
    """A shock, at `shock.ts` or now where that is 0."""

    shock: Shock


class WhatIf(msgspec.Struct, frozen=True, tag="whatif"):
    """Fork what stands into pairs of futures, with and without the shock; None: without alone."""

    shock: Shock | None = None
    futures: int = 128
    seconds: int = 60
    level_ticks: int | None = None  # the price of which the table tells how likely it is crossed


class ClearWhatIf(msgspec.Struct, frozen=True, tag="clear"):
    """Take the fan off the chart."""


class PlaceOrder(msgspec.Struct, frozen=True, tag="order"):
    """An order of the person's own: in the simulated market, or on paper beside a real one."""

    side: int  # +1 buys, -1 sells
    lots: int
    price_ticks: int | None = None  # None: a market order
    symbol: int = 0
    post_only: bool = False


class CancelOrders(msgspec.Struct, frozen=True, tag="cancel"):
    """One of the person's own resting orders by its number, or all of a symbol."""

    symbol: int = 0
    number: int | None = None


class Resync(msgspec.Struct, frozen=True, tag="resync"):
    """The session found a book it does not trust (crossed, or not the venue's top)."""

    symbol: int
    reason: str


class Refold(msgspec.Struct, frozen=True, tag="refold"):
    """The session cannot read the checkpoints of this recording: go there from its first event."""

    ts: int


Command = (
    SetView | Pause | Speed | StepBy | Seek | GoLive | AddMark | Record | Resync | Refold
    | Inject | WhatIf | ClearWhatIf | PlaceOrder | CancelOrders
)  # fmt: skip


def tag_of(command: Command) -> str:
    """The name by which `accepts` knows a command."""
    return str(command.__struct_config__.tag)


class Checkpoint(msgspec.Struct, frozen=True):
    """All of `State` at the tick `ts`."""

    seq: int  # of the next event
    ts: int
    blob: bytes  # `engine.checkpoint.pack`
    listed: tuple[Listed, ...] = ()  # the instruments known by then, for a recording that begins here


@dataclass(frozen=True, slots=True)
class Jump:
    """In the stream of batches: what follows goes on from this state (None: from the very beginning).

    Frames before the first tick at or after `until_ts` are folded but not drawn.
    """

    checkpoint: Checkpoint | None
    until_ts: int


class Source(Protocol):
    """Emits batches that each end at a tick (100 ms of session time). Live, recorded or simulated."""

    @property
    def accepts(self) -> frozenset[str]:
        """The commands this source takes, by tag."""

    @property
    def transport(self) -> Transport: ...

    def batches(self) -> AsyncIterator[Batch | Jump]:
        """Batches in order, paced as the source paces them. Ends when the source has no more.

        A seek, or a gap in a recording, is a `Jump` in this stream: in band, so that no batch of the old
        place can be folded into the state of the new one.
        """

    async def command(self, command: Command) -> None:
        """Carry a command out, or ignore it when `accepts` does not name it."""

    async def close(self) -> None: ...


class Producer(Protocol):
    """Trades on paper beside a source. What it says after a tick stands at the head of the next batch."""

    @property
    def accepts(self) -> frozenset[str]:
        """The commands it takes, by tag."""

    def after(self, state: State, batch: Batch) -> Batch | None:
        """Called at every tick with the state that `batch` led to. Its rows end at no tick."""

    def command(self, command: Command) -> None: ...


class Sink(Protocol):
    """Takes what the session folded. Never blocks and never raises into the engine."""

    @property
    def wants_checkpoint(self) -> bool: ...

    @property
    def status(self) -> Recording: ...

    def put(self, seq: int, batch: Batch, derived: Sequence[Derived]) -> None:
        """`seq` is the number of the batch's first row."""

    def checkpoint(self, checkpoint: Checkpoint) -> None: ...

    def close(self) -> None: ...


class Clock(Protocol):
    """Session time in ns UTC: the wall clock at the start, plus a monotonic clock. Never steps back."""

    def now(self) -> int: ...

    async def sleep(self, seconds: float) -> None: ...
