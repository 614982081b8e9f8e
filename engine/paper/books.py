"""What everybody on paper holds and has earned, as the note that sessions fold and recordings keep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.agents.others import ALL_NAMES
from engine.agents.trading import SLOTS, VENUES
from engine.events import AgentFamily, Agents
from engine.market.report import books_note
from engine.market.state import COST, FILLS, OTHERS, YOU
from engine.paper.state import MOST_OWN, O_LOTS, PLAIN, Floor

if TYPE_CHECKING:
    from engine.instrument import Instrument
    from engine.paper.venue import PaperVenue


def unrealised(floor: Floor, mids: Sequence[float]) -> np.ndarray:
    """Of every owner, ticks x lots, at each venue's last mid: whole numbers, shape (owners,)."""
    worth = np.zeros(len(floor.ledger))
    for venue in range(VENUES):
        if math.isnan(mids[venue]):
            worth[floor.held[:, venue] != 0] = np.nan
        else:
            worth += floor.held[:, venue] * mids[venue]
    gain = np.rint(worth - floor.ledger[:, COST])
    return np.where(np.isnan(gain), 0.0, gain).astype(np.int64)


def resting_orders(floor: Floor) -> np.ndarray:
    """Orders that rest, by owner, over both venues."""
    rests = floor.orders[:, :, O_LOTS] > 0
    agents = rests[:, : rests.shape[1] - MOST_OWN].reshape(VENUES, -1, SLOTS).sum(axis=(0, 2))
    own = rests[:, rests.shape[1] - MOST_OWN :].sum()
    return np.concatenate([agents, [own, 0]])


def note(venue: PaperVenue, plain: Sequence[str]) -> Agents:
    """Agents by family, then the person, then the programme of shocks once it has traded. `plain`: a name each."""
    floor = venue.floor
    names = [*ALL_NAMES, *dict.fromkeys(plain), *OTHERS[:2]]
    family = floor.family.copy()
    family[family == PLAIN] = [names.index(name) for name in plain]
    family = np.append(family, [len(names) - 2, len(names) - 1])
    shown = len(family) if floor.ledger[venue.programme, FILLS] else venue.programme
    return books_note(
        family[:shown],
        floor.ledger[:shown],
        unrealised(floor, venue.mids())[:shown],
        resting_orders(floor)[:shown],
        names,
        venue.symbols[0],
        paper=True,
    )


def also(told: Agents, here: Instrument, others: Mapping[PaperVenue, Instrument]) -> Agents:
    """The note with the person's books on further symbols, each a family of its own in this symbol's ticks and lots."""
    families = [_elsewhere(venue, here, there) for venue, there in others.items()]
    return msgspec.structs.replace(told, families=(*told.families, *families))


def _elsewhere(venue: PaperVenue, here: Instrument, there: Instrument) -> AgentFamily:
    mine = books_note(
        np.zeros(1, np.int64),
        venue.floor.ledger[[venue.you]],
        unrealised(venue.floor, venue.mids())[[venue.you]],
        resting_orders(venue.floor)[[venue.you]],
        [f"{OTHERS[YOU]} {there.symbol}"],
    ).families[0]
    lots = float(there.lot.value / here.lot.value)
    money = lots * float(there.tick.value / here.tick.value)
    return msgspec.structs.replace(
        mine,
        position_lots=round(mine.position_lots * lots),
        realised=round(mine.realised * money),
        unrealised=round(mine.unrealised * money),
        fees=round(mine.fees * money),
    )
