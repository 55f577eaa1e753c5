"""Labels that may be wrong, by confident learning."""

import numpy as np
import numpy.typing as npt


def suspects(
    truth: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.floating]]:
    """The class that a film more likely belongs to, and how clearly.

    A film belongs to another class where its probability of that class is at least as large as films
    with that label have on average. The probabilities must be of films that the model was not trained
    on: of those it was, it has learned the wrong labels too.

    Args:
        truth: (n,) class numbers, as labelled.
        probabilities: (n, k).

    Returns:
        (n,) class numbers, -1 where the label is not doubtful; (n,) margin by which the probability
        of the other class exceeds that of the label, NaN where it is not doubtful.

    Source: Northcutt, Jiang and Chuang 2021, J. Artif. Intell. Res. 70, 1373-1411,
    doi 10.1613/jair.1.12125: the confident joint (equation 1), ranked by the normalised margin.
    """
    k = probabilities.shape[1]
    # A class without films has no threshold: nothing can be said to belong to it.
    usual = [
        probabilities[truth == j, j].mean() if (truth == j).any() else np.inf for j in range(k)
    ]
    confident = np.where(probabilities >= np.array(usual), probabilities, -1.0)
    likely = confident.argmax(axis=1)
    doubtful = (confident.max(axis=1) >= 0) & (likely != truth)
    rows = np.arange(len(truth))
    margin = probabilities[rows, likely] - probabilities[rows, truth]
    return np.where(doubtful, likely, -1), np.where(doubtful, margin, np.nan)
