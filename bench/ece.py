"""How often the interval of the calibration error (ECE) holds the truth, by number of films.

    nice PYTHONPATH=. python bench/ece.py [--repeats 400] [--films 225 1000]

Models are made up whose calibration error is known: a film's probabilities are drawn, and its class is
drawn from them after tempering, so that the model is as much too sure, or not sure enough, as the
temperature says. Truth is the error on a million films. Averaged over the models as in the comparison
of figures, the 95 % interval should hold the truth in 93 to 97 % of the repeats.
"""

import argparse

import numpy as np

from cxrcore.comparison.figures import Judged
from cxrcore.metrics import METRICS
from cxrcore.metrics.calibration import calibration_error
from cxrcore.metrics.uncertainty import Answers, Films

TEMPERATURES = (1.3, 1.6, 2.0, 3.0)  # of too sure models
CONCENTRATIONS = (0.4, 1.0)  # of the Dirichlet: small ones are sure
MANY = 1_000_000


def main() -> None:
    """Print the share of intervals that hold the truth, for each model and on average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--films", type=int, nargs="+", default=[225, 1_000])
    given = parser.parse_args()
    for films in given.films:
        shares = []
        for concentration in CONCENTRATIONS:
            for temperature in TEMPERATURES:
                share, truth = covered(films, concentration, temperature, given.repeats)
                shares.append(share)
                print(
                    f"{films:6,} films, concentration {concentration}, temperature {temperature}: "
                    f"ECE {truth:.3f}, held in {share:.1%}",
                    flush=True,
                )
        print(f"{films:6,} films: held in {np.mean(shares):.1%} on average\n", flush=True)


def covered(
    films: int, concentration: float, temperature: float, repeats: int
) -> tuple[float, float]:
    """The share of intervals that hold the truth, and the truth."""
    rng = np.random.default_rng(0)
    truth = calibration_error(*drawn(MANY, concentration, temperature, rng))
    held = 0
    for repeat in range(repeats):
        labels, probabilities = drawn(films, concentration, temperature, rng)
        answers = Answers(Films(labels, None, repeat), probabilities)
        low, high = Judged(METRICS["ece"], 0, (answers,)).interval
        held += bool(low <= truth <= high)
    return held / repeats, float(truth)


def drawn(
    films: int, concentration: float, temperature: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) classes and (n, 3) probabilities of a model that is too sure."""
    probabilities = rng.dirichlet(np.full(3, concentration), films).clip(1e-12)
    fair = probabilities ** (1 / temperature)
    edges = np.cumsum(fair / fair.sum(axis=1, keepdims=True), axis=1)
    labels = (rng.random(films)[:, None] > edges[:, :2]).sum(axis=1)
    return labels, probabilities


if __name__ == "__main__":
    main()
