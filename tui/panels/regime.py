"""Regime: what kind of market it is, how sure that is, and the two factors behind eight series."""

from __future__ import annotations

from rich.segment import Segment

from engine.frame import Frame
from engine.frame.chart import HEAT_LEVELS
from engine.frame.regime import REGIMES, RegimeNow
from engine.text import clean
from tui.canvas import heat_character
from tui.format import MISSING, clock, signed
from tui.look import Look
from tui.panels.base import Row
from tui.panels.posts import age
from tui.panels.regime_chart import TIMES_FROM, RegimeChart, regime_style
from tui.panels.scroll import ScrollPanel, wrapped

BESIDE_FROM = (72, 10)  # cells inside the frame from which the loadings stand beside
BESIDE_WIDTH = 32
LOW = 10  # rows inside the frame: below, words make room for the lines
ROOMY = 7  # rows from which there is room for all words as long as there are no lines
_GAP = 2
_FRAME = 6  # cells of the upper frame that no words stand in
_SMALL = 0.005  # a probability that is not told of
_TROUBLE = ("FAILED", "LOST", "OFF", "SHORT", "FLAT")


def percent(probability: float) -> str:
    """Never certain, and never impossible.

    >>> percent(0.934), percent(0.9999), percent(0.001)
    ('93 %', '99 %', '1 %')
    """
    return f"{min(max(round(probability * 100), 1), 99)} %"


class Regime(ScrollPanel):
    """Label, probabilities, what is unusual; factor lines over the regimes of the past hour; zoomed, loadings."""

    title = "regime"
    key = "7"
    place = "below"
    rate_hz = 2.0
    help = (
        "What kind of market it is: CALM, TRENDING, STRESSED or DISLOCATED, by volatility, cost of a round trip and "
        "depth over what is usual here, and by how far and how straight the price went in two minutes. A graver word "
        "comes after 10 s beyond its threshold, a lesser one after 30 s below it.\n"
        "Its probability follows from the distance to the thresholds; after a fit also from two states of volatility "
        "(Markov switching).\n"
        "Lines: two factors of up to eight series of the book, trades and sentiment, in standard deviations (dynamic "
        "factor model, fitted anew every five minutes). Below them the regime of each moment, higher the graver.\n"
        "Zoomed (z): loadings, how much of each factor is in a series; series that carry nothing are named."
    )

    def needed(self, frame: Frame) -> bool:
        return frame.market.regime is not None

    def draw(self, frame: Frame) -> None:
        now = frame.market.regime
        if now is None:
            self.put_all([[Segment("no market yet", self.look.palette.dim)]])
            return
        self._say_label(now)
        width, height = self.inner
        beside = width >= BESIDE_FROM[0] and height >= BESIDE_FROM[1] and bool(now.loadings)
        left_width = width - BESIDE_WIDTH - _GAP if beside else width
        left = self._left(frame, now, left_width)
        right = loadings(now, self.look) if beside else []
        blank = self.look.palette.text

        def row(y: int) -> Row:
            first = left[y] if y < len(left) else []
            if y >= len(right):
                return first
            used = sum(segment.cell_length for segment in first)
            return [*first, Segment(" " * max(0, left_width + _GAP - used), blank), *right[y]]

        self.put_window(max(len(left), len(right)), row, foot=self._age(frame, now))

    def _say_label(self, now: RegimeNow) -> None:
        palette = self.look.palette
        if not now.label:
            self.put_head([Segment("  not known yet", palette.dim)])
            return
        label = f"still {now.label}" if now.lingers else now.label
        head = [Segment(f"  {label}", regime_style(REGIMES.index(now.label), self.look))]
        if now.probability is not None and not now.lingers:
            head.append(Segment(f" {percent(now.probability)}", palette.text))
        since = f" since {clock(now.since, self.look.utc)[:5]}"
        used = len(f"{self.key} {self.title}{since}") + sum(segment.cell_length for segment in head)
        if used + _FRAME <= self.size.width:
            head.append(Segment(since, palette.dim))
        self.put_head(head)

    def _left(self, frame: Frame, now: RegimeNow, width: int) -> list[Row]:
        palette = self.look.palette
        above: list[Row] = []
        if now.state:
            above += [[Segment(line, palette.warning)] for line in wrapped(now.state, width)]
        if now.probabilities:
            above.append(self._probabilities(now, width))
        low = self.inner.height < LOW
        roomy = not now.loadings and self.inner.height >= ROOMY
        lines = 3 if roomy else 1 if low else 2
        if now.why:
            above += [[Segment(line, palette.text)] for line in wrapped(now.why, width)[:lines]]
        told = bool(frame.host.transport.about)  # a story is never fitted
        below = [] if low and now.fit == "FITTED" else self._fit_rows(now, width, told)
        if now.history_label and now.history_ns > 0:
            room = self.inner.height - len(above) - len(below) - 1  # the strip's
            tall = room - 1 if room > TIMES_FROM else room
            above += RegimeChart(now, self.look, width, tall).draw()
        return [*above, *below]

    def _probabilities(self, now: RegimeNow, width: int) -> Row:
        """`calm 93 %  stressed 5 %`, the likeliest first, as many as there is room for."""
        row: list[Segment] = []
        used = 0
        likely = sorted(zip(now.probabilities, range(len(REGIMES)), strict=False), reverse=True)
        for probability, place in likely:
            text = f"{REGIMES[place].lower()} {percent(probability)}"
            if probability < _SMALL or used + len(text) > width:
                break
            style = regime_style(place, self.look) if row else self.look.palette.text
            row.append(Segment(text + "  ", style))
            used += len(text) + 2
        return row

    def _fit_rows(self, now: RegimeNow, width: int, told: bool) -> list[Row]:
        palette = self.look.palette
        style = palette.warning if now.fit in _TROUBLE else palette.dim
        words = clean(now.fit_words, 200)
        if told and not now.fit:
            words = "a story is built without factors"
        said = words if now.fit in ("", "FITTED") else f"{now.fit.lower().replace('_', ' ')}: {words}"
        return [[Segment(line, style)] for line in wrapped(said, width)[:2]] if said else []

    def _age(self, frame: Frame, now: RegimeNow) -> list[Segment]:
        if not now.fit_at:
            return []
        ago = age(now.fit_at, frame.market.ts)
        return [Segment(f"fitted {ago} ago", self.look.palette.dim)]


