"""CPU of one update of the price panel and of the ladder: drawing, changed rows, and their escape codes.

The price panel holds 100 x 36 cells and gets a new column every time, which changes all of its rows: the
worst case, once a second at an interval of one second. The ladder has 40 rows with a few sizes changed, as
ten times a second.
"""

from __future__ import annotations

import asyncio
import gc
import io
import random
import struct
import time
from collections.abc import Callable, Sequence

import msgspec
from rich.console import Console
from textual.app import App, ComposeResult

from engine.frame import Chart, Detail, Features, Frame, Level, Line, Market, Top, View
from engine.instrument import Instrument
from tui.look import plain_look
from tui.panels.base import Panel
from tui.panels.ladder import Ladder
from tui.panels.price import CANDLES, HEATMAP, LINE, Price

UPDATES = 60
SECOND = 1_000_000_000
START = 1_723_161_600 * SECOND
BTC = Instrument("binance", "BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
CHANGED_LEVELS = 8  # of the ladder's forty, between two drawings


class _Stage(App[None]):
    """A bare app with one panel of a given size."""

    def __init__(self, panel: Panel, width: int, height: int) -> None:
        super().__init__()
        self.panel = panel
        panel.styles.width, panel.styles.height = width, height

    def compose(self) -> ComposeResult:
        yield self.panel


def _heat_row(rng: random.Random, count: int) -> bytearray:
    """Levels that mostly stay from one column to the next, as resting orders do."""
    row, level = bytearray(), 0
    for _ in range(count):
        if rng.random() < 0.15:
            level = min(12, int(rng.expovariate(0.35)))
        row.append(level)
    return row


def _charts(rows: int, count: int) -> list[Chart]:
    """`UPDATES` charts, each a second after the one before."""
    rng = random.Random(1)
    whole = count + UPDATES
    heat = [_heat_row(rng, whole) for _ in range(rows)]
    close, price = [], 61_700.0
    for _ in range(whole):
        price += rng.gauss(0, 2.0)
        close.append(round(price, 2))
    top, bottom = max(close) + 5, min(close) - 5
    volume = struct.pack(f"<{whole}d", *(rng.expovariate(2.0) for _ in range(whole)))
    path = struct.pack(f"<{whole}d", *close)
    charts = []
    for k in range(UPDATES):
        seen, prices = slice(k, k + count), path[8 * k : 8 * (k + count)]
        cells = b"".join(bytes(row[seen]) for row in heat)
        volumes = (volume[8 * k : 8 * (k + count)],) * 2
        charts.append(
            Chart(
                SECOND,
                START + k * SECOND,
                count,
                prices,
                prices,
                prices,
                prices,
                *volumes,
                cells,
                rows,
                top,
                bottom,
                0.1,
                9.0,
            )
        )
    return charts


def _frame(view: View, seq: int, chart: Chart | None = None, detail: Detail | None = None) -> Frame:
    line = Line(BTC, "SYNCED", connection="LIVE", top=Top(6_169_999, 100, 6_170_000, 100), mid=61_700.0)
    detail = detail or Detail(chart=chart or Chart(SECOND))
    return Frame(Market(seq, START + seq * SECOND, START, (line,), 0, detail), view=view)


def _price_frames(view: View) -> list[Frame]:
    charts = _charts(view.heat_rows, view.columns)
    if not view.heat_rows:
        charts = [msgspec.structs.replace(chart, heat=b"", heat_rows=0) for chart in charts]
    return [_frame(view, k, chart) for k, chart in enumerate(charts)]


def _ladder_frames(view: View) -> list[Frame]:
    rng, frames = random.Random(2), []
    sizes = [[rng.randrange(100, 400_000) for _ in range(view.ladder_rows)] for _ in range(2)]
    for k in range(UPDATES):
        for _ in range(CHANGED_LEVELS):
            rng.choice(sizes)[rng.randrange(view.ladder_rows)] = rng.randrange(100, 400_000)
        sides = []
        for sign, lots in zip((-1, 1), sizes, strict=True):
            total, levels = 0, []
            for i, size in enumerate(lots):
                total += size
                levels.append(Level(6_170_000 + sign * 100 * (i + 1), size, total))
            sides.append(tuple(levels))
        features = Features(mid=61_700.0, spread_ticks=1, spread_bps=0.002)
        frames.append(_frame(view, k, detail=Detail(sides[0], sides[1], 100, features=features)))
    return frames


async def _measure(
    panel: Panel, width: int, height: int, make: Callable[[View], Sequence[Frame]]
) -> tuple[float, float]:
    """(median ms of CPU, mean bytes) of an update."""
    app = _Stage(panel, width, height)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    async with app.run_test(size=(width, height)) as pilot:
        frames = make(panel.wants(View()))
        panel.show(frames[0])
        await pilot.pause()
        view = panel.wants(View())
        frames = make(view)
        lines = [panel.render_line(y) for y in range(height)]
        spent, written = [], 0
        gc.collect()
        for frame in frames:
            started = time.process_time()
            panel.show(frame)
            for y in range(height):
                line = panel.render_line(y)
                if line is not lines[y]:
                    lines[y] = line
                    written += len(line.render(console).encode())
            spent.append(time.process_time() - started)
    return sorted(spent)[len(spent) // 2] * 1e3, written / len(frames)


def run() -> dict[str, float]:
    """Milliseconds of CPU and bytes an update."""
    figures: dict[str, float] = {}
    for mode in (HEATMAP, LINE, CANDLES):
        panel = Price(plain_look())
        panel.mode = mode
        ms, size = asyncio.run(_measure(panel, 114, 39, _price_frames))  # inside the axes 100 x 36
        figures[f"price {mode}, ms an update"] = ms
        figures[f"price {mode}, bytes an update"] = size
    ms, size = asyncio.run(_measure(Ladder(plain_look()), 46, 46, _ladder_frames))
    figures["ladder, ms an update"] = ms
    figures["ladder, bytes an update"] = size
    return figures


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:32} {value:10.2f}")
