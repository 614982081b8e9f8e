"""Any bytes, and real messages changed in many ways, on every venue: nothing crashes, and no wrong book is good.

Between the exchange and a live source sits somebody who spoils messages so that no reader can take them for
what they were. The session's witness compares whatever is SYNCED with the exchange's books all the while.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fakes.venues import ALL, play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.feeds.fake_session import FakeSession

Spoil = Callable[[bytes, int, bytes, bytes], list[bytes]]
ABSURD = (
    b"null",
    b"-1",
    b'"-1"',
    b"1e400",
    b'"NaN"',
    b'"1,5"',
    b"[]",
    b'{"a":1}',
    b'""',
    b"123456789012345678901234",
)


def cut(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    return [message[: where % len(message)]]


def stain(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    """A byte that JSON has nowhere."""
    at = where % len(message)
    return [message[:at] + (b"\x01" if where % 2 else b"\xff") + message[at + 1 :]]


def absurd(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    """A number that is none, wherever the dialect says that one matters."""
    found = list(re.finditer(rb'"(?:%s)":(-?\d[\d.]*|"[^"]*")' % fields, message))
    if not found:
        return [message]
    start, stop = found[where % len(found)].span(1)
    return [message[:start] + ABSURD[where % len(ABSURD)] + message[stop:]]


def noise(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    return [noise, message]


def beheaded(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    return [message[1 + where % len(message) :]]


def twice(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    return [message, message]


def lost(message: bytes, where: int, noise: bytes, fields: bytes) -> list[bytes]:
    return []


STEPS = st.tuples(
    st.integers(0, 40),  # messages that pass unharmed before
    st.sampled_from((cut, stain, stain, absurd, absurd, noise, beheaded, twice, lost)),
    st.integers(0, 2**16),
    st.one_of(st.binary(max_size=60), st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))),
)


@pytest.mark.parametrize("venue", ALL)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(steps=st.lists(STEPS, min_size=3, max_size=25))
def test_no_bytes_make_a_wrong_book_good(venue: str, steps: list[tuple[int, Spoil, int, bytes]]):
    async def story(live: FakeSession) -> None:
        network = live.networks[venue]
        fields = network.exchange.dialect.null_fields
        left = list(reversed(steps))
        passed = 0

        def spoil(message: bytes) -> list[bytes]:
            nonlocal passed
            passed += 1
            if not left or passed <= left[-1][0]:
                return [message]
            _, how, where, junk = left.pop()
            passed = 0
            if how is lost and network.exchange.dialect.proves_levels is not None:
                return [message]  # its proof reaches so many levels only: see `FakeExchange`'s GAP
            return how(message, where, junk, fields)

        network.spoil = spoil
        await live.until(lambda: not left, "all is spoilt", 900.0)
        network.spoil = lambda message: [message]
        await live.run(1.0)
        await live.caught_up(300.0)

    play(story, venue, bases=("BTC", "ETH"), rate=0.25)
