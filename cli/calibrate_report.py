"""What a calibration found, as tables and histograms in the terminal, and the same as a page of its own."""

from __future__ import annotations

import html as escaping
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from engine.lab.calibration import Calibration
    from engine.lab.calibration_data import Recorded
    from engine.lab.calibration_loss import Score
    from engine.lab.stylised import Floats, Sample
    from engine.scenario import Scenario

_BARS = "·▁▂▃▄▅▆▇█"
_BINS = 24
_PAGE_COLUMNS = 132
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{{stylesheet}}
body {{{{ color: {{foreground}}; background: {{background}}; margin: 2em }}}}</style></head>
<body><pre style="font-family:Menlo,'DejaVu Sans Mono',monospace"><code>{{code}}</code></pre></body></html>
"""


def console(html: Path | None) -> Console:
    """Prints to stdout, as wide as a page where no terminal says otherwise; remembers it where a page is wanted."""
    width = None if html is None and sys.stdout.isatty() else _PAGE_COLUMNS
    return Console(highlight=False, markup=False, emoji=False, record=html is not None, width=width)


def save(page: Console, html: Path | None, title: str) -> None:
    """The page as it was printed: no script, nothing from elsewhere."""
    if html is not None:
        text = page.export_html(code_format=_PAGE.format(title=escaping.escape(title)))
        html.write_text(text, "utf-8")


def report(recorded: Recorded, base: Scenario, found: Calibration, out: Path, html: Path | None) -> None:
    """Print it all; write the page where `html` says."""
    page = console(html)
    fit, later = recorded.blocks()
    instrument = recorded.instrument
    page.print(
        f"{instrument.venue}:{instrument.symbol}, {recorded.name}: fitted to its first {fit.seconds} s, validated on "
        f"the {later.seconds} s after them\n"
    )
    page.print(_reads(found))
    page.print(_knobs(found))
    losses = [trial.loss for trial in sorted(found.trials, key=lambda trial: trial.number)]
    page.print(f"\nloss by trial, from {max(losses):.2f} to {min(losses):.2f}  {spark(losses)}\n")
    page.print(_choice(found))
    for which, block in enumerate(("where it was fitted", "later, on data it did not see")):
        page.print(
            _scores(block, base.name, [(found.before, found.read, found.after)[i][which] for i in range(3)])
        )
    for name, live, samples in _histograms(fit, found):
        page.print(_histogram(name, live, samples, base.name))
    page.print(_verdict(found))
    save(page, html, f"Calibration of {out.stem}")


def spark(values: Iterable[float]) -> str:
    """A line of bars, the least at the bottom.

    >>> spark([0.0, 1.0, 2.0])
    '·▄█'
    """
    known = np.array(list(values), np.float64)
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    scaled = (known - low) / (high - low) if high > low else np.zeros(len(known))
    return "".join(_BARS[round(float(v) * (len(_BARS) - 1))] if v == v else " " for v in scaled)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=None, pad_edge=False, title_justify="left", title_style="bold")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _reads(found: Calibration) -> Table:
    table = Table(
        title="read off the data", box=None, pad_edge=False, title_justify="left", title_style="bold"
    )
    for column in ("", "value", "", "how"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for read in found.reads:
        table.add_row(read.name, f"{read.value:.4g}", read.unit, read.how)
    return table


def _knobs(found: Calibration) -> Table:
    from engine.lab.calibration_units import get

    table = _table("\nsearched", "", "from", "to", "found")
    for knob in found.knobs:
        table.add_row(knob.key, f"{knob.low:g}", f"{knob.high:g}", f"{get(found.scenario, knob.key):g}")
    return table


def _choice(found: Calibration) -> Table:
    table = _table(
        "the best, again on eight fresh seeds", "trial", "loss of the search", "loss on fresh seeds"
    )
    for candidate in found.best:
        table.add_row(
            str(candidate.trial.number + 1), f"{candidate.trial.loss:.3f}", f"{candidate.score.loss:.3f}"
        )
    return table


def _scores(block: str, name: str, scores: Sequence[Score]) -> Table:
    table = _table(f"\n{block}", "", name, "read off", "calibrated", "asked", "z before", "z after")
    rows = [dict(zip((t.name for t in score.terms), score.terms, strict=True)) for score in scores]
    for term in scores[-1].terms:
        each = [row.get(term.name) for row in rows]
        table.add_row(
            term.name,
            *("–" if t is None else f"{t.ours:.3g}" for t in each),
            term.asked,
            *("–" if t is None else f"{t.z:+.1f}" for t in (each[0], each[-1])),
        )
    table.add_row("loss", *(f"{score.loss:.3f}" for score in scores))
    return table


def _histograms(fit: Recorded, found: Calibration) -> Iterable[tuple[str, Floats, tuple[Floats, Floats]]]:
    def moves(sample: Sample) -> Floats:
        return np.abs(sample.returns_bps)

    for name, values in (
        ("|return| of 1 s, bp", moves),
        ("spread, bp", lambda s: s.spread_bps),
        ("round trip, bp", lambda s: s.round_trip_bps),
        ("trades/s", lambda s: s.trades),
    ):
        before, after = (values(run) for run in found.runs)
        yield name, values(fit.sample), (before, after)


def _histogram(name: str, live: Floats, samples: tuple[Floats, Floats], base: str) -> Table:
    """Three histograms over one scale, which ends where 98 % of each lie."""
    most = max(float(np.quantile(v, 0.98)) for v in (live, *samples) if len(v))
    edges = np.linspace(0.0, max(most, 1e-9), _BINS + 1)
    table = _table(f"\n{name}, 0 to {most:.3g}", "", "", "median", "95 %")
    for who, values in (("recording", live), (base, samples[0]), ("calibrated", samples[1])):
        share = np.histogram(np.minimum(values, edges[-1]), edges)[0] / max(len(values), 1)
        low, high = np.quantile(values, (0.5, 0.95)).tolist() if len(values) else (np.nan, np.nan)
        table.add_row(who, spark(np.sqrt(share)), f"{low:.3g}", f"{high:.3g}")
    return table


def _verdict(found: Calibration) -> str:
    before, after = found.before, found.after
    better = after[1].loss < before[1].loss
    return (
        f"\nloss {before[0].loss:.3f} before and {after[0].loss:.3f} after where it was fitted; "
        f"{before[1].loss:.3f} and {after[1].loss:.3f} on the later data: "
        + ("it holds there too" if better else "it does not hold there; more data would help")
    )
