"""The gate before belief: what must be known of a film before a model's answer to it is read.

`check` needs neither TensorFlow nor Streamlit. `appearance` is about the film alone, `likeness`
about what a run's profile says of it, `training_films` and `copies` about whether it is known. The
limits are those of the runs' validation films (docs/decisions/0049).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxrcore import profiles, store
from cxrcore.errors import CxrError, StoreError
from cxrcore.gate import appearance, likeness, training_films
from cxrcore.gate.likeness import Likeness
from cxrcore.gate.report import Finding, Report, Severity
from cxrcore.pixels import Preparation, prepare_one
from cxrcore.profiles import Profile

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.inference import Film, Prediction

__all__ = ["Finding", "Report", "Severity", "check"]

_UNCHECKED = Finding(
    "unknown",
    "Not checked yet: is it a frontal chest film, is it known from training",
    "warning",
    "The training films of the model have no profile yet; it is made in the background.",
)
_WITHOUT_LAYERS = Finding(
    "unknown",
    "Not checked for this model: what it sees of a film is not known",
    "warning",
    "It was imported as a file of which only the answers are known, so films cannot be compared with those "
    "that it learned from.",
)
_WITHOUT_LUNGS = Finding(
    "unknown",
    "Not checked for this model: it was trained on a part of each film only",
    "warning",
    "No lungs are marked on this film, so the model was given all of it.",
)


def check(
    film: "Film",
    predictions: Sequence["Prediction"],
    dataset: "Dataset",
    lungs: np.ndarray | None = None,
) -> Report:
    """Check a film before the answers of some runs to it are believed.

    A film is withheld for its view, or where most of the runs with a profile find that it is no
    upright frontal chest film. What cannot be checked is a warning of kind "unknown".

    Args:
        film: decoded.
        predictions: of the film, by runs that were trained on `dataset`; those with an error are
            passed over.
        dataset: in which the film is looked for.
        lungs: (H, W) bool, where they are; None where that is not known, and whether they are cut
            off is not checked.
    """
    answered = {p.run_id: p for p in predictions if p.error is None}
    known, unchecked = _profiles(film, answered)
    found = list(appearance.findings(film, _view(film, dataset), lungs))
    try:
        alike = {run_id: likeness.of(known[run_id], answered[run_id]) for run_id in known}
    except StoreError:  # a profile of another network: it is made again
        known, alike, unchecked = {}, {}, dict.fromkeys(answered, _UNCHECKED)
    trained = training_films.findings(film, known, dataset)
    if not any(finding.severity == "withheld" for finding in found):
        found = [*_agreed(alike), *found]
    found += _quality(known, answered) + _size(film, answered) + _on_training(trained)
    if not known:
        found = [*dict.fromkeys(unchecked.values()), *found]
        unchecked = {}
    of_run: dict[str, tuple[Finding, ...]] = {
        run_id: (finding,) for run_id, finding in unchecked.items()
    }
    same = {(finding.kind, finding.severity) for finding in found}
    for run_id in known:
        own = (alike[run_id].verdict, trained[run_id])
        if other := tuple(one for one in own if (one.kind, one.severity) not in same):
            of_run[run_id] = other
    withheld = any(finding.severity == "withheld" for finding in found)
    return Report(tuple(found), withheld, of_run)


def _view(film: "Film", dataset: "Dataset") -> str:
    """From its header, else from the dataset that it is in, else ""."""
    listed = dataset.table.loc[dataset.table["image_id"] == film.digest, "view"].dropna()
    return film.view or (str(listed.iloc[0]) if len(listed) else "")


def _profiles(
    film: "Film", answered: Mapping[str, "Prediction"]
) -> tuple[dict[str, Profile], dict[str, Finding]]:
    """The profiles of the runs, and what is to be said of those that cannot be asked."""
    known, unchecked = {}, {}
    for run_id, prediction in answered.items():
        try:
            run = store.load_run(run_id)
        except CxrError:  # deleted a moment ago: its answer is still shown
            unchecked[run_id] = _UNCHECKED
            continue
        profile = profiles.load(run)
        if not run.has_layers:
            unchecked[run_id] = _WITHOUT_LAYERS
        elif profile is None:
            unchecked[run_id] = _UNCHECKED
        elif run.recipe.region != "none" and _is_whole(film, prediction):
            unchecked[run_id] = _WITHOUT_LUNGS
        else:
            known[run_id] = profile
    return known, unchecked


def _is_whole(film: "Film", prediction: "Prediction") -> bool:
    """Whether the network was given all of the film."""
    whole = prepare_one(film.gray, None, Preparation(len(prediction.seen)))
    return np.array_equal(whole, prediction.seen)


def _agreed(alike: Mapping[str, Likeness]) -> list[Finding]:
    """What most runs say of the film; of equally many the milder."""
    if not alike:
        return []
    verdicts = [one.verdict for one in alike.values()]
    against = [verdict for verdict in verdicts if verdict.severity == "withheld"]
    chosen = (
        against if 2 * len(against) > len(verdicts) else [v for v in verdicts if v not in against]
    )
    title, _ = Counter(verdict.title for verdict in chosen).most_common(1)[0]
    said = [next(verdict for verdict in chosen if verdict.title == title)]
    others = Counter(other.title for one in alike.values() for other in one.others)
    return said + [
        next(o for one in alike.values() for o in one.others if o.title == title)
        for title, count in others.items()
        if 2 * count > len(alike)
    ]


def _quality(known: Mapping[str, Profile], answered: Mapping[str, "Prediction"]) -> list[Finding]:
    """By the run that sees most of the film."""
    if not known:
        return []
    run_id = max(known, key=lambda name: len(answered[name].seen))
    found = likeness.quality_of(known[run_id], answered[run_id].seen)
    return [] if found is None else [found]


def _size(film: "Film", answered: Mapping[str, "Prediction"]) -> list[Finding]:
    """A film that had to be enlarged."""
    height, width = film.gray.shape
    largest = max((len(one.seen) for one in answered.values()), default=0)
    if min(height, width) >= largest:
        return []
    title = f"Smaller than a model's input: {width} x {height} pixels"
    detail = f"The largest input is {largest} x {largest} pixels; the film was enlarged."
    return [Finding("size", title, "warning", detail)]


def _on_training(trained: Mapping[str, Finding]) -> list[Finding]:
    """One sentence for all runs: the gravest, and of how many it is true."""
    gravest = sorted(trained.values(), key=lambda one: (one.severity == "passed", one.title))[:1]
    if len(set(trained.values())) > 1:
        count = sum(one == gravest[0] for one in trained.values())
        said = f"So it is for {count} of {len(trained)} models. {gravest[0].detail}"
        gravest = [gravest[0]._replace(detail=said)]
    return gravest
