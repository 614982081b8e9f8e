"""A session made of a raw capture, through the protocols of the venues that spoke in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from engine.batch import Batch, BatchBuilder
from engine.data.errors import DataError
from engine.events import Kind, Said, Setup
from engine.feeds.capture_grid import captured_instrument
from engine.feeds.clock import TICK_NS
from engine.feeds.errors import FeedError, Malformed
from engine.feeds.network import is_here
from engine.feeds.raw import IN, LOST, OPEN, OUT, REST, RawMessage
from engine.feeds.raw_formats import HFT, format_of, messages_of
from engine.feeds.raw_playback import RawPlayback, is_listing, limit_of, symbols_of
from engine.feeds.venue import Venue
from engine.feeds.venues import VENUES, VenueInfo
from engine.instrument import Instrument
from engine.text import clean

MOST_SYMBOLS = 100  # of all venues together, as live
_ASLEEP_NS = 60_000_000_000  # a silence in which no ticks were: the machine slept, as live has it


class _Heard:
    """What a first reading finds of a venue."""

    def __init__(self, info: VenueInfo) -> None:
        self.info = info
        self.symbols: dict[str, None] = {}  # in the order in which they were asked for
        self.limit: int | None = None
        self.listing: bytes | None = None
        self.here = False  # served on the machine that was captured


class RawTape:
    """One file. `instrument` is the first symbol's; `note` says what it is, `made_up` that no exchange sent it."""

    def __init__(self, path: Path, setup: Setup) -> None:
        self._path, self._setup = path, setup
        self._name = clean(path.name, 100)
        self._heard, self._first_ns, count = _read_through(path, self._name)
        self._grid = _grid_of(path, self._name) if format_of(path) == HFT else None
        self.instrument = self._grid or self._listed_first()
        symbols = " ".join(name for heard in self._heard.values() for name in heard.symbols)
        venues = ", ".join(heard.info.title for heard in self._heard.values())
        self.note = f"{clean(symbols, 80)} on {venues}: {count:,} messages of {self._name}"
        self.made_up = any(heard.here for heard in self._heard.values())

    def _listed_first(self) -> Instrument:
        for heard in self._heard.values():
            if heard.listing is None:
                raise DataError(
                    f"{self._name}: expected {heard.info.title}'s answer about what it trades, found none: "
                    "a capture has it where it was begun before the connection"
                )
        heard = next(iter(self._heard.values()))
        name = next(iter(heard.symbols))
        try:
            listed = _protocol(heard, BatchBuilder()).read_listing(heard.listing or b"")
        except Malformed as error:
            raise DataError(f"{self._name}: {error}") from None
        if name not in listed:
            raise DataError(f"{self._name}: {heard.info.title} does not list {clean(name, 40)}")
        return listed[name].instrument

    def batches(self) -> Iterator[Batch]:
        """Batches that end at ticks, from the first message to the last. Raises FeedError and DataError."""
        builder = BatchBuilder()
        tick = self._first_ns - self._first_ns % TICK_NS
        builder.add_note(self._setup, tick)
        builder.add_note(Said(self.note, tick), tick)
        playbacks = self._playbacks(builder, tick)
        ts = tick
        for message in messages_of(self._path):
            ts = max(message.recv_ns, ts)
            if ts - tick > _ASLEEP_NS:
                tick = ts - ts % TICK_NS - TICK_NS
            while tick + TICK_NS < ts:
                tick += TICK_NS
                yield _end_at(tick, builder, playbacks)
            if message.dir == LOST:
                told = f"the capture lost {clean(message.data.decode('utf-8', 'replace'), 60)} here"
                builder.add_note(Said(told, ts), ts)
            elif (playback := playbacks.get(message.venue)) is not None:
                playback.take(message, ts)
        yield _end_at(tick + TICK_NS, builder, playbacks)

    def _playbacks(self, builder: BatchBuilder, ts: int) -> dict[str, RawPlayback]:
        playbacks = {}
        numbered = 0

        def numbers(count: int) -> int:
            nonlocal numbered
            numbered += count
            return numbered - count

        for key, heard in self._heard.items():
            protocol = _protocol(heard, builder, numbers)
            if self._grid is not None:
                protocol.use(0, self._grid, ts)
            playbacks[key] = RawPlayback(protocol)
        return playbacks


def _grid_of(path: Path, name: str) -> Instrument:
    """What hftbacktest's captures trade, by their own prices and sizes. Raises FeedError and DataError."""
    try:
        return captured_instrument(path)
    except (ArithmeticError, ValueError):
        raise DataError(f"{name}: its prices and sizes are no decimals that fit in 64 bits") from None


def _protocol(heard: _Heard, builder: BatchBuilder, numbers: Callable[[int], int] | None = None) -> Venue:
    options = msgspec.structs.replace(
        heard.info.options, depth_limit=heard.limit or heard.info.options.depth_limit
    )
    return heard.info.protocol()(list(heard.symbols), options, builder, numbers)


def _read_through(path: Path, name: str) -> tuple[dict[str, _Heard], int, int]:
    """Who speaks of what in a capture, its first time, and its number of messages. Raises FeedError, DataError."""
    found: dict[str, _Heard] = {}
    protocols: dict[str, Venue] = {}
    first_ns = count = 0
    for message in messages_of(path):
        first_ns = first_ns or message.recv_ns
        count += message.dir == IN
        if message.dir == LOST:
            continue
        key = message.venue
        if key not in found:
            found[key] = _Heard(_info(key, name))
            protocols[key] = found[key].info.protocol()(("?",), found[key].info.options, BatchBuilder())
        _look(message, found[key], protocols[key])
    if not first_ns:
        raise DataError(f"{name} is a capture with nothing in it")
    for heard in found.values():
        if not heard.symbols:
            raise DataError(
                f"{name}: nothing was subscribed on {heard.info.title}, so there is nothing to play"
            )
    if (total := sum(len(heard.symbols) for heard in found.values())) > MOST_SYMBOLS:
        raise DataError(f"{name}: expected at most {MOST_SYMBOLS} symbols, found {total}")
    return found, first_ns, count


def _look(message: RawMessage, heard: _Heard, protocol: Venue) -> None:
    heard.here |= message.dir != IN and is_here(message.url)
    if message.dir in (OUT, OPEN) or (message.dir == IN and not heard.symbols):
        heard.symbols.update(dict.fromkeys(symbols_of(message)))
    elif not message.conn and is_listing(protocol, message):
        if message.dir == REST and message.status == 200 and heard.listing is None:
            heard.listing = message.data
    elif not message.conn:
        heard.limit = heard.limit or limit_of(message)


def _info(key: str, name: str) -> VenueInfo:
    if key in VENUES:
        return VENUES[key]
    known = ", ".join(VENUES)
    raise FeedError(f"{name}: expected messages of {known}, found those of {clean(key, 40) or 'no venue'}")


def _end_at(tick: int, builder: BatchBuilder, playbacks: dict[str, RawPlayback]) -> Batch:
    for playback in playbacks.values():
        playback.protocol.count(tick)
    builder.add(Kind.TICK, tick, symbol=-1)
    return builder.take()
