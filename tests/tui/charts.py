"""Charts made for the tests of the price panel, and how to read what it drew."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from engine.frame import Frame, View
from engine.frame.alerts import Event
from engine.frame.chart import Chart
from engine.instrument import Instrument
from tests.tui import frames
from tui.look import Look, plain_look
from tui.panels.price import Price

SECOND = 1_000_000_000


def chart_of(close: list[float], interval_ns: int = SECOND, **columns: list[float]) -> Chart:
    """A chart whose newest bar begins at the frame's time; unnamed columns follow the close."""
    values = {name: columns.get(name, close) for name in ("open", "high", "low")}
    values |= {name: columns.get(name, [0.0] * len(close)) for name in ("bought", "sold")}
    packed: dict[str, Any] = {
        name: struct.pack(f"<{len(close)}d", *column) for name, column in (values | {"close": close}).items()
    }
    start = frames.NOW - (len(close) - 1) * interval_ns
    return Chart(interval_ns, start, len(close), **packed)


def frame_of(chart: Chart, instrument: Instrument = frames.BTC, events: tuple[Event, ...] = ()) -> Frame:
    frame = frames.live(View(columns=chart.count or 1))
    detail = msgspec.structs.replace(frame.market.detail, chart=chart)
    market = msgspec.structs.replace(
        frame.market, detail=detail, events=events, lines=(frames.line(instrument),)
    )
    return msgspec.structs.replace(frame, market=market)


def panel_in(mode: str, look: Look | None = None) -> Price:
    panel = Price(look or plain_look())
    panel.mode = mode
    return panel


def braille_columns(rows: list[str]) -> list[list[int]]:
    """For each dot column the dot rows that are set, read off the text by Unicode's numbering."""
    numbering = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    columns: list[list[int]] = [[] for _ in range(2 * len(rows[0]))]
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            if 0x2800 <= ord(character) < 0x2900:
                for bit, (right, down) in enumerate(numbering):
                    if (ord(character) - 0x2800) >> bit & 1:
                        columns[2 * x + right].append(4 * y + down)
    return columns
