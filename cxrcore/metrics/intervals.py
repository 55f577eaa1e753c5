"""The 95 % interval of a share."""

import math

Z95 = 1.959963984540054  # quantile of the normal distribution, two-sided 95 %


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share: lowest and highest value, 0..1, compatible with the count.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212, doi 10.1080/01621459.1927.10502953.
    Images count as independent; those of one patient are not, so the true interval is wider.

    Args:
        hits: how many of n, 0 to n.
        n: how many in all; without any the interval is 0 to 1.
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
