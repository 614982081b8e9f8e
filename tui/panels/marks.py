"""What stands on the chart beside the price: alerts and marks at their times, and where much was traded."""

from __future__ import annotations

from rich.style import Style

from engine.frame import Market
from engine.text import clean
from tui.axis import PriceScale
from tui.canvas import Canvas
from tui.glyphs import to_ascii
from tui.look import Look
from tui.plot import Plot

WORD_ROWS, LEAST_WORDS, MOST_WORDS, WORD_RANK = 4, 8, 72, 4
LARGE_SHARE, HUGE_SHARE = 0.88, 0.97  # of the bars with volume trade less than one with a small, a large dot


def kind_mark(kind: str, look: Look) -> tuple[str, Style]:
    """The character and colour by which one kind of event is known everywhere."""
    glyphs, palette = look.glyphs, look.palette
    return {
        "LONG": (glyphs.rise, palette.bid),
        "SHORT": (glyphs.fall, palette.ask),
        "FLAT": (glyphs.flat, palette.dim),
        "MARK": (glyphs.mark, palette.own),
        "SHOCK": (glyphs.shock, palette.warning_bright),
        "FILL": (glyphs.own, palette.own),
        "SAID": (glyphs.own, palette.own),
        "FEED": (glyphs.dot, palette.warning),
        "BOOK": (glyphs.dot, palette.warning),
        "REGIME": (glyphs.ring, palette.accent),
        "GAP": (glyphs.ring, palette.accent),
        "SWING": (glyphs.ring, palette.accent),
        "WHALE": (glyphs.ring, palette.accent),
        "SPREAD": (glyphs.ring, palette.warning),
        "DEPTH": (glyphs.ring, palette.warning),
        "MOVE": (glyphs.ring, palette.warning),
        "STALE": (glyphs.dot, palette.warning),
        "RISK": (glyphs.dot, palette.warning_bright),
        "HELD": (glyphs.flat, palette.dim),
    }.get(kind, (glyphs.dot, palette.text))


def mark_rank(kind: str) -> int:
    """Which of several marks in one place is seen: a shock before a person's mark, their fills last of all."""
    return {"SHOCK": 3, "MARK": 2, "FILL": 0, "SAID": 0}.get(kind, 1)


def draw_words(canvas: Canvas, plot: Plot, look: Look, market: Market) -> None:
    """The words of marks below them, the newest first, each in the first of a few rows that has room for it."""
    taken: list[list[range]] = [[] for _ in range(min(WORD_ROWS, canvas.height // 3))]
    for event in market.events:
        bar = plot.bar_of(event.ts) if event.kind == "MARK" and event.text else None
        if bar is None:
            continue
        cell = plot.cell(bar)
        behind, before = plot.width - cell - 2, cell - 1  # cells on either side
        if max(behind, before) < LEAST_WORDS:
            continue
        whole = len(clean(event.text, MOST_WORDS))
        words = clean(event.text, min(MOST_WORDS, max(behind, before)))
        start = cell + 2 if whole <= behind or behind >= before else cell - len(words) - 1
        place = range(min(start, cell) - 1, max(start + len(words), cell + 1) + 1)
        for row, others in enumerate(taken, 1):  # the top row is full of signs
            if not any(place.start < other.stop and other.start < place.stop for other in others):
                others.append(place)
                glyph, style = kind_mark(event.kind, look)
                canvas.mark(cell, row, glyph, style, WORD_RANK)
                canvas.mark(start, row, to_ascii(words) if look.glyphs.ascii else words, style, WORD_RANK)
                break


def draw_events(
    canvas: Canvas, plot: Plot, scale: PriceScale, look: Look, market: Market, *, rules: bool
) -> None:
    """Each alert and mark in the top row at its time; with `rules` a faint line down to the price."""
    down = look.glyphs.down if look.glyphs.ascii else "┊"
    for event in reversed(market.events):
        if event.symbol is not None and event.symbol != market.symbol:
            continue
        bar = plot.bar_of(event.ts)
        if bar is None:
            continue
        cell, (glyph, style) = plot.cell(bar), kind_mark(event.kind, look)
        canvas.mark(cell, 0, glyph, style, 5 + mark_rank(event.kind))
        if not rules:
            continue
        price = plot.bars.close[bar]
        end = scale.rows if price != price else scale.row(price)
        for y in range(1, min(max(end, 1), scale.rows)):
            if canvas.is_free(cell, y):
                canvas.mark(cell, y, down, look.palette.dim, -1)


def draw_trades(canvas: Canvas, plot: Plot, scale: PriceScale, look: Look) -> None:
    """A dot on the line where much was traded, in the colour of the side that took more."""
    bars, palette = plot.bars, look.palette
    volumes = sorted(v for v in (bars.bought[i] + bars.sold[i] for i in plot.known) if v > 0)
    if not volumes:
        return
    large, huge = (volumes[int(share * (len(volumes) - 1))] for share in (LARGE_SHARE, HUGE_SHARE))
    small = "o" if look.glyphs.ascii else "•"
    for i in plot.known:
        bought, sold = bars.bought[i], bars.sold[i]
        if bought + sold > large:
            glyph, rank = (look.glyphs.dot, 4) if bought + sold > huge else (small, 3)
            style = palette.bid if bought >= sold else palette.ask
            canvas.mark(
                plot.cell(i), min(max(scale.row(bars.close[i]), 0), scale.rows - 1), glyph, style, rank
            )
