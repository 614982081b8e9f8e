"""What `microtui exchange` trades where no symbol is named."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from cli.main import main


@pytest.mark.parametrize(
    ("arguments", "traded"),
    [
        ([], ("BTC", "ETH")),
        (["--venue", "binance,binance-usdm"], ("BTC", "ETH")),
        (["--venue", "coinbase,kraken"], ("BTC", "ETH")),
        (["--venue", "binance,coinbase"], ("BTC", "ETH", "USDT")),
        (["--venue", "binance,coinbase", "SOL"], ("SOL",)),
    ],
)
def test_venues_with_different_dollars_trade_one_in_the_other_so_that_prices_can_be_compared(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], traded: tuple[str, ...]
) -> None:
    served: list[Sequence[str]] = []

    async def serve(dialects: object, port: int, bases: Sequence[str], *_: object) -> None:
        served.append(bases)

    monkeypatch.setattr("engine.feeds.fake_serve.serve", serve)
    assert CliRunner().invoke(main, ["exchange", *arguments]).exit_code == 0
    assert served == [traded]
