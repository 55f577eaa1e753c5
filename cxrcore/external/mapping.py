"""What the labels of another dataset stand for among the classes of a run."""

from collections.abc import Mapping, Sequence

from cxrcore.datasets.table import listed, same_name
from cxrcore.errors import ComparisonError

OTHER = ""  # no class of the run: films with this label are left out


def suggest(labels: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Each label with the class of the same name, case and punctuation aside, or with OTHER.

    Nothing else is guessed: whether "Viral pneumonia" is a "Pneumonia" is for people to say.

    >>> suggest(["covid 19", "ARDS"], ["COVID-19", "Normal"])
    {'covid 19': 'COVID-19', 'ARDS': ''}
    """
    return {label: same_name(label, classes) or OTHER for label in labels}


def check(
    mapping: Mapping[str, str], labels: Sequence[str], classes: Sequence[str]
) -> dict[str, str]:
    """The mapping of all labels, those that it does not name as `suggest` has them.

    Raises:
        ComparisonError: it names a label or class that there is not, or no class is left.
    """
    if unknown := sorted(set(mapping) - set(labels)):
        raise ComparisonError(
            f"No film has the label {listed(unknown)}. The labels are {listed(labels, 30)}."
        )
    if wrong := sorted(set(mapping.values()) - {OTHER, *classes}):
        raise ComparisonError(
            f"The model has no class {listed(wrong)}. Its classes are {listed(classes, 30)}; leave a "
            "label out by an empty class."
        )
    full = suggest(labels, classes) | dict(mapping)
    if not any(full.values()):
        raise ComparisonError(
            f"None of the labels {listed(labels, 30)} stands for one of the model's classes "
            f"{listed(classes, 30)}. Say which does, such as: --map '{labels[0]}={classes[0]}'."
        )
    return full
