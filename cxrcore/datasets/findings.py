"""Several findings on a film, and uncertain ones: how they become one class a film.

A table of findings has a row a film (its path) and a column a finding: 1 present, 0 absent,
-1 uncertain, missing where nothing is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from cxrcore.datasets import assembly
from cxrcore.datasets.selection import LabelOptions, Options
from cxrcore.datasets.table import Dataset, count, listed
from cxrcore.errors import DatasetError

PRESENT, ABSENT, UNCERTAIN = 1, 0, -1
LIST = "[]"  # stands for lists as Python writes them, such as ['A', 'B']
JOINT = "|"  # between the findings of a film where they are written as one text


@dataclass
class Decided:
    """The class of each film that has one, and sentences about what was chosen."""

    labels: pd.Series  # path -> class; films that are left out are missing
    notes: list[str]


def of_sets(sets: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """The table of findings from the findings of each film; those not named are absent.

    >>> of_sets({"a.png": ["x", "y"], "b.png": ["y"]}).loc["b.png"].tolist()
    [0, 1]
    """
    names = sorted({name for found in sets.values() for name in found})
    rows = [[int(name in set(found)) for name in names] for found in sets.values()]
    return pd.DataFrame(rows, index=list(sets), columns=names, dtype="Int8")


def of_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """The table of findings from cells such as 1, 0.0, -1, "1,0", true and no.

    Raises:
        DatasetError: a cell is none of these.
    """
    words = {"1": 1, "yes": 1, "true": 1, "0": 0, "no": 0, "false": 0, "-1": -1}
    found = {}
    for name in cells.columns:
        text = cells[name].str.lower().str.replace(r"[.,]0+$", "", regex=True)
        found[name] = text.map(words).astype("Int8")
        if (bad := text.notna() & found[name].isna()).any():
            raise DatasetError(
                f"The column {name!r} cannot be a finding: it holds "
                f"{listed(cells.loc[bad, name].drop_duplicates())}, not 1, 0 or -1 (uncertain). "
                "Name other columns as labels."
            )
    return pd.DataFrame(found, index=cells.index)


def split(cell: str, separator: str) -> list[str]:
    """The findings that a cell names, each once; also of a list as Python writes it.

    >>> split("Effusion|Mass", "|"), split("['Mass', 'Nodule']", "[]"), split("A|B", "")
    (['Effusion', 'Mass'], ['Mass', 'Nodule'], ['A|B'])
    """
    if separator == LIST:
        parts = [part.strip(" '\"") for part in cell.strip("[]").split(",")]
    else:
        parts = [part.strip() for part in cell.split(separator)] if separator else [cell]
    return list(dict.fromkeys(filter(None, parts)))


def separator_of(cells: pd.Series) -> str:
    """What separates several findings in the cells of a column, "" if nothing does.

    A comma or semicolon separates where a part also stands alone: "COVID-19, ARDS" may be one.
    """
    texts = cells.dropna().unique()
    if any(text.startswith("[") and text.endswith("]") for text in texts):
        return LIST
    for sign in "|;,":
        several = [text for text in texts if sign in text]
        alone = set(texts) - set(several)
        if several and (
            sign == "|" or any(part in alone for text in several for part in split(text, sign))
        ):
            return sign
    return ""


def joined(findings: pd.DataFrame, by: pd.Series | list[str], axis: int = 0) -> pd.DataFrame:
    """Rows, or columns with axis 1, of one name as one: present if any is, else uncertain."""
    # The order present > uncertain > absent is that of 2 > 1 > 0.
    ranked = findings.replace({PRESENT: 2, UNCERTAIN: 1})
    ranked = (ranked.T if axis else ranked).groupby(by, sort=False).max()
    return (ranked.T if axis else ranked).replace({1: UNCERTAIN, 2: PRESENT}).astype("Int8")


def texts(findings: pd.DataFrame) -> pd.Series:
    """What is present on each film as one text; missing where nothing is."""
    present = (findings == PRESENT).fillna(False).to_numpy(bool)
    names = findings.columns.to_numpy(object)
    joined = [JOINT.join(names[row]) for row in present]
    return pd.Series(joined, findings.index, dtype="string").replace("", pd.NA)


def renamed(findings: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The findings under other names; those that share one are joined: present if any is."""
    new = [names.get(name, name) for name in findings.columns]
    if len(set(new)) == len(new):
        return findings.set_axis(new, axis=1)
    return joined(findings, new, axis=1)


