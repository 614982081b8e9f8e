"""The on-chain panel: flows, transfers, sources in trouble, and nothing where nobody watches a chain."""

from __future__ import annotations

import msgspec
import pytest

from engine.frame import Frame
from engine.frame.chain import ChainNow, FlowNow, TransferNow
from engine.frame.feeds import Feed
from tests.tui import frames
from tests.tui.panel_stage import inside, lines, on_stage
from tui.look import plain_look
from tui.panels import discover
from tui.panels.chain import Chain

NOW = frames.live().market.ts
S = 1_000_000_000
FLOWS = (
    FlowNow("BTC", 600, 0.0, 0.0, 0.0, 0),
    FlowNow("BTC", 3600, 350.0, 1200.0, 2000.0, 5),
    FlowNow("BTC", 86_400, 5350.0, 11_200.0, 42_000.0, 90),
)
KNOWN = ChainNow(
    transfers=(
        TransferNow(NOW - 12 * S, "BTC", 1200.0, 81_000_000.0, "Binance", "", False, "blockchain.info"),
        TransferNow(NOW - 130 * S, "USDT", 7_000_000.0, None, "", "[b]K\x1b[2Jraken[/b]", True, "etherscan"),
        TransferNow(NOW - 7200 * S, "ETH", 2500.0, None, "", "", True, "etherscan"),
    ),
    flows=FLOWS,
    replaced=2,
    feeds=(Feed("blockchain.info", "LIVE"), Feed("mempool.space", "BACKOFF", "no data for 60 s")),
)


def with_chain(known: ChainNow | None) -> Frame:
    frame = frames.live()
    return msgspec.structs.replace(frame, market=msgspec.structs.replace(frame.market, chain=known))


async def rows_of(known: ChainNow, size: tuple[int, int] = (90, 24)) -> list[str]:
    panel = Chain(plain_look())
    async with on_stage(panel, with_chain(known), size):
        return [row.rstrip() for row in inside(panel)]


def test_it_takes_room_only_where_a_chain_is_watched() -> None:
    assert not Chain(plain_look()).needed(with_chain(None))
    assert Chain(plain_look()).needed(with_chain(ChainNow()))


def test_its_digit_stands_behind_the_nine() -> None:
    found, problems = discover()
    assert problems == []
    keys = [panel.key for panel in found]
    assert keys[keys.index("9") + 1] == "0"
    assert found[keys.index("0")] is Chain


async def test_flows_stand_by_window() -> None:
    rows = await rows_of(KNOWN)
    assert next(r for r in rows if "min" in r).split() == ["flows", "10", "min", "1", "h", "24", "h"]
    assert next(r for r in rows if r.startswith("BTC in")).split() == ["BTC", "in", "–", "350", "5", "350"]
    assert next(r for r in rows if r.startswith("BTC out")).split() == [
        "BTC",
        "out",
        "–",
        "1",
        "200",
        "11",
        "200",
    ]


async def test_a_transfer_says_how_much_from_whom_to_whom_and_whether_a_block_has_it() -> None:
    rows = await rows_of(KNOWN)
    first = next(r for r in rows if "1 200 BTC" in r)
    assert first.split() == ["12s", "○", "1", "200", "BTC", "$81.00M", "from", "Binance"]
    unknown = next(r for r in rows if "2 500 ETH" in r)
    assert unknown.split() == ["2h", "✓", "2", "500", "ETH", "–", "unknown"]
    assert "2 replaced before a block took them" in rows


async def test_text_from_outside_is_text() -> None:
    row = next(r for r in await rows_of(KNOWN) if "7.00M USDT" in r)
    assert row.endswith("to [b]K[2Jraken[/b]")


async def test_a_source_in_trouble_is_named_and_one_that_is_well_is_not() -> None:
    rows = await rows_of(KNOWN)
    assert rows[0] == "mempool.space backoff: no data for 60 s"
    assert not any("blockchain.info" in row for row in rows)


async def test_before_the_first_transfer_it_says_so() -> None:
    rows = await rows_of(ChainNow(feeds=(Feed("blockchain.info", "LIVE"),)))
    assert rows[0] == "no large transfer yet"


async def test_the_frame_tells_the_hours_net_of_the_chosen_asset() -> None:
    panel = Chain(plain_look())
    async with on_stage(panel, with_chain(KNOWN), (60, 12)):
        assert "0 chain  ▲ 850 BTC net, 1 h" in lines(panel)[0]


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (12, 6), (34, 9), (92, 12), (300, 100)])
async def test_any_size_draws(size: tuple[int, int]) -> None:
    panel = Chain(plain_look())
    async with on_stage(panel, with_chain(KNOWN), size):
        assert all(len(line) == size[0] for line in lines(panel))
