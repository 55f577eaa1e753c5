"""How sure a share is that was counted on few images."""

import math

Z95 = 1.959963984540054  # of the normal distribution, for two sides and 95 %


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Lowest and highest share, 0..1, that `hits` of `n` are compatible with (Wilson's score).

    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212, doi 10.1080/01621459.1927.10502953.
    Images count as independent; those of one patient are not, so that the truth is wider.

    Args:
        hits: how many of n, 0 to n.
        n: how many in all; of none nothing is known: 0 to 1.
        z: quantile of the normal distribution.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if not n:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
