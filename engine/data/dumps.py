"""What the public dumps of data.binance.vision hold, what each file is called there, and what it is called here.

The layout is documented at https://github.com/binance/binance-public-data. Beside every zip lies its sha256.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from engine.data.errors import DataError

KINDS = ("aggTrades", "trades", "klines", "bookTicker")
MARKETS = {"spot": "spot", "usdm": "futures/um"}
INTERVALS_S = {
    "1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400,
    "6h": 21_600, "8h": 28_800, "12h": 43_200, "1d": 86_400,
}  # fmt: skip
FIRST_DAY = date(2017, 8, 17)  # of BTCUSDT, the oldest of them
MOST_DAYS = 3700


@dataclass(frozen=True, slots=True)
class Dump:
    """One day of one kind of one symbol. `interval` is that of klines and empty for all else."""

    market: str
    kind: str
    symbol: str
    day: date
    interval: str = ""

    @property
    def stem(self) -> str:
        """The file's name without its ending, here and there.

        >>> Dump("spot", "aggTrades", "BTCUSDT", date(2020, 3, 12)).stem
        'BTCUSDT-aggTrades-2020-03-12'
        """
        return f"{self.symbol}-{self.interval or self.kind}-{self.day.isoformat()}"

    @property
    def path(self) -> str:
        """Of the zip below the host's root.

        >>> Dump("usdm", "klines", "BTCUSDT", date(2024, 8, 8), "1m").path
        'data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-08.zip'
        """
        interval = f"{self.interval}/" if self.interval else ""
        folder = f"data/{MARKETS[self.market]}/daily/{self.kind}/{self.symbol}/{interval}"
        return f"{folder}{self.stem}.zip"

    def file(self, folder: Path) -> Path:
        """The Parquet file that is made of it."""
        return folder / self.market / self.kind / self.symbol / f"{self.stem}.parquet"

    def __str__(self) -> str:
        kind = f"{self.interval} {self.kind}" if self.interval else self.kind
        market = "USDⓈ-M " if self.market == "usdm" else ""
        return f"{market}{kind} of {self.symbol} on {self.day.isoformat()}"


def days(first: date, last: date, today: date) -> Iterator[date]:
    """Every day from `first` to `last`. Raises DataError where there can be no dump of one of them."""
    if last < first:
        raise DataError(f"expected --to on or after {first}, found {last}")
    if first < FIRST_DAY:
        raise DataError(f"the dumps begin on {FIRST_DAY}, found {first}")
    if last >= today:
        raise DataError(
            f"a day's dump appears when the day is over (UTC): expected a day before {today}, found {last}"
        )
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise DataError(f"expected at most {MOST_DAYS} days at once, found {count}")
    return (first + timedelta(days=number) for number in range(count))


def checked(market: str, kind: str, symbol: str, interval: str = "") -> tuple[str, str, str, str]:
    """The same, in the host's spelling. Raises DataError for what it does not hold."""
    name = symbol.upper()
    if not re.fullmatch(r"[A-Z0-9]{2,30}(_[0-9]{6})?", name):
        raise DataError(f"expected a symbol such as BTCUSDT, found {symbol[:40]!r}")
    if kind == "bookTicker" and market == "spot":
        raise DataError("bookTicker is dumped for USDⓈ-M futures only: add --market usdm")
    if kind != "klines":
        return market, kind, name, ""
    chosen = interval or "1m"
    if chosen not in INTERVALS_S:
        raise DataError(f"expected an interval among {', '.join(INTERVALS_S)}, found {interval[:20]!r}")
    if chosen == "1s" and market == "usdm":
        raise DataError("klines of 1s are dumped for spot only: the shortest of USDⓈ-M is 1m")
    return market, kind, name, chosen
