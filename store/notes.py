"""Notes as they may come from a stranger: text made fit for a screen, numbers held to what can be computed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from engine.events import (
    Advised,
    Agents,
    Asked,
    Baseline,
    ChainTransfer,
    FactorFit,
    Listed,
    Note,
    Post,
    Scored,
    Setup,
    Shock,
)
from engine.instrument import NotOnGrid
from engine.limits import (
    MAX_REPLACED,
    check_advised,
    check_agents,
    check_asked,
    check_baseline,
    check_fit,
    check_post,
    check_setup,
    check_transfer,
)
from engine.shocks import checked
from engine.text import clean
from store.errors import BadRecording

MAX_SYMBOLS = 1 << 12
MAX_TEXT = 2000
MAX_ASSETS, MAX_ASSET = 20, 20

S = TypeVar("S", bound=msgspec.Struct)


# What holds a note's numbers to what can be computed with. Each raises ValueError.
_CHECKS: dict[type, Callable[[Any], object]] = {
    Setup: check_setup,
    Agents: check_agents,
    Shock: checked,
    Post: check_post,
    Scored: check_post,
    ChainTransfer: check_transfer,
    FactorFit: check_fit,
    Baseline: check_baseline,
    Asked: check_asked,
    Advised: check_advised,
}


def cleaned(note: Note) -> Note:
    """The note with its text cleaned. Raises BadRecording for numbers that no session could have used."""
    try:
        if (check := _CHECKS.get(type(note))) is not None:
            check(note)
        return _clean_fields(_clean_parts(note))
    except NotOnGrid as error:
        raise BadRecording(f"an instrument cannot be read: {error}") from None
    except ValueError as error:
        raise BadRecording(str(error)) from None


def _clean_parts(note: Note) -> Note:
    """What lies deeper than the note's own fields."""
    match note:
        case Listed(symbol=symbol, instrument=instrument):
            instrument = _clean_fields(instrument)
            _ = instrument.tick.value, instrument.lot.value
            _check_symbol(symbol)
            return msgspec.structs.replace(note, instrument=instrument)
        case Agents(families=families, agents=agents):
            if not all(0 <= line.family < len(families) for line in agents):
                raise BadRecording(f"an agent belongs to none of the {len(families)} families")
            return msgspec.structs.replace(note, families=tuple(_clean_fields(f) for f in families))
        case Post(assets=assets) | Scored(assets=assets):
            kept = tuple(clean(asset, MAX_ASSET) for asset in assets[:MAX_ASSETS])
            return msgspec.structs.replace(note, assets=kept)
        case ChainTransfer(replaces=replaces):
            kept = tuple(clean(id_, MAX_TEXT) for id_ in replaces[:MAX_REPLACED])
            return msgspec.structs.replace(note, replaces=kept)
        case FactorFit(symbol=symbol, dropped=dropped):
            _check_symbol(symbol)
            why_not = tuple((clean(name, MAX_ASSET), clean(why, MAX_TEXT)) for name, why in dropped)
            return msgspec.structs.replace(note, dropped=why_not)
        case Baseline(tallies=tallies):
            return msgspec.structs.replace(note, tallies=tuple(_clean_fields(t) for t in tallies))
        case Asked(symbols=symbols):
            return msgspec.structs.replace(note, symbols=tuple(_clean_fields(each) for each in symbols))
        case Advised(symbol=symbol):
            _check_symbol(symbol)
    return note


def _check_symbol(symbol: int) -> None:
    if not 0 <= symbol < MAX_SYMBOLS:
        raise BadRecording(f"expected a symbol index from 0 to {MAX_SYMBOLS - 1}, found {symbol}")


def _clean_fields(value: S) -> S:
    texts = {n: getattr(value, n) for n in value.__struct_fields__ if isinstance(getattr(value, n), str)}
    kept = {name: clean(text, MAX_TEXT) for name, text in texts.items()}
    changed = {name: text for name, text in kept.items() if text != texts[name]}
    return msgspec.structs.replace(value, **changed) if changed else value
