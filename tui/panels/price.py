"""The price: a braille line, candles, or the depth heatmap under the mid; a what-if beside it; a crosshair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType

from engine.frame import INTERVALS_NS, Frame, View
from engine.frame.symbol import Line
from engine.text import clean
from tui.axis import PriceScale, interval_text, time_labels
from tui.canvas import Canvas, Field
from tui.format import BOOK_STATES, mean_price
from tui.look import Look
from tui.panels.base import Panel, Row
from tui.panels.candles import draw_candles, draw_volume, volume_rows
from tui.panels.crosshair import Crosshair
from tui.panels.fan import TABLE_WIDTH, Ahead, summary, table
from tui.panels.heatmap import heat_field, heat_scale, legend
from tui.panels.marks import draw_events, draw_trades, draw_words
from tui.panels.silence import why_nothing
from tui.plot import Plot

LINE, CANDLES, HEATMAP = "line", "candles", "heatmap"
DOTS = {LINE: 1, HEATMAP: 2, CANDLES: 4}  # columns of braille dots a bar
MOST_BARS = 720  # the engine keeps no more
LABEL_ROWS = 3  # between two prices of the axis, at least
CALM_HZ, BUSY_HZ = 2.0, 5.0
BARS_A_SECOND = 1.5  # at most: a chart is seen to move, and there is enough of it to be read
SIDE_FROM = 60  # cells of chart that a what-if's table beside it leaves, at least; else it stands below
BELOW_FROM = 18  # rows from which a table below leaves enough of a chart
_MIN_PLOT = 12  # cells: a narrower plot gets the axis' room as well


@dataclass(frozen=True, slots=True)
class Room:
    """How the inside of the frame is shared out, in cells."""

    axis: int  # 0: no room for prices
    width: int
    height: int
    times: int  # rows of the time axis: 1 or 0
    beside: int = 0  # cells of a what-if's table at the right


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
        "Marks at the top: ▲▼ signals, ◆ your marks, ↯ shocks, ◂ your fills, ● feed and book events.\n"
        "What-if (w): right of the line `now` the future, with a clock of its own. Violet: 5 % to 95 % of the "
        "futures and their median, with the shock if there is one; grey: the same futures without it. x clears it. "
        "With the crosshair on a price, w also tells how likely that price is reached.\n"
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
        self._paced_ns = 0  # an interval that suits a story's pace; 0: a person's own holds
        self._chosen = False  # a person has chosen one in this session
        self._axis = 10
        self._cross = Crosshair()
        self._traded_at = 0
        self._table_rows = 0  # of the what-if's table, its heading among them

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
        at = INTERVALS_NS.index(self._paced_ns or self.interval_ns)
        self.interval_ns = INTERVALS_NS[(at + 1) % len(INTERVALS_NS)]
        self._chosen, self._paced_ns = True, 0
        self._change(self.mode)

    @property
    def aimed_price(self) -> float | None:
        """What the crosshair points at while it is locked."""
        return self._cross.price if self._cross.locked else None

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
            interval_ns=self._paced_ns or self.interval_ns,
            columns=min(MOST_BARS, Plot.shows(room.width, DOTS[self.mode])),
            heat_rows=2 * room.height if self.mode == HEATMAP else 0,
        )

    def _room(self) -> Room:
        width, height = self.inner
        beside = TABLE_WIDTH + 2 if self._table_rows and width - TABLE_WIDTH >= SIDE_FROM else 0
        below = 0 if beside or height < BELOW_FROM else min(self._table_rows, height // 3)
        width -= beside
        axis = self._axis + 1 if width - self._axis - 1 >= _MIN_PLOT else 0
        times = 1 if height >= 4 else 0
        return Room(axis, width - axis, height - times - below, times, beside)

    # drawing

    def draw(self, frame: Frame) -> None:
        market = frame.market
        chart = market.detail.chart
        line = market.lines[market.symbol] if market.symbol < len(market.lines) else None
        self._pace(frame)
        self._follow_story(frame)
        self._make_room(frame, line)
        room = self._room()
        if line is None or chart.count == 0:
            self._say_nothing(frame, line)
        elif room.width >= 1 and room.height >= 1:
            self._draw_chart(frame, line, room)

    def _draw_chart(self, frame: Frame, line: Line, room: Room) -> None:
        look, chart, dots = self.look, frame.market.detail.chart, DOTS[self.mode]
        tick = line.instrument.tick.to_float(1)
        ahead = Ahead.of(frame, room.width, 2 * chart.interval_ns / dots)
        plot = Plot(chart, room.width - (ahead.width if ahead else 0), room.height, dots)
        scale = heat_scale(chart, room.height) if self.mode == HEATMAP else None
        on_heat = scale is not None
        foot = 0 if on_heat else volume_rows(room.height)
        if scale is None:
            above = Plot(chart, plot.width, room.height - foot, dots)
            scale = above.scale(tick, self.mode == CANDLES)
        if scale is None or not plot.known:
            self._say_nothing(frame, line)
            return
        self._say_mode(frame, line, on_heat)
        if ahead is not None:
            scale = ahead.widened(scale, tick)
        heat = heat_field(plot, scale) if on_heat else None
        fans = ahead.field(scale, plot.height) if ahead is not None else None
        canvas = Canvas(look, room.width, room.height, _beside(heat, fans), 0 if heat else plot.width)
        self._draw_price(canvas, plot, scale, on_heat)
        draw_volume(canvas, plot, look, foot)
        draw_events(canvas, plot, scale, look, frame.market, rules=not on_heat)
        draw_words(canvas, plot, look, frame.market)
        if ahead is not None:
            ahead.draw(canvas, plot, scale, look)
        reading = self._cross.draw(canvas, plot, scale, look, line.instrument, heat, ahead)
        rows = self._lined(canvas, plot, scale, room, line, ahead)
        self.put_all(self._with_table(rows, frame, room))
        self._put_words(frame, line, reading, on_heat)

    def _draw_price(self, canvas: Canvas, plot: Plot, scale: PriceScale, on_heat: bool) -> None:
        if self.mode == CANDLES:
            draw_candles(canvas, plot, scale, self.look)
            return
        rows = list(plot.close_rows(scale))
        canvas.path(2 * plot.width - len(rows), rows, self.look.palette.bright, 2)
        if not on_heat:
            draw_trades(canvas, plot, scale, self.look)

    def _with_table(self, rows: list[Row], frame: Frame, room: Room) -> list[Row]:
        """The chart's rows with the what-if's table at their right, or below them."""
        fan = frame.host.fan
        if fan is None or not self._table_rows:
            return rows
        lines = table(fan, self.look)
        if not room.beside:
            return [*rows, *lines]
        blank = Segment("  ", self.look.palette.text)
        return [[*row, blank, *(lines[y] if y < len(lines) else ())] for y, row in enumerate(rows)]

    def _put_words(self, frame: Frame, line: Line, reading: list[Segment], on_heat: bool) -> None:
        """In the lower frame: what the crosshair reads, else the what-if and what the heat's colours mean."""
        fan, look = frame.host.fan, self.look
        said = summary(fan, look) if fan is not None and fan.symbol == frame.market.symbol else []
        scale = legend(frame.market.detail.chart, look, line.instrument.base) if on_heat else []
        gap = [Segment("   ", look.palette.text)] if said and scale else []
        both = [*said, *gap, *scale]
        fits = sum(part.cell_length for part in both) <= self.inner.width - 2
        self.put_foot(reading or (both if fits else said or scale))

    def _lined(
        self, canvas: Canvas, plot: Plot, scale: PriceScale, room: Room, line: Line, ahead: Ahead | None
    ) -> list[Row]:
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
            rows.append(self._time_row(plot, room, ahead))
        return rows

    def _time_row(self, plot: Plot, room: Room, ahead: Ahead | None) -> Row:
        palette, look = self.look.palette, self.look
        canvas = Canvas(look, room.axis + room.width, 1)
        aimed, badge = self._cross.time, range(0)
        if self._cross.at is not None and aimed:
            left = room.axis + self._cross.at[0] - len(aimed) // 2
            left = max(0, min(left, room.axis + room.width - len(aimed)))
            badge = range(left - 1, left + len(aimed) + 1)
            canvas.mark(left, 0, aimed, palette.badge)
        times = [
            (at, text, palette.dim)
            for at, text in time_labels(plot.start_ns, plot.cell_ns, plot.width, look.utc)
        ]
        if ahead is not None:
            times = [(at, text, style) for at, text, style in times if at + len(text) < plot.width]
            times += [(plot.width + at, text, palette.doubt) for at, text in ahead.labels()]
        for cell, text, style in times:
            at = room.axis + cell
            if at + len(text) <= badge.start or at >= badge.stop:
                canvas.mark(at, 0, text, style)
        return canvas.row(0)

    def _tag(self, plot: Plot) -> Style:
        """The last price on the axis, in the colour of its last move."""
        palette, close = self.look.palette, plot.bars.close
        last = close[plot.known[-1]]
        before = next((close[i] for i in reversed(plot.known) if close[i] != last), last)
        move = palette.bid if last > before else palette.ask if last < before else palette.text
        return Style(color=palette.panel_colour, bgcolor=move.color, bold=True)

    def _make_room(self, frame: Frame, line: Line | None) -> None:
        """Give the axis the width that the longest price of the whole chart needs, and the table its rows."""
        axis, fan = self._axis, frame.host.fan
        chart = frame.market.detail.chart
        if line is not None and chart.count:
            scale = Plot(chart, chart.count, 1, DOTS[HEATMAP]).scale(line.instrument.tick.to_float(1), True)
            if scale is not None:
                axis = len(mean_price(line.instrument, max(scale.top, chart.heat_top)))
        rows = len(table(fan, self.look)) if fan is not None and fan.symbol == frame.market.symbol else 0
        if (axis, rows) != (self._axis, self._table_rows):
            self._axis, self._table_rows = axis, rows
            self.post_message(self.Wish())

    def _follow_story(self, frame: Frame) -> None:
        """While a story sets the pace its bars suit that: quiet hours in minutes, a crash in seconds."""
        transport = frame.host.transport
        if not transport.auto or self._chosen:
            return
        wanted = paced_interval(transport.speed)
        if wanted != self._paced_ns:
            self._paced_ns = wanted
            self.post_message(self.Wish())

    def _pace(self, frame: Frame) -> None:
        """Twice a second, faster while there is more to see."""
        last = frame.market.detail.last
        traded = last is not None and last.ts != self._traded_at
        self._traded_at = last.ts if last is not None else 0
        fan = frame.host.fan
        growing = fan is not None and fan.state == "RUNNING"
        busy = growing or self.interval_ns < INTERVALS_NS[1] or (traded and self.mode != HEATMAP)
        self.rate_hz = BUSY_HZ if busy else CALM_HZ

    def _say_mode(self, frame: Frame, line: Line | None, on_heat: bool) -> None:
        palette, fan = self.look.palette, frame.host.fan
        shown = "line, no depth known" if self.mode == HEATMAP and not on_heat else self.mode
        head = [Segment(f" {self.look.glyphs.middle} {shown}  ", palette.dim)]
        head.append(Segment(interval_text(frame.market.detail.chart.interval_ns), palette.text))
        if line is not None and line.state in BOOK_STATES:
            head.append(Segment(f"  {BOOK_STATES[line.state]}", palette.warning))
        if fan is not None and fan.symbol == frame.market.symbol and fan.shock:
            head.append(Segment(f"  what if {clean(fan.shock, 60)}", palette.doubt))
        self.put_head(head)

    def _say_nothing(self, frame: Frame, line: Line | None) -> None:
        self._say_mode(frame, line, on_heat=self.mode == HEATMAP)
        width, height = self.inner
        rows = why_nothing(frame, line, self.look, width)
        self.put_all([()] * max(0, (height - len(rows)) // 2) + rows)
        self.put_foot(())


def paced_interval(speed: float) -> int:
    """The shortest interval of which few enough bars go by at a speed, ns; the longest where it has no limit.

    >>> [paced_interval(speed) // 10**9 for speed in (1.0, 8.0, 600.0, 0.0)]
    [1, 15, 900, 3600]
    """
    wanted = speed * 1e9 / BARS_A_SECOND
    return next((i for i in INTERVALS_NS[1:] if i >= wanted > 0), INTERVALS_NS[-1])


def _beside(heat: Field | None, fans: Field | None) -> Field | None:
    """The heat with the fans at the right of it, or what there is of the two."""
    if heat is None or fans is None:
        return heat or fans
    return [(a + c, b + d) for (a, b), (c, d) in zip(heat, fans, strict=True)]