def decided(findings: pd.DataFrame, options: LabelOptions, *, name: str) -> Decided:
    """One class a film, by `several`, `priority`, `uncertain`, or one class against the rest.

    Raises:
        DatasetError: films have several findings or uncertain ones, and it is not told what to
            do with them; the message shows the counts and the options. Or there is no such class.
    """
    findings = renamed(findings, options.rename)
    by_sets = _is_by_sets(options)
    wanted = [*options.classes, str(options.against_rest)] if by_sets else options.priority
    if unknown := sorted(set(wanted) - set(findings.columns)):
        raise DatasetError(
            f"No image of {name} has the class {listed(unknown)}. "
            f"Its findings are {listed(findings.columns, 20)}."
        )
    if by_sets:
        return _against_rest(findings, options, name)
    notes: list[str] = []
    findings, unsure = _without_uncertain(findings, findings.columns, options, name, notes)
    present = (findings == PRESENT).fillna(False).astype(bool)
    several = present.sum(axis=1) > 1
    first = present.idxmax(axis=1)
    labels = first.where(present.any(axis=1) & ~several & ~unsure).astype("string")
    if (several := several & ~unsure).any():
        if options.several in ("", "any"):
            raise DatasetError(question(findings, several, name))
        if options.several == "whole":
            labels = labels.fillna(texts(findings[several]))
            notes.append(f"{count(int(several.sum()), 'image')} of several findings at once.")
        elif options.several == "priority":
            notes += _by_priority(present[several], options.priority, labels)
        else:
            notes.append(
                f"{count(int(several.sum()), 'image')} left out because of several findings."
            )
    if none := int((~present.any(axis=1) & ~unsure).sum()):
        notes.append(f"{count(none, 'image')} left out because no finding is told.")
    return Decided(labels, notes)


def explicit(options: Options) -> Options:
    """The options with `several=any` where that is meant: earlier versions meant something else."""
    if isinstance(options, LabelOptions) and _is_by_sets(options):
        return options.model_copy(update={"several": "any"})
    return options


def chosen(dataset: Dataset, options: Options, *, ask: bool) -> tuple[Dataset, Options]:
    """The dataset with one class a film, and the options that are still to be applied.

    Without `ask`, films with several findings are left out where nothing else was chosen.

    Raises:
        DatasetError: as for `decided`, or no film has a class.
    """
    if dataset.findings is None or not isinstance(options, LabelOptions):
        return dataset, options
    told = options if ask else options.model_copy(update={"several": options.several or "one"})
    choice = decided(dataset.findings, told, name=dataset.name)
    table = dataset.table.assign(label=choice.labels.reindex(dataset.table["path"]).array)
    table = table[table["label"].notna()].reset_index(drop=True)
    if table.empty:
        raise DatasetError(f"No image of {dataset.name} is left. {' '.join(choice.notes)}")
    present = set(table["label"])
    classes = tuple(
        sorted(
            present, key=lambda label: (label.startswith("not ") and label[4:] in present, label)
        )
    )
    done: dict[str, Any] = {"rename": {}}
    if _is_by_sets(told):
        done |= {"classes": (), "against_rest": None}
    notes = assembly.notes_on_classes(dataset.table, dataset.classes)  # of the joined labels
    kept = [note for note in dataset.notes if note not in notes]
    return replace(
        dataset,
        table=table,
        classes=classes,
        findings=None,
        notes=(*kept, *choice.notes, *assembly.notes_on_classes(table, classes)),
    ), options.model_copy(update=done)


