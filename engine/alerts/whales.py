"""Large transfers on a public chain, as alerts: each once, whatever becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.alerts.condition import condition_of
from engine.alerts.gate import MOST_WHALES, Raised
from engine.alerts.measures import amount
from engine.alerts.watch import plan_of
from engine.events import Alert, ChainTransfer
from engine.quotes import DOLLARS

if TYPE_CHECKING:
    from engine.core import State

OLD_NS = 900_000_000_000  # what a source still tells of the time before it was asked is no news


def whales(state: State, note: ChainTransfer, ts: int) -> list[Raised]:
    """What a transfer leads to: an alert of the first rule that it is large enough for."""
    rules = plan_of(state.setup.alerts).of_whales
    if not rules or ts - note.ts_event > OLD_NS or note.id in state.alerts.whales:
        return []
    index = next((i for i, s in state.symbols.items() if s.instrument.base == note.asset), None)
    value = note.value_quote
    if value is None and index is not None and state.symbols[index].instrument.quote in DOLLARS:
        mid = state.symbols[index].feature("mid")
        value = None if mid is None else note.amount * mid
    if value is None:
        return []
    instrument = None if index is None else state.symbols[index].instrument
    names = (note.asset,) if instrument is None else (note.asset, instrument.symbol, instrument.key)
    for rule in rules:
        if value < (rule.threshold or 0.0) or (rule.symbol and rule.symbol not in names):
            continue
        state.alerts.whales.append(note.id)
        del state.alerts.whales[:-MOST_WHALES]
        condition = condition_of(state.alerts.conditions, f"{rule.name}|{note.asset}")
        if condition.told_at and ts - condition.told_at < rule.every_s * 1e9:
            condition.missed += 1
            return []
        condition.told_at = ts
        text = f"{_words(note, value)}{condition.again()}"
        return [Raised(Alert(ts, index, "WHALE", None, text), rule)]
    return []


def _words(note: ChainTransfer, value: float) -> str:
    sender, receiver = note.sender or "unknown", note.receiver or "unknown"
    state = "" if note.confirmed else ", not confirmed yet"
    return f"{amount(note.amount)} {note.asset}, {amount(value)} dollars, {sender} → {receiver}{state}"
