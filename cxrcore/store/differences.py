"""What differs between runs: in a few words for their titles, in full for a table."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxrcore.models import FAST, SCHEDULE, Recipe, schedule_of
from cxrcore.models.fields import PREPARATION, Option
from cxrcore.store.record import Run
from cxrcore.store.run_names import family_of

NONE = "—"  # in a table, where a field does not count


@dataclass(frozen=True)
class Field:
    """One thing in which runs of a dataset can differ.

    Attributes:
        title: head of its column.
        value: of a run; None where it does not count. Runs differ if their values do.
        text: how a value reads in a table.
        brief: how it reads in a title; "" where nothing needs to be said.
    """

    title: str
    value: Callable[[Run], Any]
    text: Callable[[Any], str]
    brief: Callable[[Any], str]


def entries(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """What is listed as one: a family of several runs by its name, any other run by its own.

    Returns:
        Name -> its runs, the oldest first; in the order in which the first of each was made.
    """
    families: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.created, run.run_id)):
        families.setdefault(family_of(run), []).append(run)
    found: dict[str, list[Run]] = {}
    for name, some in families.items():
        if _several(some):
            found[name] = some
        else:
            found |= {run.run_id: [run] for run in some}
    return found


def differing(runs: Sequence[Run]) -> list[Field]:
    """The fields with two values or more among `runs`, but for seed and fold; in a fixed order."""
    found = [field for field in FIELDS if _differs(field, runs)]
    ruled = [field for field in found if field in _SCHEDULE_FIELDS]
    if not ruled:
        return found
    schedule = _schedule(runs)
    if "own" in map(schedule.value, runs):
        return found
    place = found.index(ruled[0])  # one word for what the schedule decides
    return [*found[:place], schedule, *(f for f in found[place:] if f not in ruled)]


def brief(run: Run, fields: Iterable[Field]) -> list[str]:
    """The words for the values of a run, each on one line."""
    values = [(field, field.value(run)) for field in fields]
    said = [field.brief(value) for field, value in values if value is not None]
    return [one_line(words) for words in said if words]


def one_line(text: str) -> str:
    """Text from a file without line breaks or signs that steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def trained_on(run: Run) -> str:
    """The dataset whose films a run learned from, for people: "ours", "ours without Kerr"."""
    name = run.home.dataset if run.home else run.dataset
    return f"{name} without {run.split.without_source}" if run.split.without_source else name


def left_out(run: Run) -> str:
    """The source that a run was tested on and did not learn from; "" where that is not so."""
    own = run.home is not None and run.home.fingerprint == run.fingerprint
    return (run.split.without_source or "") if own else ""


def tested_on(run: Run) -> str:
    """The films that a run was tested on, for people: "ours", "ours: Kerr", "ours without Kerr"."""
    if run.home is None:
        return trained_on(run)
    source = left_out(run)
    return f"{run.dataset}: {source}" if source else run.dataset


def text(run: Run, field: Field) -> str:
    """How the value of a run reads in a table."""
    value = field.value(run)
    return NONE if value is None else field.text(value)


def seed_and_fold(runs: Sequence[Run]) -> dict[str, str]:
    """The values of the columns Seed and Fold for a run, or for the runs of a family."""
    seeds = sorted({run.recipe.seed for run in runs})
    folds, [first, *others] = runs[0].split.folds, runs
    fold = f"all {folds}" if others else f"{first.split.fold} of {folds}"
    return {"Seed": ", ".join(map(str, seeds)), "Fold": fold if folds else NONE}


def _differs(field: Field, runs: Sequence[Run]) -> bool:
    """Whether a reader can see it: two files of one name are two values and one text."""
    values = {field.value(run) for run in runs} - {None}
    return len(values) > 1 and len(set(map(field.text, values))) > 1


def _several(runs: Sequence[Run]) -> bool:
    """Whether the runs of a family are listed as one, also where the others are still missing."""
    return bool(runs[0].split.folds) or len({run.recipe.seed for run in runs}) > 1


