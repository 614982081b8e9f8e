"""Agents: what each family holds and earns, and, where there is room, every agent by itself."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from engine.frame import Frame
from engine.frame.agents import AgentNow, AgentsNow, CoverageNow, FamilyNow, RiskNow
from engine.instrument import Instrument
from engine.text import clean
from tui.format import grouped, mean_price, signed
from tui.panels.base import Row
from tui.panels.scroll import ScrollPanel

YOU = "you"  # the families that are the person at the keys: this, and one a further symbol
COURSE_S = 60  # of profit shown as columns; the history has one value a second
_NAME, _COUNT, _INVENTORY, _PROFIT, _FILLS = 10, 4, 8, 8, 7  # cells
_LONG_NAME, _LONG_FROM = 14, 44  # cells of a name, and those from which it has them
_WITH_FILLS = 50  # cells from which families show their fills
_EACH = 56  # cells from which every agent gets a line of its own
_AGENT = 14  # cells of an agent's name
_GAP = 4  # cells between two agents side by side
_MISSING = "–"


@dataclass(frozen=True, slots=True)
class _Column:
    """One number of an agent. `leaves`: the order in which columns go when there is too little room; 0 stays."""

    name: str
    width: int
    leaves: int = 0


_COLUMNS = (
    _Column("inv", 9),
    _Column("average", 11, 4),
    _Column("realised", 11),
    _Column("open", 10),
    _Column("fees", 9, 2),
    _Column("drawdown", 10, 1),
    _Column("fills", 7),
    _Column("orders", 7, 3),
)


_RISKS = (
    _Column("net", 9),
    _Column("gross", 9, 6),
    _Column("drift", 8, 5),
    _Column("drawdown", 10, 7),
    _Column("VaR", 8),
    _Column("ES", 8),
    _Column("failed", 9),
    _Column("p", 6),
    _Column("EWMA VaR", 10, 4),
    _Column("ES ", 8, 3),
    _Column("failed ", 9, 3),
    _Column("p ", 6, 3),
    _Column("size", 8, 2),
    _Column("Kelly", 8, 1),
)


class Agents(ScrollPanel):
    """Families with inventory, profit and its course; zoomed, each agent."""

    title = "agents"
    key = "4"
    place = "right"
    rate_hz = 2.0
    help = (
        "Who trades here, by family: how many (n), what they hold together in base units (inv), and their profit "
        "in quote units, realised and open, after fees and rebates (PnL), with its course over the last minute, up "
        "green, down red.\n"
        "paper: they trade beside a real market, on this machine only; nothing of it reaches a venue.\n"
        "Zoomed (z): every agent with its average price, realised and open profit, fees (a rebate is negative), "
        "deepest fall below its best (drawdown), fills and resting orders. Above them the families' risk: net and "
        "gross exposure, how fast inventory goes one way (drift, base units a minute), value at risk (VaR) and "
        "expected shortfall (ES) from the past and by EWMA; how often losses were larger than that, and the p-value of "
        "Kupiec's test, in the colour of warnings below 0.05; the size that a volatility target allows, and Kelly's. "
        "See docs/risk.md. Arrow keys and the wheel scroll."
    )

    def needed(self, frame: Frame) -> bool:
        return frame.market.agents is not None

    def draw(self, frame: Frame) -> None:
        agents, lines, palette = frame.market.agents, frame.market.lines, self.look.palette
        if agents is None or not lines:
            self.put_scrolled([])
            return
        self.put_head([Segment(f" {self.look.glyphs.middle} paper", palette.own)] if agents.paper else [])
        rows = [self._columns(), *(self._family(family) for family in agents.families)]
        low = self.inner.width < _EACH and len(rows) + 2 > self.inner.height
        rows += [self._sums(agents)] if low else [[], self._sums(agents)]
        if self.inner.width >= _EACH:
            if agents.horizon_s and any(family.risk is not None for family in agents.families):
                rows += [[], *self._risk(agents)]
            rows += [[], *self._each(agents, lines[0].instrument)]
        self.put_scrolled(rows)

    # families

    def _columns(self) -> Row:
        text = (
            "family".ljust(self._name_width)
            + "n".rjust(_COUNT)
            + "inv".rjust(_INVENTORY)
            + "PnL".rjust(_PROFIT)
        )
        if self._with_fills:
            text += "fills".rjust(_FILLS)
        course = f"  {COURSE_S} s" if self.inner.width >= len(text) + 6 else ""
        return [Segment(text + course, self.look.palette.dim)]

    @property
    def _name_width(self) -> int:
        return _LONG_NAME if self.inner.width >= _LONG_FROM else _NAME

    @property
    def _with_fills(self) -> bool:
        return self.inner.width >= _WITH_FILLS

    def _family(self, family: FamilyNow) -> Row:
        palette = self.look.palette
        name = palette.own if _is_you(family) else palette.text
        row = [
            Segment(clean(family.name, self._name_width - 1).ljust(self._name_width), name),
            Segment(grouped(str(family.count)).rjust(_COUNT), palette.dim),
            Segment(_cell(self._amount(family.position, 2), _INVENTORY), palette.text),
            Segment(_cell(self._amount(family.pnl, 1), _PROFIT), self._tone(family.pnl, bold=True)),
        ]
        if self._with_fills:
            row.append(Segment(self._count(family.fills).rjust(_FILLS), palette.dim))
        room = self.inner.width - sum(segment.cell_length for segment in row) - 2
        if room >= 3:
            row += [Segment("  ", palette.text), *self._course(family.history[-8 * COURSE_S :], room)]
        return row

    def _sums(self, agents: AgentsNow) -> Row:
        palette = self.look.palette
        fees = sum(family.fees for family in agents.families)
        fills = sum(family.fills for family in agents.families)
        return [
            Segment("fees paid ", palette.dim),
            Segment(self._amount(fees, 1), palette.text),
            Segment("   fills ", palette.dim),
            Segment(self._count(fills), palette.text),
        ]

    def _course(self, history: bytes, width: int) -> Row:
        """The profit as columns, one a cell, from its lowest to its highest; one that stands still lies low."""
        values = memoryview(history).cast("d").tolist()
        if len(values) < 2:
            return []
        cells = min(width, len(values))
        picked = [values[(i + 1) * len(values) // cells - 1] for i in range(cells)]
        lowest = min(picked)
        reach = max(max(picked) - lowest, 1e-9)
        columns = self.look.glyphs.columns
        row: list[Segment] = []
        for value in picked:
            height = max(1, round((value - lowest) / reach * (len(columns) - 1)))
            style = self._tone(value)
            if row and row[-1].style is style:
                row[-1] = Segment(row[-1].text + columns[height], style)
            else:
                row.append(Segment(columns[height], style))
        return row

    # risk

    def _risk(self, agents: AgentsNow) -> list[Row]:
        """What each family could lose, whether that held, and how large a position is proposed."""
        palette = self.look.palette
        columns = _fitting(self.inner.width, _RISKS)
        what = f"risk, {agents.level * 100:g} % over {agents.horizon_s:g} s"
        heading = "".join(column.name.strip().rjust(column.width) for column in columns)
        rows: list[Row] = [
            [Segment(what, palette.dim)],
            [Segment("family".ljust(_AGENT) + heading, palette.dim)],
        ]
        known = [(family, family.risk) for family in agents.families if family.risk is not None]
        return rows + [self._risk_row(family, risk, columns) for family, risk in known]

    def _risk_row(self, family: FamilyNow, risk: RiskNow, columns: tuple[_Column, ...]) -> Row:
        palette = self.look.palette
        cells = {
            "net": self._known(risk.net, 0),
            "gross": self._unsigned(risk.gross, 0),
            "drift": self._known(risk.drift, 3),
            "drawdown": self._amount(-risk.drawdown, 1),
            "VaR": self._unsigned(risk.var, 2),
            "ES": self._unsigned(risk.es, 2),
            "failed": _failed(risk.coverage),
            "p": _p(risk.coverage),
            "EWMA VaR": self._unsigned(risk.var_ewma, 2),
            "ES ": self._unsigned(risk.es_ewma, 2),
            "failed ": _failed(risk.coverage_ewma),
            "p ": _p(risk.coverage_ewma),
            "size": self._unsigned(risk.volatility_size, 3),
            "Kelly": self._unsigned(risk.kelly_size, 3),
        }
        name = palette.own if _is_you(family) else palette.text
        row = [Segment(clean(family.name, _AGENT - 1).ljust(_AGENT), name)]
        for column in columns:
            doubtful = column.name.strip() == "p" and _refused(risk, column.name)
            style = palette.warning if doubtful else palette.text
            row.append(Segment(_cell(cells[column.name], column.width), style))
        return row

    def _known(self, value: float | None, decimals: int) -> str:
        return _MISSING if value is None else self._amount(value, decimals)

    def _unsigned(self, value: float | None, decimals: int) -> str:
        return self._known(value, decimals).removeprefix("+")

    # every agent

    def _each(self, agents: AgentsNow, instrument: Instrument) -> list[Row]:
        """Every agent, where there is room two and more beside each other, the first ones at the left."""
        palette, width = self.look.palette, self.inner.width
        least = _AGENT + sum(column.width for column in _COLUMNS if column.leaves not in (1, 2))
        beside = max(1, (width + _GAP) // (least + _GAP))
        columns = _fitting((width + _GAP) // beside - _GAP)
        rows, number = list[Row](), dict[int, int]()
        families = agents.families
        known = [agent for agent in agents.agents if 0 <= agent.family < len(families)]
        for agent in sorted(known, key=lambda agent: not _is_you(families[agent.family])):
            number[agent.family] = number.get(agent.family, 0) + 1
            rows.append(self._agent(agents, agent, number[agent.family], columns, instrument))
        a_column = -(-len(rows) // beside)
        heading: list[Segment] = [
            Segment("agent".ljust(_AGENT) + "".join(c.name.rjust(c.width) for c in columns), palette.dim)
        ]
        lines = [_beside([heading] * min(beside, max(1, len(rows))), palette.text)]
        lines += [_beside(rows[y::a_column], palette.text) for y in range(a_column)]
        rest = sum(family.count for family in agents.families) - len(agents.agents)
        if rest > 0:
            lines.append([Segment(f"{grouped(str(rest))} more", palette.dim)])
        return lines

    def _agent(
        self,
        agents: AgentsNow,
        agent: AgentNow,
        number: int,
        columns: tuple[_Column, ...],
        instrument: Instrument,
    ) -> Row:
        palette, family = self.look.palette, agents.families[agent.family]
        mine, name = _is_you(family), clean(family.name, _AGENT - 1)
        if not mine:
            name = f"{clean(family.name, _AGENT - 5)} {number}"
        cells = {
            "inv": (self._amount(agent.position, 3), palette.text),
            "average": (mean_price(instrument, agent.average), palette.dim),
            "realised": (self._amount(agent.realised, 1), self._tone(agent.realised)),
            "open": (self._amount(agent.unrealised, 1), self._tone(agent.unrealised)),
            "fees": (self._amount(agent.fees, 1), palette.dim),
            "drawdown": (self._amount(-agent.drawdown, 1), palette.dim),
            "fills": (self._count(agent.fills), palette.text),
            "orders": (str(agent.orders), palette.dim),
        }
        row = [Segment(name.ljust(_AGENT), palette.own if mine else palette.text)]
        row += [Segment(_cell(cells[c.name][0], c.width), cells[c.name][1]) for c in columns]
        return row

    def _count(self, count: int) -> str:
        return self.look.amount(grouped(str(count)))

    def _amount(self, value: float, decimals: int) -> str:
        """A signed amount; digits behind the point go as it grows."""
        for limit, letter in ((1e9, "G"), (1e6, "M")):
            if abs(value) >= limit:
                return self.look.amount(signed(value / limit, 1, self.look.glyphs.minus) + letter)
        if abs(value) >= 1_000:
            decimals = 0 if abs(value) >= 10_000 else min(decimals, 1)
        return self.look.amount(signed(value, decimals, self.look.glyphs.minus))

    def _tone(self, value: float, bold: bool = False) -> Style:
        palette = self.look.palette
        if value > 0:
            return palette.bid_bright if bold else palette.bid
        if value < 0:
            return palette.ask_bright if bold else palette.ask
        return palette.dim


def _cell(text: str, width: int) -> str:
    """At the right of its cells; a number that would touch what stands before it goes without its gaps."""
    return (text if len(text) < width else text.replace(" ", "")).rjust(width)


def _is_you(family: FamilyNow) -> bool:
    return family.name.partition(" ")[0] == YOU


def _failed(coverage: CoverageNow) -> str:
    """Losses beyond the value at risk, of how many."""
    return f"{coverage.failures}/{coverage.forecasts}" if coverage.forecasts else _MISSING


def _p(coverage: CoverageNow) -> str:
    return _MISSING if coverage.kupiec is None else f"{coverage.kupiec:.2f}"


def _refused(risk: RiskNow, column: str) -> bool:
    """Whether failures are too many or too few to be chance."""
    coverage = risk.coverage if column == "p" else risk.coverage_ewma
    return coverage.kupiec is not None and coverage.kupiec < 0.05


def _fitting(width: int, columns: tuple[_Column, ...] = _COLUMNS) -> tuple[_Column, ...]:
    """The columns that so many cells hold beside an agent's name."""
    kept = list(columns)
    for column in sorted((c for c in columns if c.leaves), key=lambda c: c.leaves):
        if _AGENT + sum(c.width for c in kept) <= width:
            break
        kept.remove(column)
    return tuple(kept)


def _beside(rows: list[Row], blank: Style) -> Row:
    """One line of rows that stand beside each other."""
    line: list[Segment] = []
    for row in rows:
        line += [*([Segment(" " * _GAP, blank)] if line else []), *row]
    return line
