"""Columns of decimals and times as whole numbers, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.errors import DataError, arrow

DIGITS, SCALE = 28, 8  # of decimals: Binance states no more than eight places

Ints = npt.NDArray[np.int64]


def numbers(column: Any) -> Ints:
    """A column of whole numbers or times as int64."""
    pa = arrow()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    values: Ints = column.to_numpy().astype(np.int64, copy=False)
    return values


def mantissas(column: Any, scale: int = SCALE) -> Ints:
    """A decimal column as whole numbers of 10**-scale, exactly.

    Raises DataError where they need more places, or more than 64 bits.
    """
    pa = arrow()
    try:
        array = column.cast(pa.decimal128(DIGITS, scale)).combine_chunks()
    except pa.ArrowInvalid:
        raise DataError(f"expected decimals of at most {scale} places") from None
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    words = np.frombuffer(array.buffers()[1] or b"", "<i8", 2 * (array.offset + len(array)))
    words = words.reshape(-1, 2)[array.offset :]
    low: Ints = words[:, 0].astype(np.int64)
    if (words[:, 1] != low >> 63).any():
        raise DataError("expected decimals that fit in 64 bits")
    return low


def counts(column: Any, at_least: int = 0) -> tuple[Ints, int]:
    """A decimal column as whole numbers of 10**-places, with the fewest places that hold it all, and the places."""
    try:
        values, places = mantissas(column), SCALE
    except DataError:  # numbers too large for 64 bits at that many places may fit with fewer
        return _coarser(column, at_least)
    while places > at_least and not (values % 10).any():
        values, places = values // 10, places - 1
    return values, places


def _coarser(column: Any, at_least: int) -> tuple[Ints, int]:
    for places in range(at_least, SCALE):
        try:
            return mantissas(column, places), places
        except DataError:
            continue
    raise DataError("expected decimals that fit in 64 bits")
