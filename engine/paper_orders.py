"""What rests on paper, as ORDER rows tell it: the person's own orders and our agents'. Part of State."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from engine.batch import OWN, Batch, BatchBuilder
from engine.events import Kind, Said
from engine.instrument import Instrument
from engine.text import clean

if TYPE_CHECKING:
    from engine.core import State

# numpy compares a column with plain numbers five times as fast as with members of an enum.
_ORDER, _FILL = int(Kind.ORDER), int(Kind.FILL)
_COLUMNS = (
    "kind", "ts_recv", "first_id", "last_id", "symbol", "side", "price_ticks", "size_lots", "ask_lots", "flags",
)  # fmt: skip
MOST_RESTING = 20_000  # a recording from a stranger cannot make us keep more


class Resting(msgspec.Struct, array_like=True):
    owner: int  # an agent's number, or OWN
    symbol: int
    side: int
    ticks: int
    lots: int
    ahead_lots: int


class Fill(msgspec.Struct, frozen=True, array_like=True):
    """A fill of the person's own order."""

    ts: int
    symbol: int
    side: int
    ticks: int
    lots: int
    waited: bool


def fold_orders(resting: dict[int, Resting], batch: Batch, kinds: bytes) -> Iterator[Fill]:
    """Enter a batch's ORDER rows; yields the person's own fills in their order. `kinds`: of each row."""
    if _ORDER not in kinds and _FILL not in kinds:
        return
    among = batch.rows["kind"]
    rows = batch.rows[(among == _ORDER) | (among == _FILL)]
    columns = [rows[name].tolist() for name in _COLUMNS]
    for kind, ts, number, owner, symbol, sign, ticks, lots, ahead, flags in zip(*columns, strict=True):
        side = 1 if sign > 0 else -1
        if kind == _FILL:
            if owner == OWN:
                yield Fill(ts, symbol, side, ticks, lots, bool(flags & 1))
        elif lots <= 0:
            resting.pop(number, None)
        elif number in resting or len(resting) < MOST_RESTING:
            resting[number] = Resting(owner, symbol, side, ticks, lots, max(0, ahead))


def fill_text(fill: Fill, instrument: Instrument, paper: bool) -> str:
    """`you bought 0.5 BTC at 61 234.50 on paper`."""
    done = "bought" if fill.side > 0 else "sold"
    price, size = instrument.tick.text_of(fill.ticks), instrument.lot.text_of(fill.lots)
    return f"you {done} {size} {instrument.base} at {price}{' on paper' if paper else ''}"


def farewell(state: State, error: Exception, trades: bool) -> Batch:
    """What is told of a producer that failed; `trades`: with it ends all that rests on paper."""
    out = BatchBuilder()
    what = "trading on paper" if trades else "a part that only watches the market"
    why = clean(f"{type(error).__name__}: {error}", 200)
    out.add_note(Said(f"{what} stopped, the session goes on without it: {why}", state.ts), state.ts)
    for number, order in state.resting.items() if trades else ():
        out.add(
            Kind.ORDER,
            state.ts,
            symbol=order.symbol,
            first_id=number,
            last_id=order.owner,
            side=order.side,
            price_ticks=order.ticks,
        )
    return out.take()
