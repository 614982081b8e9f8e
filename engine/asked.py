"""What venues make of the symbols that a person asked for: others, or nothing. Said once, and kept for the screen."""

from __future__ import annotations

from engine.events import Asked
from engine.limits import MAX_VENUES


def told(note: Asked) -> str:
    """What differs there, in a line for the person; what is not watched at all comes first.

    >>> from engine.events import AskedFor
    >>> told(Asked("kraken", (AskedFor("BNB/USDT", "BNB"), AskedFor("BTC/USDT", "BTC", 2, "BTC/USD"))))
    'kraken does not trade BNB/USDT. kraken does not trade BTC/USDT; BTC/USD is watched instead'
    >>> told(Asked("kraken", (AskedFor("BTC", "BTC", 2, "BTC/USD"), AskedFor("ETH", "ETH", 3, "ETH/USD"))))
    'on kraken BTC is BTC/USD, ETH is ETH/USD'
    """
    lacking = [each.asked for each in note.symbols if each.symbol is None]
    taken = [each for each in note.symbols if each.symbol is not None]
    other = [each for each in taken if each.asked != each.base]
    assets = [f"{each.asked} is {each.watched}" for each in taken if each.asked == each.base]
    said = [f"{note.venue} does not trade {', '.join(lacking)}"] if lacking else []
    if other:
        asked, watched = ", ".join(each.asked for each in other), ", ".join(each.watched for each in other)
        are = "is" if len(other) == 1 else "are"
        said.append(f"{note.venue} does not trade {asked}; {watched} {are} watched instead")
    if assets:
        said.append(f"on {note.venue} {', '.join(assets)}")
    return ". ".join(said)


def keep(kept: list[Asked], note: Asked) -> bool:
    """Keep it beside what other venues said; False where it was known already."""
    if note in kept:
        return False
    others = [other for other in kept if other.venue != note.venue]
    kept[:] = [*others[1 - MAX_VENUES :], note]
    return True


def asked_as(kept: list[Asked], symbol: int) -> str:
    """What a person asked for, where this symbol was taken for another that is not traded there; else empty."""
    found = (each for note in kept for each in note.symbols if each.symbol == symbol)
    return next((each.asked for each in found if each.asked != each.base), "")


def lacking(kept: list[Asked], base: str) -> tuple[tuple[str, str], ...]:
    """(venue, symbol) of what was asked for in this asset and is not traded there."""
    found = ((note.venue, each) for note in kept for each in note.symbols if each.symbol is None)
    return tuple((venue, each.asked) for venue, each in found if each.base == base)