def loadings(now: RegimeNow, look: Look) -> list[Row]:
    """A small heatmap: series down, factors across; deeper is more, the sign stands beside."""
    palette = look.palette
    most = max((abs(x) for line in now.loadings for x in (line.first, line.second)), default=0.0)
    rows: list[Row] = [[Segment("loadings".ljust(13), palette.dim), *_heads(look)]]
    for line in now.loadings:
        row = [Segment(clean(line.series, 12).ljust(13), palette.text)]
        for value in (line.first, line.second):
            level = round(HEAT_LEVELS * abs(value) / most) if most > 0 else 0
            block = heat_character(level) if look.glyphs.ascii else "█"
            row.append(Segment(block * 2, palette.heat_pair(level, 0)))
            row.append(Segment(f" {signed(value, 2, look.glyphs.minus)} ", palette.text))
        rows.append(row)
    for name, why in now.dropped:
        rows += [[Segment(part, palette.dim)] for part in wrapped(f"{name}: {why}", BESIDE_WIDTH)]
    likelihood = MISSING if now.loglikelihood is None else f"{now.loglikelihood:.0f}"
    took = MISSING if now.took_ms is None else f"{now.took_ms / 1e3:.1f} s"
    rows.append([Segment(f"log likelihood {likelihood}, took {took}", palette.dim)])
    basis = "thresholds and states of volatility" if now.by_states else "thresholds"
    rows += [[Segment(part, palette.dim)] for part in wrapped(f"probabilities by {basis}", BESIDE_WIDTH)]
    return rows


def _heads(look: Look) -> list[Segment]:
    return [
        Segment("factor 1".ljust(9), look.palette.accent),
        Segment("factor 2", look.palette.doubt),
    ]
