"""Whether the intervals of a comparison hold the truth, and how often equal models seem different.

    python bench/comparison.py [coverage|bootstrap|alarms|seconds] [--sets 1000] [--films 60 225 1000]

`coverage`: the share of simulated test sets whose 95 % interval holds the true value, the mean over
true accuracies (or AUC) of 0.5 to 0.99 and the lowest. `bootstrap`: the same for Matthews' correlation,
which is drawn anew. `alarms`: the share of sets of five equal models
in which any pair is proven different after Holm. `seconds`: processor time of 20 runs on 20,000 films.

A quarter of the films is of the first of three classes. Grouped: patients have 2 films on average, up
to 8; whether a model has them right, and how it scores them, correlates by 0.3 in one half of the sets
and by 0.6 in the other. Of each pair of models one is better by 0.04; half of a film's difficulty is
the same for both.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.special import ndtri

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore.metrics import METRICS, uncertainty  # noqa: E402
from cxrcore.statistics import auc, estimate, exchange, holm, resampling, shares  # noqa: E402

TRUE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
CLASSES = np.array([0.25, 0.35, 0.40])
SIZES = np.array([0.52, 0.24, 0.1, 0.05, 0.03, 0.02, 0.02, 0.02])  # of patients, 1 to 8 films


Figures = Callable[["Films", np.ndarray], Iterator[tuple[str, float, float, float]]]


@dataclass
class Films:
    """One test set: truth (n,), answers (m, n) and scores (m, n) of class 0, patients or None."""

    truth: np.ndarray
    answers: np.ndarray
    scores: np.ndarray
    groups: np.ndarray | None


def simulate(
    rng: np.random.Generator, n: int, right: np.ndarray, rho: float, model_rho: float = 0.5
) -> Films:
    """A test set of models with the given true accuracies, which are their true AUC as well."""
    sizes = rng.choice(np.arange(1, 9), n, p=SIZES / SIZES.sum()) if rho else np.ones(n, int)
    groups = np.repeat(np.arange(n), sizes)[:n]
    shape, m = (len(right), n), len(right)
    # The class of a film is mostly that of the patient's others.
    classes = rng.choice(3, n, p=CLASSES)
    truth = np.where(rng.random(n) < 0.8 * (rho > 0), classes[groups], rng.choice(3, n, p=CLASSES))
    # A film copies its patient's luck with chance sqrt(rho), so that two correlate by rho exactly;
    # models share luck in the same way.
    both = rng.random((2, n))
    own = rng.random((2, m, n))
    luck = np.where(rng.random((2, m, n)) < np.sqrt(model_rho), both[:, None], own)
    luck = np.where(rng.random(n) < np.sqrt(rho), luck[0][:, groups], luck[1])
    hits = luck < right[:, None]
    answers = np.where(hits, truth, (truth + rng.integers(1, 3, shape)) % 3)
    noise = (rng.normal(size=(2, 1, n)) + rng.normal(size=(2, m, n))) / np.sqrt(2)
    noise = np.sqrt(rho) * noise[0][:, groups] + np.sqrt(1 - rho) * noise[1]
    scores = noise + (np.sqrt(2) * ndtri(right))[:, None] * (truth == 0)
    return Films(truth, answers, scores, groups if rho else None)


def f1_of_classes(truth: np.ndarray, called: np.ndarray, groups: np.ndarray | None) -> list:
    """F1 of each of three classes, as comparisons estimate it."""
    given = uncertainty.Answers(uncertainty.Films(truth, groups), np.eye(3)[called])
    return [METRICS["f1"].uncertainty.estimate(given, number) for number in range(3)]


def true_f1(right: float) -> np.ndarray:
    """(3,) F1 of a model whose mistakes fall on the other classes alike."""
    called = CLASSES * right + (1 - CLASSES) * (1 - right) / 2
    return 2 * CLASSES * right / (CLASSES + called)


def intervals(films: Films, right: np.ndarray) -> Iterator[tuple[str, float, float, float]]:
    """Name, truth, low and high of every figure of the first model and its pair with the second."""
    hits, of, groups = films.answers == films.truth, films.truth == 0, films.groups
    of_groups = None if groups is None else groups[of]
    gap = right[0] - right[1]
    yield "accuracy", right[0], *shares.interval(hits[0], groups)
    yield "recall", right[0], *shares.interval(hits[0][of], of_groups)
    for name, kept, codes in (("accuracy", slice(None), groups), ("recall", of, of_groups)):
        found = shares.difference(hits[0][kept], hits[1][kept], codes)
        yield f"{name}, pair", gap, found.low, found.high
    by_class = [f1_of_classes(films.truth, answers, groups) for answers in films.answers]
    macro = [estimate.mean(each, groups) for each in by_class]
    truths = [true_f1(value) for value in right]
    yield "F1", truths[0][0], by_class[0][0].low, by_class[0][0].high
    yield "macro F1", truths[0].mean(), macro[0].low, macro[0].high
    found = estimate.difference(by_class[0][0], by_class[1][0], None, "", groups)
    yield "F1, pair", truths[0][0] - truths[1][0], found.low, found.high
    found = estimate.difference(*macro, None, "", groups)
    yield "macro F1, pair", truths[0].mean() - truths[1].mean(), found.low, found.high
    areas = auc.estimate(of, films.scores, groups)
    yield "AUC", right[0], areas[0].low, areas[0].high
    found = auc.difference(areas[0], areas[1], groups)
    yield "AUC, pair", gap, found.low, found.high


def matthews(films: Films, right: np.ndarray) -> Iterator[tuple[str, float, float, float]]:
    """As `intervals`, for a figure that has no formula of its own and is drawn anew."""
    groups, n = films.groups, len(films.truth)
    cells = films.truth * 3 + films.answers
    table = np.array([np.eye(9)[row] for row in cells])  # (m, n, 9)
    truths = [float(correlation(1e6 * true_cells(value).reshape(1, 9))[0]) for value in right]
    values = [float(correlation(each.sum(axis=0)[None])[0]) for each in table]
    drawn = np.concatenate(list(resampling.weights(n, 999, 1, groups)))
    replicates = [correlation(drawn @ one) for one in table]
    units = n if groups is None else len(np.unique(groups))
    yield "Matthews", truths[0], *resampling.interval(values[0], replicates[0], units)
    found = resampling.difference(*values, tuple(replicates), units)
    yield "Matthews, pair", truths[0] - truths[1], found.low, found.high


def correlation(cells: np.ndarray) -> np.ndarray:
    """(draws,) Matthews' correlation of (draws, 9) counts."""
    table = cells.reshape(-1, 3, 3)
    true, called, n = table.sum(axis=2), table.sum(axis=1), cells.sum(axis=1)
    right = np.einsum("dkk->d", table)
    spreads = (n**2 - (true**2).sum(axis=1)) * (n**2 - (called**2).sum(axis=1))
    return (right * n - (true * called).sum(axis=1)) / np.sqrt(spreads)


