"""What each note does to State. Notes are the events that do not come by the thousand, see `engine.events`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.alerts import whales
from engine.asked import keep, told
from engine.by_asset import liquidity
from engine.events import (
    Advised,
    Agents,
    Alert,
    Asked,
    Baseline,
    ChainTransfer,
    Derived,
    FactorFit,
    FeedCount,
    FeedStatus,
    Listed,
    Mark,
    Note,
    Post,
    Said,
    Scored,
    Setup,
    Shock,
)
from engine.shocks import BadShock, checked, describe
from engine.symbol import new_symbol
from engine.telling import tell, tell_raised
from engine.troubles import book_said, connection_counted, connection_said

if TYPE_CHECKING:
    from engine.core import State

PROFITS_KEPT = 300  # notes of agents, one a second


def apply_note(state: State, note: Note, ts: int, derived: list[Derived]) -> None:
    """Fold one note that came at `ts`, ns; what it led to goes into `derived`."""
    match note:
        case Setup():
            state.setup = note
        case Listed():
            _listed(state, note)
        case Asked():
            if keep(state.asked, note):
                tell(state, Alert(ts, None, "SAID", None, told(note)), derived)
        case FeedStatus(symbol=None):
            connection_said(state, note, ts, derived)
        case FeedStatus():
            book_said(state, note, ts, derived)
        case FeedCount():
            connection_counted(state, note)
        case Agents():
            _agents(state, note, ts)
        case Post():
            state.sentiment.on_post(note)
            state.news.on_post(note, ts)
        case Scored():
            record = state.sentiment.on_scored(note, ts, partial(liquidity, state), state.setup.sentiment)
            if record is not None:
                derived.append(record)
        case ChainTransfer():
            state.chain.on_transfer(note, ts)
            tell_raised(state, whales.whales(state, note, ts), derived)
        case FactorFit():
            if (symbol := state.symbols.get(note.symbol)) is not None:
                symbol.regime.on_fit(note, symbol.seconds)
        case Shock():
            _shock(state, note, ts, derived)
        case Baseline():
            _baseline(state, note)
        case Advised():
            if (symbol := state.symbols.get(note.symbol)) is not None:
                symbol.advisers.on_advised(note, ts)
        case Said():
            tell(state, Alert(note.ts, note.symbol, "SAID", None, note.text), derived)
        case Mark():
            tell(state, Alert(note.ts, None, "MARK", None, note.text), derived)


def _listed(state: State, note: Listed) -> None:
    before, now = state.symbols.get(note.symbol), new_symbol(note, state.setup)
    state.symbols[note.symbol] = now
    if before is None or before.grid == now.grid:
        return
    # Counted in ticks and lots that are gone; whoever trades here tells of it anew.
    state.resting = {n: order for n, order in state.resting.items() if order.symbol != note.symbol}
    if state.agents is not None and state.agents.symbol == note.symbol:
        state.agents = None
        state.profits.clear()


def _agents(state: State, note: Agents, ts: int) -> None:
    before = () if state.agents is None else tuple(f.name for f in state.agents.families)
    names = tuple(f.name for f in note.families)
    if names[: len(before)] != before:
        state.profits.clear()
    elif len(names) > len(before):  # somebody joined, such as the person: nothing earned until now
        joined = (0,) * (len(names) - len(before))
        state.profits = [profits + joined for profits in state.profits]
    state.agents = note
    state.profits.append(tuple(f.realised + f.unrealised - f.fees for f in note.families))
    del state.profits[:-PROFITS_KEPT]
    symbol = state.symbols.get(note.symbol)
    if symbol is not None:
        state.risk.on_agents(note, symbol.instrument, ts, state.setup.risk)


def _shock(state: State, note: Shock, ts: int, derived: list[Derived]) -> None:
    symbol = state.symbols.get(note.symbol)
    try:
        text = describe(checked(note), symbol.instrument.base if symbol is not None else "")
    except BadShock:  # a stranger's recording
        text = "a shock of a kind that is not known"
    tell(state, Alert(note.ts or ts, note.symbol, "SHOCK", None, text), derived)


def _baseline(state: State, note: Baseline) -> None:
    """What advisers bring; those that have spoken already take it up as well."""
    state.baseline = note
    for symbol in state.symbols.values():
        for name in symbol.advisers.stances:
            symbol.advisers.carry(note, name)
