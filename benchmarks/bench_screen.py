"""CPU of one update of the price panel, the ladder and sentiment: drawing, changed rows, and their escape codes.

The price panel holds 100 x 36 cells and gets a new column every time, which changes all of its rows: the
worst case, once a second at an interval of one second. The ladder has 40 rows with a few sizes changed, as
ten times a second. Sentiment gets a point of its line and a post every time, or nothing new.
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

from engine.frame import Frame, Market, View
from engine.frame.chart import Chart
from engine.frame.fan import Fan
from engine.frame.host import Host
from engine.frame.sentiment import LagNow, PostNow, SentimentNow, SourceNow, SwingNow
from engine.frame.symbol import Detail, Features, Level, Line, Top
from engine.instrument import Instrument
from tui.look import plain_look
from tui.panels.base import Panel
from tui.panels.ladder import Ladder
from tui.panels.price import CANDLES, HEATMAP, LINE, Price
from tui.panels.sentiment import Sentiment

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


def _what_if_frames(view: View) -> list[Frame]:
    """The same beside a what-if of a minute, with a shock and without, begun half a minute ago."""
    frames = _price_frames(view)
    lines = []
    for drift, wide in ((0.0, 6.0), (-20.0, 12.0)):
        for side in (-1, 0, 1):
            line = [
                61_700.0 + drift * (1 - abs(s - 30) / 30) + side * wide * (s / 60) ** 0.5 for s in range(61)
            ]
            lines.append(struct.pack("<61d", *line))
    fan = Fan(0, START - 30 * SECOND, SECOND, "DONE", "", "sell 20 BTC", "", 128, 128, *lines)
    return [msgspec.structs.replace(frame, host=Host(fan=fan)) for frame in frames]


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


def _sentiment_frames(view: View) -> list[Frame]:
    """An hour of sentiment and the latest 200 posts; half a second and a post later each time."""
    rng, points = random.Random(3), 720
    value = [0.0]
    for _ in range(points + UPDATES):
        value.append(0.98 * value[-1] + rng.gauss(0, 0.03))
    posts = [
        PostNow(
            START + (k - 200) * 18 * SECOND if k < 200 else START + (k - 200) * SECOND // 2,
            rng.choice(("reddit:Bitcoin", "reddit:CryptoCurrency", "news:coindesk")),
            f"post {k}: " + " ".join(rng.choice(("strong", "bid", "dip", "moon", "rekt")) for _ in range(20)),
            ("BTC",),
            False,
            rng.uniform(-1, 1),
            rng.random(),
            "embedded",
            rng.random(),
        )
        for k in range(200 + UPDATES)
    ]
    doubts = struct.pack(f"<{points}d", *([0.1] * points)), struct.pack(f"<{points}d", *([0.4] * points))
    made = []
    for k in range(UPDATES):
        mood = SentimentNow(
            asset="BTC",
            value=value[k + points],
            doubt=0.1,
            effective_posts=20.0 + k,
            posts_seen=200 + k,
            lags=tuple(LagNow(s, 0.1, 0.4) for s in (60.0, 300.0, 3600.0)),
            swing=SwingNow(41.0, None, 0.5, 0.4 + k / 1000, None, 0.9, 20.0, ("persistence", "liquidity")),
            history_ns=5 * SECOND,
            history_end=START
            + k * 5 * SECOND,  # ten times as often as it moves, so that every update moves it
            history=struct.pack(f"<{points}d", *value[k : k + points]),
            history_doubt=doubts[0],
            history_aleatoric=doubts[1],
            posts=tuple(reversed(posts[k : k + 200])),
            sources=(
                SourceNow("reddit:Bitcoin", 80 + k, 0.1, START),
                SourceNow("news:coindesk", 70, 0.1, START),
            ),
            tiers=(("embedded", 200 + k),),
            tau_s=300.0,
        )
        market = Market(k, START + k * SECOND // 2, START, (Line(BTC, "SYNCED"),), sentiment=mood)
        made.append(Frame(market, view=view))
    return made


def _still_sentiment_frames(view: View) -> list[Frame]:
    """Half a second later each time, and nothing new: nine updates of ten are so."""
    first, *later = _sentiment_frames(view)
    mood = first.market.sentiment
    return [
        msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, sentiment=mood))
        for frame in (first, *later)
    ]


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
        for beside, make in (("", _price_frames), (" with a what-if", _what_if_frames)):
            panel = Price(plain_look())
            panel.mode = mode
            ms, size = asyncio.run(_measure(panel, 114, 39, make))  # inside the axes 100 x 36
            figures[f"price {mode}{beside}, ms an update"] = ms
            figures[f"price {mode}{beside}, bytes an update"] = size
    ms, size = asyncio.run(_measure(Ladder(plain_look()), 46, 46, _ladder_frames))
    figures["ladder, ms an update"] = ms
    figures["ladder, bytes an update"] = size
    for name, width, height in (("", 40, 15), (" zoomed", 160, 46)):
        for when, make in (
            ("a point and a post", _sentiment_frames),
            ("ages alone", _still_sentiment_frames),
        ):
            ms, size = asyncio.run(_measure(Sentiment(plain_look()), width, height, make))
            figures[f"sentiment{name}, {when}, ms an update"] = ms
            figures[f"sentiment{name}, {when}, bytes an update"] = size
    return figures


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:44} {value:10.2f}")
