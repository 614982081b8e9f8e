"""The file of the embedded tier: two heads of a linear model, small, safe to load from a stranger, checked.

Layout: a line that names the format, the sha256 of all that follows, the header's length as 4 bytes, the header as
JSON, and the zlib of four tables of 2^17 bytes: a weight a bucket for each head (int8, times the head's scale), then
how sure each head is of each bucket (uint8, in sixteenths of a doubling of the prior's precision). Nothing in it is
executed, every length is known beforehand, and a file that does not hold exactly this is refused with the reason.
"""

from __future__ import annotations

import math
import zlib
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from engine.sentiment.hashing import BUCKETS, LONGEST, SHORTEST
from engine.sentiment.lexicon import FEATURES

MAGIC = b"microtui sentiment 1\n"
MAX_HEADER = 64 * 1024
MAX_FILE = 4 * 1024 * 1024
SURENESS_STEPS = 16  # a doubling of precision
# What the tables mean. A file made for other features would give numbers without sense.
INPUTS = (f"words 1-2, letters {SHORTEST}-{LONGEST}", *FEATURES)

Int8 = npt.NDArray[np.int8]
Uint8 = npt.NDArray[np.uint8]


class BadWeights(ValueError):
    """A weights file that cannot be used; says why."""

    for_people = True


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One logistic head, all but its tables."""

    bias: float
    lexicon: tuple[float, ...]  # a coefficient for each of FEATURES
    scale: float  # of the int8 weights
    prior_precision: float  # of a weight that no text of the training data touched
    temperature: float  # log-odds are divided by it


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    inputs: tuple[str, ...]
    neutral: Head
    bullish: Head
    data_sha256: tuple[str, ...] = ()  # of the files it was trained on
    recipe: str = ""


class Weights(msgspec.Struct, frozen=True):
    """What a file holds: header, and for the heads (neutral, bullish) their tables, shape (2, BUCKETS)."""

    header: Header
    weights: Int8
    sureness: Uint8


def to_bytes(weights: Weights) -> bytes:
    """Equal weights give equal bytes."""
    header = msgspec.json.encode(weights.header)
    tables = zlib.compress(weights.weights.tobytes() + weights.sureness.tobytes(), 9)
    body = len(header).to_bytes(4, "little") + header + tables
    return MAGIC + sha256(body).digest() + body


def from_bytes(blob: bytes, name: str = "the file") -> Weights:
    """Raises BadWeights. Unpacks exactly the tables' size, whatever the file says."""
    if len(blob) > MAX_FILE:
        raise BadWeights(f"{name}: expected at most {MAX_FILE} bytes of weights, found more")
    if not blob.startswith(MAGIC):
        raise BadWeights(
            f"{name}: expected weights made by `microtui train sentiment`, found another kind of file"
        )
    digest, body = blob[len(MAGIC) :][:32], blob[len(MAGIC) + 32 :]
    if sha256(body).digest() != digest:
        raise BadWeights(f"{name}: it is damaged or cut short; train it again or get a whole copy")
    length = int.from_bytes(body[:4], "little")
    if length > MAX_HEADER:
        raise BadWeights(f"{name}: expected a header of at most {MAX_HEADER} bytes, found {length}")
    try:
        header = msgspec.json.decode(body[4 : 4 + length], type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadWeights(f"{name}: its header cannot be read: {error}") from None
    _check(header, name)
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(body[4 + length :], 4 * BUCKETS + 1)
    except zlib.error as error:
        raise BadWeights(f"{name}: its tables cannot be unpacked: {error}") from None
    if len(raw) != 4 * BUCKETS:
        raise BadWeights(f"{name}: expected {4 * BUCKETS} bytes of tables, found {len(raw)} or more")
    tables = np.frombuffer(raw, np.uint8).reshape(4, BUCKETS)
    return Weights(header, tables[:2].view(np.int8), tables[2:])


def read(path: Path) -> Weights:
    """Raises BadWeights, also for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            blob = file.read(MAX_FILE + 1)
    except OSError as error:
        raise BadWeights(f"{path}: cannot be read: {error.strerror or error}") from None
    return from_bytes(blob, str(path))


def _check(header: Header, name: str) -> None:
    if header.inputs != INPUTS:
        raise BadWeights(
            f"{name}: expected weights for {', '.join(INPUTS)}; it was trained by another version, train it again"
        )
    for title, head in (("neutral", header.neutral), ("bullish", header.bullish)):
        if len(head.lexicon) != len(FEATURES):
            raise BadWeights(
                f"{name}: expected {len(FEATURES)} lexicon numbers in {title}, found {len(head.lexicon)}"
            )
        for number in (head.bias, *head.lexicon):
            if not abs(number) <= 1e6:
                raise BadWeights(f"{name}: expected finite numbers in {title}, found {number}")
        for field in ("scale", "prior_precision", "temperature"):
            number = getattr(head, field)
            if not (math.isfinite(number) and 1e-9 <= number <= 1e6):
                raise BadWeights(f"{name}: expected {field} of {title} from 1e-9 to 1e6, found {number}")
