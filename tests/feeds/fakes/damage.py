"""A venue's own messages, damaged in a few places: what a kernel and its twin must make the same thing of."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

_TELLING = list(b'0123456789.",:[]{}tfnTZ-')  # bytes that mean something in JSON, or in a time
_BYTES = st.one_of(st.integers(0, 255), st.sampled_from(_TELLING))
_PIECES = st.one_of(st.binary(max_size=4), st.sampled_from([b" ", b"0", b'"', b"null"]))


@st.composite
def damaged(draw: st.DrawFn, messages: Sequence[bytes]) -> bytes:
    data = bytearray(draw(st.sampled_from(messages)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["set", "cut", "insert", "double", "swap"])):
            case "set":
                data[at] = draw(_BYTES)
            case "cut":
                del data[at : at + draw(st.integers(1, 6))]
            case "insert":
                data[at:at] = draw(_PIECES)
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 140))]
            case "swap":
                other = draw(st.integers(0, len(data) - 1))
                data[at], data[other] = data[other], data[at]
        if not data:
            return b""
    return bytes(data)
