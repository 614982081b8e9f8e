"""Which venues and symbols a live session watches, from what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from engine.feeds.symbols import asset_of, is_symbol, pair_of
from engine.feeds.venues import DEFAULT, VENUES

if TYPE_CHECKING:
    from cli.settings import Settings
    from engine.feeds.live import Watched

MAX_SYMBOLS = 100


class Market(NamedTuple):
    """What to watch: `symbols` as they were typed, in capitals, on each of `venues`."""

    symbols: tuple[str, ...]
    venues: tuple[str, ...] = (DEFAULT,)

    @property
    def title(self) -> str:
        where = "" if self.venues == (DEFAULT,) else f" on {', '.join(self.venues)}"
        return f"{' '.join(self.symbols)}{where}"


def market_of(symbols: Sequence[str], venues: str) -> Market:
    """Raises BadParameter, with what would do."""
    named = tuple(dict.fromkeys(v.strip().lower().replace("_", "-") for v in venues.split(",") if v.strip()))
    for name in named or ("",):
        if name not in VENUES:
            raise click.BadParameter(
                f"expected names among {', '.join(VENUES)}, found {name[:30]!r}", param_hint="--venue"
            )
    names: dict[object, str] = {}
    for name in (s.strip().upper() for s in symbols):
        if not (name.isascii() and is_symbol(name)):
            raise click.BadParameter(
                f"expected a symbol such as BTCUSDT, BTC-USD, XBT/USD or BTC, found {name[:30]!r}",
                param_hint="SYMBOL",
            )
        names.setdefault(pair_of(name) or asset_of(name), name)
    if len(names) * len(named) > MAX_SYMBOLS:
        raise click.BadParameter(
            f"at most {MAX_SYMBOLS} symbols in one run, over all venues, found {len(names) * len(named)}",
            param_hint="SYMBOL",
        )
    return Market(tuple(names.values()), named)


def watched(market: Market, settings: Settings) -> list[Watched]:
    from engine.feeds.live import Watched

    venues = [VENUES[name] for name in market.venues]
    return [
        Watched(info.protocol(), info.spell(market.symbols), settings.venues.feed_options(info))
        for info in venues
    ]
