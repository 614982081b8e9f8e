"""The two streams of bitcoin over the real driver, against a site that does everything wrong that a site can."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from fakes.chains import BINANCE, KRAKEN, impatient, until, watching

from engine.feeds import fake_faults as ff
from engine.feeds.fake_chain import FakeChain
from engine.feeds.fake_chain_site import BLOCKCHAIN, MEMPOOL, MadeUpChains, blockchain_message
from engine.feeds.fake_faults import Faults, OnRequest


async def subscribed(site: FakeChain, *venues: str, times: int = 1) -> None:
    await until(lambda: all(site.listeners(venue) >= times for venue in venues), "subscriptions")


async def test_a_payment_told_by_both_is_one_and_a_block_confirms_it() -> None:
    async with FakeChain() as site, watching(impatient(site, key=None)) as heard:
        await subscribed(site, BLOCKCHAIN, MEMPOOL)
        tx = site.chains.pay((BINANCE, 150.0), ("1unknown", 20.0), sender=KRAKEN)
        site.chains.pay(("1unknown", 5.0))
        await until(lambda: heard.is_live(BLOCKCHAIN) and heard.is_live(MEMPOOL), "both live")
        assert [(t.id, t.amount, t.sender, t.receiver) for t in heard.transfers] == [
            (tx.id, 150.0, "Kraken", "Binance")
        ]
        site.chains.mine()
        await until(lambda: heard.known[tx.id].confirmed, "confirmation")
        assert heard.state.assets["BTC"].sums[0].seen == 1


async def test_one_stream_alone_is_enough() -> None:
    async with FakeChain() as site:
        for alone, options in (
            (BLOCKCHAIN, impatient(site, mempool="", key=None)),
            (MEMPOOL, impatient(site, blockchain="", key=None)),
        ):
            async with watching(options) as heard:
                await subscribed(site, alone)
                site.chains.pay((BINANCE, 150.0))
                await until(lambda: len(heard.transfers) == 1, "the transfer")
                assert heard.transfers[0].source == alone
            await until(lambda: not site.listeners(BLOCKCHAIN) + site.listeners(MEMPOOL), "the end")


async def test_what_is_replaced_before_a_block_took_it_counts_no_more() -> None:
    async with FakeChain() as site, watching(impatient(site, key=None)) as heard:
        await subscribed(site, BLOCKCHAIN, MEMPOOL)
        first = site.chains.pay((BINANCE, 900.0), to=(BLOCKCHAIN,))
        await until(lambda: first.id in heard.known, "the first")
        second = site.chains.pay(("1back", 40.0), instead_of=first)
        await until(lambda: second.id in heard.known, "the second")
        site.chains.tell(first, (MEMPOOL,))  # a node that has not heard of the second yet
        third = site.chains.pay((KRAKEN, 700.0))
        await until(lambda: third.id in heard.known, "the third")
        assert set(heard.known) == {second.id, third.id}
        assert heard.state.assets["BTC"].sums[0].moved == pytest.approx(740.0)


@pytest.mark.parametrize(
    "message",
    [
        b"{",
        b'{"op":"utx"}',
        b'{"op":"utx","x":null}',
        b'{"op":"utx","x":{"hash":"nothing","out":[]}}',
        b'{"op":"utx","x":{"hash":"%s","out":[{"value":"many"}]}}' % (b"a" * 64),
        b'{"op":"utx","x":{"hash":"%s","out":[{"value":1e300}]}}' % (b"a" * 64),
        b'{"op":"utx","x":{"hash":"%s","out":[{"value":2100000000000001}]}}' % (b"a" * 64),
        b'{"op":"utx","x":{"hash":"%s","out":[{"value":-20000000000}]}}' % (b"a" * 64),
        b'{"op":"utx","x":{"hash":"%s","out":[{"value":99999999999999999999}]}}' % (b"a" * 64),
        b'["utx"]',
        b"null",
        b"[" * 100_000,
    ],
    ids=lambda message: message[:48].decode(errors="replace"),
)
async def test_what_cannot_be_read_is_counted_and_survived(message: bytes) -> None:
    async with FakeChain() as site, watching(impatient(site, mempool="", key=None)) as heard:
        await subscribed(site, BLOCKCHAIN)
        site.say(BLOCKCHAIN, message)
        good = site.chains.pay((BINANCE, 150.0))
        await until(lambda: good.id in heard.known, "what came after")
        await until(lambda: heard.count(BLOCKCHAIN).malformed == 1, "the count")
        assert set(heard.known) == {good.id}
        assert len(site.connects) == 1


@pytest.mark.parametrize(
    "message",
    [
        b'{"mempool-transactions":{"added":[{"txid":5,"vout":[]}]}}',
        b'{"mempool-transactions":{"added":[{"txid":"../../etc","vout":[]}]}}',
        b'{"mempool-transactions":{"added":[{"txid":"%s","vout":[{"value":21e20}]}]}}' % (b"a" * 64),
        b'{"mempool-transactions":{"mined":["x"]}}',
        b'{"mempool-transactions":{"added":{}}}',
    ],
)
async def test_so_is_what_the_other_stream_says(message: bytes) -> None:
    async with FakeChain() as site, watching(impatient(site, blockchain="", key=None)) as heard:
        await subscribed(site, MEMPOOL)
        site.say(MEMPOOL, message)
        good = site.chains.pay((BINANCE, 150.0))
        await until(lambda: good.id in heard.known, "what came after")
        await until(lambda: heard.count(MEMPOOL).malformed == 1, "the count")
        assert set(heard.known) == {good.id}


async def test_one_bad_transaction_of_a_message_does_not_take_the_others_with_it() -> None:
    async with FakeChain() as site, watching(impatient(site, blockchain="", key=None)) as heard:
        await subscribed(site, MEMPOOL)
        vout = b'[{"value":%d,"scriptpubkey_address":"1x"}]'
        parts = [b"a" * 64, vout % 15_000_000_000, b"b" * 64, vout % -1, b"c" * 64, vout % 16_000_000_000]
        one = b'{"txid":"%s","vout":%s}'
        site.say(MEMPOOL, b'{"mempool-transactions":{"added":[%s,%s,%s]}}' % (one, one, one) % tuple(parts))
        await until(lambda: heard.count(MEMPOOL).malformed == 1, "the count")
        assert {id_: transfer.amount for id_, transfer in heard.known.items()} == {
            "a" * 64: 150.0,
            "c" * 64: 160.0,
        }
        assert len(site.connects) == 1


async def test_a_line_that_is_cut_is_opened_again() -> None:
    async with FakeChain() as site, watching(impatient(site, mempool="", key=None)) as heard:
        await subscribed(site, BLOCKCHAIN)
        site.chains.pay((BINANCE, 150.0))
        await until(lambda: heard.is_live(BLOCKCHAIN), "live")
        site.cut(BLOCKCHAIN)
        await until(lambda: len(site.connects) == 2, "another connection")
        await subscribed(site, BLOCKCHAIN)
        site.chains.pay((BINANCE, 160.0))
        await until(lambda: len(heard.transfers) == 2 and heard.is_live(BLOCKCHAIN), "live again")
        assert heard.states(BLOCKCHAIN)[-4:] == ["BACKOFF", "CONNECTING", "SUBSCRIBING", "LIVE"]
        assert "the connection to 127.0.0.1" in heard.reasons(BLOCKCHAIN)
        await until(lambda: heard.count(BLOCKCHAIN).reconnects == 1, "the count")


async def test_a_line_that_falls_silent_is_left() -> None:
    async with FakeChain() as site, watching(impatient(site, mempool="", key=None, silent_s=0.5)) as heard:
        await subscribed(site, BLOCKCHAIN)
        site.chains.pay((BINANCE, 150.0))
        await until(lambda: heard.is_live(BLOCKCHAIN), "live")
        site.stall(BLOCKCHAIN)
        await until(lambda: len(site.connects) == 2, "another connection")
        assert "no data for 0.5 s" in heard.reasons(BLOCKCHAIN)


async def test_a_subscription_that_brings_no_data_is_no_life() -> None:
    faults = Faults(OnRequest("muted", "mute"))
    async with (
        FakeChain(faults=faults) as site,
        watching(impatient(site, mempool="", key=None, first_data_s=0.4)) as heard,
    ):
        await until(lambda: len(site.connects) == 2, "another connection")
        await subscribed(site, BLOCKCHAIN)
        site.chains.pay((BINANCE, 150.0))
        await until(lambda: heard.is_live(BLOCKCHAIN), "live in the end")
        assert "the subscription was taken, but no data came for 0.4 s" in heard.reasons(BLOCKCHAIN)
        assert heard.states(BLOCKCHAIN).count("LIVE") == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (500, "500: {host} has trouble of its own"),
        (404, "404: {host}"),
        (ff.HTML, "{host} answered with an HTML page"),
        (ff.HANG, "{host} did not answer within 0.5 s"),
    ],
)
async def test_a_handshake_that_goes_wrong_is_said_and_tried_again(kind: int | str, reason: str) -> None:
    faults = Faults(OnRequest(kind, "ws"))
    async with (
        FakeChain(faults=faults) as site,
        watching(impatient(site, mempool="", key=None, connect_timeout_s=0.5)) as heard,
    ):
        await subscribed(site, BLOCKCHAIN)
        site.chains.pay((BINANCE, 150.0))
        await until(lambda: heard.is_live(BLOCKCHAIN), "live in the end")
        host = site.etherscan.removeprefix("http://").removesuffix("/v2/api")
        assert reason.format(host=host) in heard.reasons(BLOCKCHAIN)


async def test_nothing_is_sent_to_a_host_before_it_is_welcome() -> None:
    faults = Faults(OnRequest(429, "ws", retry_after_s=1))
    async with FakeChain(faults=faults) as site, watching(impatient(site, mempool="", key=None)) as heard:
        await until(lambda: len(site.connects) == 2, "another connection")
        first, second = site.connects
        assert 1.0 <= second[0] - first[0] < 5.0
        assert "BLOCKED" in heard.states(BLOCKCHAIN)


async def test_a_region_that_is_not_served_is_asked_once() -> None:
    faults = Faults(OnRequest(451, "ws", times=100))
    async with FakeChain(faults=faults) as site, watching(impatient(site, mempool="", key=None)) as heard:
        await until(lambda: heard.states(BLOCKCHAIN)[-1:] == ["BLOCKED"], "blocked")
        await asyncio.sleep(0.5)
        assert len(site.connects) == 1
        assert "does not serve this region" in heard.reasons(BLOCKCHAIN)


async def test_a_message_that_is_too_long_is_refused() -> None:
    async with (
        FakeChain() as site,
        watching(impatient(site, mempool="", key=None, max_frame_bytes=10_000)) as heard,
    ):
        await subscribed(site, BLOCKCHAIN)
        site.say(BLOCKCHAIN, b" " * 20_000)
        await until(lambda: len(site.connects) == 2, "another connection")
        assert "sent a message of more than 10000 bytes" in heard.reasons(BLOCKCHAIN)


async def test_a_flood_is_let_go_beyond_a_bound_and_what_follows_it_is_heard() -> None:
    async with (
        FakeChain() as site,
        watching(impatient(site, mempool="", key=None, max_waiting_bytes=100_000)) as heard,
    ):
        await subscribed(site, BLOCKCHAIN)
        small = blockchain_message(MadeUpChains().pay(("1x", 1.0)))
        for _ in range(100):
            for _ in range(100):
                site.say(BLOCKCHAIN, small)
        await until(lambda: heard.count(BLOCKCHAIN).ignored > 100, "messages let go")
        await until(
            lambda: "messages came faster than they can be read" in heard.reasons(BLOCKCHAIN), "it is said"
        )
        async with asyncio.timeout(15.0):
            while not heard.known:  # what comes while it is still being read may be let go too
                site.chains.pay((BINANCE, 150.0))
                await asyncio.sleep(0.05)
        assert len(site.connects) == 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_while_either_source_is_well_nothing_is_missed_or_counted_twice(seed: int) -> None:
    """Cuts, silences and nonsense in random order, on one of the two at a time; the chains are the oracle."""
    rng = random.Random(seed)
    large: dict[str, float] = {}
    mined: set[str] = set()
    async with FakeChain() as site, watching(impatient(site, key=None, silent_s=0.4)) as heard:
        await subscribed(site, BLOCKCHAIN, MEMPOOL)
        for _ in range(8):
            venue = rng.choice((BLOCKCHAIN, MEMPOOL))
            trouble = rng.choice(
                (site.cut, site.stall, lambda v: site.say(v, b'{"op":"utx","x":{}}'), lambda v: None)
            )
            trouble(venue)
            for _ in range(rng.randint(3, 10)):
                amount = rng.choice((0.1, 99.0, 100.0, 250.0))
                tx = site.chains.pay((rng.choice((BINANCE, "1x")), amount), (f"1y{amount}", 0.5))
                if amount >= 100.0:
                    large[tx.id] = amount + 0.5 * (tx.outputs[0][0] == "1x")
            await until(lambda: set(large) <= set(heard.known), "all that is large")
            while site.listeners(BLOCKCHAIN) + site.listeners(MEMPOOL) < 2 or site.silent:
                site.chains.pay(("1small", 0.1))
                await asyncio.sleep(0.02)
            if rng.random() < 0.4:
                mined.update(set(large) & set(site.chains.waiting))
                site.chains.mine()
                await until(
                    lambda: mined <= {i for i, t in heard.known.items() if t.confirmed}, "confirmations"
                )
        assert {id_: t.amount for id_, t in heard.known.items()} == pytest.approx(large)
        assert heard.state.assets["BTC"].sums[0].seen == len(large)


async def test_nobody_listening_is_said_and_tried_again_ever_more_slowly() -> None:
    async with FakeChain() as site:
        options = impatient(site, mempool="", key=None)
    begun = time.monotonic()
    async with watching(options) as heard:
        await until(lambda: heard.states(BLOCKCHAIN).count("BACKOFF") >= 5, "five attempts")
        assert "cannot be reached" in heard.reasons(BLOCKCHAIN)
        assert time.monotonic() - begun < 10.0