def true_cells(right: float) -> np.ndarray:
    """(3, 3) shares of a model whose mistakes fall on the other classes alike."""
    return CLASSES[:, None] * (np.eye(3) * right + (1 - np.eye(3)) * (1 - right) / 2)


def coverage(sets: int, sizes: list[int], figures: Figures = intervals) -> None:
    """Print mean and lowest coverage of every figure over the true values."""
    print(f"{'films':>6} {'patients':>8} {'figure':<16} {'mean':>6} {'lowest':>6} {'highest':>7}")
    for n in sizes:
        for grouped in (False, True):
            held: dict[str, list[float]] = {}
            for right in TRUE:
                rng = np.random.default_rng([n, grouped, int(100 * right)])
                both = np.array([right, right - 0.04])
                inside: dict[str, list[bool]] = {}
                for number in range(sets):
                    films = simulate(rng, n, both, (0.3, 0.6)[number % 2] * grouped)
                    for name, truth, low, high in figures(films, both):
                        if np.isfinite(low):  # nothing is claimed otherwise
                            inside.setdefault(name, []).append(low - 1e-9 <= truth <= high + 1e-9)
                for name, values in inside.items():
                    held.setdefault(name, []).append(float(np.mean(values)))
            for name, values in held.items():
                print(
                    f"{n:>6} {'grouped' if grouped else 'single':>8} {name:<16} "
                    f"{100 * np.mean(values):>6.1f} {100 * min(values):>6.1f} {100 * max(values):>7.1f}"
                    f"  at {TRUE[int(np.argmin(values))]}",
                    flush=True,
                )


def macro_f1(cells: np.ndarray) -> np.ndarray:
    """(draws,) macro F1 of (draws, 9) counts."""
    table = cells.reshape(-1, 3, 3)
    both = np.einsum("dij->dj", table) + np.einsum("dij->di", table)
    return (2 * np.einsum("dkk->dk", table) / np.maximum(both, 1)).mean(axis=1)


