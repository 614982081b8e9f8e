"""Etherscan: which questions, what is made of answers, what is survived, and a key that nobody ever sees."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from fakes.chains import BINANCE_ETH, S, impatient, until, watching

from engine.events import ChainTransfer
from engine.feeds import fake_faults as ff
from engine.feeds.chain_etherscan import ASSETS, Answered, Etherscan
from engine.feeds.chain_options import ChainOptions, EtherscanKey
from engine.feeds.errors import Answer
from engine.feeds.fake_chain import KEY, NONSENSE, FakeChain
from engine.feeds.fake_chain_site import MadeUpChains, Moved, eth_hash
from engine.feeds.fake_faults import Faults, OnRequest
from engine.feeds.network import Reply

NOW = 1_795_000_000 * S
OPTIONS = ChainOptions(key=EtherscanKey(KEY), lag_blocks=0)
ETH = 10**18
USD = 10**6
ELSEWHERE = "0x" + "11" * 20


class Talk:
    """A protocol that is answered by made-up chains at once, on a clock of its own."""

    def __init__(self, options: ChainOptions = OPTIONS, least: dict[str, float] | None = None) -> None:
        if least is not None:
            options = msgspec.structs.replace(options, least=least)
        self.chains = MadeUpChains()
        self.chains.now_s = NOW / S
        self.names = {BINANCE_ETH: "Binance"}
        self.protocol = Etherscan(options, self.names)
        self.asked: list[dict[str, str]] = []
        self.now = NOW
        self.answers: list[Answered] = []

    def once(self, body: bytes | None = None, status: int = 200) -> Answered:
        """The next question, answered by the chains or by `body`."""
        self.now = max(self.now, self.protocol.due)
        values = {k: v[-1] for k, v in parse_qs(urlsplit(self.protocol.request()).query).items()}
        self.asked.append(values)
        answered = self.protocol.receive(
            Reply(status, {}, self.chains.answer(values) if body is None else body), self.now
        )
        self.answers.append(answered)
        return answered

    def round(self) -> list[ChainTransfer]:
        """From one question for the newest block to the next."""
        found = list(self.once().transfers)
        while self.protocol._steps:
            found += self.once().transfers
        return found

    @property
    def actions(self) -> list[str]:
        return [values["action"] for values in self.asked]


def begun(*moved: Moved, **more: object) -> tuple[Talk, list[ChainTransfer]]:
    """What is told of a block with these transfers."""
    talk = Talk(**more)  # type: ignore[arg-type]
    talk.round()
    talk.chains.block(*moved)
    return talk, talk.round()


def test_ether_and_tokens_of_a_block_are_told_as_confirmed() -> None:
    talk, told = begun(
        Moved("ETH", 1500 * ETH, BINANCE_ETH, ELSEWHERE),
        Moved("ETH", 999 * ETH, BINANCE_ETH, ELSEWHERE),
        Moved("USDT", 6_000_000 * USD, ELSEWHERE, BINANCE_ETH),
        Moved("USDC", 4_999_999 * USD, ELSEWHERE, BINANCE_ETH),
        Moved("USDC", 5_000_000 * USD, ELSEWHERE, ELSEWHERE),
    )
    head = talk.chains.head
    ids = {asset: next(t.id for t in told if t.asset == asset) for asset in ("ETH", "USDT", "USDC")}
    assert ids == {
        "ETH": eth_hash(head, 0),
        "USDT": f"{eth_hash(head, 2)}:2",
        "USDC": f"{eth_hash(head, 4)}:4",
    }
    assert sorted((t.asset, t.amount, t.sender, t.receiver, t.ts_event, t.confirmed) for t in told) == [
        ("ETH", 1500.0, "Binance", "", NOW, True),
        ("USDC", 5_000_000.0, "", "", NOW, True),
        ("USDT", 6_000_000.0, "", "Binance", NOW, True),
    ]


def test_a_transaction_that_failed_moved_nothing() -> None:
    talk, told = begun(
        Moved("ETH", 1500 * ETH, ELSEWHERE, BINANCE_ETH, failed=True),
        Moved("ETH", 2500 * ETH, ELSEWHERE, ELSEWHERE),
    )
    assert [t.amount for t in told] == [2500.0]
    assert talk.actions.count("gettxreceiptstatus") == 2
    assert sum(answered.ignored for answered in talk.answers) == 1


def test_a_newest_block_that_never_was_is_got_over() -> None:
    talk = Talk(least={"USDT": 1000.0})
    talk.round()
    talk.once(b'{"jsonrpc":"2.0","id":1,"result":"0xffffffffffff"}')
    while talk.protocol._steps:
        talk.once(b'{"status":"0","message":"No records found","result":[]}')
    talk.round()
    talk.chains.block(Moved("USDT", 6_000_000 * USD, ELSEWHERE, BINANCE_ETH))
    assert [t.amount for t in talk.round()] == [6_000_000.0]


def test_it_begins_now_and_goes_on_block_by_block() -> None:
    talk = Talk(least={"ETH": 1000.0})
    for _ in range(50):
        talk.chains.block(Moved("ETH", 2000 * ETH, ELSEWHERE, ELSEWHERE))
    assert len(talk.round()) == 1
    assert talk.round() == []
    for _ in range(3):
        talk.chains.block(Moved("ETH", 2000 * ETH, ELSEWHERE, ELSEWHERE))
    assert [t.id for t in talk.round()] == [eth_hash(talk.chains.head - n, 0) for n in (2, 1, 0)]
    tags = [int(values["tag"], 16) for values in talk.asked if values["action"] == "eth_getBlockByNumber"]
    assert tags == sorted(set(tags))


def test_it_stays_behind_the_newest_block() -> None:
    talk = Talk(msgspec.structs.replace(OPTIONS, lag_blocks=2), least={"ETH": 1000.0})
    talk.round()
    talk.chains.block(Moved("ETH", 2000 * ETH, ELSEWHERE, ELSEWHERE))
    told = []
    for _ in range(3):
        told.append(len(talk.round()))
        talk.chains.block()
    assert told == [0, 0, 1]


def test_what_lies_too_far_back_is_passed_over_and_counted() -> None:
    talk = Talk(least={"ETH": 1000.0})
    talk.round()
    for _ in range(100):
        talk.chains.block(Moved("ETH", 2000 * ETH, ELSEWHERE, ELSEWHERE))
    assert len(talk.round()) == OPTIONS.most_behind
    assert sum(answered.ignored for answered in talk.answers) == 75


def test_a_day_stays_within_what_free_keys_may_ask() -> None:
    talk, days = Talk(), 0.02
    while talk.now < NOW + days * 86_400 * S:
        talk.chains.head = int(20_000_000 + (talk.now - NOW) / S / 12)
        talk.once()
    assert len(talk.asked) / days < 40_000
    assert OPTIONS.gap_s >= 1 / 3


@pytest.mark.parametrize(
    ("complaint", "answer", "seconds", "said"),
    [
        ("Invalid API Key", Answer.WAIT, 600.0, "refuses the key; check chain.etherscan.api_key"),
        (f"Invalid API Key (#err2)|{KEY}-", Answer.WAIT, 600.0, "refuses the key"),
        ("Too many invalid api key attempts, please try again later", Answer.WAIT, 60.0, "Too many"),
        ("Max rate limit reached, please use API Key for higher rate limit", Answer.WAIT, 2.0, "rate limit"),
        ("Max calls per sec rate limit reached (3/sec)", Answer.WAIT, 2.0, "3/sec"),
        ("Max daily rate limit reached (100000/day)", Answer.WAIT, 3600.0, "daily"),
        ("Query Timeout occured", Answer.RETRY, 0.0, "Query Timeout"),
        (f"something new about {KEY.lower()}", Answer.RETRY, 0.0, "something new about (hidden)"),
    ],
)
def test_their_sentences_are_understood_and_repeat_no_key(
    complaint: str, answer: Answer, seconds: float, said: str
) -> None:
    talk = Talk()
    refused = talk.once(talk.chains.complain(complaint)).refused
    assert refused is not None
    assert (refused.answer, refused.seconds) == (answer, seconds)
    assert said in refused.reason
    assert KEY.lower() not in refused.reason.lower()
    assert talk.protocol.due >= talk.now + int(seconds * S)


def test_the_same_question_is_asked_again_after_trouble_and_given_up_after_some() -> None:
    talk = Talk(least={"ETH": 1000.0})
    talk.once()
    for _ in range(OPTIONS.tries):
        assert talk.once(b"{]").malformed == 1
    assert talk.once().refused is None
    assert talk.actions == ["eth_blockNumber", *["eth_getBlockByNumber"] * 5, "eth_blockNumber"]
    assert [answered.ignored for answered in talk.answers] == [0, 0, 0, 0, 0, 1, 0]


WORDS = (
    b"{]",
    b"null",
    b"[]",
    b"\xff",
    b"",
    b'{"result":[]}',
    b'{"result":"0xzz"}',
    b'{"result":{}}',
    b'{"result":5}',
)


@pytest.mark.parametrize("steps", range(5))
@pytest.mark.parametrize("body", WORDS, ids=repr)
def test_whatever_it_says_nothing_is_told_of_nonsense(body: bytes, steps: int) -> None:
    """At each of the first questions, then all goes on."""
    talk = Talk()
    talk.chains.block(Moved("ETH", 2000 * ETH, ELSEWHERE, ELSEWHERE))
    for _ in range(steps):
        talk.once()
    assert talk.once(body).transfers == ()
    while len([t for answered in talk.answers for t in answered.transfers]) < 1 and len(talk.asked) < 30:
        talk.once()
    assert len(talk.asked) < 30


def block(**changes: object) -> bytes:
    tx = {"hash": eth_hash(1, 0), "from": ELSEWHERE, "to": None, "value": hex(2000 * ETH), **changes}
    return json.dumps(
        {"result": {"number": hex(20_000_000), "timestamp": hex(NOW // S), "transactions": [tx]}}
    ).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"value": "0x" + "f" * 64},
        {"value": hex(10**28)},
        {"value": "2000"},
        {"value": "-0x5"},
        {"hash": "0x12"},
    ],
)
def test_amounts_and_ids_that_cannot_be_are_left_out_and_counted(changes: dict[str, object]) -> None:
    talk = Talk(least={"ETH": 1000.0})
    talk.once()
    answered = talk.once(block(**changes))
    assert (answered.transfers, answered.malformed, answered.refused) == ((), 1, None)
    assert "gettxreceiptstatus" not in talk.actions


def test_a_contract_that_is_made_has_no_receiver() -> None:
    talk = Talk(least={"ETH": 1000.0})
    talk.once()
    talk.once(block())
    told = talk.once(b'{"status":"1","message":"OK","result":{"status":"1"}}')
    assert [(t.amount, t.receiver) for t in told.transfers] == [(2000.0, "")]


def logs(topics: Sequence[str], data: str) -> bytes:
    log = {"topics": topics, "data": data, "transactionHash": eth_hash(1, 1), "logIndex": "0x"}
    return json.dumps({"status": "1", "message": "OK", "result": [log]}).encode()


@pytest.mark.parametrize(
    ("topics", "data"),
    [(["0x", "0x"], f"0x{10**13:x}"), (["0x", "0x1", "0x2"], f"0x{10**19:x}"), (["0x", "0x1", "0x2"], "0xq")],
)
def test_so_are_logs_that_are_not_as_they_should_be(topics: Sequence[str], data: str) -> None:
    talk = Talk(least={"USDT": 1000.0})
    talk.once()
    answered = talk.once(logs(topics, data))
    assert (answered.transfers, answered.malformed) == ((), 1)


# Over the real driver ---------------------------------------------------------------------------

ONLY = {"blockchain": "", "mempool": ""}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (OnRequest(500, "api"), "500: {host} has trouble of its own"),
        (OnRequest(403, "api"), "403: the firewall of {host}"),
        (OnRequest(429, "api", retry_after_s=1), "429: too many requests"),
        (OnRequest(301, "api"), "301: {host} refused the request"),
        (OnRequest(ff.HTML, "api"), "{host} answered with an HTML page"),
        (OnRequest(ff.HANG, "api"), "{host} did not answer within 0.4 s"),
        (OnRequest(ff.CUT_SHORT, "api"), "{host} cannot be reached: "),
        (OnRequest(NONSENSE, "api"), "{host} sent what cannot be read"),
        (OnRequest("Query Timeout occured", "api"), "{host}: Query Timeout occured"),
        (OnRequest("Query Timeout occured", "api", "getLogs"), "{host}: Query Timeout occured"),
    ],
    ids=lambda value: f"{value.kind} {value.symbol}" if isinstance(value, OnRequest) else "",
)
async def test_what_goes_wrong_is_said_and_survived(fault: OnRequest, reason: str) -> None:
    patience_s = 0.4 if fault.kind == ff.HANG else 5.0
    async with FakeChain(faults=Faults(fault)) as site:
        host = site.etherscan.removeprefix("http://").removesuffix("/v2/api")
        async with watching(impatient(site, **ONLY, request_timeout_s=patience_s)) as heard:
            await until(lambda: heard.is_live("etherscan") and site.requests[-1].status == 200, "live")
            site.chains.block(Moved("USDT", 7_000_000 * USD, BINANCE_ETH, ELSEWHERE))
            await until(lambda: len(heard.transfers) == 1, "the transfer")
            assert heard.transfers[0].sender == "Binance"
            assert reason.format(host=host) in heard.reasons("etherscan")
            assert heard.count("etherscan").reconnects >= 1


async def test_the_key_is_in_no_note_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    faults = Faults(
        OnRequest(f"odd words about {KEY}", "api"), OnRequest(500, "api"), OnRequest(ff.CUT_SHORT, "api")
    )
    async with FakeChain(faults=faults) as site, watching(impatient(site, **ONLY)) as heard:
        await until(lambda: heard.is_live("etherscan"), "live")
        site.chains.block(Moved("ETH", 2000 * ETH, BINANCE_ETH, ELSEWHERE))
        await until(lambda: len(heard.transfers) == 1, "the transfer")
        assert all(asked.values["apikey"] == KEY for asked in site.requests)
        said = "\n".join(map(repr, heard.notes)) + repr(impatient(site))
    logged = "\n".join(
        f"{record.name} {record.getMessage()}" for record in caplog.records if not made_here(record)
    )
    assert KEY not in said
    assert KEY not in logged
    assert "hidden" in said


def made_here(record: logging.LogRecord) -> bool:
    """The fake's own server, which nobody but these tests has."""
    return record.name.startswith("websockets.server")


async def test_a_refused_key_is_said_and_not_tried_again_at_once() -> None:
    async with FakeChain(key="ANOTHER") as site, watching(impatient(site, **ONLY, key_wait_s=30.0)) as heard:
        await until(lambda: heard.states("etherscan")[-1:] == ["BLOCKED"], "blocked")
        assert "refuses the key; check chain.etherscan.api_key" in heard.reasons("etherscan")
        assert len(site.requests) == 1


def test_a_key_that_would_change_the_address_is_none() -> None:
    for value in ("", "a b", "a&b=c", "a/b", "ключ"):
        with pytest.raises(ValueError, match="letters and digits"):
            EtherscanKey(value)


def test_every_asset_is_asked_for_where_it_lives() -> None:
    talk = Talk()
    talk.round()
    contracts = [values["address"] for values in talk.asked if values["action"] == "getLogs"]
    assert contracts == [ASSETS["USDT"].contract, ASSETS["USDC"].contract]
