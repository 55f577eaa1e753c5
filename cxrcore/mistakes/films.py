"""The films that runs were tested on, each with every run's answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.comparison import patients
from cxrcore.comparison.films import align
from cxrcore.comparison.subjects import Subject
from cxrcore.mistakes.labels import suspects

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Mistakes:
    """What runs answer about the test films that they have in common.

    Attributes:
        classes: of all runs.
        names: of the runs and families, in order.
        films: one row a film by image_id; the columns are `label`, for each name `answer[name]`,
            `of_label[name]` (probability of the label) and `of_answer[name]`; `wrong`, how many took
            it for another class; `disagreement`, 0 (all alike) to 1; `suspect`, the class that it more
            likely belongs to by all runs together, or missing, and `margin` of that.
    """

    classes: list[str]
    names: list[str]
    films: pd.DataFrame

    def disagreed(self) -> pd.DataFrame:
        """The films with different answers, those that the runs disagree about most first."""
        answers = self.films[[f"answer[{name}]" for name in self.names]]
        found = self.films[answers.nunique(axis=1) > 1]
        return found.sort_values("disagreement", ascending=False, kind="stable")

    def missed_by_all(self) -> pd.DataFrame:
        """The films that every run took for another class, doubtful labels first."""
        found = self.films[self.films["wrong"] == len(self.names)]
        return found.sort_values("margin", ascending=False, kind="stable", na_position="last")

    def doubtful(self) -> pd.DataFrame:
        """The films whose label may be wrong, the clearest first."""
        found = self.films[self.films["suspect"].notna()]
        return found.sort_values("margin", ascending=False, kind="stable")

    def confident(self, name: str) -> pd.DataFrame:
        """A run's mistakes, the ones it was surest of first."""
        return self._wrong(name).sort_values(f"of_answer[{name}]", ascending=False, kind="stable")

    def random(self, name: str, each: int = 10, seed: int = 0) -> pd.DataFrame:
        """At most `each` mistakes of a run in every class, drawn at random, by class."""
        wrong = self._wrong(name).sort_index()
        drawn = wrong.sample(frac=1, random_state=seed).groupby("label", sort=False).head(each)
        return self._by_class(drawn)

    def surest(self, name: str) -> pd.DataFrame:
        """The film of each class that a run was surest of and right about."""
        right = self.films[self.films[f"answer[{name}]"] == self.films["label"]]
        ordered = right.sort_values(f"of_answer[{name}]", ascending=False, kind="stable")
        return self._by_class(ordered.groupby("label", sort=False).head(1))

    def _wrong(self, name: str) -> pd.DataFrame:
        return self.films[self.films[f"answer[{name}]"] != self.films["label"]]

    def _by_class(self, films: pd.DataFrame) -> pd.DataFrame:
        places = pd.Index(self.classes).get_indexer(films["label"])
        return films.iloc[np.argsort(places, kind="stable")]


def find(compared: Sequence[Subject]) -> Mistakes:
    """What runs answer about the test films in common; of a family the mean over its seeds.

    Raises:
        ComparisonError: the classes differ, or there is no film in common.
        StoreError: predictions are missing or damaged.
    """
    aligned = align(compared, patients.find(run for each in compared for run in each.runs))
    names = [subject.name for subject in compared]
    shares = np.array(
        [np.mean([each.probabilities for each in aligned.answers[name]], axis=0) for name in names],
        dtype=np.float64,
    )  # (m, n, k)
    classes, truth = np.array(aligned.classes, dtype=object), aligned.films.truth
    rows, called = np.arange(len(truth)), shares.argmax(axis=2)
    columns: dict[str, object] = {"label": classes[truth]}
    for place, name in enumerate(names):
        columns[f"answer[{name}]"] = classes[called[place]]
        columns[f"of_label[{name}]"] = shares[place, rows, truth]
        columns[f"of_answer[{name}]"] = shares[place].max(axis=1)
    likely, margin = suspects(truth, shares.mean(axis=0))
    columns |= {
        "wrong": (called != truth).sum(axis=0),
        "disagreement": divergence(shares),
        "suspect": np.where(likely < 0, None, classes[likely]),
        "margin": margin,
    }
    return Mistakes(aligned.classes, names, pd.DataFrame(columns, index=aligned.image_ids))


def divergence(shares: Floats) -> Floats:
    """(n,) how much (m, n, k) probabilities of m runs differ, 0 (alike) to 1.

    The generalised Jensen-Shannon divergence over its greatest value, log min(m, k).

    Source: Lin 1991, IEEE Trans. Inf. Theory 37, 145-151, doi 10.1109/18.61115.
    """
    greatest = np.log(min(shares.shape[0], shares.shape[2]))
    if not greatest:
        return np.zeros(shares.shape[1])
    mixed = _entropy(shares.mean(axis=0))
    return np.clip((mixed - _entropy(shares).mean(axis=0)) / greatest, 0.0, 1.0)


def _entropy(shares: Floats) -> Floats:
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logs).sum(axis=-1)
