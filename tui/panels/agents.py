"""Agents: what each family holds and earns, and, where there is room, every agent by itself."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style

from engine.frame import AgentNow, AgentsNow, FamilyNow, Frame
from engine.instrument import Instrument
from engine.text import clean
from tui.format import MISSING, grouped, mean_price, signed
from tui.panels.base import Row
from tui.panels.scroll import ScrollPanel

_NAME, _COUNT, _INVENTORY, _PROFIT = 10, 3, 8, 8
_EACH = 86  # cells from which every agent gets a line of its own


class Agents(ScrollPanel):
    """Families with inventory, profit and its course; zoomed, each agent."""

    title = "agents"
    key = "4"
    place = "right"
    rate_hz = 2.0
    help = (
        "Who trades in this market, by family: how many (n), what they hold together in base units (inv), and "
        "their profit in quote units, realised and open, after fees and rebates (PnL), with its course over the "
        "last five minutes, up green, down red.\n"
        "Zoomed (z): every agent with its average price, realised and open profit, fees (a rebate is negative), "
        "deepest fall below its best (drawdown), fills and resting orders. Arrow keys and the wheel scroll."
    )

    def needed(self, frame: Frame) -> bool:
        return frame.market.agents is not None

    def draw(self, frame: Frame) -> None:
        agents, lines = frame.market.agents, frame.market.lines
        if agents is None or not lines:
            self.put_scrolled([])
            return
        rows = [self._columns(), *(self._family(family) for family in agents.families)]
        rows += [[], self._sums(agents)]
        if self.inner.width >= _EACH:
            rows += [[], self._agent_columns()]
            rows += self._each(agents, lines[0].instrument)
        self.put_scrolled(rows)

    # families

    def _columns(self) -> Row:
        text = "family".ljust(_NAME) + "n".rjust(_COUNT) + "inv".rjust(_INVENTORY) + "PnL".rjust(_PROFIT)
        course = "  5 min" if self.inner.width >= len(text) + 7 else ""
        return [Segment(text + course, self.look.palette.dim)]

    def _family(self, family: FamilyNow) -> Row:
        palette = self.look.palette
        row = [
            Segment(clean(family.name, _NAME - 1).ljust(_NAME), palette.text),
            Segment(grouped(str(family.count)).rjust(_COUNT), palette.dim),
            Segment(self._amount(family.position, 2).rjust(_INVENTORY), palette.text),
            Segment(self._amount(family.pnl, 1).rjust(_PROFIT), self._tone(family.pnl, bold=True)),
        ]
        room = self.inner.width - _NAME - _COUNT - _INVENTORY - _PROFIT - 2
        if room >= 3:
            row += [Segment("  ", palette.text), *self._course(family.history, room)]
        return row

    def _sums(self, agents: AgentsNow) -> Row:
        palette = self.look.palette
        fees = sum(family.fees for family in agents.families)
        fills = sum(family.fills for family in agents.families)
        return [
            Segment("fees paid ", palette.dim),
            Segment(self._amount(fees, 1), palette.text),
            Segment("   fills ", palette.dim),
            Segment(self.look.amount(grouped(str(fills))), palette.text),
        ]

    def _course(self, history: bytes, width: int) -> Row:
        """The profit as columns, one a cell, over its own range; zero is the ground it stands on."""
        values = memoryview(history).cast("d").tolist()
        if len(values) < 2:
            return []
        cells = min(width, len(values))
        picked = [values[(i + 1) * len(values) // cells - 1] for i in range(cells)]
        reach = max(max(abs(value) for value in picked), 1e-9)
        columns = self.look.glyphs.columns
        row: list[Segment] = []
        for value in picked:
            height = max(1, round(abs(value) / reach * (len(columns) - 1)))
            style = self._tone(value)
            if row and row[-1].style is style:
                row[-1] = Segment(row[-1].text + columns[height], style)
            else:
                row.append(Segment(columns[height], style))
        return row

    # every agent

    def _agent_columns(self) -> Row:
        names = ("inv", "average", "realised", "open", "fees", "drawdown", "fills", "orders")
        text = "agent".ljust(14) + "".join(
            name.rjust(width) for name, width in zip(names, _WIDTHS, strict=True)
        )
        return [Segment(text, self.look.palette.dim)]

    def _each(self, agents: AgentsNow, instrument: Instrument) -> list[Row]:
        rows: list[Row] = []
        number: dict[int, int] = {}
        for agent in agents.agents:
            number[agent.family] = number.get(agent.family, 0) + 1
            known = 0 <= agent.family < len(agents.families)
            family = clean(agents.families[agent.family].name, 9) if known else MISSING
            rows.append(self._agent(f"{family} {number[agent.family]}", agent, instrument))
        return rows

    def _agent(self, name: str, agent: AgentNow, instrument: Instrument) -> Row:
        palette = self.look.palette
        average = mean_price(instrument, agent.average)
        cells = (
            (self._amount(agent.position, 3), palette.text),
            (average, palette.dim),
            (self._amount(agent.realised, 1), self._tone(agent.realised)),
            (self._amount(agent.unrealised, 1), self._tone(agent.unrealised)),
            (self._amount(agent.fees, 1), palette.dim),
            (self._amount(-agent.drawdown, 1), palette.dim),
            (grouped(str(agent.fills)), palette.text),
            (str(agent.orders), palette.dim),
        )
        row = [Segment(name.ljust(14), palette.text)]
        row += [Segment(text.rjust(w), style) for (text, style), w in zip(cells, _WIDTHS, strict=True)]
        return row

    def _amount(self, value: float, decimals: int) -> str:
        """A signed amount; digits behind the point go as it grows."""
        for limit, letter in ((1e9, "G"), (1e6, "M")):
            if abs(value) >= limit:
                return self.look.amount(signed(value / limit, 1, self.look.glyphs.minus) + letter)
        if abs(value) >= 10_000:
            decimals = 0
        return self.look.amount(signed(value, decimals, self.look.glyphs.minus))

    def _tone(self, value: float, bold: bool = False) -> Style:
        palette = self.look.palette
        if value > 0:
            return palette.bid_bright if bold else palette.bid
        if value < 0:
            return palette.ask_bright if bold else palette.ask
        return palette.dim


_WIDTHS = (9, 11, 11, 10, 9, 10, 7, 7)