def tests(films: Films, draws: int) -> dict[str, Callable[[int, int], float]]:
    """By figure: two models' numbers to p."""
    hits, of, groups = films.answers == films.truth, films.truth == 0, films.groups
    of_groups = None if groups is None else groups[of]
    cells = films.truth * 3 + films.answers
    areas = auc.estimate(of, films.scores, groups)
    known = {
        "accuracy": lambda a, b: shares.difference(hits[a], hits[b], groups).p,
        "recall": lambda a, b: shares.difference(hits[a][of], hits[b][of], of_groups).p,
        "AUC": lambda a, b: auc.difference(areas[a], areas[b], groups).p,
        "macro F1": lambda a, b: exchange.swaps(
            cells[a], cells[b], 9, macro_f1, groups, draws=draws
        ),
        "log loss": lambda a, b: exchange.sign_flips(
            films.scores[a] - films.scores[b], groups, draws=draws
        ),
    }
    return {
        name: lambda a, b, f=f: 1.0 if (p := f(a, b)) is None else p for name, f in known.items()
    }


def alarms(sets: int, sizes: list[int]) -> None:
    """Print how often any of ten pairs of equal models is proven different."""
    print(f"{'films':>6} {'patients':>8}  alarms in 100 sets: mean over true values, highest")
    for n in sizes:
        for grouped in (False, True):
            found: dict[str, list[float]] = {}
            for right in TRUE:
                rng = np.random.default_rng([n, grouped, int(100 * right), 1])
                alarm: dict[str, list[bool]] = {}
                for number in range(sets):
                    films = simulate(rng, n, np.full(5, right), (0.3, 0.6)[number % 2] * grouped)
                    for name, test in tests(films, 499).items():
                        p = [test(a, b) for a, b in combinations(range(5), 2)]
                        alarm.setdefault(name, []).append(bool(holm.adjust(p).min() <= 0.05))
                for name, values in alarm.items():
                    found.setdefault(name, []).append(100 * float(np.mean(values)))
            text = ", ".join(
                f"{name} {np.mean(v):.1f} {max(v):.1f} (at {TRUE[int(np.argmax(v))]})"
                for name, v in found.items()
            )
            print(f"{n:>6} {'grouped' if grouped else 'single':>8}  {text}", flush=True)


def seconds(runs: int = 20, n: int = 20_000) -> None:
    """Print the processor time of all intervals and all pairs, patients as clusters."""
    films = simulate(np.random.default_rng(0), n, np.linspace(0.8, 0.9, runs), 0.4)
    pairs, groups = list(combinations(range(runs), 2)), films.groups
    hits = films.answers == films.truth
    cells = films.truth * 3 + films.answers

    def timed(name: str, work: Callable[[], object]) -> None:
        start, processor = time.perf_counter(), time.process_time()
        work()
        spent = time.process_time() - processor
        print(
            f"{name:<44} {spent:6.2f} s of processor, {time.perf_counter() - start:6.2f} s",
            flush=True,
        )

    print(f"{runs} runs, {n} films, {len(np.unique(groups))} patients, {len(pairs)} pairs")
    timed("accuracy, intervals", lambda: [shares.interval(row, groups) for row in hits])
    timed(
        "accuracy, pairs", lambda: [shares.difference(hits[a], hits[b], groups) for a, b in pairs]
    )
    areas: list[list[estimate.Estimate]] = []
    timed(
        "AUC of 3 classes, intervals",
        lambda: areas.extend(
            auc.estimate(films.truth == k, films.scores, groups) for k in range(3)
        ),
    )
    timed(
        "AUC, pairs", lambda: [auc.difference(areas[0][a], areas[0][b], groups) for a, b in pairs]
    )
    macro: list[estimate.Estimate] = []
    timed(
        "F1 of 3 classes and macro, intervals",
        lambda: macro.extend(
            estimate.mean(f1_of_classes(films.truth, row, groups), groups) for row in films.answers
        ),
    )
    timed(
        "macro F1, pairs (intervals)",
        lambda: [estimate.difference(macro[a], macro[b], None, "", groups) for a, b in pairs],
    )
    timed(
        "macro F1, pairs (permutation)",
        lambda: [exchange.swaps(cells[a], cells[b], 9, macro_f1, groups) for a, b in pairs],
    )
    losses = films.scores
    timed(
        "log loss, pairs (permutation)",
        lambda: exchange.sign_flips(np.array([losses[a] - losses[b] for a, b in pairs]), groups),
    )
    right = hits.T.astype(np.float32)
    timed(
        "1,999 bootstrap draws of 20 means",
        lambda: [drawn @ right for drawn in resampling.weights(n, 1999, 0, groups)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["coverage", "bootstrap", "alarms", "seconds"])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--films", type=int, nargs="+", default=[60, 225, 1000])
    asked = parser.parse_args()
    if asked.what == "seconds":
        seconds()
    elif asked.what == "alarms":
        alarms(asked.sets, asked.films)
    else:
        coverage(asked.sets, asked.films, matthews if asked.what == "bootstrap" else intervals)


if __name__ == "__main__":
    main()
