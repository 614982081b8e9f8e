"""From bitcoin transactions to transfers: change, names, sizes, and each counted once whoever tells of it, and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.events import ChainTransfer
from engine.feeds.chain_bitcoin import MOST_SATOSHIS, BitcoinLedger, Coin, Transaction
from engine.feeds.errors import Malformed
from engine.signals.chain import ChainState
from store.notes import cleaned

BTC = 100_000_000
NOW = 1_795_000_000_000_000_000
S = 1_000_000_000
NAMES = {"binance": "Binance", "binance-2": "Binance", "kraken": "Kraken"}
COUNT = iter(range(10**9))


def tx_id() -> str:
    return f"{next(COUNT):064x}"


def transaction(inputs: dict[str, float], outputs: dict[str, float], at_ns: int = NOW - S) -> Transaction:
    id_ = tx_id()
    return Transaction(
        id_,
        at_ns,
        [
            Coin(address, round(amount * BTC), f"{id_}-{n}")
            for n, (address, amount) in enumerate(inputs.items())
        ],
        [Coin(address, round(amount * BTC)) for address, amount in outputs.items()],
    )


def told(*transactions: Transaction, least: float = 100.0) -> list[ChainTransfer]:
    ledger = BitcoinLedger(NAMES, least, 1000)
    return [transfer for tx in transactions for transfer in ledger.take(tx, "here", NOW)]


def test_a_large_payment_is_told_with_its_time_and_source() -> None:
    tx = transaction({"a": 150.0}, {"b": 149.0})
    assert told(tx) == [ChainTransfer(tx.id, NOW - S, "BTC", 149.0, source="here")]


def test_a_small_one_is_not() -> None:
    assert told(transaction({"a": 150.0}, {"b": 99.99999999})) == []


def test_exactly_the_least_is_enough() -> None:
    assert len(told(transaction({"a": 150.0}, {"b": 100.0}))) == 1


def test_change_to_where_the_coins_came_from_is_none() -> None:
    assert [t.amount for t in told(transaction({"a": 900.0, "b": 1.0}, {"c": 120.0, "a": 780.0}))] == [120.0]
    assert told(transaction({"a": 900.0}, {"a": 899.0})) == []


def test_who_paid_is_the_exchange_that_most_of_the_named_coins_come_from() -> None:
    (transfer,) = told(
        transaction({"x": 500.0, "kraken": 60.0, "binance": 40.0, "binance-2": 30.0}, {"y": 600.0})
    )
    assert (transfer.sender, transfer.receiver) == ("Binance", "")


def test_each_exchange_that_receives_enough_is_a_transfer_of_its_own() -> None:
    tx = transaction(
        {"x": 1000.0}, {"binance": 150.0, "y": 300.0, "kraken": 99.0, "binance-2": 60.0, "z": 20.0}
    )
    assert [(t.id, t.receiver, t.amount) for t in told(tx)] == [
        (tx.id, "", 320.0),
        (f"{tx.id}:1", "Binance", 210.0),
    ]


def test_a_time_that_cannot_be_is_that_of_its_arrival() -> None:
    times = (0, NOW + 1, NOW - 2 * 86_400 * S)
    assert [told(transaction({"a": 1}, {"b": 150.0}, at))[0].ts_event for at in times] == [NOW] * 3


@pytest.mark.parametrize(
    "outputs",
    [[Coin("b", MOST_SATOSHIS + 1)], [Coin("b", -5), Coin("c", 200 * BTC)], [Coin("b", MOST_SATOSHIS)] * 2],
)
def test_amounts_that_cannot_be_are_malformed(outputs: list[Coin]) -> None:
    with pytest.raises(Malformed):
        told(Transaction(tx_id(), NOW, [], outputs))


def test_a_minting_without_inputs_is_a_transfer_from_nobody() -> None:
    (transfer,) = told(Transaction(tx_id(), NOW, [], [Coin("binance", 312 * BTC)]))
    assert (transfer.sender, transfer.receiver, transfer.amount) == ("", "Binance", 312.0)


def test_a_block_confirms_what_was_told_and_nothing_else() -> None:
    ledger = BitcoinLedger(NAMES, 100.0, 10)
    tx = transaction({"a": 400.0}, {"binance": 150.0, "b": 250.0})
    first = ledger.take(tx, "here", NOW)
    again = ledger.mined(["f" * 64, tx.id], "there")
    assert [(t.id, t.amount, t.confirmed) for t in again] == [(t.id, t.amount, True) for t in first]
    assert {t.source for t in again} == {"there"}
    assert ledger.mined([tx.id], "there") == []


def test_who_spends_what_a_block_shows_spent_is_not_believed() -> None:
    ledger = BitcoinLedger(NAMES, 100.0, 10)
    tx = transaction({"a": 400.0}, {"b": 250.0})
    ledger.take(tx, "here", NOW)
    ledger.mined([tx.id], "here")
    with pytest.raises(Malformed):
        ledger.take(tx._replace(id=tx_id()), "here", NOW)


def test_memory_has_a_bound() -> None:
    ledger = BitcoinLedger(NAMES, 100.0, 50)
    for _ in range(500):
        ledger.take(transaction({f"a{n}": 10.0 for n in range(200)}, {"b": 150.0}), "here", NOW)
    assert len(ledger._told) == 50
    assert len(ledger._spent) <= 50 * 128


def test_one_that_replaces_very_many_says_no_more_of_it_than_a_recording_keeps() -> None:
    ledger = BitcoinLedger(NAMES, 100.0, 100)
    small = [transaction({"a": 200.0}, {"b": 150.0}) for _ in range(30)]
    for tx in small:
        ledger.take(tx, "here", NOW)
    every = transaction({"a": 6000.0}, {"b": 4500.0})._replace(inputs=[tx.inputs[0] for tx in small])
    (note,) = ledger.take(every, "here", NOW)
    assert set(note.replaces) < {tx.id for tx in small}
    assert cleaned(note) == note


# Whoever tells of it, and in whatever order their words come -------------------------------------

LARGE, SMALL = (100.0, 250.5, 3000.0), (0.5, 40.0)
SOURCES = ("one", "two")


@dataclass
class Family:
    """Transactions that spend the same coins: `versions` are (id, amount), each in place of the one before."""

    coins: str
    versions: list[tuple[str, float]] = field(default_factory=list)
    mined: int | None = None

    @property
    def counted(self) -> float | None:
        """What it moves in the end; None where nothing large was ever seen in it."""
        amounts = [amount for _, amount in self.versions]
        if max(amounts) < 100.0:
            return None
        return amounts[self.mined if self.mined is not None else -1]


class TwoSources(RuleBasedStateMachine):
    """Both tell all of it, each in order and in its own spelling of coins; one also tells what blocks took."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = BitcoinLedger(NAMES, 100.0, 10_000)
        self.state = ChainState()
        self.families: list[Family] = []
        self.queues: dict[str, deque[tuple[str, Family, int]]] = {source: deque() for source in SOURCES}
        self.ts = NOW

    def tell(self, family: Family) -> None:
        for queue in self.queues.values():
            queue.append(("added", family, len(family.versions) - 1))

    @rule(amount=st.sampled_from(LARGE + SMALL))
    def pay(self, amount: float) -> None:
        family = Family(tx_id(), [(tx_id(), amount)])
        self.families.append(family)
        self.tell(family)

    @precondition(lambda self: any(f.mined is None for f in self.families))
    @rule(data=st.data(), amount=st.sampled_from(LARGE + SMALL))
    def replace(self, data: st.DataObject, amount: float) -> None:
        family = data.draw(st.sampled_from([f for f in self.families if f.mined is None]))
        family.versions.append((tx_id(), amount))
        self.tell(family)

    @precondition(lambda self: any(f.mined is None for f in self.families))
    @rule(data=st.data())
    def mine(self, data: st.DataObject) -> None:
        """The newest one, or a large one that it replaced: of a small one nothing is remembered."""
        family = data.draw(st.sampled_from([f for f in self.families if f.mined is None]))
        large = [n for n, (_, amount) in enumerate(family.versions) if amount >= 100.0]
        family.mined = data.draw(st.sampled_from([*large, len(family.versions) - 1]))
        self.queues["two"].append(("mined", family, family.mined))

    @rule(source=st.sampled_from(SOURCES))
    def hear(self, source: str) -> None:
        if not self.queues[source]:
            return
        what, family, version = self.queues[source].popleft()
        id_, amount = family.versions[version]
        self.ts += S
        if what == "mined":
            said = self.ledger.mined([id_], source)
        else:
            inputs = [Coin("a", round(amount * BTC) + 1000, f"{source} {family.coins}")]
            try:
                said = self.ledger.take(
                    Transaction(id_, self.ts, inputs, [Coin("b", round(amount * BTC))]), source, self.ts
                )
            except Malformed:
                said = []
        for transfer in said:
            self.state.on_transfer(transfer, self.ts)
        self.state.tick(self.ts)

    @invariant()
    def sums_are_those_of_what_is_known(self) -> None:
        flows = self.state.assets.get("BTC")
        counted = [known.transfer.amount for known in self.state.known.values()]
        if flows is not None:
            assert flows.sums[2].seen == len(counted)
            assert flows.sums[2].moved == pytest.approx(sum(counted))

    def teardown(self) -> None:
        for source in SOURCES:
            while self.queues[source]:
                self.hear(source)
        expected = sorted(f.counted for f in self.families if f.counted is not None)
        assert sorted(known.transfer.amount for known in self.state.known.values()) == expected
        confirmed = sorted(
            known.transfer.id for known in self.state.known.values() if known.transfer.confirmed
        )
        assert confirmed == sorted(
            f.versions[f.mined][0] for f in self.families if f.mined is not None and f.counted is not None
        )


TwoSources.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTwoSources = TwoSources.TestCase
