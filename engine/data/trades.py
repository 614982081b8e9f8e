"""Real trades of fetched files as arrays: in the order of time, in whole ticks and lots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data.dumps import Dump
from engine.data.errors import DataError
from engine.data.exact import SCALE, Ints, counts, numbers
from engine.data.files import Kept, origin_of, read
from engine.instrument import Instrument
from engine.text import clean

VENUES = {"spot": "binance", "usdm": "binance-usdm"}
_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY")
_TRADES = ("aggTrades", "trades")


@dataclass(frozen=True, slots=True)
class Trades:
    """All trades of some days. The grid is the coarsest decimal one that holds every price and size of them."""

    instrument: Instrument
    ts_ns: Ints  # UTC, never falling
    price_ticks: Ints
    size_lots: Ints
    side: npt.NDArray[np.int8]  # +1 the taker bought, -1 sold
    ids: Ints

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def prices(self) -> npt.NDArray[np.float64]:
        """In quote units: for charts and models, not for books."""
        return np.asarray(self.price_ticks * float(self.instrument.tick.value), np.float64)

    @property
    def sizes(self) -> npt.NDArray[np.float64]:
        """In base units."""
        return np.asarray(self.size_lots * float(self.instrument.lot.value), np.float64)


def read_trades(paths: Iterable[Path]) -> Trades:
    """The trades of fetched files (aggTrades or trades) of one symbol, in the order of their days.

    Raises DataError where a file is none of ours, where two are of different markets, and where days overlap.
    """
    kept = [read(path) for path in by_day(paths, _TRADES)]
    instrument, ticks, lots = on_grid(kept, ("price",), ("size",))
    ts = np.concatenate([numbers(one.table["ts"]) for one in kept])
    if (np.diff(ts) < 0).any():
        at = int(np.argmax(np.diff(ts) < 0))
        raise DataError(f"the files overlap: a trade at {ts[at + 1]} ns is followed by one at {ts[at]} ns")
    return Trades(
        instrument,
        ts,
        ticks["price"],
        lots["size"],
        np.concatenate([one.table["side"].to_numpy() for one in kept]),
        np.concatenate([numbers(one.table["id"]) for one in kept]),
    )


def fetched(folder: Path, symbol: str, first: date, last: date, market: str = "spot") -> list[Path]:
    """The files of these days in `folder`, each day's aggTrades or else its trades.

    Raises DataError that says how to fetch a day that is missing.
    """
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        there = [path for kind in _TRADES if (path := Dump(market, kind, symbol, day).file(folder)).is_file()]
        if not there:
            flag = "" if market == "spot" else f" --market {market}"
            raise DataError(
                f"the trades of {symbol} on {day} are not in {folder}; fetch them: "
                f"microtui data fetch {symbol} {first} --to {last}{flag}"
            )
        found.append(there[0])
    return found


def by_day(paths: Iterable[Path], kinds: Sequence[str]) -> list[Path]:
    """Files of one kind, market and symbol in the order of their days. Raises DataError where they do not fit."""
    origins = [(origin_of(path), path) for path in paths]
    if not origins:
        raise DataError("expected at least one fetched file")
    for origin, path in origins:
        if origin.kind not in kinds:
            raise DataError(f"{clean(path.name, 100)}: expected {' or '.join(kinds)}, found {origin.kind}")
    first = origins[0][0]
    for origin, path in origins:
        if (origin.market, origin.symbol, origin.kind, origin.interval) != (
            first.market, first.symbol, first.kind, first.interval,
        ):  # fmt: skip
            raise DataError(
                f"{clean(path.name, 100)}: expected {first.kind} of {clean(first.symbol, 40)} ({first.market}) as in "
                f"the first file, found {origin.kind} of {clean(origin.symbol, 40)} ({origin.market})"
            )
    days = sorted(origins, key=lambda found: found[0].day)
    for (one, _), (other, path) in pairwise(days):
        if one.day == other.day:
            raise DataError(f"{clean(path.name, 100)}: expected each day once, found {one.day} twice")
    return [path for _, path in days]


def on_grid(
    kept: Sequence[Kept], prices: Sequence[str], sizes: Sequence[str]
) -> tuple[Instrument, dict[str, Ints], dict[str, Ints]]:
    """The instrument of some files, and their columns of prices in its ticks and of sizes in its lots."""
    ticks, tick_places = _whole(kept, prices)
    lots, lot_places = _whole(kept, sizes)
    origin = kept[0].origin
    name = clean(origin.symbol, 40)
    base, quote = split_symbol(name)
    kind = "linear" if origin.market == "usdm" else "spot"
    instrument = Instrument(
        VENUES[origin.market], name, base, quote, step_of(tick_places), step_of(lot_places), kind
    )
    return instrument, ticks, lots


def _whole(kept: Sequence[Kept], names: Sequence[str]) -> tuple[dict[str, Ints], int]:
    """Columns as whole numbers of the fewest decimal places that hold all of them."""
    found = {name: [counts(one.table[name]) for one in kept] for name in names}
    places = max(p for parts in found.values() for _, p in parts)
    whole = {}
    for name, parts in found.items():
        scaled = []
        for values, own in parts:
            factor = 10 ** (places - own)
            if len(values) and int(np.abs(values).max()) > 2**53 // factor:
                raise DataError(
                    f"{name}: expected numbers that fit beside {places} places, found larger ones"
                )
            scaled.append(values * factor)
        whole[name] = np.concatenate(scaled)
    return whole, places


def step_of(places: int) -> str:
    """The step of so many decimal places.

    >>> step_of(2), step_of(0)
    ('0.01', '1')
    """
    if not 0 <= places <= SCALE:
        raise DataError(f"expected at most {SCALE} decimal places, found {places}")
    return f"{Decimal(1).scaleb(-places):f}"


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote of a symbol that is written as one word.

    >>> split_symbol("BTCUSDT"), split_symbol("ETHBTC"), split_symbol("AAPL")
    (('BTC', 'USDT'), ('ETH', 'BTC'), ('AAPL', 'USD'))
    """
    name = symbol.partition("_")[0]
    for quote in _QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            return name.removesuffix(quote), quote
    return name, "USD"
