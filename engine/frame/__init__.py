"""The picture that panels draw: plain, frozen values, no arrays and no numpy.

`Frame.market` follows from recorded events and the view alone, so a replay draws the same one bit for bit.
`Frame.host` (the machine, the recorder, the transport) is outside that law. `None` is missing and is drawn
as missing; zero is a number; whatever may be doubtful carries a state that says so.

Here is the whole; its parts are in the files beside this one, an idea each.
"""

from __future__ import annotations

import msgspec

from engine.frame.across import AcrossNow
from engine.frame.advisers import AdvisersNow
from engine.frame.agents import AgentsNow
from engine.frame.alerts import AlertsNow, Event
from engine.frame.chain import ChainNow
from engine.frame.feeds import Feed
from engine.frame.host import Host
from engine.frame.regime import RegimeNow
from engine.frame.sentiment import SentimentNow
from engine.frame.symbol import Detail, Line

INTERVALS_NS = tuple(int(s * 1e9) for s in (0.1, 1, 5, 15, 60, 300, 900, 3600))  # what `i` steps through


class View(msgspec.Struct, frozen=True):
    """What the screen asks to see. Not recorded: it changes what is drawn, never what happened."""

    symbol: int = 0
    ladder_rows: int = 20  # rows a side
    group_ticks: int = 0  # ladder price a row in ticks; 0: a step that suits the price
    interval_ns: int = 1_000_000_000
    columns: int = 120  # bars the price panel can show
    heat_rows: int = 0  # vertical cells of the heatmap; 0: not shown, so not computed
    tape_rows: int = 40
    across_rows: int = 0  # rows a side of every venue's ladder, side by side; 0: not shown, so not computed


class Market(msgspec.Struct, frozen=True):
    """What happened in the market, as far as this frame's tick."""

    seq: int = 0
    ts: int = 0
    started: int = 0  # session time of the first event
    lines: tuple[Line, ...] = ()
    symbol: int = 0
    detail: Detail = Detail()
    events: tuple[Event, ...] = ()  # alerts and marks, newest first
    feeds: tuple[Feed, ...] = ()
    agents: AgentsNow | None = None  # where agents trade
    sentiment: SentimentNow | None = None  # where text comes in
    regime: RegimeNow | None = None  # once the chosen symbol has been seen for a second
    advisers: AdvisersNow | None = None  # once they have looked at the chosen symbol
    alerts: AlertsNow = AlertsNow()
    chain: ChainNow | None = None  # where public chains are watched
    across: AcrossNow | None = None  # where the chosen symbol's asset is watched on several venues


class Frame(msgspec.Struct, frozen=True):
    market: Market = Market()
    host: Host = Host()
    view: View = View()
