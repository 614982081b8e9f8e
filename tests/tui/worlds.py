"""Frames of worlds that can be changed: agents, a person's own orders, shocks, and a what-if."""

from __future__ import annotations

import math
import struct

import frames
import msgspec
from frames import NOW, SECOND, STARTED

from engine.frame import Frame, View
from engine.frame.agents import AgentNow, AgentsNow, FamilyNow
from engine.frame.alerts import Event
from engine.frame.fan import Fan, FanRow
from engine.frame.host import Transport
from engine.frame.symbol import OwnOrder, PaperLevel

CHANGED = frozenset({"shock", "order", "cancel", "whatif", "clear"})
SIM = frozenset({"view", "pause", "speed", "step", "seek", "mark", "record"}) | CHANGED
TABLE = (
    FanRow("expected move", "bp", 0.4, -11.8),
    FanRow("expected shortfall 5 %", "bp", -8.9, -31.2),
    FanRow("deepest fall", "bp", -3.1, -19.5),
    FanRow("highest rise", "bp", 3.3, 0.8),
    FanRow("time to recover", "s", None, 48.0),
    FanRow("widest spread", "bp", 0.8, 6.4),
    FanRow("lowest depth", "%", 84.0, 22.0),
)


def _line(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def _band(drift_bp: float, width_bp: float, seconds: int = 60) -> list[list[float]]:
    """5 %, 50 % and 95 % of a price that drifts and comes half back, its spread growing with the root of time."""
    lines: list[list[float]] = [[], [], []]
    for second in range(seconds + 1):
        share = second / seconds
        middle = drift_bp * (min(share * 3, 1.0) - 0.3 * share)
        for line, side in zip(lines, (-1, 0, 1), strict=True):
            line.append(61_693.725 * (1 + (middle + side * width_bp * math.sqrt(share)) / 1e4))
    return lines


def fan(*, shock: str = "sell 20 BTC over 30 s", ago_s: int = 0, **changes: object) -> Fan:
    """A what-if of 128 futures, finished; without a shock where that is empty."""
    plain, shocked = _band(0.2, 4.0), _band(-9.0, 7.0)
    whole = Fan(
        symbol=0,
        ts=NOW - ago_s * SECOND,
        step_ns=SECOND,
        state="DONE",
        shock=shock,
        basis="this market, agents and all",
        futures=128,
        done=128,
        plain_low=_line(plain[0]),
        plain_middle=_line(plain[1]),
        plain_high=_line(plain[2]),
        shocked_low=_line(shocked[0]) if shock else b"",
        shocked_middle=_line(shocked[1]) if shock else b"",
        shocked_high=_line(shocked[2]) if shock else b"",
        table=TABLE if shock else tuple(FanRow(r.name, r.unit, r.plain, None) for r in TABLE),
    )
    return msgspec.structs.replace(whole, **changes)


def agents(counts: dict[str, int], *, paper: bool = False) -> AgentsNow:
    """So many of each family, with made-up books."""
    families, each = [], []
    for place, (name, count) in enumerate(counts.items()):
        scale = (-1) ** place * (place + 1)
        history = [scale * 3.0 * math.sin(i / 40 + place) * (1 + i / 100) for i in range(300)]
        families.append(
            FamilyNow(
                name, count, 1.21 * scale, history[-1], -0.4 * scale, 40 * count, 4 * count, _line(history)
            )
        )
        for i in range(count):
            position = round(0.1 * math.sin(i * 1.7 + place), 3)
            each.append(
                AgentNow(
                    place,
                    position,
                    61_690.0 + i if position else None,
                    1.5 * math.cos(i),
                    -0.3,
                    0.02,
                    0.9,
                    3 * i,
                    4,
                )
            )
    return AgentsNow(tuple(families), tuple(each), paper)


EVERYBODY = {"maker": 10, "informed": 20, "noise": 50, "arbitrage": 5}
CROWD = {"maker": 60, "informed": 80, "noise": 100, "arbitrage": 9, "you": 1}
TRADERS = {"maker": 10, "informed": 20, "arbitrage": 5, "you": 1}
OWN = (
    OwnOrder(7, -1, 6_170_300, 50_000, 105_800),
    OwnOrder(9, 1, 6_168_800, 20_000, 0),
)
PAPER = (
    *(PaperLevel(-1, 6_169_600 + 400 * i, 10_000) for i in range(4)),
    *(PaperLevel(1, ticks, 10_000) for ticks in (6_169_100, 6_168_600, 6_168_200, 6_167_600)),
)
HAPPENED = (
    Event(NOW - 2 * SECOND, "FILL", "you bought 0.5 BTC at 61 690.00", 0),
    Event(NOW - 21 * SECOND, "SHOCK", "sell 20 BTC over 30 s", 0),
)


def _changed(frame: Frame, host: dict[str, object], detail: dict[str, object], who: AgentsNow) -> Frame:
    market = msgspec.structs.replace(
        frame.market,
        detail=msgspec.structs.replace(frame.market.detail, **detail),
        agents=who,
        events=(*HAPPENED, *frame.market.events[1:]),
    )
    return msgspec.structs.replace(frame, market=market, host=msgspec.structs.replace(frame.host, **host))


def simulated(view: View = frames.ANY, fan: Fan | None = None, counts: dict[str, int] = EVERYBODY) -> Frame:
    """A market of agents: a shock was tried, one's own orders rest in the book."""
    marks = ((STARTED + 200 * SECOND, "LONG"), (NOW - 21 * SECOND, "SHOCK"), (NOW - 400 * SECOND, "MARK"))
    transport = Transport("SIM", 1.0, False, STARTED, NOW, marks)
    host = {"accepts": SIM, "transport": transport, "fan": fan}
    return _changed(frames.live(view), host, {"own": OWN}, agents(counts))


def on_paper(view: View = frames.ANY, fan: Fan | None = None, counts: dict[str, int] = TRADERS) -> Frame:
    """A real market with our world on paper beside it."""
    host = {"accepts": frames.LIVE | CHANGED, "fan": fan}
    return _changed(frames.live(view), host, {"own": OWN, "paper": PAPER}, agents(counts, paper=True))


def child(view: View = frames.ANY) -> Frame:
    """A replay that somebody traded in: a session of its own from there."""
    note = "goes on from BTCUSDT at 23:51:02; end goes back"
    transport = Transport("CHILD", 1.0, False, STARTED, NOW + 380 * SECOND, frames.MARKS, note)
    accepts = frozenset({"view", "pause", "speed", "now", "record"}) | CHANGED
    host = {"accepts": accepts, "transport": transport}
    return _changed(frames.live(view), host, {"own": OWN, "paper": PAPER}, agents(TRADERS, paper=True))
