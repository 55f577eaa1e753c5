"""Paired permutation tests: if two models do equally well, exchanging their answers changes nothing.

The answers are exchanged for a film, or for all films of a patient. p is the share of exchanges that
give a difference as large as the one found, which counts itself, so p is never 0 (B. Phipson, G.
Smyth, Statistical Applications in Genetics and Molecular Biology 9(1), 39, 2010).
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from cxrcore.errors import CxrError
from cxrcore.statistics.patients import Floats, Ints, codes, sums

DRAWS = 9_999

_CHUNK = 2**24  # signs held at a time


def swaps(
    a_cells: Ints,
    b_cells: Ints,
    cells: int,
    figure: Callable[[Floats], Floats],
    groups: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> float:
    """Two-sided p of the difference of a figure that follows from counts, such as F1.

    Films that change the counts in the same way, or in the opposite one, are exchanged together: the
    number of them is binomial.

    Args:
        a_cells, b_cells: (n,) the cell of the confusion matrix that a film is counted in, 0 to cells - 1.
        cells: of the matrix.
        figure: (draws, cells) counts to (draws,) values; an undefined one counts as a large difference.
        groups: (n,) patients, or None.
        draws: exchanges.
        seed: any whole number, not negative.

    Raises:
        CxrError: the films differ in number.
    """
    if a_cells.shape != b_cells.shape:
        raise CxrError(
            "A paired test needs the same films for both models. Received: "
            f"{len(a_cells)} and {len(b_cells)}. Keep the films in common."
        )
    first, second = (np.bincount(each, minlength=cells) for each in (a_cells, b_cells))
    found = np.abs(np.diff(figure(np.array([first, second], float))))[0]
    changes, counts = _pooled(a_cells, b_cells, cells, codes(groups, len(a_cells)))
    middle, far = (first + second) / 2, 0
    for signs in _signs(counts, draws, np.random.default_rng(seed)):
        shift = (changes.T @ signs).T / 2
        moved = np.abs(figure(middle + shift) - figure(middle - shift))
        far += int(np.sum(~(moved < found - 1e-12)))
    return (1 + far) / (1 + draws)


def sign_flips(
    differences: Floats,
    groups: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Floats:
    """Two-sided p of mean differences of values that each film has, such as the log loss.

    Args:
        differences: (pairs, n) or (n,), first minus second model.
        groups: (n,) patients, or None.
        draws: exchanges, the same for every pair.
        seed: any whole number, not negative.

    Returns:
        (pairs,) or a scalar array, 0 < p <= 1.
    """
    together = sums(differences, codes(groups, differences.shape[-1]))
    rows = np.atleast_2d(together)
    rows = rows / np.abs(rows).max(axis=1, keepdims=True).clip(min=np.finfo(float).tiny)
    found = np.abs(rows.sum(axis=1))
    slack = 1e-5 * np.sqrt(np.square(rows).sum(axis=1))  # of sums in single precision
    single = rows.astype(np.float32)
    far = np.zeros(len(rows), dtype=np.int64)
    ones = np.ones(rows.shape[1], dtype=np.int64)
    for signs in _signs(ones, draws, np.random.default_rng(seed)):
        far += np.sum(np.abs(single @ signs) >= (found - slack)[:, None], axis=1)
    p = (1 + far) / (1 + draws)
    return p if differences.ndim > 1 else p[0]


def _pooled(a_cells: Ints, b_cells: Ints, cells: int, patients: Ints | None) -> tuple[Floats, Ints]:
    """(u, cells) different changes of the counts, up to their sign, and how many units have each."""
    if patients is None:
        codes_, counts = np.unique(
            np.minimum(a_cells, b_cells) * np.int64(cells) + np.maximum(a_cells, b_cells),
            return_counts=True,
        )
        one, other = np.divmod(codes_, cells)
        changed = one != other
        changes = np.zeros((len(codes_), cells), dtype=np.float32)
        changes[np.arange(len(codes_)), one] += 1
        changes[np.arange(len(codes_)), other] -= 1
        return changes[changed], counts[changed]
    places = patients * np.int64(cells)
    size = (int(patients.max()) + 1) * cells
    table = np.bincount(places + a_cells, minlength=size) - np.bincount(
        places + b_cells, minlength=size
    )
    table = table.reshape(-1, cells)
    table = table[table.any(axis=1)]
    leading = table[np.arange(len(table)), (table != 0).argmax(axis=1)]
    table *= np.sign(leading)[:, None]
    # Rows are told apart by a random sum of 64 bits: sorting them whole takes ten times longer.
    keys = table @ np.random.default_rng(0).integers(-(2**62), 2**62, cells)
    _, places, counts = np.unique(keys, return_index=True, return_counts=True)
    return table[places].astype(np.float32), counts


def _signs(counts: Ints, draws: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.float32]]:
    """Chunks of (u, c) sums of `counts` random signs, together `draws` columns."""
    chunk = max(8, _CHUNK // max(1, len(counts)))
    single, several = np.flatnonzero(counts == 1), np.flatnonzero(counts > 1)
    for start in range(0, draws, chunk):
        columns = min(chunk, draws - start)
        found = np.empty((len(counts), columns), dtype=np.float32)
        bits = rng.integers(0, 256, (len(single), -(-columns // 8)), dtype=np.uint8)
        found[single] = np.unpackbits(bits, axis=1, count=columns)
        for place in several:
            found[place] = _heads(int(counts[place]), columns, rng)
        found *= 2
        found -= counts[:, None]
        yield found


def _heads(coins: int, draws: int, rng: np.random.Generator) -> Ints:
    """(draws,) heads of so many coins: the bits of random words, many times faster than `binomial`."""
    words = rng.integers(0, 2**64, (-(-coins // 64), draws), dtype=np.uint64)
    words[-1] >>= np.uint64(-coins % 64)
    return np.bitwise_count(words).sum(axis=0, dtype=np.int64)
