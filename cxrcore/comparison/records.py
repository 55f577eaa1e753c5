"""The records of a comparison, as they are kept and shown."""

from pydantic import BaseModel, ConfigDict

LEVEL = 0.05  # a difference is proven below it, after Holm


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Figure(_Record):
    """One subject's figure on the films in common.

    `low` and `high` are the 95 % interval. Values are None where they are undefined. `ranks` are the
    best and the worst place that are not excluded, from 1: 1 + the subjects proven better, and the
    number of subjects less those proven worse. `method` says how the interval was found.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    ranks: tuple[int, int] | None
    method: str


class Pair(_Record):
    """Two subjects compared on the same films; `first` has the better figure, or the same.

    `difference` is the figure of the first less that of the second, `low` and `high` its 95 %
    interval. `adjusted` is `p` after Holm over all pairs of the comparison. None where they are
    undefined or nothing can be tested, which `method` explains.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    method: str

    @property
    def proven(self) -> bool:
        """Whether the difference is more than chance would show, all pairs considered."""
        return self.adjusted is not None and self.adjusted <= LEVEL

    @property
    def better(self) -> str | None:
        """The subject that is proven better, if one is."""
        return self.first if self.proven else None


class Common(_Record):
    """The films that all subjects were tested on.

    `of` has the number of test films of each subject. `patients` is the number of patients of the
    films, None if they are unknown and films count as independent. `digest` is that of the sorted
    image ids, which are themselves digests of the files. `reasons` are sentences: why not all films
    are compared, and what else limits the comparison.
    """

    films: int
    of: dict[str, int]
    patients: int | None
    digest: str
    reasons: list[str]


class Comparison(_Record):
    """Subjects compared by one figure.

    Attributes:
        metric: its name in `METRICS`.
        class_name: "" for a figure of all classes.
        figures: of each subject, the best first.
        pairs: each two subjects, in the order of the figures.
        common: the films.
        relevant: how many of them the figure is about; for a recall those of the class.
        detectable: the smallest true difference that so many films would show in 80 % of all such
            comparisons; None where that is not known, since the figure is not a share of the same
            films for all.
        discordance: the share of the relevant films that two models are assumed to answer
            differently, for `detectable`.
        level: of a single test, for `detectable`: 0.05 divided by the number of pairs.
    """

    metric: str
    class_name: str
    figures: tuple[Figure, ...]
    pairs: tuple[Pair, ...]
    common: Common
    relevant: int
    detectable: float | None
    discordance: float
    level: float
