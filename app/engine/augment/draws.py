"""Chance that is a pure function of (seed, epoch, sample): no stream, so neither order nor threads matter.

The numbers are SplitMix64's (Steele et al. 2014, Fast splittable pseudorandom number generators, section 4): a counter
put through a mixer, here with all that a number may depend on mixed in one after another.
"""

from __future__ import annotations

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
Numbers = np.ndarray


def _mixed(x: Numbers) -> Numbers:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _with(key: Numbers, number: int | Numbers) -> Numbers:
    more = np.asarray(number, dtype=np.uint64).reshape(-1)
    return _mixed(key + (more + np.uint64(1)) * _GOLDEN)


class Draws:
    """Numbers for a batch: of each kind one a sample."""

    def __init__(self, key: Numbers) -> None:
        self.key = key

    @classmethod
    def of(cls, seed: int, epoch: int, samples: Numbers) -> Draws:
        """For these samples (their numbers in the split) in this epoch."""
        key = _with(_with(np.zeros(1, np.uint64), seed % 2**63), epoch)
        return cls(_with(key, np.asarray(samples).astype(np.uint64)))

    def under(self, number: int) -> Draws:
        """Other numbers for the same samples: those of a step, of a view."""
        return Draws(_with(self.key, number))

    def take(self, chosen: Numbers) -> Draws:
        """Those of some of the samples: the same as they have among all."""
        return Draws(self.key[chosen])

    def uniform(self, number: int, low: float = 0.0, high: float = 1.0) -> Numbers:
        """From `low` up to `high`, float64."""
        bits = _with(self.key, number) >> np.uint64(11)
        return low + (high - low) * (bits.astype(np.float64) * 2.0**-53)

    def whole(self, number: int, count: int | Numbers) -> Numbers:
        """A whole number from 0 to below `count`."""
        return np.minimum((self.uniform(number) * count).astype(np.int64), np.asarray(count) - 1)

    def happens(self, number: int, probability: float) -> Numbers:
        """Whether something happens that is so likely."""
        return self.uniform(number) < probability

    def noise(self, count: int) -> Numbers:
        """`count` numbers of a normal distribution for each sample (Box and Muller), float32."""
        pair = _with(np.repeat(self.key, count), np.tile(np.arange(count, dtype=np.uint64), len(self.key)))
        first = ((pair >> np.uint64(32)).astype(np.float64) + 1) * 2.0**-32
        second = (pair & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
        normal = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
        return normal.astype(np.float32).reshape(len(self.key), count)
