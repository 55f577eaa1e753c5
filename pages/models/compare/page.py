"""Compare page: which run is better, on what, and is the difference real?"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cxrcore import comparison, figures, reports
from cxrcore.comparison import Comparison
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError, CxrError
from pages.header import header
from pages.models.compare import (
    embedding_probes,
    families,
    import_predictions,
    leaderboard,
    lung_need,
    map_metrics,
    matrices,
    pairs,
    report,
    run_menu,
    sweep_section,
    ties,
    trash,
)
from pages.shared import cache, charts, comparisons, run_marks, selection
from pages.shared import entries as shown_entries
from pages.shared.entries import Entry, Family
from pages.shared.selection import Question
from pages.shared.text import literal, plural


def main() -> None:
    """Draw the page."""
    st.title("Compare")
    dataset = cache.chosen_dataset()
    _damaged(dataset)
    import_predictions.confirmation()
    if not shown_entries.names(dataset.name):
        st.info(
            f"No model has been trained on **{literal(dataset.name)}** yet. Press **Train a "
            "model** above: it appears here when it is finished.",
            icon=":material/model_training:",
        )
        trash.show()
        import_predictions.show(dataset)
        embedding_probes.show(dataset)
        st.stop()
    try:
        question, names = selection.choose(dataset)
        found = _compared(names, question)
        intervals = comparisons.intervals(names, question.metric, question.class_name)
        # The best first, on the whole page.
        ordered = ties.order(found, intervals, dataset.name) if found else names
        entries = shown_entries.load(ordered, dataset.name)
        intervals = map_metrics.joined(intervals, entries)
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    if found:
        comparisons.show_verdict(found, entries)
        _films(found, entries)
    menu = None if header.presenting() else run_menu.open_menu
    leaderboard.show(entries, found, intervals, question, dataset, menu)
    _below_table(entries, found, intervals)
    _marks(entries)
    matrices.show(entries, dataset)
    if found:
        pairs.show(found, entries)
    if not header.presenting():
        map_metrics.show(entries, dataset)
        lung_need.show(entries, dataset)
        sweep_section.show(dataset)
        # Drawn when they are opened: Plotly alone takes a second of a first visit.
        with st.expander(
            "Every run in detail: metrics, leaks, how it was trained",
            on_change="rerun",
            key="detail",
        ) as detail:
            if detail.open:
                _reports(entries, dataset)
        with st.expander("Learning curves", on_change="rerun", key="curves") as curves:
            if curves.open:
                _curves(entries)
        import_predictions.show(dataset)
        embedding_probes.show(dataset)


def _compared(names: Sequence[str], question: Question) -> Comparison | None:
    """Their comparison; None where they have nothing in common, which is said."""
    try:
        return comparisons.compare(names, question.metric, question.class_name)
    except ComparisonError as error:
        st.warning(
            f"**No verdict.** {literal(str(error))} Each run stands below with its own test images.",
            icon=":material/balance:",
        )
        return None


def _damaged(dataset: Dataset) -> None:
    """Runs that cannot be shown, each with the reason and a way to delete it."""
    table = cache.runs_table(dataset.name)
    if not header.presenting():
        for row in table[table["state"] != "ok"].itertuples():
            trash.damaged(str(row.run_id), str(row.state))


def _films(found: Comparison, entries: Sequence[Entry]) -> None:
    """On what is compared, where that is not all that the runs were tested on."""
    common = found.common
    if all(number == common.films for number in common.of.values()):
        return
    titles = {entry.name: entry.title for entry in entries}
    title = f"Compared on the {plural(common.films, 'image')} that all runs were tested on"
    with st.expander(title, icon=":material/warning:"):
        for reason in comparison.reasons(found, titles):
            st.text(reason)
        for entry in entries:
            st.text(f"{entry.title}: {common.of[entry.name]:,} test images")
        st.text(f"Digest of the images in common: {common.digest}")


def _below_table(
    entries: Sequence[Entry], found: Comparison | None, intervals: pd.DataFrame
) -> None:
    text = (
        "More metrics are in the menu of columns above the table, which also sorts, searches and "
        "pins."
    )
    if found is None:
        st.caption(text)
    else:
        common, titles = found.common, {entry.name: entry.title for entry in entries}
        of = f" of {plural(common.patients, 'patient')}" if common.patients else ""
        st.caption(
            f"Verdict, ranks and pairs: {plural(common.films, 'test image')}{of}, on which no model "
            f"was trained. {text}",
            help=literal(" ".join(comparison.reasons(found, titles))) or None,
        )
    if not header.presenting():
        with st.container(horizontal=True):
            leaderboard.download(entries, found, intervals)
            if found:
                _report_button(entries, found)
            trash.show()


def _report_button(entries: Sequence[Entry], found: Comparison) -> None:
    """The report of the runs, made when it is asked for; families have none."""
    names = [entry.name for entry in entries if not isinstance(entry.item, Family)]
    if not names:
        return

    def made() -> str:
        return reports.render_apart(names, found.metric, found.class_name)

    st.download_button(
        "Report to take away (HTML)",
        made,
        "report.html",
        "text/html",
        icon=":material/description:",
        help="Verdict, metrics, curves, operating points, mistakes, data, limits: one file that needs no "
        "network and prints on A4. It takes some seconds.",
    )


def _marks(entries: Sequence[Entry]) -> None:
    """What a reader must know before trusting the metrics."""
    for entry in entries:
        if isinstance(entry.item, Family):
            families.mark(entry.item, entry.title)
        else:
            run_marks.warning(entry.item, entry.title)


def _reports(entries: Sequence[Entry], dataset: Dataset) -> None:
    for tab, entry in zip(st.tabs([_name(entry) for entry in entries]), entries, strict=True):
        with tab:
            if isinstance(entry.item, Family):
                families.report(entry.item, dataset)
            else:
                report.show(entry.item, dataset)


def _curves(entries: Sequence[Entry]) -> None:
    mean = any(isinstance(entry.item, Family) for entry in entries)
    st.caption(
        "Dotted: training images. Solid: validation images."
        + (" Of a family: the mean of its runs after each epoch." if mean else "")
    )
    trained = [entry for entry in entries if all(run.epochs_run for run in entry.runs)]
    if len(trained) < len(entries):
        st.caption(
            "Imported models and tests on this dataset were not trained here: they have no curves."
        )
    if not trained:
        return
    grid = charts.halves()
    histories = {_name(entry): entry.item.history() for entry in trained}
    with grid.cell():
        charts.plotly(
            figures.curves(histories, "loss"), key="curve_loss", alt="Loss after each epoch"
        )
    with grid.cell():
        charts.plotly(
            figures.curves(histories, "accuracy"),
            key="curve_accuracy",
            alt="Accuracy after each epoch",
        )


def _name(entry: Entry) -> str:
    return literal(run_marks.name(entry.title, *entry.runs))


main()
