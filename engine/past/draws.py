"""numpy's randomness by name: a generator whose seed is made of the session's and the component's own name."""

from __future__ import annotations

import numpy as np

from engine.rng import new_streams


def generator(seed: int, name: str) -> np.random.Generator:
    """Equal seed and name give equal draws; another component's are left alone."""
    words = new_streams(seed, [name])[0]
    return np.random.Generator(np.random.PCG64([int(word) for word in words]))
