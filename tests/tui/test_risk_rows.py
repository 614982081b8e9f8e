"""Risk in the agents panel: every family's numbers where there is room, missing ones as missing, doubts in colour."""

from __future__ import annotations

import msgspec
import pytest
import worlds

from engine.frame import Frame
from engine.frame.agents import CoverageNow, RiskNow
from tests.tui.panel_stage import inside, lines, on_stage
from tui.look import Look, plain_look
from tui.panels.agents import Agents
from tui.theme import FALLBACK, Palette

RISK = RiskNow(
    net=-1234.0, gross=5678.0, drift=0.125, drawdown=12.5, deepest=20.0, var=3.21, es=4.56, var_ewma=2.34,
    es_ewma=3.45, changes=140, coverage=CoverageNow(110, 14, 5.5, 0.0021, 0.4),
    coverage_ewma=CoverageNow(120, 7, 6.0, 0.68, 0.5), volatility_size=1.234, kelly_size=0.05,
)  # fmt: skip


def with_risk(*risks: RiskNow | None) -> Frame:
    frame = worlds.on_paper(counts={"maker": 2, "informed": 1, "you": 1})
    agents = frame.market.agents
    assert agents is not None
    families = tuple(
        msgspec.structs.replace(family, risk=risk)
        for family, risk in zip(agents.families, risks, strict=True)
    )
    told = msgspec.structs.replace(agents, families=families, horizon_s=10.0, level=0.95)
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, agents=told))


async def test_all_of_it_where_there_is_room() -> None:
    panel = Agents(plain_look())
    async with on_stage(panel, with_risk(RISK, RiskNow(), None), (160, 30)):
        rows = inside(panel)
        begin = next(i for i, row in enumerate(rows) if row.startswith("risk, 95 % over 10 s"))
        words = rows[begin + 1].split()
        assert words == [
            *("family", "net", "gross", "drift", "drawdown", "VaR", "ES", "failed", "p", "EWMA", "VaR", "ES"),
            *("failed", "p", "size", "Kelly"),
        ]
        cells = "maker −1 234 5 678 +0.125 −12.5 3.21 4.56 14/110 0.00 2.34 3.45 7/120 0.68 1.234 0.050"
        assert rows[begin + 2].split() == cells.split()
        assert rows[begin + 3].split() == ["informed", "–", "–", "–", "+0.0", *"––––––––––"]
        assert rows[begin + 4].strip() == ""  # the third has none yet


async def test_great_numbers_are_grouped_and_never_touch() -> None:
    panel = Agents(plain_look())
    great = msgspec.structs.replace(RISK, net=106_613.0, drift=-987_654.0, drawdown=999_999.0, var=106_613.0)
    async with on_stage(panel, with_risk(great, None, None), (160, 30)):
        row = next(row for row in inside(panel) if "14/110" in row)
        assert row.startswith("maker          +106 613    5 678 −987654  −999 999 106 613    4.56")


@pytest.mark.parametrize(("width", "there", "gone"), [(62, "net", "Kelly"), (90, "drift", "Kelly")])
async def test_columns_go_as_room_does(width: int, there: str, gone: str) -> None:
    panel = Agents(plain_look())
    async with on_stage(panel, with_risk(RISK, RISK, RISK), (width, 30)):
        rows = inside(panel)
        heading = next(row for row in rows if row.startswith("family") and "VaR" in row)
        assert there in heading
        assert gone not in heading
        assert all(len(row) <= width for row in rows)


async def test_failures_that_are_no_chance_are_seen() -> None:
    look = plain_look()
    panel = Agents(look)
    async with on_stage(panel, with_risk(RISK, RISK, RISK), (160, 30)):
        y = next(i for i, row in enumerate(lines(panel)) if "14/110" in row)
        styles = {s.text.strip(): s.style for s in panel.render_line(y) if s.style is not None}
        assert styles["0.00"].color == look.palette.warning.color
        assert styles["0.68"].color == look.palette.text.color


async def test_a_narrow_panel_and_one_without_risk_are_as_they_were() -> None:
    for frame, size in ((with_risk(RISK, RISK, RISK), (40, 30)), (worlds.on_paper(), (160, 40))):
        panel = Agents(plain_look())
        async with on_stage(panel, frame, size):
            assert not any("risk" in row for row in inside(panel))


async def test_quiet_hides_what_it_comes_to() -> None:
    panel = Agents(Look(Palette(FALLBACK), quiet=True))
    async with on_stage(panel, with_risk(RISK, RISK, RISK), (160, 30)):
        text = "".join(inside(panel))
        assert "3.21" not in text
        assert "678" not in text
        assert "14/110" in text