def _is_by_sets(options: LabelOptions) -> bool:
    """Whether one class is told from the rest by all findings of a film, not by one chosen before."""
    return options.against_rest is not None and options.several in ("", "any")


def question(findings: pd.DataFrame, several: pd.Series, name: str) -> str:
    """What to ask about films with several findings: counts, and the options."""
    present = (findings == PRESENT).fillna(False).astype(bool)
    counts = present.sum().sort_values(ascending=False, kind="stable")
    example = present[several].iloc[0]
    first = example.index[example][0]
    return (
        f"{int(several.sum()):,} of {len(findings):,} images of {name} have several findings, such "
        f"as {listed(example.index[example], 5)}. The findings are {_counted(counts)}. Choose: "
        "--option several=one (only images with exactly one), --option several=priority --option "
        "priority=A,B,… (the first of these that is present), --option several=whole (each "
        f"combination is a class), or --option 'against_rest={first}' (one class against the rest)."
    )


def _counted(counts: pd.Series) -> str:
    return listed((f"{name} {number:,}" for name, number in counts.items()), 20)


def _without_uncertain(
    findings: pd.DataFrame, names: Iterable[str], options: LabelOptions, name: str, notes: list[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """The findings without uncertain ones among `names`, and which films are left out for them."""
    uncertain = findings[list(names)] == UNCERTAIN
    unsure = uncertain.any(axis=1).fillna(False).astype(bool)
    if not unsure.any():
        return findings, unsure
    counts = uncertain.sum()
    told = _counted(counts[counts > 0])
    if not options.uncertain:
        raise DatasetError(
            f"Uncertain findings of {name}: {told}. Choose what they count as: --option "
            "uncertain=out (these images are left out), uncertain=positive or uncertain=negative."
        )
    notes.append(f"Uncertain findings ({told}) count as {options.uncertain}.")
    if options.uncertain == "out":
        notes[-1] = (
            f"{count(int(unsure.sum()), 'image')} left out because of uncertain findings: {told}."
        )
        return findings, unsure
    value = PRESENT if options.uncertain == "positive" else ABSENT
    known = {
        finding: findings[finding].replace({UNCERTAIN: value}) for finding in uncertain.columns
    }
    return findings.assign(**known), unsure & False


def _against_rest(findings: pd.DataFrame, options: LabelOptions, name: str) -> Decided:
    """One finding against the others; a film of which nothing is told belongs to neither."""
    chosen = str(options.against_rest)
    notes = [f"One class against the rest: {chosen!r}, other findings do not count beside it."]
    findings, unsure = _without_uncertain(findings, [chosen], options, name, notes)
    others = [label for label in options.classes or findings.columns if label != chosen]
    has = (findings[chosen] == PRESENT).fillna(False)
    rest = (findings[others] == PRESENT).any(axis=1)
    if not options.classes:
        rest |= (findings[chosen] == ABSENT).fillna(False)
    labels = pd.Series(pd.NA, findings.index, dtype="string").mask(rest, f"not {chosen}")
    labels = labels.mask(has, chosen).mask(unsure)
    if none := int((labels.isna() & ~unsure).sum()):
        notes.append(f"{count(none, 'image')} left out because neither is told.")
    return Decided(labels, notes)


def _by_priority(several: pd.DataFrame, order: tuple[str, ...], labels: pd.Series) -> list[str]:
    """Fill in the first class of `order` that is present; sentences about it."""
    if not order:
        raise DatasetError(
            "several=priority needs the order: --option priority=A,B,…; the first that is present "
            f"counts. The findings are {listed(several.columns, 20)}."
        )
    ranked = several[list(order)]
    chosen = ranked.idxmax(axis=1).where(ranked.any(axis=1))
    labels.loc[several.index] = chosen.astype("string")
    notes = [
        f"{count(len(several), 'image')} of several findings; the first of "
        f"{', '.join(order)} counts."
    ]
    if none := int(chosen.isna().sum()):
        notes.append(f"{count(none, 'image')} left out because none of these is among them.")
    return notes
