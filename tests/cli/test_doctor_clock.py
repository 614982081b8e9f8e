"""The clock: an offset that is right within its doubt, whatever the way to the server took."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.doctor_clock import SystemState, clock_findings, offset_of, system_finding, system_state
from cli.doctor_report import FAULT, HINT, OK
from engine.feeds.probe import Probed

START_NS = 1_700_000_000_000_000_000


def answer(offset_ns: int, there_ns: int, back_ns: int, venue: str, sent_ns: int = START_NS) -> Probed:
    """What a server whose clock is ahead by `offset_ns` answers, cut off to its unit."""
    server_ns = sent_ns + there_ns + offset_ns
    body = {
        "binance": {"serverTime": server_ns // 10**6},
        "coinbase": {"iso": "…", "epochMillis": str(server_ns // 10**6)},
        "kraken": {"error": [], "result": {"unixtime": server_ns // 10**9}},
    }.get(venue)
    date = format_datetime(datetime.fromtimestamp(server_ns // 10**9, UTC), usegmt=True)
    return Probed(
        "https://x.com/time", "", 200, sent_ns=sent_ns, answered_ns=sent_ns + there_ns + back_ns, date=date,
        body=b"<html>" if body is None else json.dumps(body).encode(),
    )  # fmt: skip


WAY = st.integers(0, 3 * 10**9)


@given(
    st.integers(-(10**12), 10**12), WAY, WAY, st.sampled_from(["binance", "coinbase", "kraken", ""]),
    st.integers(START_NS, START_NS + 10**12),
)  # fmt: skip
def test_the_true_offset_lies_within_the_doubt(
    offset_ns: int, there_ns: int, back_ns: int, venue: str, sent_ns: int
) -> None:
    found = offset_of(answer(offset_ns, there_ns, back_ns, venue, sent_ns))
    assert found is not None
    assert abs(found.seconds - offset_ns / 1e9) <= found.doubt_s + 1e-6
    unit_s = 0.001 if venue in ("binance", "coinbase") else 1.0
    assert found.doubt_s == pytest.approx((there_ns + back_ns) / 2e9 + unit_s / 2)


@given(st.binary(max_size=80), st.text(max_size=30))
def test_any_answer_is_an_offset_or_none(body: bytes, date: str) -> None:
    probed = Probed(
        "https://x.com", "", 200, sent_ns=START_NS, answered_ns=START_NS + 5, date=date, body=body
    )
    found = offset_of(probed)
    assert found is None or found.doubt_s > 0


def test_the_surest_answer_counts_and_only_what_is_sure_is_held_against_the_clock() -> None:
    rough, sure = answer(0, 2 * 10**9, 10**9, "kraken"), answer(10**8, 10**6, 10**6, "binance")
    (offset, _) = clock_findings([rough, sure])
    assert offset.level == OK
    assert offset.found.startswith("+0.1")
    assert "(the surest of 2)" in offset.found
    levels = [
        next(clock_findings([answer(int(s * 1e9), 10**6, 10**6, "binance")])).level for s in (-0.4, 2, -3, 90)
    ]
    assert levels == [OK, HINT, HINT, FAULT]
    assert next(clock_findings([answer(2 * 10**9, 10**9, 3 * 10**9, "binance")])).level == OK


def test_what_the_system_says() -> None:
    assert system_finding(None).level == OK
    assert system_finding(SystemState(True, 0.012)).found == "yes, off by at most 0.012 s by its own account"
    assert system_finding(SystemState(False, 16.0)).level == HINT
    state = system_state()
    assert state is None or 0 <= state.error_s < 1e6
