"""Faults of single messages: lost, doubled, out of order, damaged, crossing. The book is exact soon after."""

from __future__ import annotations

from fakes.follower import OVERLAPPING, following

from engine.feeds import fake_faults as ff
from engine.feeds.fake_binance import FakeBinance
from engine.feeds.fake_wire import TOP, TRADE, Wire

pytestmark = OVERLAPPING

RATE = 4  # exchange seconds a second: a diff every 25 ms


def depth_requests(exchange: FakeBinance, symbol: str) -> int:
    return sum(asked.path == "depth" and asked.symbol == symbol for asked in exchange.requests)


async def test_without_faults_every_diff_trade_and_top_arrives():
    async with (
        FakeBinance(("BTCUSDT", "DOGEUSDT"), seed=3, rate=RATE) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        await live.until(
            lambda: all(one.deltas >= 40 and one.trades for one in live.symbols), "40 diffs each"
        )
        await live.caught_up()
        for one in live.symbols:
            assert one.states[-3:] == ["BUFFERING", "SNAPSHOT_WAIT", "SYNCED"]
            assert one.snapshots == depth_requests(exchange, one.symbol) == 1
            ids = [trade_id for trade_id, *_ in one.trades]
            assert ids == list(range(ids[0], ids[-1] + 1)), "no trade is lost or doubled"
            assert {side for *_, side in one.trades} <= {-1, 1}
            oracle = exchange.oracle(one.symbol)
            for update_id, *top in sorted(one.tops)[-100:]:
                assert tuple(top) == oracle.book_at(update_id).best()
        assert len(exchange.connects) == 1
        assert live.connection_states[-1] == "LIVE"


async def test_a_smaller_snapshot_is_known_only_so_far():
    async with (
        FakeBinance(("BTCUSDT",), seed=3, rate=RATE) as exchange,
        following(exchange, depth_limit=100) as live,
    ):
        await live.synced()
        one = live["BTCUSDT"]
        await live.until(lambda: one.deltas >= 30, "30 diffs")
        await live.caught_up()
        assert one.lowest_bid > min(exchange.oracle("BTCUSDT").now.bids)
        assert one.highest_ask < max(exchange.oracle("BTCUSDT").now.asks)
        assert exchange.requests[-1].limit == 100


async def test_a_lost_diff_is_one_snapshot_for_that_symbol_and_nothing_for_the_others():
    async with (
        FakeBinance(("BTCUSDT", "ETHUSDT"), seed=4, rate=RATE) as exchange,
        following(exchange) as live,
    ):
        await live.synced()
        hit = live["BTCUSDT"]
        damaged = (ff.MALFORMED, ff.NULLS, ff.BAD_UTF8)
        losses = [(ff.GAP, 1), (ff.GAP, 3), (ff.REORDER, 1), *((kind, 1) for kind in damaged)]
        for number, (kind, times) in enumerate(losses, 2):
            hit.states.clear()
            exchange.faults.add(ff.OnMessage(kind, "BTCUSDT", after=2, times=times))
            await live.until(lambda n=number: hit.snapshots == n, f"a snapshot after {kind}")
            await live.caught_up()
            assert hit.states == ["GAP", "BUFFERING", "SNAPSHOT_WAIT", "SYNCED"], kind
            assert depth_requests(exchange, "BTCUSDT") == hit.snapshots, kind
        other = live["ETHUSDT"]
        assert other.states.count("SYNCED") == depth_requests(exchange, "ETHUSDT") == other.snapshots == 1
        assert len(exchange.connects) == 1
        await live.until(lambda: live.count.resyncs == len(losses), "every resync is counted")
        assert live.count.malformed == len(damaged)


class Kept(dict[str, Wire]):
    """What was sent last of each symbol, and all that was."""

    def __init__(self, before: dict[str, Wire]) -> None:
        super().__init__(before)
        self.all = list(before.values())

    def __setitem__(self, symbol: str, wire: Wire) -> None:
        super().__setitem__(symbol, wire)
        self.all.append(wire)


async def test_a_gap_is_said_within_one_message_and_names_the_ids():
    async with FakeBinance(("BTCUSDT",), seed=4) as exchange, following(exchange) as live:
        await live.synced()
        one = live["BTCUSDT"]
        sent = exchange.sent = Kept(exchange.sent)
        exchange.faults.add(ff.OnMessage(ff.GAP, "BTCUSDT"))
        await live.until(lambda: "GAP" in one.states, "the gap is said")
        reason = next(reason for reason in one.reasons if "gap" in reason.lower())
        found = [int(word.strip(",.")) for word in reason.split() if word.strip(",.").isdigit()]
        # The lost one may be the diff that the snapshot stands in the middle of: then it is expected from there on.
        lost = next(wire for wire in sent.all if wire.first_id <= found[0] <= wire.last_id)
        assert found[1] == lost.last_id + 1, "the diff right after the lost one"
        assert sum(state == "GAP" for state in one.states) == 1


async def test_duplicates_and_old_diffs_change_nothing():
    async with FakeBinance(("BTCUSDT",), seed=5, rate=RATE) as exchange, following(exchange) as live:
        await live.synced()
        one = live["BTCUSDT"]
        for kind in (ff.DUPLICATE, ff.OLD):
            exchange.faults.add(ff.OnMessage(kind, "BTCUSDT", after=3, times=8))
        await live.until(lambda: len(exchange.faults.struck) == 16, "sixteen strikes")
        await live.caught_up()
        assert one.states.count("SYNCED") == 1
        assert "GAP" not in one.states
        assert one.snapshots == depth_requests(exchange, "BTCUSDT") == 1


async def test_what_harms_no_book_is_counted_and_passed_over():
    """Events nobody knows, and damage in other streams than depth."""
    async with FakeBinance(("BTCUSDT",), seed=7, rate=RATE) as exchange, following(exchange) as live:
        await live.synced()
        one = live["BTCUSDT"]
        exchange.faults.add(ff.OnMessage(ff.UNKNOWN_EVENT, "BTCUSDT", after=1, times=3))
        for channel in (TRADE, TOP):
            for kind in (ff.MALFORMED, ff.NULLS):
                exchange.faults.add(ff.OnMessage(kind, "BTCUSDT", channel, times=3))
        await live.until(lambda: live.count.ignored + live.count.malformed >= 15, "fifteen are counted")
        await live.caught_up()
        assert live.count.malformed >= 12
        assert one.states.count("SYNCED") == one.snapshots == 1
        for _, price, size, side in one.trades:
            assert price > 0
            assert size > 0
            assert side in (-1, 1)
        assert all(min(top) > 0 for top in one.tops)
        assert len(exchange.connects) == 1
