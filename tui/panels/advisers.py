"""Advisers: what each says of the chosen symbol, with its probability, and how often it was right so far."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.advisers import ENOUGH_PIECES, AdviserNow, AdvisersNow, CalibrationBin
from engine.text import clean
from tui.format import MISSING, signed
from tui.panels.base import Row
from tui.panels.scroll import ScrollPanel, wrapped

_NAME = 15
_WIDE = 92  # cells from which there are columns
_INDENT = 2


class Advisers(ScrollPanel):
    """The coordinator's decision, each adviser's word and reason, records, calibration."""

    title = "advisers"
    key = "9"
    place = "below"
    rate_hz = 2.0
    help = (
        "Who says up (▲) or down (▼), how likely each is right, over which time, and the reason. Probabilities begin "
        "close to a coin's and follow each adviser's own record.\n"
        "The coordinator weighs them by how well they foretold in this regime (exponential weights) and abstains "
        "where they disagree or nothing beats the base rate; weight is each one's share in what it says.\n"
        "Record, of this session and symbol: pieces marked at their horizon (n), hit rate with its 95 % interval and "
        "what always saying the more frequent direction would have hit (base), Brier score (a coin's is 0.250), mean "
        "move in the advised direction after the spread (bp, 95 %). Under 30 pieces no rate is told.\n"
        "Calibration: of forecasts of about the same probability, how often they came true.\n"
        "Nothing here is advice to anybody. Arrow keys and the wheel scroll; z zooms."
    )

    def needed(self, frame: Frame) -> bool:
        return frame.market.advisers is not None

    def draw(self, frame: Frame) -> None:
        known = frame.market.advisers
        if known is None:
            self.put_scrolled(
                [[Segment("no second of this symbol has been seen yet", self.look.palette.dim)]]
            )
            return
        self._say_decision(known.coordinator)
        rows = self._decision(known)
        if self.inner.width >= _WIDE:
            rows.append(self._columns())
        for adviser in known.advisers:
            rows += self._adviser(adviser)
        rows += self._calibration(known)
        self.put_scrolled(rows)

    def _say_decision(self, decision: AdviserNow) -> None:
        if not decision.direction:
            self.put_head([Segment("  abstains", self.look.palette.dim)])
            return
        mark, style = self._mark(decision.direction)
        self.put_head([Segment(f"  {mark} {_percent(decision.confidence)}", style)])

    def _decision(self, known: AdvisersNow) -> list[Row]:
        decision, palette = known.coordinator, self.look.palette
        mark, style = self._mark(decision.direction)
        head = f"{mark} coordinator, {_span(decision.horizon_s)}: {clean(decision.reason)}"
        rows: list[Row] = [
            [Segment(line, style if decision.direction else palette.text)]
            for line in wrapped(head, self.inner.width)
        ]
        rows += self._lines(self._record(decision), palette.dim)
        return [*rows, []]

    def _columns(self) -> Row:
        text = f"  {'adviser':{_NAME}}{'right':>6}{'over':>7}{'weight':>8}  record"
        return [Segment(text, self.look.palette.dim)]

    def _adviser(self, adviser: AdviserNow) -> list[Row]:
        palette = self.look.palette
        mark, style = self._mark(adviser.direction)
        name = clean(adviser.name, _NAME - 1)
        chance = _percent(adviser.confidence) if adviser.direction else MISSING
        row: list[Segment] = [
            Segment(f"{mark} ", style),
            Segment(f"{name:{_NAME}}", palette.text),
            Segment(f"{chance:>6}", style if adviser.direction else palette.dim),
            Segment(f"{_span(adviser.horizon_s):>7}", palette.dim),
        ]
        rows: list[Row] = [row]
        if self.inner.width >= _WIDE:
            weight = _percent(adviser.weight) if adviser.weight is not None else MISSING
            row.append(Segment(f"{weight:>8}  ", palette.dim))
        record = self._record(adviser)
        used = sum(segment.cell_length for segment in row)
        if self.inner.width >= _WIDE and used + len(record) <= self.inner.width:
            row.append(Segment(record, palette.dim))
        else:
            rows += self._lines(record, palette.dim)
        rows += self._lines(clean(adviser.reason, 240), palette.text if adviser.direction else palette.dim)
        return rows

    def _record(self, adviser: AdviserNow) -> str:
        """What became of its advice, as far as it can be told."""
        carried = ""
        if adviser.carried and adviser.carried_hit is not None:
            carried = f"; earlier sessions {_percent(adviser.carried_hit)} of {adviser.carried}"
        n = adviser.pieces
        if n < ENOUGH_PIECES or adviser.hit is None or adviser.hit_low is None or adviser.hit_high is None:
            return f"too little data: {n} of {ENOUGH_PIECES} marked{carried}"
        hit = f"hit {_percent(adviser.hit)} ({_share(adviser.hit_low)}–{_share(adviser.hit_high)}) n {n}"
        base, brier = _percent(adviser.base), f"Brier {adviser.brier:.3f}"
        return f"{hit}, base {base}, {brier}, {self._moves(adviser)}{carried}"

    def _moves(self, adviser: AdviserNow) -> str:
        minus = self.look.glyphs.minus
        net, low, high = (signed(v, 2, minus) for v in (adviser.net_bps, adviser.net_low, adviser.net_high))
        return f"{net} bp after costs ({low} to {high})"

    def _calibration(self, known: AdvisersNow) -> list[Row]:
        palette = self.look.palette
        if not known.calibration:
            return []
        brier = f", Brier {known.brier:.3f} (a coin: 0.250)" if known.brier is not None else ""
        rows: list[Row] = [[], [Segment(f"calibration of {known.rounds} forecasts{brier}", palette.dim)]]
        rows += [[Segment(f"  {_bin(found)}", palette.text)] for found in known.calibration]
        return rows

    def _lines(self, text: str, style: Style) -> list[Row]:
        room = max(8, self.inner.width - _INDENT)
        return [[Segment(" " * _INDENT + line, style)] for line in wrapped(text, room)]

    def _mark(self, direction: int) -> tuple[str, Style]:
        palette, glyphs = self.look.palette, self.look.glyphs
        if not direction:
            return glyphs.middle, palette.dim
        return (glyphs.rise, palette.bid) if direction > 0 else (glyphs.fall, palette.ask)


def _bin(found: CalibrationBin) -> str:
    said = f"said {_percent(found.said)}"
    if found.rounds < ENOUGH_PIECES:
        return f"{said}: too little data, {found.rounds} of {ENOUGH_PIECES}"
    return (
        f"{said}: right {_percent(found.right)} ({_share(found.low)}–{_share(found.high)}) of {found.rounds}"
    )


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{share * 100.0:.0f} %"


def _share(share: float) -> str:
    return f"{share * 100.0:.0f}"


def _span(seconds: float) -> str:
    """A horizon, `30 s` or `10 min`."""
    return f"{seconds:g} s" if seconds < 120.0 else f"{seconds / 60.0:g} min"
