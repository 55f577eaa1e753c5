"""Overview page: what the data are, which model is best and whether that is sure, in one screen."""

import html
from collections.abc import Sequence

import streamlit as st

from cxrcore import jobs, settings, store
from cxrcore.comparison import Comparison
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.remarks import Remark, remarks
from pages.data.overview import example_film, small_matrix, top_runs
from pages.header import header
from pages.shared import cache, comparisons, entries, waiting
from pages.shared.entries import Entry
from pages.shared.text import literal, plural

MOST = 5  # runs; all of them are on the Compare page
COMPARE = "pages/models/compare/page.py"
_PAGES = {
    "compare": COMPARE,
    "quality": "pages/data/quality/page.py",
    "duplicates": "pages/data/duplicates/page.py",
    "gallery": "pages/data/gallery/page.py",
}
_CARDS = """<style>
.cards { display: grid; grid-template-columns: repeat(2, 1fr); gap: .75rem; }
@media (min-width: 1000px) { .cards { grid-template-columns: repeat(4, 1fr); } }
.cards div { border: 1px solid color-mix(in srgb, currentColor 18%, transparent);
  border-radius: .5rem; padding: .6rem .9rem; }
.cards b { display: block; font-size: 1.25rem; line-height: 1.4; }
.cards span { display: block; font-size: .82rem; line-height: 1.4; opacity: .85; }
</style>"""


def main() -> None:
    """Draw the page."""
    st.title("Overview")
    dataset = cache.chosen_dataset()
    names = entries.names(dataset.name)
    try:
        shown = entries.load(entries.best(dataset.name, MOST), dataset.name)
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    st.caption(_subtitle(dataset, shown))
    verdict = st.container()
    remark = _remark(dataset, shown)
    _cards(dataset, remark)
    with verdict:  # last: while runs are being compared the page ends there
        found = _compared(shown)
    if not shown:
        _first_model(dataset)
    if found is None:
        _next(remark)
        return
    by_name = {entry.name: entry for entry in shown}
    best_first = [by_name[figure.name] for figure in found.figures]
    halves = st.grid(2, min_column_width=460, gap="medium")
    with halves.cell():
        top_runs.show(best_first, found, len(names))
        _next(remark)
    with halves.cell():
        example_film.show(best_first, dataset)
        small_matrix.show(best_first[0])


def _compared(shown: Sequence[Entry]) -> Comparison | None:
    """The comparison, below its verdict; None where there is nothing to compare, which is said."""
    if not shown:
        return None
    names = [entry.name for entry in shown]
    try:
        found = comparisons.compare(names, *comparisons.metric_in_question(shown[0].classes))
    except CxrError as error:
        st.warning(literal(str(error)))
        return None
    comparisons.show_verdict(found, shown)
    return found


def _subtitle(dataset: Dataset, shown: Sequence[Entry]) -> str:
    number = len(dataset.classes)
    classes = "one class" if number == 1 else f"{number} classes"
    text = f"{plural(len(dataset.table), 'image')} in {classes}"
    if shown:
        least = min(entry.test.n for entry in shown)
        text += f", tested on {least:,} that no model was trained on"
    return f"{text}."


def _remark(dataset: Dataset, shown: Sequence[Entry]) -> Remark | None:
    """The gravest remark."""
    runs = tuple(run.run_id for entry in shown for run in entry.runs)
    found = _remarks(
        dataset, cache.token(dataset), runs, str(settings.models_dir()), hash(store.stamp())
    )
    return found[0] if found else None


@st.cache_data(max_entries=16, show_spinner=False)
def _remarks(
    _dataset: Dataset,
    token: str,  # noqa: ARG001  (the key of the cache, as the next two)
    run_ids: tuple[str, ...],
    root: str,  # noqa: ARG001
    stamp: int,  # noqa: ARG001
) -> list[Remark]:
    measured = cache.index(_dataset)
    images = None if measured is None else cache.images(_dataset, measured)
    return remarks(_dataset, images, [cache.run(run_id) for run_id in run_ids])


def _cards(dataset: Dataset, remark: Remark | None) -> None:
    """What the data are, and what to be careful of."""
    table = dataset.table
    known, patients = table["patient_id"].notna().mean(), table["patient_id"].nunique()
    sources = table["source"].dropna().nunique()
    cards = [
        (
            "Images",
            f"{len(table):,}",
            " · ".join(f"{n:,} {label}" for label, n in dataset.counts().items()),
        ),
        (
            "Patients",
            f"{patients:,}" if patients else "not known",
            f"known for {known:.0%} of the images" if patients else "of no image",
        ),
        (
            "Sources",
            f"{sources:,}" if sources else "not known",
            "hospitals or collections" if sources else "of no image",
        ),
    ]
    if remark is not None:
        cards.append(("Take care", remark.title, remark.text))
    drawn = "".join(
        f"<div><span>{html.escape(head)}</span><b>{html.escape(value)}</b>"
        f"<span>{html.escape(text)}</span></div>"
        for head, value, text in cards
    )
    st.html(f'{_CARDS}<div class="cards">{drawn}</div>')


def _first_model(dataset: Dataset) -> None:
    """How to get a run, or how far the first is."""
    training = [job for job in jobs.list_jobs() if job.active and job.kind in ("train", "demo")]
    if mine := [job for job in training if job.dataset in (None, dataset.name)]:
        st.info(
            "**The first model is being trained.** Its answers, its errors and where it looked "
            "appear here when it is finished.",
            icon=":material/model_training:",
        )
        waiting.follow(mine[0])
        return
    st.info(
        "**No model has been trained on these images yet.** Press **Train a model** above: *Compact* "
        "takes a few minutes on a laptop. Its answers, its errors and where it looked appear here.",
        icon=":material/model_training:",
    )


def _next(remark: Remark | None) -> None:
    """Where to go from here."""
    with st.container(horizontal=True):
        st.page_link(COMPARE, label="Compare the models", icon=":material/balance:")
        if remark is not None and not header.presenting():
            st.page_link(
                _PAGES[remark.page],
                label=f"{literal(remark.title)}: see it",
                icon=":material/warning:",
            )


main()
