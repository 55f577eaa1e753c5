"""First what is kept, then what is quick, then what takes longer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cxrcore.datasets import Dataset
from cxrcore.films import Film
from cxrcore.gate import Report
from cxrcore.store import Run
from pages.predict.live import answers, examples, film_lungs, what_if
from pages.predict.live.answers import Answer, Mask, Request
from pages.predict.live.film_lungs import Lungs
from pages.predict.live.films import Picked
from pages.predict.live.what_if import Changes
from pages.shared import cache, prediction_cache

_DONE = "live_done"  # films and requests that were answered in full: asking again costs nothing


@dataclass(frozen=True)
class Stage:
    """What can be shown now.

    Attributes:
        original: the film, decoded.
        film: what the models see: the same, or changed.
        lungs, as_it_came: the lungs of the film, and of the original.
        changes: what was changed.
        answers: one a run.
        report: of the checks of the original; None while nobody has looked at it.
        complete: whether nothing is still to come.
    """

    original: Film
    film: Film
    lungs: Lungs
    as_it_came: Lungs
    changes: Changes
    answers: Sequence[Answer]
    report: Report | None
    complete: bool


def now(
    picked: Picked,
    runs: Sequence[Run],
    request: Request,
    dataset: Dataset,
    place: DeltaGenerator,
) -> Stage:
    """The best that needs no long wait: all of it, the kept example, or the quick methods.

    Args:
        picked: the film.
        runs: shown.
        request: what is asked.
        dataset: of the runs.
        place: where progress is told.

    Raises:
        ImageError, ExplainError, JobError: as `answers.ask`.
    """
    original = answers.film(picked, prediction_cache.telling(place))
    as_it_came = film_lungs.find(original, picked.mask)
    changes = what_if.changes(original, as_it_came)
    film, lungs = what_if.apply(original, as_it_came, changes)
    mask = lungs.mask if changes else _as_it_came(picked, as_it_came, request.runs)
    done = _key(film, request) in _done()
    # An example does not come back once the models have answered for the film.
    answered = any(digest == original.digest for digest, _ in _done())
    if picked.own and not changes and not answered:
        kept = examples.answers(runs, picked, film, request)
        if kept is not None:
            answers.warm(request.runs)
            return Stage(original, film, lungs, as_it_came, changes, kept, None, complete=False)
    complete = done or not request.slow
    found = _asked(film, mask, request, () if complete else request.slow, place)
    if complete:
        _done().add(_key(film, request))
    # What was changed on purpose is no reason to hold answers back: the film as it came is checked.
    unchanged = found
    if changes:
        plain = replace(request, methods=(), classes=(), class_name=None)
        plain_mask = _as_it_came(picked, as_it_came, request.runs)
        unchanged = _asked(original, plain_mask, plain, (), place)
    report = answers.check(original, unchanged, dataset, as_it_came.mask)
    return Stage(original, film, lungs, as_it_came, changes, found, report, complete)


def complete(stage: Stage, picked: Picked, request: Request, place: DeltaGenerator) -> None:
    """Ask for what is still to come, then draw the page again; arguments as `now`.

    Raises:
        ImageError, ExplainError, JobError: as `answers.ask`.
    """
    mask = _as_it_came(picked, stage.as_it_came, request.runs)
    _asked(stage.film, stage.lungs.mask if stage.changes else mask, request, (), place)
    _done().add(_key(stage.film, request))
    st.rerun()


def _as_it_came(picked: Picked, lungs: Lungs, run_ids: Iterable[str]) -> Mask:
    """The lungs for the models: what was found here is not looked for there once more.

    Not where all models see the whole film: a mask has as many bytes as its film.
    """
    seen = (cache.run(run_id).recipe.region for run_id in run_ids)
    return picked.mask or (lungs.found if any(region != "none" for region in seen) else None)


def _asked(
    film: Film, mask: Mask, request: Request, without: Sequence[str], place: DeltaGenerator
) -> Sequence[Answer]:
    on_wait = prediction_cache.telling(place)
    found = answers.ask(film, mask, request, without=without, on_wait=on_wait)
    place.empty()
    return found


def _key(film: Film, request: Request) -> tuple[str, Request]:
    return film.digest, request


def _done() -> set[tuple[str, Request]]:
    done: set[tuple[str, Request]] = st.session_state.setdefault(_DONE, set())
    return done
