"""The what-if beside a session: begun, grown, replaced, cleared, closed; and what it says when it cannot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.feeds.clock import SystemClock
from engine.frame import View
from engine.frame.fan import Fan
from engine.futures.crew import Crew, Harvest
from engine.futures.pairs import Growing, Start, grown
from engine.futures.start import prepared
from engine.futures.what_if import WhatIfs
from engine.market.source import SimSource
from engine.ports import WhatIf
from engine.scenario import Planned, Scenario
from engine.session import Session
from engine.shocks import parse
from tests.futures.markets import start
from tests.market.test_market import digest

SELL = parse("sell:40/5s")


async def simulated(seconds: int = 2, seed: int = 1, scenario: Scenario | None = None) -> Session:
    source = SimSource(
        scenario or Scenario(), seed, SystemClock(), speed=0.0, seconds=seconds, started=10**18
    )
    session = Session(source)
    await session.run()
    return session


async def fan_of(session: Session, wish: WhatIf, what_ifs: WhatIfs | None = None) -> Fan:
    """The fan when it has stopped growing."""
    what_ifs = what_ifs or WhatIfs()
    ended = asyncio.Event()
    counts = [0]

    def changed() -> None:
        assert what_ifs.fan is not None
        assert what_ifs.fan.done >= counts[-1] or what_ifs.fan.state == "FAILED"
        counts.append(what_ifs.fan.done)
        if what_ifs.fan.state != "RUNNING":
            ended.set()

    what_ifs.begin(session, wish, changed)
    if what_ifs.fan is None or what_ifs.fan.state == "RUNNING":
        await asyncio.wait_for(ended.wait(), 120)
    fan = what_ifs.fan
    assert fan is not None
    await what_ifs.close()
    return fan


def prices(line: bytes) -> list[float]:
    return list(memoryview(line).cast("d"))


async def test_a_fan_starts_at_the_price_on_the_screen_and_tells_of_the_shock() -> None:
    session = await simulated()
    mid = session.state.symbols[0].feature("mid")
    fan = await fan_of(session, WhatIf(SELL, 12, 8, level_ticks=59_000))
    assert (fan.state, fan.reason, fan.done, fan.ts) == ("DONE", "", 12, session.state.ts)
    assert fan.shock == "sell 40 BTC over 5 s"
    assert fan.basis == "this market itself; leans to its hidden value"
    for line in (fan.plain_low, fan.plain_middle, fan.plain_high, fan.shocked_low, fan.shocked_high):
        assert len(prices(line)) == 9
        assert prices(line)[0] == mid
    assert prices(fan.shocked_middle)[-1] < prices(fan.plain_middle)[-1] - 5
    low, high = np.array(prices(fan.plain_low)), np.array(prices(fan.plain_high))
    assert (low <= high).all()
    assert "crosses the level" in {row.name for row in fan.table}


async def test_without_a_shock_there_is_one_fan() -> None:
    fan = await fan_of(await simulated(), WhatIf(None, 9, 5))
    assert (fan.shock, fan.shocked_low, fan.shocked_middle, fan.shocked_high) == ("", b"", b"", b"")
    assert all(row.shocked is None for row in fan.table)


async def test_the_session_goes_on_as_if_nobody_had_asked() -> None:
    asked, alone = await simulated(seed=4), await simulated(seed=4)
    source: Any = asked.source
    before = digest(source.market)
    await fan_of(asked, WhatIf(SELL, 6, 5))
    assert digest(source.market) == before
    other: Any = alone.source
    assert digest(other.market) == before


async def test_the_second_symbol_has_its_own_futures() -> None:
    session = await simulated()
    session.view = View(symbol=1)
    fan = await fan_of(session, WhatIf(msgspec.structs.replace(SELL, symbol=1), 6, 6))
    assert fan.symbol == 1
    assert prices(fan.plain_middle)[0] == session.state.symbols[1].feature("mid")
    assert prices(fan.shocked_middle)[-1] < prices(fan.plain_middle)[-1]


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_their_order_leave_no_trace(threads: int) -> None:
    begin = start(SELL, seconds=6)
    told: list[Harvest] = []
    crew = Crew(lambda: begin, 11, lambda _, harvest: told.append(harvest), told_of_failure, threads)
    crew.begin()
    crew.join()
    plain, shocked = told[-1].gathered()
    assert shocked is not None
    for pair in range(11):
        np.testing.assert_array_equal(plain.mid_ticks[pair], grown(begin, pair, False).mid_ticks)
        np.testing.assert_array_equal(shocked.depth_lots[pair], grown(begin, pair, True).depth_lots)


def told_of_failure(error: BaseException) -> None:
    raise AssertionError("expected no failure") from error


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (WhatIf(None, 0), "expected 1 to 4096 futures, found 0"),
        (WhatIf(None, 8, 0), "expected futures of 1 to 3600 s, found 0"),
        (WhatIf(None, 4096, 3600), "found 14,745,600: 138 futures of 3600 s would do"),
        (WhatIf(None, 8, 60, -5), "expected a level above zero, found -5 ticks"),
        (WhatIf(msgspec.structs.replace(SELL, size=-1.0), 8), "expected a size of 1e-06 to 1e+09, found -1"),
        (WhatIf(msgspec.structs.replace(SELL, ts=2 * 10**18), 8), "expected a shock within the 60 s"),
        (WhatIf(msgspec.structs.replace(SELL, symbol=7), 8), "expected a symbol below 2, found 7"),
    ],
)
async def test_a_wish_that_cannot_be_granted_says_why(wish: WhatIf, reason: str) -> None:
    fan = await fan_of(await simulated(1), wish)
    assert fan.state == "FAILED"
    assert reason in fan.reason


async def test_nothing_on_the_screen_yet() -> None:
    session = Session(SimSource(Scenario(), 1, SystemClock()))
    fan = await fan_of(session, WhatIf(None, 8))
    assert fan.state == "FAILED"
    assert "none yet" in fan.reason


async def test_a_shock_larger_than_the_market_says_what_part_filled() -> None:
    fan = await fan_of(await simulated(), WhatIf(parse("fat_finger:sell:100000"), 4, 5))
    filled = {row.name: row.shocked for row in fan.table}["shock filled"]
    assert filled is not None
    assert 0.0 < filled < 10.0
    assert np.isfinite(prices(fan.shocked_low)).all()


async def test_a_new_wish_takes_the_place_of_the_one_before() -> None:
    session, what_ifs = await simulated(), WhatIfs()
    stale = [0]

    def too_late() -> None:
        stale[0] += 1

    what_ifs.begin(session, WhatIf(None, 138, 3600), too_late)
    await asyncio.sleep(0.05)
    fan = await fan_of(session, WhatIf(None, 8, 5), what_ifs)
    seen = stale[0]
    assert (fan.state, fan.done) == ("DONE", 8)
    await asyncio.sleep(0.1)
    assert stale[0] == seen
    assert what_ifs.fan is None


async def test_clearing_and_closing_end_at_once() -> None:
    session, what_ifs = await simulated(), WhatIfs()
    what_ifs.begin(session, WhatIf(SELL, 138, 3600), lambda: None)
    assert what_ifs.fan is not None
    await asyncio.sleep(0.05)
    what_ifs.clear()
    assert what_ifs.fan is None
    what_ifs.begin(session, WhatIf(SELL, 138, 3600), lambda: None)
    began = time.monotonic()
    await what_ifs.close()
    assert time.monotonic() - began < 5.0  # hours of futures were left


async def test_a_failure_on_the_way_is_a_sentence() -> None:
    session = await simulated()

    def broken(ts: int) -> Any:
        raise ValueError("no such moment")

    rewound = Session(source=_Shown(), state=session.state)
    fan = await fan_of(rewound, WhatIf(None, 8), WhatIfs(rerun=broken))
    assert fan.state == "FAILED"
    assert fan.reason == "the what-if stopped: ValueError: no such moment"


async def test_a_rewound_simulation_is_forked_as_it_stood_then() -> None:
    session = await simulated()
    source: Any = session.source
    rewound = Session(source=_Shown(), state=session.state)
    again = WhatIfs(rerun=lambda ts: source.rerun(ts).market)
    there = await fan_of(rewound, WhatIf(SELL, 6, 5), again)
    here = await fan_of(session, WhatIf(SELL, 6, 5))
    assert there == here


PLANNED = Scenario(shocks=(Planned(1.0, "sell:90/2s"), Planned(3.25, "sell:90/2s")))


async def test_what_the_scenario_has_planned_comes_in_both_fans() -> None:
    """The first has begun before the fork, the second is yet to come."""
    session = await simulated(scenario=PLANNED)
    source: Any = session.source
    fan = await fan_of(session, WhatIf(parse("halt/1s"), 6, 4))
    source._plan.clear()
    without = await fan_of(session, WhatIf(parse("halt/1s"), 6, 4))
    for name in ("plain_middle", "shocked_middle"):
        assert prices(getattr(fan, name))[:2] == prices(getattr(without, name))[:2]
        assert prices(getattr(fan, name))[-1] < prices(getattr(without, name))[-1] - 5


async def test_under_its_own_luck_the_fork_goes_where_the_market_goes_plan_and_all() -> None:
    session = await simulated(scenario=PLANNED)
    begin = prepared(session, WhatIf(None, 1, 5))()
    growing = Growing(begin, 0, False)
    growing.market.streams[:] = begin.market.streams
    while (path := growing.grow()) is None:
        pass
    later = [await simulated(2 + second, scenario=PLANNED) for second in range(6)]
    mids = [session.state.symbols[0].feature("mid") for session in later]
    np.testing.assert_array_equal(path.mid_ticks, [np.nan if mid is None else mid for mid in mids])


async def test_a_rewound_simulation_knows_what_was_planned_then() -> None:
    session = await simulated(scenario=PLANNED)
    source: Any = session.source
    rewound = Session(source=_Shown(), state=session.state)
    there = await fan_of(rewound, WhatIf(None, 6, 4), WhatIfs(rerun=source.rerun))
    assert there == await fan_of(session, WhatIf(None, 6, 4))


class _Shown:
    """A source of what is only watched."""

    accepts = frozenset({"seek"})


def test_start_is_what_it_says() -> None:
    begin: Start = start()
    assert begin.ticks_of(60_000) == 60_000.0


async def test_a_key_that_is_held_down_prepares_one_what_if_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = await simulated()
    inside: list[int] = []
    begun = [0]

    def slow(*of: Any) -> Callable[[], Start]:
        prepare = prepared(*of)

        def make() -> Start:
            begun[0] += 1
            inside.append(1)
            time.sleep(0.05)
            assert len(inside) == 1
            inside.pop()
            return prepare()

        return make

    monkeypatch.setattr("engine.futures.what_if.prepared", slow)
    what_ifs = WhatIfs()
    for _ in range(40):
        what_ifs.begin(session, WhatIf(None, 8, 5), lambda: None)
    fan = await fan_of(session, WhatIf(None, 8, 5), what_ifs)
    assert fan.state == "DONE"
    assert begun[0] < 10
