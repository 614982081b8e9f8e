"""The price: a braille line, candles, or the depth heatmap under the mid, and a crosshair to read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType

from engine.frame import INTERVALS_NS, Chart, Frame, Line, View
from engine.text import clean
from tui.axis import PriceScale, interval_text, time_labels
from tui.canvas import Canvas
from tui.format import BOOK_STATES, SECOND_NS, clock, mean_price, price, span
from tui.look import Look
from tui.panels.base import Panel, Row
from tui.panels.candles import draw_candles, draw_volume, volume_rows
from tui.panels.crosshair import Crosshair
from tui.panels.heatmap import heat_field, heat_scale, legend
from tui.panels.marks import draw_events, draw_trades
from tui.panels.scroll import wrapped
from tui.plot import Plot

LINE, CANDLES, HEATMAP = "line", "candles", "heatmap"
DOTS = {LINE: 1, HEATMAP: 2, CANDLES: 4}  # columns of braille dots a bar
MOST_BARS = 720  # the engine keeps no more
LABEL_ROWS = 3  # between two prices of the axis, at least
CALM_HZ, BUSY_HZ = 2.0, 5.0
NO_NETWORK = (
    "no network? `microtui exchange` serves a made-up market here; `microtui replay` plays a recording"
)
_TROUBLED = ("BACKOFF", "BLOCKED")
_MIN_PLOT = 12  # cells: a narrower plot gets the axis' room as well


@dataclass(frozen=True, slots=True)
class Room:
    """How the inside of the frame is shared out, in cells."""

    axis: int  # 0: no room for prices
    width: int
    height: int
    times: int  # rows of the time axis: 1 or 0


class Price(Panel):
    """The chart of the chosen symbol."""

    title = "price"
    key = "2"
    place = "centre"
    help = (
        "The mid between best bid and best ask, sampled ten times a second; the newest bar is at the right.\n"
        "Heatmap: resting size by price and time, brighter is more, on a log scale that the lower frame "
        "explains; dark is little, black is unknown; the white line is the mid.\n"
        "Line and candles: large volume as dots on the line, coloured by the side that took more, and all "
        "volume at the foot. A gap means that no trusted book was known.\n"
        "Marks at the top: ▲▼ signals, ◆ your marks, ● feed and book events.\n"
        "Crosshair: arrows move it (with shift ten cells), escape leaves; the mouse does the same."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "aim(-1, 0)", show=False),
        Binding("right", "aim(1, 0)", show=False),
        Binding("up", "aim(0, -1)", show=False),
        Binding("down", "aim(0, 1)", show=False),
        Binding("shift+left", "aim(-10, 0)", show=False),
        Binding("shift+right", "aim(10, 0)", show=False),
        Binding("escape", "leave_crosshair", show=False),
    ]

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.mode = HEATMAP
        self.interval_ns = INTERVALS_NS[1]
        self._without_heat = LINE  # what `h` goes back to
        self._axis = 10
        self._cross = Crosshair()
        self._traded_at = 0

    # what a person changes

    def act(self, action: str) -> None:
        deed = {
            "heatmap": self.toggle_heatmap,
            "candles": self.toggle_candles,
            "interval": self.cycle_interval,
            "crosshair": self.toggle_crosshair,
        }.get(action)
        if deed is not None:
            deed()

    def toggle_heatmap(self) -> None:
        """The depth heatmap, and back to what was there before."""
        self._change(self._without_heat if self.mode == HEATMAP else HEATMAP)

    def toggle_candles(self) -> None:
        """Candles, and back to the line."""
        self._without_heat = LINE if self.mode == CANDLES else CANDLES
        self._change(self._without_heat)

    def cycle_interval(self) -> None:
        """The next interval, after the longest the shortest."""
        at = INTERVALS_NS.index(self.interval_ns)
        self.interval_ns = INTERVALS_NS[(at + 1) % len(INTERVALS_NS)]
        self._change(self.mode)

    def toggle_crosshair(self) -> None:
        """Aim at the newest price, or stop aiming."""
        if self._cross.locked:
            self._cross.leave()
        else:
            room = self._room()
            self._cross.aim(room.width - 1, room.height // 2, locked=True)
            self.focus()
        self._again()

    def _change(self, mode: str) -> None:
        self.mode = mode
        self.post_message(self.Wish())
        self._again()

    def _again(self) -> None:
        if self.frame is not None:
            self.show(self.frame)

    def keeps(self) -> dict[str, str | int]:
        return {"mode": self.mode, "interval_ns": self.interval_ns}

    def restore(self, kept: Mapping[str, object]) -> None:
        mode, interval = kept.get("mode"), kept.get("interval_ns")
        if isinstance(mode, str) and mode in DOTS:
            self.mode = mode
        if isinstance(interval, int) and interval in INTERVALS_NS:
            self.interval_ns = interval

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # Without a crosshair the arrows are the session's, for seeking.
        return self._cross.locked if action in ("aim", "leave_crosshair") else True

    def action_aim(self, right: int, down: int) -> None:
        room = self._room()
        self._cross.move(right, down, room.width, room.height)
        self._again()

    def action_leave_crosshair(self) -> None:
        self._cross.leave()
        self._again()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._cross.locked:
            return
        room = self._room()
        x, y = event.x - 1 - self.pad - room.axis, event.y - 1
        if 0 <= x < room.width and 0 <= y < room.height:
            self._cross.aim(x, y, locked=False)
        else:
            self._cross.leave()
        self._again()

    def on_leave(self, _event: events.Leave) -> None:
        if self._cross.at is not None and not self._cross.locked:
            self.action_leave_crosshair()

    # the view

    def wants(self, view: View) -> View:
        room = self._room()
        if not room.width or not room.height:
            return view
        return msgspec.structs.replace(
            view,
            interval_ns=self.interval_ns,
            columns=min(MOST_BARS, Plot.shows(room.width, DOTS[self.mode])),
            heat_rows=2 * room.height if self.mode == HEATMAP else 0,
        )

    def _room(self) -> Room:
        width, height = self.inner
        axis = self._axis + 1 if width - self._axis - 1 >= _MIN_PLOT else 0
        times = 1 if height >= 4 else 0
        return Room(axis, width - axis, height - times, times)

    # drawing

    def draw(self, frame: Frame) -> None:
        market, look = frame.market, self.look
        chart = market.detail.chart
        line = market.lines[market.symbol] if market.symbol < len(market.lines) else None
        self._pace(frame)
        self._say_mode(line, chart.interval_ns)
        if line is None or chart.count == 0:
            self._say_nothing(line)
            return
        self._fit_axis(line, chart)
        room = self._room()
        if room.width < 1 or room.height < 1:
            return
        plot = Plot(chart, room.width, room.height, DOTS[self.mode])
        scale = heat_scale(chart, room.height) if self.mode == HEATMAP else None
        field = heat_field(plot) if scale is not None else None
        foot = volume_rows(room.height) if field is None else 0
        if scale is None:
            above = Plot(chart, room.width, room.height - foot, DOTS[self.mode])
            scale = above.scale(line.instrument.tick.to_float(1), self.mode == CANDLES)
        if scale is None or not plot.known:
            self._say_nothing(line)
            return
        canvas = Canvas(look, room.width, room.height, field)
        self._draw_price(canvas, plot, scale, on_heat=field is not None)
        draw_volume(canvas, plot, look, foot)
        draw_events(canvas, plot, scale, look, market, rules=field is None)
        reading = self._cross.draw(canvas, plot, scale, look, line.instrument, on_heat=field is not None)
        rows = self._lined(canvas, plot, scale, room, line)
        self.put_all(rows)
        self.put_foot(reading or (legend(chart, look, line.instrument.base) if field is not None else ()))

    def _draw_price(self, canvas: Canvas, plot: Plot, scale: PriceScale, *, on_heat: bool) -> None:
        if self.mode == CANDLES:
            draw_candles(canvas, plot, scale, self.look)
            return
        rows = list(plot.close_rows(scale))
        canvas.path(2 * plot.width - len(rows), rows, self.look.palette.bright, 2)
        if not on_heat:
            draw_trades(canvas, plot, scale, self.look)

    def _lined(self, canvas: Canvas, plot: Plot, scale: PriceScale, room: Room, line: Line) -> list[Row]:
        """The canvas between its axes."""
        palette, instrument = self.look.palette, line.instrument
        labels: dict[int, tuple[str, Style]] = {}
        if room.axis:
            for row, price in scale.labels(LABEL_ROWS, instrument.tick.to_float(1)):
                labels[row] = (mean_price(instrument, price), palette.dim)
            last = plot.bars.close[plot.known[-1]]
            labels[min(max(scale.row(last), 0), scale.rows - 1)] = (
                mean_price(instrument, last), self._tag(plot),
            )  # fmt: skip
            if self._cross.price is not None and self._cross.at is not None:
                labels[self._cross.at[1]] = (mean_price(instrument, self._cross.price), palette.badge)
        rows: list[Row] = []
        for y in range(room.height):
            text, style = labels.get(y, ("", palette.dim))
            axis = (
                [Segment(text.rjust(room.axis - 1), style), Segment(" ", palette.text)] if room.axis else []
            )
            rows.append([*axis, *canvas.row(y)])
        if room.times:
            rows.append(self._time_row(plot, room))
        return rows

    def _time_row(self, plot: Plot, room: Room) -> Row:
        palette, look = self.look.palette, self.look
        canvas = Canvas(look, room.axis + room.width, 1)
        aimed, badge = self._cross.time, range(0)
        if self._cross.at is not None and aimed:
            left = room.axis + self._cross.at[0] - len(aimed) // 2
            left = max(0, min(left, room.axis + room.width - len(aimed)))
            badge = range(left - 1, left + len(aimed) + 1)
            canvas.mark(left, 0, aimed, palette.badge)
        for cell, text in time_labels(plot.start_ns, plot.cell_ns, room.width, look.utc):
            at = room.axis + cell
            if at + len(text) <= badge.start or at >= badge.stop:
                canvas.mark(at, 0, text, palette.dim)
        return canvas.row(0)

    def _tag(self, plot: Plot) -> Style:
        """The last price on the axis, in the colour of its last move."""
        palette, close = self.look.palette, plot.bars.close
        last = close[plot.known[-1]]
        before = next((close[i] for i in reversed(plot.known) if close[i] != last), last)
        move = palette.bid if last > before else palette.ask if last < before else palette.text
        return Style(color=palette.panel_colour, bgcolor=move.color, bold=True)

    def _fit_axis(self, line: Line, chart: Chart) -> None:
        """Give the axis the width that the longest price of the whole chart needs."""
        scale = Plot(chart, chart.count, 1, DOTS[HEATMAP]).scale(line.instrument.tick.to_float(1), True)
        if scale is None:
            return
        needed = len(mean_price(line.instrument, max(scale.top, chart.heat_top)))
        if needed != self._axis:
            self._axis = needed
            self.post_message(self.Wish())

    def _pace(self, frame: Frame) -> None:
        """Twice a second, faster while there is more to see."""
        last = frame.market.detail.last
        traded = last is not None and last.ts != self._traded_at
        self._traded_at = last.ts if last is not None else 0
        busy = self.interval_ns < INTERVALS_NS[1] or (traded and self.mode != HEATMAP)
        self.rate_hz = BUSY_HZ if busy else CALM_HZ

    def _say_mode(self, line: Line | None, interval_ns: int) -> None:
        palette = self.look.palette
        head = [Segment(f" {self.look.glyphs.middle} {self.mode}  ", palette.dim)]
        head.append(Segment(interval_text(interval_ns), palette.text))
        if line is not None and line.state in BOOK_STATES:
            head.append(Segment(f"  {BOOK_STATES[line.state]}", palette.warning))
        self.put_head(head)

    def _last_known(self, line: Line | None) -> list[str]:
        """The last price, and since when there is none; or that there never was one."""
        market = self.frame.market if self.frame is not None else None
        last = market.detail.last if market is not None else None
        if line is None or market is None or last is None:
            return ["no price yet"]
        moment = clock(last.ts, self.look.utc)
        known = f"last price {price(line.instrument, last.ticks)}"
        if line.state == "SYNCED":  # trades go on, but one side of the book is empty
            return [f"{known} at {moment}"]
        return [known, f"stale since {moment}, {span((market.ts - last.ts) / SECOND_NS)} ago"]

    def _say_nothing(self, line: Line | None) -> None:
        """No price is known: why not, as far as that is known, and when it is tried again."""
        (width, height), palette = self.inner, self.look.palette
        said = [(text, palette.bright) for text in self._last_known(line)]
        if line is not None and line.state in BOOK_STATES:
            said.append((BOOK_STATES[line.state], palette.dim))
        for feed in self.frame.market.feeds if self.frame is not None else ():
            if feed.state not in _TROUBLED:
                continue
            said.append(
                (f"{clean(feed.venue, 30)}: {clean(feed.reason) or feed.state.lower()}", palette.warning)
            )
            if feed.retry_at_ns is not None and self.frame is not None:
                wait_s = math.ceil((feed.retry_at_ns - self.frame.market.ts) / SECOND_NS)
                said.append((f"trying again in {max(0, wait_s)} s", palette.text))
            if line is None:  # not one answer so far
                said.append((NO_NETWORK, palette.text))
        rows: list[Row] = [
            [Segment(text.center(width), style)] for part, style in said for text in wrapped(part, width)
        ]
        self.put_all([()] * max(0, (height - len(rows)) // 2) + rows)
        self.put_foot(())
