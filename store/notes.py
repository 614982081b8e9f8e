"""Notes as they may come from a stranger: text made fit for a screen, numbers held to what can be computed with."""

from __future__ import annotations

from typing import TypeVar

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
from engine.shocks import BadShock, checked
from engine.text import clean
from store.errors import BadRecording

MAX_SYMBOLS = 1 << 12
MAX_TEXT = 2000
MAX_ASSETS, MAX_ASSET = 20, 20

S = TypeVar("S", bound=msgspec.Struct)


def cleaned(note: Note) -> Note:
    """The note with its text cleaned. Raises BadRecording for numbers that no session could have used."""
    match note:
        case Listed(symbol=symbol, instrument=instrument):
            instrument = _clean_fields(instrument)
            try:
                _ = instrument.tick.value, instrument.lot.value
            except NotOnGrid as error:
                raise BadRecording(f"an instrument cannot be read: {error}") from None
            if not 0 <= symbol < MAX_SYMBOLS:
                raise BadRecording(f"expected a symbol index from 0 to {MAX_SYMBOLS - 1}, found {symbol}")
            return Listed(symbol, instrument, note.depth_limit)
        case Setup():
            try:
                check_setup(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
        case Agents(families=families, agents=agents):
            if not all(0 <= line.family < len(families) for line in agents):
                raise BadRecording(f"an agent belongs to none of the {len(families)} families")
            try:
                check_agents(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
            return msgspec.structs.replace(note, families=tuple(_clean_fields(f) for f in families))
        case Shock():
            try:
                checked(note)
            except BadShock as error:
                raise BadRecording(str(error)) from None
        case Post() | Scored():
            return _clean_post(note)
        case ChainTransfer(replaces=replaces):
            try:
                check_transfer(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
            replaces = tuple(clean(id_, MAX_TEXT) for id_ in replaces[:MAX_REPLACED])
            return _clean_fields(msgspec.structs.replace(note, replaces=replaces))
        case FactorFit(symbol=symbol, dropped=dropped):
            try:
                check_fit(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
            if not 0 <= symbol < MAX_SYMBOLS:
                raise BadRecording(f"expected a symbol index from 0 to {MAX_SYMBOLS - 1}, found {symbol}")
            dropped = tuple((clean(name, MAX_ASSET), clean(why, MAX_TEXT)) for name, why in dropped)
            return _clean_fields(msgspec.structs.replace(note, dropped=dropped))
        case Baseline(tallies=tallies):
            try:
                check_baseline(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
            return msgspec.structs.replace(note, tallies=tuple(_clean_fields(t) for t in tallies))
        case Asked(symbols=symbols):
            try:
                check_asked(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
            symbols = tuple(_clean_fields(each) for each in symbols)
            return _clean_fields(msgspec.structs.replace(note, symbols=symbols))
        case Advised(symbol=symbol):
            try:
                check_advised(note)
            except ValueError as error:
                raise BadRecording(str(error)) from None
            if not 0 <= symbol < MAX_SYMBOLS:
                raise BadRecording(f"expected a symbol index from 0 to {MAX_SYMBOLS - 1}, found {symbol}")
    return _clean_fields(note)


def _clean_post(note: Post | Scored) -> Note:
    try:
        check_post(note)
    except ValueError as error:
        raise BadRecording(str(error)) from None
    assets = tuple(clean(asset, MAX_ASSET) for asset in note.assets[:MAX_ASSETS])
    return _clean_fields(msgspec.structs.replace(note, assets=assets))


def _clean_fields(value: S) -> S:
    texts = {n: getattr(value, n) for n in value.__struct_fields__ if isinstance(getattr(value, n), str)}
    kept = {name: clean(text, MAX_TEXT) for name, text in texts.items()}
    changed = {name: text for name, text in kept.items() if text != texts[name]}
    return msgspec.structs.replace(value, **changed) if changed else value
