"""Errors page: on which films do models fail, and why?"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.mistakes import Mistakes
from pages.models.errors import film, film_map, lists, noted, slice_table
from pages.models.errors.lists import KINDS, Kind
from pages.shared import cache, run_choice, tables, thumbnails
from pages.shared import entries as shown_entries
from pages.shared.entries import Entry
from pages.shared.paging import paginate
from pages.shared.text import literal, plural

PER_PAGE = 18
_SEED = "errors_seed"
_STYLE = """<style>
.st-key-errors > div:has(> .st-key-errors_films) { flex: 999 1 440px; }
.st-key-errors > div:has(> .st-key-errors_film) { flex: 1 1 340px; }
</style>"""


def main() -> None:
    """Draw the page."""
    st.title("Errors")
    dataset = cache.chosen_dataset()
    usable = run_choice.usable(dataset, ": it appears here when it is finished.", tested=True)
    try:
        kind = st.segmented_control(
            "Films",
            [*KINDS, film_map.TITLE],
            default=next(iter(KINDS)),
            required=True,
            key="errors_kind",
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            names = run_choice.choose(dataset, usable, key="errors_runs")
            entries = shown_entries.load(names, dataset.name)
            asked = KINDS.get(kind, film_map.KIND)
            name = _one(entries) if asked.of_one else names[0]
            if kind == "Ten of each class":
                st.button("Draw others", icon=":material/casino:", on_click=_redraw)
        found = lists.find(names)
        if asked is film_map.KIND:
            films = film_map.choose(found, name, dataset)
        else:
            films = asked.films(found, name, st.session_state.get(_SEED, 0))
        if asked is not film_map.KIND or len(films):
            _films(films, asked, found, kind, name, entries, dataset)
        noted.show(dataset)
        slice_table.show(entries, dataset)
    except CxrError as error:
        st.error(literal(str(error)))


def _one(entries: Sequence[Entry]) -> str:
    titles = {entry.name: entry.title for entry in entries}
    return st.selectbox(
        "Model", list(titles), format_func=titles.__getitem__, key="errors_of", width=360
    )


def _redraw() -> None:
    st.session_state[_SEED] = st.session_state.get(_SEED, 0) + 1


def _films(
    films: pd.DataFrame,
    asked: Kind,
    found: Mistakes,
    kind: str,
    name: str,
    entries: Sequence[Entry],
    dataset: Dataset,
) -> None:
    here = films[films.index.isin(list(cache.places(dataset)))]
    st.caption(
        f"{plural(len(films), 'film')} of the {len(found.films):,} that all of these runs were tested "
        f"on. {asked.help}"
    )
    if here.empty:
        st.success(asked.empty if films.empty else "None of them is in the dataset any more.")
        return
    st.html(_STYLE)
    opened = st.query_params.get("film")
    with st.container(key="errors", horizontal=True, gap="medium"):
        left = st.container(key="errors_films", width="stretch")
        right = st.container(key="errors_film", width=340, border=True)
    with left:
        _grid(here, asked, kind, name, found, dataset, opened)
        tables.download(
            "Download this list (CSV)",
            lambda: _table(films, dataset),
            "errors.csv",
        )
    with right:
        if opened in here.index:
            film.show(str(opened), here.loc[opened], entries, dataset)
        else:
            if opened:
                st.caption(f"The film of this address, {literal(opened)}, is not in this list.")
            st.caption("Choose a film to see it large, with every model's answer.")


def _grid(
    films: pd.DataFrame,
    asked: Kind,
    kind: str,
    name: str,
    found: Mistakes,
    dataset: Dataset,
    opened: str | None,
) -> None:
    place = films.index.get_loc(opened) if opened in films.index else 0
    first = int(place) // PER_PAGE * PER_PAGE
    sheet, page = paginate(len(films), PER_PAGE, key=f"errors_{kind}_{name}_{first}", first=first)
    shown = films.iloc[page]
    with sheet:
        thumbnails.grid(
            dataset,
            shown.index.tolist(),
            [_caption(row, name, asked.of_one, found) for _, row in shown.iterrows()],
            key="errors_grid",
            selected=opened,
            label=kind,
            side=120,
            on_pick=_open,
        )


def _caption(row: pd.Series, name: str, of_one: bool, found: Mistakes) -> str:
    if of_one:
        return f"{row['label']}\n→ {row[f'of_answer[{name}]']:.0%} {row[f'answer[{name}]']}"
    if pd.notna(row["suspect"]):
        return f"{row['label']}\nor {row['suspect']}?"
    return f"{row['label']}\n{row['wrong']} of {len(found.names)} wrong"


def _open(image_id: str) -> None:
    st.query_params["film"] = image_id


def _table(films: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The list with the films' files."""
    paths = dataset.table.set_index("image_id")["path"]
    listed = films.reset_index(names="image_id")
    listed.insert(0, "path", listed["image_id"].map(paths))
    return listed


main()
