"""Randomness by name: one xoshiro256++ stream per component, all in one array that forks by copying.

A stream's seed is made of the scenario's seed and the component's own name, so that adding or removing one
component leaves every other one's draws alone. Source: Blackman and Vigna, "Scrambled linear pseudorandom number
generators", https://prng.di.unimi.it/xoshiro256plusplus.c; seeding by splitmix64, as its authors advise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from engine.kernels import helper, inlined

Streams = npt.NDArray[np.uint64]  # (streams, 4)

_U = np.uint64
_MASK = 2**64 - 1
_TO_UNIT = 2.0**-53


def new_streams(seed: int, names: Sequence[str]) -> Streams:
    """One stream a name, shape (len(names), 4). Equal seed and name give equal draws, on any machine."""
    streams = np.empty((len(names), 4), np.uint64)
    for row, name in enumerate(names):
        digest = blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
        state = int.from_bytes(digest, "little")
        for word in range(4):
            state, streams[row, word] = _splitmix64(state)
    return streams


def _splitmix64(state: int) -> tuple[int, int]:
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return state, z ^ (z >> 31)


@inlined
def draw(streams: Streams, i: int) -> np.uint64:
    """64 random bits from stream `i`."""
    s0, s1, s2, s3 = streams[i, 0], streams[i, 1], streams[i, 2], streams[i, 3]
    total = s0 + s3
    result: np.uint64 = ((total << _U(23)) | (total >> _U(41))) + s0
    shifted = s1 << _U(17)
    s2 ^= s0
    s3 ^= s1
    streams[i, 1] = s1 ^ s2
    streams[i, 0] = s0 ^ s3
    streams[i, 2] = s2 ^ shifted
    streams[i, 3] = (s3 << _U(45)) | (s3 >> _U(19))
    return result


@inlined
def uniform(streams: Streams, i: int) -> float:
    """In [0, 1), on the grid of 2^-53."""
    return float(draw(streams, i) >> _U(11)) * _TO_UNIT


@inlined
def exponential(streams: Streams, i: int) -> float:
    """Mean one."""
    return -math.log(1.0 - uniform(streams, i))


@helper
def normal(streams: Streams, i: int) -> float:
    """Mean zero, deviation one (Box and Muller 1958; the second of each pair is not kept, so no state is)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(streams, i)))
    return radius * math.cos(2.0 * math.pi * uniform(streams, i))
