"""Options of every layout: which classes, under which names, which modality and views."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxrcore.datasets import assembly, spelling
from cxrcore.datasets.table import Dataset, count, listed
from cxrcore.errors import DatasetError


class Options(BaseModel):
    """The options of a layout; each layout may add its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rename: dict[str, str] = Field({}, description="label -> class; labels may share a class")
    classes: tuple[str, ...] = Field(
        (), description="the classes to keep, in the order of the softmax; all by default"
    )
    modality: Literal["xray", "ct"] | None = Field(None, description="keep only xray, or only ct")
    views: tuple[Literal["PA", "AP", "L"], ...] = Field(
        (), description="keep only images of these views"
    )
    against_rest: str | None = Field(
        None, description="one class against the rest: all others become 'not CLASS'"
    )
    spellings: Literal["", "merge"] = Field(
        "", description="merge: class names that differ only by case, blanks or look-alikes are one"
    )

    def explicit(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def own(self) -> dict[str, Any]:
        """Those of this layout only: the keyword arguments of its `read`."""
        return {name: getattr(self, name) for name in type(self).model_fields.keys() - _COMMON}


class LabelOptions(Options):
    """The options of layouts in which a film may have several findings, or uncertain ones."""

    several: Literal["", "one", "priority", "whole", "any"] = Field(
        "",
        description="images with several findings: one (only images with exactly one are kept), "
        "priority, whole (each combination is a class), or any (with against_rest: an image is of "
        "that class if it is one of its findings)",
    )
    priority: tuple[str, ...] = Field(
        (), description="of several findings the first in this order that is present"
    )
    uncertain: Literal["", "out", "positive", "negative"] = Field(
        "", description="uncertain findings (-1): left out, or counted as positive or negative"
    )


_COMMON = frozenset(LabelOptions.model_fields)
_LISTS = ("classes", "views", "priority")


def checked(kind: type[Options], layout: str, values: Mapping[str, Any] | None) -> Options:
    """The options of a layout from the values that the user gave.

    Raises:
        DatasetError: there is no such option, or the value is not allowed.
    """
    try:
        return kind.model_validate(dict(values or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            problem = f"has no option {name!r}"
        else:
            reason = first["msg"][0].lower() + first["msg"][1:]
            problem = f"cannot have {name} = {first['input']!r}: {reason}"
        known = "; ".join(
            f"{key} ({field.description})" for key, field in kind.model_fields.items()
        )
        raise DatasetError(f"The layout {layout!r} {problem}. Its options are: {known}.") from error


def parse(texts: Iterable[str]) -> dict[str, Any]:
    """Options from texts like KEY=VALUE; labels are renamed by rename=A:B,C:D.

    >>> parse(["modality=xray", "classes=A,B", "rename=a:A,b:A", "causes=true"])
    {'modality': 'xray', 'classes': ['A', 'B'], 'rename': {'a': 'A', 'b': 'A'}, 'causes': 'true'}

    Raises:
        DatasetError: a text is not of that form.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise DatasetError(f"Options are given as KEY=VALUE. Received: {text!r}.")
        key = key.strip()
        if key in _LISTS:
            values[key] = [part.strip() for part in value.split(",") if part.strip()]
        elif key == "rename":
            pairs = [part.rpartition(":") for part in value.split(",")]
            if wrong := [part for part in pairs if not (part[0] and part[2])]:
                raise DatasetError(
                    f"Labels are renamed by rename=OLD:NEW,OLD:NEW. Received: {wrong[0][2]!r}."
                )
            values[key] = {old.strip(): new.strip() for old, _, new in pairs}
        else:
            values[key] = value
    return values


def narrowed(dataset: Dataset, options: Options) -> Dataset:
    """The dataset with renamed labels and only the chosen images; notes say what was left out.

    Raises:
        DatasetError: no image has a label or class, or no image is left.
    """
    table, notes = _renamed(dataset.table, options.rename, dataset.name), []
    if options.spellings:
        table, merged = spelling.merged(table)
        notes += merged
    for column, wanted in (
        ("modality", (options.modality,) if options.modality else ()),
        ("view", options.views),
    ):
        if wanted:
            keep = table[column].isin(wanted).to_numpy(bool)
            found = table.loc[~keep, column].fillna("not told").value_counts().sort_index()
            told = ", ".join(f"{word} ({number:,})" for word, number in found.items())
            notes += _note_on_omitted(
                table[~keep], f"of another {column} than {' or '.join(wanted)}: {told}"
            )
            table = table[keep]
    if options.classes:
        if unknown := sorted(set(options.classes) - set(table["label"])):
            raise DatasetError(
                f"No image of {dataset.name} has the class {listed(unknown)}. "
                f"Its classes are {listed(sorted(set(table['label'].dropna())), 20)}."
            )
        keep = table["label"].isin(options.classes).to_numpy(bool)
        others = table.loc[~keep, "label"].value_counts().sort_index()
        classes = ", ".join(f"{label} ({number:,})" for label, number in others.items())
        notes += _note_on_omitted(table[~keep], f"of classes that were not chosen, {classes}")
        table = table[keep]
    if table.empty:
        raise DatasetError(f"No image of {dataset.name} is left. {' '.join(notes)}")
    present = set(table["label"])
    order = options.classes or (
        dataset.classes if present == set(dataset.classes) else tuple(sorted(present))
    )
    before = assembly.notes_on_classes(dataset.table, dataset.classes)
    chosen = replace(
        dataset,
        table=table.reset_index(drop=True),
        classes=tuple(name for name in order if name in present),
        options=options.explicit(),
    )
    if options.against_rest is not None:
        chosen = against_rest(chosen, options.against_rest)
    kept = (note for note in dataset.notes if note not in before)
    after = assembly.notes_on_classes(chosen.table, chosen.classes)
    return replace(chosen, notes=(*kept, *notes, *after))


def against_rest(dataset: Dataset, label: str, name: str | None = None) -> Dataset:
    """The dataset with two classes, `label` and "not `label`", under another name if given.

    Loading with its options gives the same dataset.

    Raises:
        DatasetError: it has no such class, or no other.
    """
    if label not in dataset.classes or len(dataset.classes) < 2:
        raise DatasetError(
            f"{dataset.name} has no class {label!r} to separate from others. Its classes are "
            f"{listed(dataset.classes, 20)}."
        )
    rest = f"not {label}"  # the choice makes a dataset: docs/decisions/0033
    labels = dataset.table["label"]
    return replace(
        dataset,
        name=name or dataset.name,
        table=dataset.table.assign(label=labels.where(labels.isna() | (labels == label), rest)),
        classes=(label, rest),
        options={**dataset.options, "against_rest": label},
    )


def _renamed(table: pd.DataFrame, names: Mapping[str, str], dataset: str) -> pd.DataFrame:
    if not names:
        return table
    if unknown := sorted(set(names) - set(table["label"])):
        raise DatasetError(
            f"No image of {dataset} has the label {listed(unknown)}, which was to be renamed. "
            f"Its labels are {listed(sorted(set(table['label'].dropna())), 20)}."
        )
    return table.assign(label=table["label"].replace(dict(names)))


def _note_on_omitted(rows: pd.DataFrame, why: str) -> list[str]:
    return [f"{count(len(rows), 'image')} left out, {why}."] if len(rows) else []
