"""Decimals that kernels read out of bytes, against Decimal: exactly the number, or left alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.kernels import jit
from engine.kernels.json_bytes import MAX_DIGITS, plain_steps, steps


@jit
def read_plain(buf: bytes, stop: int, mantissa: int, decimals: int) -> tuple[int, int]:
    return plain_steps(buf, 0, stop, mantissa, decimals)


@jit
def read_quoted(buf: bytes, stop: int, mantissa: int, decimals: int) -> tuple[int, int]:
    return steps(buf, 0, stop, mantissa, decimals)


DIGITS = st.text("0123456789", max_size=10)
# Mostly numbers, some with a zero too many, no digit before or behind the point, or something in between.
TEXTS = st.one_of(
    st.builds(lambda whole, rest: f"{whole}.{rest}", DIGITS, DIGITS),
    st.builds(
        lambda whole, rest, zeros: f"{int(whole or 0)}.{rest}{'0' * zeros}", DIGITS, DIGITS, st.integers(1, 9)
    ),
    st.builds(lambda whole: str(int(whole or 0)), st.text("0123456789", max_size=20)),
    st.text("019.-+e :/", max_size=14),
)


def expected(text: str, mantissa: int, decimals: int) -> int | None:
    """The steps that a number is; None where it is none, lies between steps, or has too many digits."""
    whole, point, rest = text.partition(".")
    if not (whole.isdigit() and text.isascii() and (rest.isdigit() if point else not rest)):
        return None
    if len(whole) + decimals > MAX_DIGITS:
        return None
    found = Decimal(text) / (mantissa * Decimal(1).scaleb(-decimals))
    return int(found) if found == int(found) else None


@pytest.mark.parametrize("quoted", [False, True])
@settings(max_examples=300, deadline=None)
@given(
    text=TEXTS,
    mantissa=st.sampled_from((1, 1, 5, 25)),
    decimals=st.integers(0, 9),
    behind=st.sampled_from(("", "", "}", '"', ".5", "e5")),
)
@example(text="61837.63000000", mantissa=1, decimals=2, behind="")
@example(text="0.12345678", mantissa=1, decimals=8, behind="")
@example(text="999999999.999999999", mantissa=1, decimals=9, behind="")
@example(text="00.5", mantissa=1, decimals=1, behind="")
@example(text="7.", mantissa=1, decimals=1, behind="")
@example(text=".7", mantissa=1, decimals=1, behind="")
def test_a_decimal_is_read_exactly_or_left_alone(
    quoted: bool, text: str, mantissa: int, decimals: int, behind: str
) -> None:
    said = f"{text}{behind}"
    if quoted:
        buf, stands = f'"{said}"'.encode(), said.partition('"')[0]
        end, found = read_quoted(buf, len(buf), mantissa, decimals)
    else:  # as far as digits and one point go; a number that begins with a zero too many is none in JSON
        buf, stands = f"{said},".encode(), re.match(r"\d*(?:\.\d*)?", said, re.ASCII)[0]  # type: ignore[index]
        end, found = read_plain(buf, len(buf), mantissa, decimals)
    right = expected(stands, mantissa, decimals)
    if right is None or (not quoted and re.match(r"0\d", stands)):
        assert end == -1
    else:
        assert (end, found) == (len(stands) + 2 * quoted, right)


@pytest.mark.parametrize("read", [read_plain, read_quoted])
def test_nothing_behind_the_end_is_looked_at(read: Callable[[bytes, int, int, int], tuple[int, int]]) -> None:
    text = b'"123.45678901"' if read is read_quoted else b"123.45678901"
    for stop in range(len(text)):
        assert read(text, stop, 1, 8) == read(text[:stop], stop, 1, 8)
