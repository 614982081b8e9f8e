"""What a session and its model worker say to each other, over a pipe: a length, then MessagePack. No pickle."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import numpy as np

from engine.sentiment.local_options import LocalOptions
from engine.sentiment.scores import Scores

HEAD = 4  # bytes of a message's length
MAX_MESSAGE = 64 * 1024 * 1024
SMALL = ("label", "tier")  # int8; the other arrays of Scores are float64


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    texts: list[str]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    model: str
    device: str


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """The model cannot be had: never, or not now."""

    reason: str
    later: bool


class Said(msgspec.Struct, frozen=True, tag="said"):
    arrays: dict[str, bytes]  # of Scores, in the machine's own order of bytes: it is the same machine


Told = Ready | Unfit | Said

_encode = msgspec.msgpack.Encoder().encode
_ASK = msgspec.msgpack.Decoder(Ask)
_TOLD: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
_OPTIONS = msgspec.msgpack.Decoder(LocalOptions)


def framed(message: Ask | Told | LocalOptions) -> bytes:
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


def told_of(body: bytes) -> Told:
    """Raises msgspec.DecodeError."""
    return _TOLD.decode(body)


def options_of(body: bytes) -> LocalOptions:
    return _OPTIONS.decode(body)


def packed(scores: Scores) -> Said:
    return Said({f.name: getattr(scores, f.name).tobytes() for f in fields(Scores)})


def unpacked(said: Said, texts: int) -> Scores:
    """Raises ValueError where it is not the scores of so many texts."""
    if said.arrays.keys() != {f.name for f in fields(Scores)}:
        raise ValueError(f"expected the arrays of Scores, found {', '.join(said.arrays)}")
    arrays = {
        name: np.frombuffer(blob, np.int8 if name in SMALL else np.float64)
        for name, blob in said.arrays.items()
    }
    if any(len(array) != texts for array in arrays.values()):
        raise ValueError(f"expected the scores of {texts} texts, found {len(arrays['polarity'])}")
    return Scores(**arrays)  # type: ignore[arg-type]
