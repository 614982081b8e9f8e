"""What-if: forks what a session shows into futures with and without a shock, and grows a fan of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from engine.frame.fan import Fan
from engine.futures.crew import Crew, Harvest
from engine.futures.fan import bands, table
from engine.futures.start import Rerun, prepared
from engine.futures.wish import BadWhatIf, checked_wish
from engine.ports import WhatIf
from engine.session import Session
from engine.shocks import describe

if TYPE_CHECKING:
    from engine.futures.pairs import Start

log = logging.getLogger(__name__)

SECOND_NS = 1_000_000_000


class WhatIfs:
    """`engine.desk.Futures`: one what-if at a time, the last one asked for.

    Equal seeds give equal futures of equal markets; without one the seed is the time of the session. `rerun` makes
    the market of a simulation that is shown as it stood at some earlier time.
    """

    def __init__(self, seed: int | None = None, rerun: Rerun | None = None) -> None:
        self._seed, self._rerun = seed, rerun
        self._crew: Crew | None = None
        self._turn = threading.Lock()  # to prepare
        self._left: list[Crew] = []  # told to stop, and maybe not yet ended
        self._fan: Fan | None = None

    @property
    def fan(self) -> Fan | None:
        return self._fan

    def begin(self, session: Session, command: WhatIf, changed: Callable[[], None]) -> None:
        """Fork what stands. Whatever is wrong with the wish or the market is said by a FAILED fan."""
        self.clear()
        loop = asyncio.get_running_loop()
        blank = Fan(session.view.symbol, session.state.ts, SECOND_NS)
        try:
            blank = _blank(session, command)
            prepare = prepared(session, command, self._seed, self._rerun)
        except ValueError as error:
            self._fan = _failed(blank, error)
            return

        def show(fan: Fan) -> None:
            if self._crew is crew:
                self._fan = fan
                changed()

        def hand_over(fan: Fan) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(show, fan)

        crew = Crew(
            prepare,
            command.futures,
            lambda start, harvest: hand_over(_fan_of(blank, command, start, harvest)),
            lambda error: hand_over(_failed(blank, error)),
            turn=self._turn,
        )
        self._crew, self._fan = crew, blank
        crew.begin()

    def clear(self) -> None:
        self._fan = None
        if self._crew is not None:
            self._crew.stop()
            self._left = [crew for crew in (*self._left, self._crew) if crew.alive]
            self._crew = None

    async def close(self) -> None:
        self.clear()
        left, self._left = self._left, []
        for crew in left:
            await asyncio.to_thread(crew.join)


def _blank(session: Session, wish: WhatIf) -> Fan:
    """The fan before anything has grown. Raises BadWhatIf."""
    checked_wish(wish)
    symbol = session.view.symbol
    known = session.state.symbols.get(symbol)
    if known is None:
        raise BadWhatIf("expected a market on the screen, found none yet: wait until its book is there")
    shock = "" if wish.shock is None else describe(wish.shock, known.instrument.base)
    return Fan(symbol, session.state.ts, SECOND_NS, shock=shock, futures=wish.futures)


def _fan_of(blank: Fan, wish: WhatIf, start: Start, harvest: Harvest) -> Fan:
    """The fan of the futures that are done by now."""
    from engine.futures.scale import scaled

    start, plain, shocked = scaled(start, *harvest.gathered())
    done = len(plain.mid_ticks)
    low, middle, high = bands(plain, start.price_a_tick)
    with_low, with_middle, with_high = (
        (b"", b"", b"") if shocked is None else bands(shocked, start.price_a_tick)
    )
    return msgspec.structs.replace(
        blank,
        state="DONE" if done == blank.futures else "RUNNING",
        basis=start.basis,
        done=done,
        plain_low=low,
        plain_middle=middle,
        plain_high=high,
        shocked_low=with_low,
        shocked_middle=with_middle,
        shocked_high=with_high,
        table=table(plain, shocked, None if wish.level_ticks is None else start.ticks_of(wish.level_ticks)),
    )


def _failed(blank: Fan, error: BaseException) -> Fan:
    """The same, with the reason in words."""
    if getattr(error, "for_people", False):
        reason = str(error)
    else:
        log.error("the what-if stopped", exc_info=error)
        reason = f"the what-if stopped: {type(error).__name__}: {error}"
    return msgspec.structs.replace(blank, state="FAILED", reason=reason)
