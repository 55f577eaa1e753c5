"""The films that subjects were tested on, side by side, and why some are left out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.comparison.patients import Patients, numbers
from cxrcore.comparison.records import Common
from cxrcore.comparison.subjects import Subject, check_classes
from cxrcore.datasets.table import count, listed
from cxrcore.errors import ComparisonError
from cxrcore.metrics.uncertainty import Answers, Films
from cxrcore.store import Run


@dataclass(frozen=True, eq=False)
class Aligned:
    """Answers of all subjects about the same films.

    Attributes:
        classes: in the order of all class numbers here.
        films: sorted by image id.
        image_ids: (n,) of them.
        answers: by subject, of each seed.
        folds: (n,) the fold that tested a film, where all subjects are cross-validations of the
            same folds; else None.
        common: what people are told about the films.
    """

    classes: list[str]
    films: Films
    image_ids: pd.Index
    answers: Mapping[str, tuple[Answers, ...]]
    folds: npt.NDArray[np.integer] | None
    common: Common


def align(compared: Sequence[Subject], patients: Patients, before: Films | None = None) -> Aligned:
    """Read the test predictions and keep the films that all subjects were tested on.

    An image id is the digest of a file, so a film is the same in any dataset. Films that have another
    label for another subject are left out. Only test films count: none was trained on by any of them.

    Args:
        compared: the subjects.
        patients: of their films.
        before: films that were aligned before; if these are the same, their samples are used again.

    Raises:
        ComparisonError: the classes differ, or there is no film in common.
        StoreError: predictions are missing or damaged.
    """
    classes = check_classes(compared)
    tested = {subject.name: [_tested(runs) for runs in subject.seeds] for subject in compared}
    every = [table for tables in tested.values() for table in tables]
    ids = every[0].index
    for table in every[1:]:
        ids = ids.intersection(table.index)
    ids = ids.sort_values()
    labels = np.array([table["label"].reindex(ids).to_numpy(object) for table in every])
    agreed = (labels == labels[0]).all(axis=0)
    if not agreed.any():
        raise ComparisonError(
            f"No film was tested by all of {listed([each.name for each in compared], 20)} with "
            "the same label. Choose runs on the same dataset and split."
        )
    kept = ids[agreed]
    tested = {name: [t.reindex(kept) for t in tables] for name, tables in tested.items()}
    columns = [f"p_{name}" for name in classes]
    truth = pd.Index(classes).get_indexer(labels[0][agreed])
    if (truth < 0).any():
        raise ComparisonError(
            f"Films of {compared[0].name} have labels that are none of its classes: "
            f"{listed(sorted(set(labels[0][agreed][truth < 0])))}. Delete the run and train it again."
        )
    digest = hashlib.blake2b("\n".join(kept).encode(), digest_size=8).hexdigest()
    names = patients.known.reindex(kept)
    films = Films(truth, numbers(names), int(digest, 16))
    films = before if before is not None and before == films else films
    folds = _same_folds(compared, tested)
    reasons = _why_not_all(compared, len(kept), int((~agreed).sum())) + _mixed(compared, folds)
    common = Common(
        films=len(kept),
        of={each.name: _films_of(each) for each in compared},
        patients=int(names.nunique()) if names.notna().any() else None,
        digest=digest,
        reasons=[*reasons, *_known_films(compared, kept), *_about_patients(names, patients)],
    )
    answers = {
        name: tuple(Answers(films, table[columns].to_numpy(np.float32)) for table in tables)
        for name, tables in tested.items()
    }
    return Aligned(classes, films, kept, answers, folds, common)


def _tested(runs: Sequence[Run]) -> pd.DataFrame:
    """The test predictions of the folds of one seed, or of one run, by image id."""
    tables = [run.predictions().assign(fold=run.split.fold or 0) for run in runs]
    table = pd.concat([table[table["split"] == "test"] for table in tables])
    # As plain objects: joining and looking up strings of pyarrow is several times slower.
    names = ["image_id", "label"]
    return table.astype(dict.fromkeys(names, object)).drop_duplicates(names[0]).set_index(names[0])


def _films_of(subject: Subject) -> int:
    return sum(run.metrics["test"].n for run in subject.seeds[0])


def _same_folds(
    compared: Sequence[Subject], tested: Mapping[str, Sequence[pd.DataFrame]]
) -> npt.NDArray[np.integer] | None:
    if len({subject.folds for subject in compared}) > 1 or compared[0].folds is None:
        return None
    folds = [table["fold"].to_numpy() for tables in tested.values() for table in tables]
    films = {_films_of(subject) for subject in compared} == {len(folds[0])}
    same = films and all(np.array_equal(each, folds[0]) for each in folds)
    return folds[0] if same else None


def _why_not_all(compared: Sequence[Subject], kept: int, other_label: int) -> list[str]:
    """Why films are left out: another dataset, another division, another label."""
    reasons = []
    first = compared[0].runs[0]
    for subject in compared[1:]:
        run = subject.runs[0]
        if run.fingerprint != first.fingerprint:
            what = f"on {run.dataset!r}" if run.dataset != first.dataset else "on other images"
            reasons.append(
                f"{subject.name} was tested {what}, {compared[0].name} on {first.dataset!r}."
            )
        elif not _divided_alike(run, first) and max(map(_films_of, compared)) > kept:
            reasons.append(
                f"{subject.name} and {compared[0].name} divide the images differently into "
                "training and test films."
            )
    if other_label:
        reasons.append(f"{count(other_label, 'film')} left out: their labels differ.")
    if max(map(_films_of, compared)) > kept:
        reasons.append(f"Compared are the {kept:,} films that all were tested on.")
    return reasons


def _divided_alike(run: Run, other: Run) -> bool:
    """Whether both divide the images alike; of another region `grouping` tells the masks as well."""
    splits = [each.split.model_dump(exclude={"fold"}) for each in (run, other)]
    alike = run.grouping == other.grouping or run.recipe.region != other.recipe.region
    return alike and splits[0] == splits[1]


def _known_films(compared: Sequence[Subject], kept: pd.Index) -> list[str]:
    """Which models may know films from their training: their figures may be too good."""
    found = []
    for subject in compared:
        leaking = {i for run in subject.runs if run.leaks for i in run.leaks.image_ids}
        if number := int(kept.isin(list(leaking)).sum()):
            found.append(
                f"{subject.name} knows {number:,} of the films from its training (the same patient "
                "or a duplicate): its figures may be too good."
            )
    imported = [each.name for each in compared if any(run.imported for run in each.runs)]
    if imported:
        found.append(f"Imported models may have been trained on these films: {listed(imported)}.")
    unchecked = [
        s.name for s in compared if any(r.leaks is None and not r.imported for r in s.runs)
    ]
    if unchecked:
        found.append(f"Not checked for films known from training: {listed(unchecked)}.")
    return found


def _mixed(compared: Sequence[Subject], folds: object) -> list[str]:
    """What it means that runs, seeds and folds are compared with each other."""
    found = []
    seeds = [len(subject.seeds) for subject in compared]
    if max(seeds) > min(seeds) == 1:
        single = [each.name for each in compared if len(each.seeds) == 1]
        found.append(f"How much chance in training matters is unknown of: {listed(single)}.")
    dealt = [each.name for each in compared if each.runs[0].split.folds and len(each.runs) > 1]
    if dealt and folds is None:
        found.append(f"Each film is judged by the model of its fold: {listed(dealt)}.")
    return found


def _about_patients(names: pd.Series, patients: Patients) -> list[str]:
    """What is not known about the patients, and what that means."""
    unknown = int(names.isna().sum())
    if not unknown:
        return []
    if unknown < len(names):
        of = "1 film" if unknown == 1 else f"{unknown:,} films"
        return [f"The patient of {of} is unknown: each counts as a patient."]
    why = " ".join(patients.reasons) or "The dataset does not name patients."
    return [
        f"{why} Films count as independent: where a patient has several, intervals are too narrow."
    ]
