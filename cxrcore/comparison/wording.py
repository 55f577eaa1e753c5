"""A comparison in one or two sentences, for a doctor; plain text."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cxrcore.comparison.records import Comparison, Pair
from cxrcore.metrics import METRICS, Metric

_MANY_FILMS = 500  # from here a third digit means something
_NAMED = 2  # models that are named in a row; the others are counted


class Verdict(NamedTuple):
    """The sentences, and whether the model they begin with is proven better than every other."""

    text: str
    sure: bool


def verdict(comparison: Comparison, titles: Mapping[str, str]) -> Verdict:
    """Which model is better, and whether the films are enough to say so.

    Args:
        comparison: of one or more subjects.
        titles: of the subjects, by name; without one the name is told.
    """
    told = _Words(comparison, titles)
    figures = [figure for figure in comparison.figures if figure.value is not None]
    if not figures:
        return Verdict(f"The {told.figure} is undefined on these films.", False)
    if len(figures) == 1:
        return Verdict(told.alone(figures[0].name), False)
    won = {figure.name: told.lost_to(figure.name) for figure in figures}
    best = max(figures, key=lambda figure: len(won[figure.name])).name  # of equals the first
    if not won[best]:
        return Verdict(told.undecided([figure.name for figure in figures]), False)
    first, *others = won[best]
    text = f"{told.title(best)} {told.claim} than {told.title(first.second)} ({told.facts(first)})"
    if others:
        text += f" and than {told.names([pair.second for pair in others])}"
    equal = [f.name for f in figures if f.name not in {best, *(p.second for p in won[best])}]
    if equal:
        text += f"; from {told.names(equal)} it cannot be told apart{told.reach}"
    return Verdict(f"{text}.", not equal)


def sentence(pair: Pair, comparison: Comparison, titles: Mapping[str, str]) -> str:
    """One pair of a comparison in a sentence; `titles` as for `verdict`."""
    told = _Words(comparison, titles)
    first, second = told.title(pair.first), told.title(pair.second)
    if pair.difference is None:
        return f"{first} and {second} cannot be compared: the {told.figure} is undefined."
    if pair.proven:
        return f"{first} {told.claim} than {second}: {told.facts(pair)} ({pair.method})."
    why = f"{told.facts(pair)} ({pair.method})"
    return f"{first} and {second} cannot be told apart: {why}."


def reasons(comparison: Comparison, titles: Mapping[str, str]) -> list[str]:
    """What limits a comparison, with the titles of the subjects in place of their names."""
    names = sorted(comparison.common.of, key=len, reverse=True)  # none begins another one then
    any_name = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names))
    return [
        any_name.sub(lambda found: titles.get(found[0], found[0]), reason)
        for reason in comparison.common.reasons
    ]


class _Words:
    """The parts of the sentences."""

    def __init__(self, comparison: Comparison, titles: Mapping[str, str]) -> None:
        self._of = comparison
        self._titles = titles
        self._metric: Metric = METRICS[comparison.metric]
        self._values = {figure.name: figure.value for figure in comparison.figures}

    @property
    def figure(self) -> str:
        """ "recall for COVID-19"."""
        of = f" for {self._of.class_name}" if self._of.class_name else ""
        return self._metric.spoken + of

    @property
    def claim(self) -> str:
        """ "misses fewer COVID-19 films", "has a lower log loss"."""
        if self._metric.claim:
            return self._metric.claim.format(class_name=self._of.class_name)
        return f"has a {'higher' if self._metric.better == 'up' else 'lower'} {self.figure}"

    @property
    def reach(self) -> str:
        """What so many films could show; "" where that is not known."""
        if self._of.detectable is None:
            return ""
        shown = self._number(self._of.detectable)
        return f": {_films(self._of.relevant)} could show a difference of {shown} or more"

    def title(self, name: str) -> str:
        """The title of a subject."""
        return self._titles.get(name, name)

    def lost_to(self, name: str) -> list[Pair]:
        """The pairs in which a subject is proven better."""
        return [pair for pair in self._of.pairs if pair.better == name]

    def names(self, names: Sequence[str]) -> str:
        """ "Compact (0.84), Plain CNN (0.80) and 3 others"."""
        told = [f"{self.title(name)} ({self._number(self._values[name])})" for name in names]
        if len(told) > _NAMED + 1:
            told = [*told[:_NAMED], f"{len(told) - _NAMED} others"]
        return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))

    def alone(self, name: str) -> str:
        """The figure of the only subject."""
        figure = next(each for each in self._of.figures if each.name == name)
        text = f"{self.title(name)}: {self.figure} {self._number(figure.value)}"
        if figure.low is not None and figure.high is not None:
            text += f", 95 % {self._number(figure.low)} to {self._number(figure.high)}"
        return f"{text}, on {_films(self._of.relevant)}."

    def undecided(self, names: Sequence[str]) -> str:
        """That no difference is proven; of two subjects with the figures."""
        if len(names) == 2:
            [pair] = [p for p in self._of.pairs if {p.first, p.second} == set(names)]
            both = f"{self.title(pair.first)} and {self.title(pair.second)}"
            return f"{both} cannot be told apart: {self.facts(pair)}{self.reach}."
        worst, best = sorted(self._values[name] or 0.0 for name in names)[:: len(names) - 1]
        between = f"{self._number(worst)} to {self._number(best)}"
        return f"No model is proven better than another on {self.figure} ({between}){self.reach}."

    def facts(self, pair: Pair) -> str:
        """ "recall 0.88 against 0.48, difference 0.40, 95 % 0.19 to 0.59, p = 0.02 after Holm".

        The figure is not named where the claim has named it.
        """
        first, second = (self._number(self._values[name]) for name in (pair.first, pair.second))
        what = f"{self._metric.spoken} " if self._metric.claim else ""
        if not pair.proven:
            what = f"{self.figure} "
        parts = [f"{what}{first} against {second}"]
        low, high, difference = pair.low, pair.high, pair.difference or 0.0
        if self._metric.better == "down":  # by how much the first is lower
            difference = -difference
            low, high = (None if bound is None else -bound for bound in (high, low))
        parts.append(f"difference {self._number(difference)}")
        if low is not None and high is not None:
            parts.append(f"95 % {self._number(low)} to {self._number(high)}")
        if pair.adjusted is not None:
            parts.append(
                _chance(pair.adjusted) + (" after Holm" if len(self._of.pairs) > 1 else "")
            )
        return ", ".join(parts)

    def _number(self, value: float | None) -> str:
        if value is None:
            return "–"
        digits = 2 if self._of.common.films < _MANY_FILMS else 3
        return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: never "-0.00"


def _films(number: int) -> str:
    return f"{number:,} film" if number == 1 else f"{number:,} films"


def _chance(p: float) -> str:
    """A p-value as people read it: "p = 0.02", "p < 0.001"."""
    if p < 0.001:
        return "p < 0.001"
    if p >= 0.1:
        return f"p = {p:.2f}"
    close = 0.045 < p < 0.055  # on which side of 0.05 it lies must show
    return f"p = {p:.3f}" if close else f"p = {p:.1g}"
