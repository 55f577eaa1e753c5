"""Simulated films of patients, for the tests of statistics."""

import numpy as np
from hypothesis import strategies as st


def patients(films: int, seed: int = 0) -> np.ndarray:
    """(n,) codes of patients with 1 to 4 films each, some larger than n, none in order."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(rng.permutation(films) * 7, rng.integers(1, 5, films))[:films]
    return rng.permutation(codes)


def cluster_sums(values: np.ndarray, codes: np.ndarray) -> list[float]:
    """Sum of the values of each patient, one after the other."""
    return [sum(v for v, c in zip(values, codes, strict=True) if c == code) for code in set(codes)]


@st.composite
def paired_films(draw):
    """Hits of two models on the same films, and patients or None."""
    n = draw(st.integers(1, 30))
    bools = st.lists(st.booleans(), min_size=n, max_size=n)
    codes = st.lists(st.integers(0, n), min_size=n, max_size=n)
    a, b = np.array(draw(bools)), np.array(draw(bools))
    return a, b, draw(st.none() | codes.map(np.array))
