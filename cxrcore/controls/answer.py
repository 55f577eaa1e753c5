"""Figures of one recipe on several regions, and their differences from the whole picture."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrcore.comparison.figures import Judged, known, within
from cxrcore.comparison.pairs import differences
from cxrcore.comparison.patients import Patients, numbers
from cxrcore.errors import ComparisonError
from cxrcore.metrics import METRICS
from cxrcore.metrics.uncertainty import Answers, Films
from cxrcore.statistics import holm

WHOLE = "none"  # the region to which the others are compared


@dataclass(frozen=True)
class Shown:
    """A figure on one region, with 95 % intervals; None where it is undefined.

    `difference` is this figure less that of the whole picture on the same films, `p` of it after
    Holm over the regions; they are None for the whole picture itself.
    """

    region: str
    value: float | None
    low: float | None
    high: float | None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Row:
    """A figure on every region.

    `chance` is what a model reaches that knows nothing of the films: of the accuracy that of one
    that always says the commonest class, of recalls that of one that guesses all classes alike.
    """

    metric: str
    class_name: str
    chance: float
    shown: tuple[Shown, ...]

    def of(self, region: str) -> Shown | None:
        """The figure on a region; None where it was not measured."""
        return next((each for each in self.shown if each.region == region), None)

    def remaining(self, region: str) -> float | None:
        """Share of what the whole picture has above chance that a region has; None if undefined."""
        here, whole = self.of(region), self.of(WHOLE)
        if here is None or whole is None or here.value is None or whole.value is None:
            return None
        above = whole.value - self.chance
        return (here.value - self.chance) / above if above > 0 else None


@dataclass(frozen=True)
class Answer:
    """Whether a model needs the lungs, in figures.

    Attributes:
        trained: whether each region has a network that was trained on it; False: it is the one
            network of the whole picture.
        rows: accuracy, balanced accuracy, and the recall of every class.
        films: on which all regions are judged.
        patients: of them; None if they are unknown and films count as independent.
        left_out: class -> test films that not every region could use; as a rule no lung mask was accepted.
    """

    trained: bool
    rows: tuple[Row, ...]
    films: int
    patients: int | None
    left_out: Mapping[str, int]

    @property
    def regions(self) -> tuple[str, ...]:
        """Those that were measured, the whole picture first."""
        return tuple(each.region for each in self.rows[0].shown)

    def row(self, metric: str, class_name: str = "") -> Row:
        """The row of a figure."""
        return next(r for r in self.rows if (r.metric, r.class_name) == (metric, class_name))

    def frame(self) -> pd.DataFrame:
        """One row for each figure and region: metric, class_name, chance, then those of `Shown`."""
        return pd.DataFrame(
            [
                {"metric": row.metric, "class_name": row.class_name, "chance": row.chance}
                | vars(shown)
                for row in self.rows
                for shown in row.shown
            ]
        )


def judge(
    tables: Mapping[str, pd.DataFrame], classes: Sequence[str], patients: Patients, *, trained: bool
) -> Answer:
    """The figures of each region on the films that all of them have.

    Intervals and tests are those of `comparison`.

    Args:
        tables: region -> one row a test film, indexed by image_id, with `p_<class>`; the whole
            picture comes first and has the column `label` as well.
        classes: in the order of the outputs.
        patients: of the films.
        trained: see `Answer`.

    Raises:
        ComparisonError: there is no film that all regions have.
    """
    whole = tables[WHOLE]
    ids = whole.index
    for table in tables.values():
        ids = ids.intersection(table.index)
    if ids.empty:
        raise ComparisonError(
            f"None of the {len(whole):,} test films was judged on every region: no lung mask was accepted. "
            "See the page Lung masks for the reasons."
        )
    ids = ids.sort_values()
    truth = pd.Index(classes).get_indexer(whole["label"].reindex(ids))
    digest = hashlib.blake2b("\n".join(ids).encode(), digest_size=8).hexdigest()
    names = patients.known.reindex(ids)
    films = Films(truth, numbers(names), int(digest, 16))
    columns = [f"p_{name}" for name in classes]
    answers = {
        region: Answers(films, table.loc[ids, columns].to_numpy(np.float32))
        for region, table in tables.items()
    }
    left_out = whole["label"][~whole.index.isin(ids)].value_counts()
    return Answer(
        trained=trained,
        rows=tuple(_rows(answers, films, classes)),
        films=len(films),
        patients=int(names.nunique()) if names.notna().any() else None,
        left_out={name: int(left_out[name]) for name in classes if name in left_out},
    )


def _rows(answers: Mapping[str, Answers], films: Films, classes: Sequence[str]) -> Iterator[Row]:
    k = len(classes)
    commonest = float(np.bincount(films.truth).max() / len(films))
    yield _row("accuracy", "", 0, commonest, answers)
    yield _row("balanced_accuracy", "", 0, 1 / k, answers)
    for number, name in enumerate(classes):
        if (films.truth == number).any():
            yield _row("recall", name, number, 1 / k, answers)


def _row(
    name: str, class_name: str, number: int, chance: float, answers: Mapping[str, Answers]
) -> Row:
    metric = METRICS[name]
    judged = [Judged(metric, number, (each,)) for each in answers.values()]
    found = differences(judged, [(place, 0) for place in range(1, len(judged))])
    adjusted = holm.adjust([np.nan if each.p is None else each.p for each in found])
    shown = []
    for place, (region, each) in enumerate(zip(answers, judged, strict=True)):
        low, high = within(metric, *each.interval)
        own = Shown(region, known(each.value), low, high)
        if place:
            moved = found[place - 1]
            bounds = within(metric, moved.low, moved.high, difference=True)
            p = known(adjusted[place - 1])
            own = Shown(region, own.value, low, high, known(moved.value), *bounds, p)
        shown.append(own)
    return Row(name, class_name, chance, tuple(shown))
