"""What a number of films can show at all, before any result is looked at."""

import numpy as np
from scipy.special import bdtr, gammaln

from cxrcore.errors import CxrError


def smallest_difference(
    n: int, level: float, discordance: float, power: float = 0.8
) -> float | None:
    """The smallest true difference of two paired shares that the films would show.

    "Show" means that McNemar's exact test finds p <= `level` in `power` of all such sets of films.

    Args:
        n: films that the share is about.
        level: of the test, such as 0.05 / 10 for ten pairs.
        discordance: share of the films, 0..1, that one model has right and the other wrong; to be
            chosen beforehand, never taken from the models compared.
        power: wanted share, 0..1.

    Returns:
        A difference, 0..discordance; None if not even the greatest one would be shown.

    Raises:
        CxrError: a share lies outside 0..1.
    """
    for name, value in (("level", level), ("discordance", discordance), ("power", power)):
        if not 0 <= value <= 1:
            raise CxrError(f"The {name} must be a share from 0 to 1. Received: {value}. Change it.")
    if n < 1 or discordance == 0:
        return None
    differing = np.arange(n + 1)
    logs = gammaln(n + 1) - gammaln(differing + 1) - gammaln(n - differing + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs += differing * np.log(discordance) + (n - differing) * np.log1p(-discordance)
    chances = np.exp(logs) if discordance < 1 else (differing == n).astype(float)
    kept = chances > 1e-12
    differing, chances = differing[kept], chances[kept]
    losses = _most_losses(differing, level)

    def reached(difference: float) -> float:
        won = (1 + difference / discordance) / 2  # share of the differing films that one has right
        shown = bdtr(losses, differing, 1 - won) + bdtr(losses, differing, won)
        return float(chances @ np.where(losses >= 0, shown, 0.0))

    low, high = 0.0, discordance
    if reached(high) < power:
        return None
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return high


def _most_losses(differing: np.ndarray, level: float) -> np.ndarray:
    """(m,) the greatest number of losses among so many that is still significant; -1 for none."""
    low = np.full(len(differing), -1.0)
    high = np.floor(differing / 2)
    while (low < high).any():
        middle = np.ceil((low + high) / 2)
        small = 2 * bdtr(middle, differing, 0.5) <= level
        low, high = np.where(small, middle, low), np.where(small, high, middle - 1)
    return low
