"""Random streams against the reference algorithm written anew, and their independence of one another."""

from __future__ import annotations

import numpy as np

from engine.kernels import jit
from engine.rng import Streams, draw, exponential, new_streams, normal, uniform

MASK = 2**64 - 1


@jit
def _draws(streams: Streams, row: int, out: np.ndarray) -> None:
    for i in range(len(out)):
        out[i] = draw(streams, row)


@jit
def _samples(streams: Streams, out: np.ndarray) -> None:
    for i in range(len(out)):
        out[i, 0] = uniform(streams, 0)
        out[i, 1] = exponential(streams, 1)
        out[i, 2] = normal(streams, 2)


def _rotated(x: int, k: int) -> int:
    return ((x << k) | (x >> (64 - k))) & MASK


def reference(state: list[int], count: int) -> list[int]:
    """xoshiro256++ in whole numbers of Python, after the authors' C."""
    found = []
    for _ in range(count):
        found.append((_rotated((state[0] + state[3]) & MASK, 23) + state[0]) & MASK)
        t = (state[1] << 17) & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = _rotated(state[3], 45)
    return found


def test_draws_are_those_of_the_reference() -> None:
    streams = new_streams(7, ["maker 0", "noise 3"])
    expected = reference([int(w) for w in streams[1]], 200)
    out = np.zeros(200, np.uint64)
    _draws(streams, 1, out)
    assert [int(x) for x in out] == expected


def test_a_stream_belongs_to_its_name_not_to_its_place() -> None:
    all_three = new_streams(7, ["a", "b", "c"])
    without = new_streams(7, ["a", "c"])
    assert (all_three[[0, 2]] == without).all()
    assert not (new_streams(8, ["a"]) == all_three[0]).any()


def test_the_distributions_have_their_moments() -> None:
    out = np.zeros((200_000, 3))
    _samples(new_streams(1, ["u", "e", "n"]), out)
    assert out[:, 0].min() >= 0.0
    assert out[:, 0].max() < 1.0
    np.testing.assert_allclose(out.mean(axis=0), [0.5, 1.0, 0.0], atol=0.01)
    np.testing.assert_allclose(out.var(axis=0), [1 / 12, 1.0, 1.0], rtol=0.02)
    np.testing.assert_allclose((out[:, 2] ** 4).mean(), 3.0, rtol=0.05)
