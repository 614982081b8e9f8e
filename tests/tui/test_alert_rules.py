"""Alert rules on the screen: conditions that hold, marks of every kind, and a bell where a rule asks for one."""

from __future__ import annotations

import msgspec
import pytest

from engine.frame import Frame
from engine.frame.alerts import AlertsNow, Event, StandingNow
from tests.tui import frames
from tests.tui.panel_stage import lines, on_stage
from tests.tui.stage import stage
from tui.look import plain_look
from tui.notices import AlertNotices
from tui.panels.alerts import Alerts
from tui.panels.marks import kind_mark

SECOND = 1_000_000_000
KINDS = ("STALE", "SPREAD", "DEPTH", "MOVE", "GAP", "SWING", "WHALE", "RISK", "HELD")


def with_market(frame: Frame, **changes: object) -> Frame:
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, **changes))


async def test_what_holds_now_stands_above_the_list() -> None:
    panel = Alerts(plain_look())
    now = AlertsNow(
        (StandingNow("wide spread", frames.NOW - 12 * SECOND), StandingNow("loss", frames.NOW, "you")), 3
    )
    async with on_stage(panel, with_market(frames.live(), alerts=now), (80, 12)):
        assert "wide spread 12 s, you loss 0 s, 3 held back" in lines(panel)[0]
        panel.show(with_market(frames.live(), alerts=AlertsNow()))
        assert "held" not in lines(panel)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_mark_of_its_own_in_words_and_colour(kind: str) -> None:
    look = plain_look()
    assert kind_mark(kind, look) != kind_mark("no such kind", look)


def event(seconds: float, *, bell: bool, kind: str = "SPREAD") -> Event:
    return Event(frames.NOW + round(seconds * SECOND), kind, "wide", 0, None, "mine", bell)


def later(seconds: float, *events: Event) -> Frame:
    """The live frame so many seconds on, with these events as its newest."""
    frame = frames.live()
    return with_market(frame, ts=frames.NOW + round(seconds * SECOND), events=(*events, *frame.market.events))


def test_the_bell_is_for_its_own_frame_even_where_another_alert_is_told() -> None:
    notices = AlertNotices()
    notices.due(later(0.0), 0.0)
    assert not notices.rings
    first = event(0.05, bell=True)
    frame = later(0.1, event(0.08, bell=False, kind="LONG"), first)
    told = notices.due(frame, 0.1)
    assert told is not None
    assert told.kind == "LONG"
    assert notices.rings
    notices.due(frame, 0.2)
    assert not notices.rings
    notices.due(later(0.3, event(0.08, bell=False, kind="LONG"), first), 0.3)
    assert not notices.rings


def test_what_a_seek_runs_past_rings_no_bell() -> None:
    notices = AlertNotices()
    notices.due(later(0.0), 0.0)
    notices.due(later(900.0, event(800.0, bell=True)), 0.1)
    assert not notices.rings


@pytest.mark.parametrize(("bell", "rung"), [(True, 1), (False, 0)])
async def test_the_terminal_rings_where_a_rule_asks(
    bell: bool, rung: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(frames.live) as (it, _):
        count = []
        monkeypatch.setattr(it.app, "bell", lambda: count.append(1))
        it.app._tell(later(0.0))
        it.app._tell(later(0.1, event(0.1, bell=bell)))
        assert len(count) == rung


async def test_a_narrow_head_counts_what_it_has_no_room_for() -> None:
    rules = tuple(StandingNow(f"rule {n}", frames.NOW - 12 * SECOND) for n in range(4))
    for width, said in (
        (40, "rule 0 12 s, 3 more"),
        (56, "rule 0 12 s, rule 1 12 s, 2 more"),
        (26, "4 more"),
    ):
        panel = Alerts(plain_look())
        async with on_stage(panel, with_market(frames.live(), alerts=AlertsNow(rules)), (width, 12)):
            assert said in lines(panel)[0]
    panel = Alerts(plain_look())
    tight = AlertsNow((StandingNow("tiny move", frames.NOW - 6 * SECOND),), 11)
    async with on_stage(panel, with_market(frames.live(), alerts=tight), (40, 12)):
        assert "tiny move 6 s, 11 held ─" in lines(panel)[0]
