"""What a session and the process that fits say to each other, over a pipe: a length, then MessagePack. No pickle."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import FACTOR_SERIES, FactorFit, FactorModel

HEAD = 4  # bytes of a message's length
MAX_MESSAGE = 1 << 20
Floats = npt.NDArray[np.float64]


class Ask(msgspec.Struct, frozen=True):
    """A window of one symbol, in the machine's own order of bytes: it is the same machine."""

    symbol: int
    at: int  # its last second since 1970
    window: bytes  # float64, rows of the eight series
    moves_bps: bytes  # float64, returns from row to row
    last: FactorModel | None = None


_encode = msgspec.msgpack.Encoder().encode
_ASK = msgspec.msgpack.Decoder(Ask)
_FIT = msgspec.msgpack.Decoder(FactorFit)


def framed(message: Ask | FactorFit) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(HEAD, "big") + body


def size_of(head: bytes) -> int:
    """Raises ValueError for a length that no message has."""
    size = int.from_bytes(head, "big")
    if size > MAX_MESSAGE:
        raise ValueError(f"expected a message of at most {MAX_MESSAGE} bytes, found {size}")
    return size


def ask_of(body: bytes) -> Ask:
    return _ASK.decode(body)


def fit_of(body: bytes) -> FactorFit:
    """Raises msgspec.DecodeError."""
    return _FIT.decode(body)


def window_of(ask: Ask) -> Floats:
    """(rows, 8), a view that cannot be written."""
    return np.frombuffer(ask.window, np.float64).reshape(-1, len(FACTOR_SERIES))


def moves_of(ask: Ask) -> Floats:
    """(rows,), a view that cannot be written."""
    return np.frombuffer(ask.moves_bps, np.float64)
