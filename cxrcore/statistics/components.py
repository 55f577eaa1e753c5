"""Principal components, without scikit-learn: the pages' process uses them."""

import numpy as np
import numpy.typing as npt

_SMALL = 128  # rows or columns up to which all components are found at once


def principal(values: npt.ArrayLike, most: int) -> npt.NDArray[np.float32]:
    """The places of n points on their first principal components, as scikit-learn's PCA has them.

    Args:
        values: (n, d), n >= 1.
        most: components; fewer where n or d is smaller.

    Returns:
        (n, c) float32. The largest weight of each component is positive.
    """
    from scipy.sparse.linalg import svds

    centred = np.array(values, dtype=np.float32)
    centred -= centred.mean(axis=0)
    axes: npt.NDArray[np.floating]
    if min(centred.shape) <= max(_SMALL, most):
        axes = np.linalg.svd(centred, full_matrices=False)[2][:most]
    else:  # a few of many: 0.3 s for 10,000 times 2,048, where all take minutes
        axes = svds(centred, most, return_singular_vectors="vh", random_state=0)[2][::-1]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return np.asarray(centred @ (axes * np.sign(largest)[:, None]).T, dtype=np.float32)
