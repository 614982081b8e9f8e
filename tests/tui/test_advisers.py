"""The advisers panel: words, records with their intervals, what is too little said as such."""

from __future__ import annotations

import msgspec
import pytest

from engine.frame import Frame
from engine.frame.advisers import AdviserNow, AdvisersNow, CalibrationBin
from tests.tui import frames
from tests.tui.panel_stage import inside, lines, on_stage
from tui.look import plain_look
from tui.panels.advisers import Advisers

GOOD = AdviserNow(
    "microstructure", 1, 0.57, 30.0, "order flow +2.4 sd, VPIN 0.41", 0.62, 120, 0.58, 0.493, 0.667, 0.52,
    0.247, -0.4, -1.1, 0.3, 900, 0.55,
)  # fmt: skip
NEW = AdviserNow(
    "news", -1, 0.55, 900.0, "hack, news:x 2 min ago: Bybit [b]hacked[/b]", 0.1, 3, 1.0, 0.4, 1.0
)
SILENT = AdviserNow("on-chain", 0, None, 1800.0, "0 large transfers of BTC lately; 3 are needed")
DECIDED = AdviserNow(
    "coordinator", 1, 0.561, 60.0, "up, 84 % agree", None, 40, 0.55, 0.4, 0.69, 0.5, 0.24, 0.1, -1.0, 1.2
)
KNOWN = AdvisersNow(
    (GOOD, NEW, SILENT), DECIDED, (CalibrationBin(200, 0.51, 0.5, 0.43, 0.57), CalibrationBin(9, 0.56, 0.7, 0.4, 0.9)),
    209, 0.2491, 4,
)  # fmt: skip


def with_advisers(known: AdvisersNow | None) -> Frame:
    frame = frames.live()
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, advisers=known))


async def text_of(known: AdvisersNow, size: tuple[int, int]) -> str:
    panel = Advisers(plain_look())
    async with on_stage(panel, with_advisers(known), size):
        return "\n".join(row.rstrip() for row in inside(panel))


def test_it_takes_room_only_once_somebody_has_looked() -> None:
    assert not Advisers(plain_look()).needed(with_advisers(None))
    assert Advisers(plain_look()).needed(with_advisers(KNOWN))


async def test_every_number_says_what_it_is_over() -> None:
    text = await text_of(KNOWN, (180, 40))
    assert "▲ coordinator, 60 s: up, 84 % agree" in text
    row = next(line for line in text.splitlines() if "microstructure" in line)
    assert "57 %" in row
    assert "30 s" in row
    assert "62 %" in row
    assert "hit 58 % (49–67) n 120, base 52 %, Brier 0.247" in row
    assert "−0.40 bp after costs (−1.10 to +0.30)" in row
    assert "earlier sessions 55 % of 900" in row
    assert "order flow +2.4 sd" in text


async def test_too_little_is_told_as_too_little() -> None:
    text = await text_of(KNOWN, (180, 40))
    row = next(line for line in text.splitlines() if line.startswith("▼ news"))
    assert "too little data: 3 of 30 marked" in row
    assert "100 %" not in row
    assert "said 56 %: too little data, 9 of 30" in text
    assert "said 51 %: right 50 % (43–57) of 200" in text
    assert "Brier 0.249 (a coin: 0.250)" in text


async def test_text_from_outside_is_text() -> None:
    assert "Bybit [b]hacked[/b]" in await text_of(KNOWN, (180, 40))


async def test_who_is_silent_has_no_probability() -> None:
    text = await text_of(KNOWN, (180, 40))
    row = next(line for line in text.splitlines() if "on-chain" in line)
    assert "–" in row
    assert "%" not in row.replace("too little", "")


async def test_an_abstention_is_in_the_frame_with_its_reason() -> None:
    known = msgspec.structs.replace(
        KNOWN, coordinator=AdviserNow("coordinator", 0, 0.51, 60.0, "abstains: advisers disagree")
    )
    panel = Advisers(plain_look())
    async with on_stage(panel, with_advisers(known), (60, 20)):
        rows = lines(panel)
    assert "9 advisers  abstains" in rows[0]
    assert "abstains: advisers disagree" in rows[1]


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (12, 6), (34, 9), (92, 12), (300, 100)])
async def test_any_size_draws(size: tuple[int, int]) -> None:
    panel = Advisers(plain_look())
    async with on_stage(panel, with_advisers(KNOWN), size):
        assert all(len(line) == size[0] for line in lines(panel))