def _recipe_field(name: str, option: Option) -> Field:
    def value(run: Run) -> Any:
        unused = option.requires and getattr(run.recipe, option.requires) is None
        unused = unused or (name == "lung_masks" and run.recipe.region == "none")
        unknown = not run.has_recipe or (run.imported and name not in PREPARATION)
        if unused or unknown:
            return None
        return (getattr(run.recipe, name),)  # None is a value of some fields

    return Field(option.title, value, lambda v: option.text(v[0]), lambda v: option.brief(v[0]))


def _schedule(runs: Iterable[Run]) -> Field:
    """The schedule as a field, looked up once for all runs with the same rules."""

    def rules(run: Run) -> tuple[Any, ...]:
        recipe = run.recipe
        return recipe.name, recipe.network, *(getattr(recipe, name) for name in FAST)

    names = {rule: schedule_of(run.recipe) for rule, run in {rules(r): r for r in runs}.items()}

    def value(run: Run) -> str | None:
        return None if run.imported else names[rules(run)]

    return Field(SCHEDULE.title, value, SCHEDULE.text, SCHEDULE.brief)


def _counted(run: Run) -> dict[str, str]:
    """The labels that count in an external test, with the class that each stands for."""
    mapping = run.home.mapping if run.home and not left_out(run) else {}
    return {label: name for label, name in mapping.items() if name}


def _of_split(title: str, name: str, words: Mapping[Any, str], *, folds: bool = True) -> Field:
    """A field of the split; one that is not for `folds` does not count in a cross-validation."""

    def value(run: Run) -> Any:
        return getattr(run.split, name) if folds or not run.split.folds else None

    return Field(title, value, words.__getitem__, words.__getitem__)


@dataclass(frozen=True)
class _Images:
    """The images of a run, alike in runs of one fingerprint even if some were left out."""

    fingerprint: str
    number: int = dataclasses.field(compare=False)


_SEEN_FIRST = sorted(
    Recipe.options().items(), key=lambda item: item[1].group != "what the model sees"
)
_RECIPE = {name: _recipe_field(name, option) for name, option in _SEEN_FIRST if name != "seed"}
_SCHEDULE_FIELDS = [_RECIPE[name] for name in FAST]
FIELDS = (
    Field(
        "Weights",
        lambda run: run.imported or "",
        lambda file: f"imported, {file}" if file else "trained here",
        lambda file: "imported" if file else "",
    ),
    Field(
        "Trained on",
        lambda run: run.home.dataset if run.home else "",
        lambda name: name or "this dataset",
        lambda _: "",  # titles say it always
    ),
    Field(
        "Labels there",
        lambda run: tuple(sorted(_counted(run).items())),
        lambda pairs: ", ".join(f"{label} = {name}" for label, name in pairs) or NONE,
        lambda pairs: f"{len(pairs)} label{'' if len(pairs) == 1 else 's'} counted",
    ),
    Field(
        "File of the model",
        lambda run: run.recipe.source or None,
        lambda digest: digest[:8],
        lambda digest: f"model file {digest[:4]}",
    ),
    *_RECIPE.values(),
    Field(
        "Without the source",
        lambda run: run.split.without_source or "",
        lambda source: one_line(source) or NONE,
        lambda source: f"without {one_line(source)}" if source else "",
    ),
    Field(
        "Test part",
        lambda run: None if run.split.folds else run.split.test,
        "{:.0%}".format,
        "{:.0%} tested".format,
    ),
    Field(
        "Validation part",
        lambda run: run.split.validation,
        "{:.0%}".format,
        "{:.0%} for validation".format,
    ),
    _of_split(
        "Test images",
        "published",
        {True: "published test part", False: "test part drawn here"},
        folds=False,
    ),
    _of_split("Divided", "group", {"patient": "by patient", "image": "by image"}),
    _of_split(
        "Duplicates",
        "duplicates",
        {"together": "duplicates together", "ignored": "duplicates ignored"},
    ),
    Field("Division", lambda run: run.split.seed, "seed {}".format, "division {}".format),
    Field(
        "Images",
        lambda run: _Images(run.fingerprint, sum(run.split_counts.values())),
        lambda images: f"{images.number:,}",
        lambda images: f"{images.number:,} images",
    ),
)
