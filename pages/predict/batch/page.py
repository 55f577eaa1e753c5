"""Many films page: films or a whole folder to a table of answers, checks and nearest training films."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from cxrcore import films
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.inference import decision
from cxrcore.store.card import NOTICE
from pages.predict.live import answers, film_lungs
from pages.predict.live.answers import Request
from pages.predict.live.films import Picked
from pages.shared import cache, run_choice, tables
from pages.shared.text import duration, literal, plural, shown

_ROWS, _FILMS, _FOLDER = "batch_rows", "Films", "A folder"


def main() -> None:
    """Draw the page."""
    st.title("Many films")
    dataset = cache.chosen_dataset()
    usable = run_choice.usable(dataset, "; then give it films here.")
    try:
        files, runs = _asked(dataset, usable)
        if files and st.button(f"Predict {plural(len(files), 'file')}", type="primary"):
            st.session_state[_ROWS] = _predict(files, runs, dataset)
        _results(dataset)
    except CxrError as error:
        st.error(literal(str(error)))
    st.caption(NOTICE)


def _asked(dataset: Dataset, usable: Sequence[str]) -> tuple[list[Any], tuple[str, ...]]:
    """The files that were dropped, and the models."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.segmented_control(
            "What", [_FILMS, _FOLDER], default=_FILMS, required=True, key="batch_what",
            label_visibility="collapsed",
        )  # fmt: skip
        runs = run_choice.choose(dataset, usable, key="batch_runs")
    files = st.file_uploader(
        "Drop films here" if what == _FILMS else "Choose a folder: its sub-folders come along",
        accept_multiple_files=True if what == _FILMS else "directory",
        key=f"batch_{what}",
        help="DICOM, PNG, JPEG, TIFF, BMP, WebP or GIF, whatever the files are called, or zips of "
        "them. They stay in memory for this visit and are not stored. "
        "For thousands of films use `python -m cxrcore predict RUN FOLDER --csv answers.csv`.",
    )
    chosen = list(files or [])
    if what == _FOLDER:  # holds other files as well
        chosen = [file for file in chosen if films.is_film(file.name, file.getvalue())]
    return chosen, runs


def _predict(files: Sequence[Any], runs: tuple[str, ...], dataset: Dataset) -> list[dict[str, Any]]:
    """A row a film; one that cannot be read is a row with the reason."""
    rows, start = [], time.monotonic()
    bar = st.progress(0.0, "The models are looking …")
    found: list[tuple[str, bytes]] = []
    for file in files:
        try:
            found += films.unpacked(file.name, file.getvalue())
        except CxrError as error:
            rows.append({"file": shown(file.name), "error": str(error)})
    for done, (name, data) in enumerate(found):
        left = (time.monotonic() - start) / done * (len(found) - done) if done else None
        text = f"{done:,} of {len(found):,} films" + (f" · {duration(left)} left" if left else "")
        # Writing here also ends the work where the visitor has gone on.
        bar.progress(done / len(found), text)
        try:
            rows.append({"file": shown(name), **_row(name, data, runs, dataset)})
        except CxrError as error:
            rows.append({"file": shown(name), "error": str(error)})
    bar.empty()
    return rows


def _row(name: str, data: bytes, runs: tuple[str, ...], dataset: Dataset) -> dict[str, Any]:
    film = answers.film(Picked("", name, data))
    lungs = film_lungs.find(film, None)
    found = answers.ask(film, lungs.found, Request(runs, ()))
    report = answers.check(film, found, dataset, lungs.mask)
    row: dict[str, Any] = {
        "held back": report.withheld if report else None,
        "checks": "; ".join(f.title for f in report.findings if f.severity != "passed")
        if report
        else "",
    }
    for answer in found:
        prediction = answer.prediction
        if prediction.error is not None:
            row[f"error[{prediction.run_id}]"] = prediction.error
            continue
        decided = decision(prediction)
        row[f"answer[{prediction.run_id}]"] = decided.answer
        for label, share in zip(prediction.classes, decided.shares, strict=True):
            row[f"{label}[{prediction.run_id}]"] = float(share)
        near = answers.nearest(cache.run(prediction.run_id), prediction)
        counts = Counter(neighbour.label for neighbour in near)
        row[f"nearest[{prediction.run_id}]"] = ", ".join(
            f"{films} {label}" for label, films in counts.most_common()
        )
    return row


def _results(dataset: Dataset) -> None:
    rows = st.session_state.get(_ROWS)
    if not rows:
        st.info("Drop films above. A table with every model's answer appears here.")
        return
    frame, titles = pd.DataFrame(rows), cache.titles(dataset.name)
    failed = int(frame["error"].notna().sum()) if "error" in frame else 0
    held = int(frame["held back"].eq(True).sum()) if "held back" in frame else 0
    text = plural(len(frame), "film")
    if failed:
        text += f", {failed:,} could not be read"
    if held:
        text += f", {held:,} held back: the answers would mean little"
    st.caption(f"{text}.")
    table = pd.DataFrame({"File": frame["file"]})
    if "error" in frame:
        table["Why not"] = frame["error"]
    runs = [name[7:-1] for name in frame.columns if name.startswith("answer[")]
    for run in runs:
        table[titles.get(run, run)] = [_answer(row, run) for row in rows]
    if len(runs) > 1:
        table["Agree"] = [_agree(row, runs) for row in rows]
    table["Before you believe it"] = frame.get("checks")
    if runs:
        table["Nearest training films"] = frame.get(f"nearest[{runs[0]}]")
    wide = st.column_config.TextColumn(width="medium")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config={"Before you believe it": wide, "Why not": wide},
        key="batch_table",
        alt="Every model's answer to each film",
    )
    tables.download("Download the table (CSV)", lambda: frame, "answers.csv")


def _agree(row: dict[str, Any], runs: Sequence[str]) -> str | None:
    """Whether all models give the same answer; nothing where one gives none."""
    answers = [row.get(f"answer[{run}]") for run in runs]
    if None in answers or row.get("held back"):
        return None
    return "yes" if len(set(answers)) == 1 else "no"


def _answer(row: dict[str, Any], run: str) -> str | None:
    """ "COVID-19 91 %"; nothing where the answers are held back."""
    name = row.get(f"answer[{run}]")
    if name is None:
        return None
    if row.get("held back"):
        return "held back"
    return f"{name} {row[f'{name}[{run}]']:.0%}"


main()
