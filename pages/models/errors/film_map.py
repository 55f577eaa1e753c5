"""The map of films: the test films as a model sees them, and those that a reader draws around."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from cxrcore import figures, film_maps, work
from cxrcore.datasets import Dataset
from cxrcore.errors import ComparisonError
from cxrcore.figures import NEUTRAL, PALETTE
from cxrcore.mistakes import Mistakes
from cxrcore.store import Run
from pages.models.errors.lists import Kind
from pages.shared import cache, charts, waiting
from pages.shared.text import literal

TITLE = "Map of films"
KIND = Kind(
    "Those that are drawn around, or lie nearest to the film that was named.",
    lambda found, *_: found.films,
    True,
    "",
)
_METHODS = ("Principal components", "t-SNE")
_TRUE, _ANSWER, _RIGHT, _SOURCE = "True class", "Answer", "Right or wrong", "Source"
_OF_RIGHT = {"right": NEUTRAL, "wrong": PALETTE[9]}


def choose(found: Mistakes, name: str, dataset: Dataset) -> pd.DataFrame:
    """Draw the map of a run; the films that are drawn around or named, as rows of `found.films`.

    Raises:
        DatasetError, JobError, StoreError: as `film_maps.pca` and `work.submit_film_map`.
    """
    films = found.films
    sources = dataset.table.set_index("image_id")["source"].reindex(films.index)
    colours = [_TRUE, _ANSWER, _RIGHT, *([_SOURCE] if sources.notna().any() else [])]
    with st.container(horizontal=True, gap="medium"):
        method = _choice("Map by", _METHODS, "film_map_by")
        by = _choice("Colour", colours, "film_map_colour")
    run = cache.run(name)
    try:
        places = _pca(run, run.seal) if method == _METHODS[0] else _tsne(run)
    except ComparisonError as error:
        st.info(literal(str(error)))
        return films.iloc[:0]
    if places is None:
        return films.iloc[:0]
    drawn = f"{len(places):,} of them, drawn at random. " if len(places) < len(films) else ""
    st.caption(
        "What the model sees of the test films before its last layer, in two dimensions: films that lie "
        f"close together are alike to it. {drawn}Draw around some to see them below."
    )
    places = places[places.index.isin(films.index)]
    if by == _SOURCE:
        groups, shown = figures.parts_of(sources[places.index])
    else:
        groups, shown = _groups(films.loc[places.index], name, by, dataset)
    figure = _figure(places, groups, shown, f"{run.seal} {method} {by} {found.names}")
    rows = charts.lasso(
        figure,
        key=f"film_map_{method}_{by}",
        alt=f"{len(places):,} test films as the model sees them, coloured by {by.lower()}",
    )
    return films.loc[places.index[rows]] if rows else films.loc[_around(places, dataset)]


def _around(places: pd.DataFrame, dataset: Dataset) -> pd.Index:
    """The films near one that is named: the way to films for those who cannot draw."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = st.text_input(
            "Or name a film",
            placeholder="A part of its file name",
            help="Shows the film, and those that lie nearest to it on the map.",
            key="film_map_film",
            bind="query-params",
            width=360,
        ).strip()
        count = st.number_input("Films to show", 2, 200, 18, key="film_map_count", width=160)
    paths = dataset.table.set_index("image_id")["path"].reindex(places.index)
    named = paths[paths.str.contains(part, case=False, regex=False)] if part else paths[:0]
    if part and named.empty:
        st.caption(f"No film on the map has {literal(part)} in its name.")
    if named.empty:
        return places.index[:0]
    first = f"The first of {len(named):,} films of that name" if len(named) > 1 else "The film"
    st.caption(f"{first}, {literal(named.iloc[0])}, and the {count - 1} nearest to it on the map.")
    return film_maps.nearest(places, named.index[0], int(count))


def _choice(label: str, options: tuple[str, ...] | list[str], key: str) -> str:
    return st.segmented_control(
        label, options, default=options[0], required=True, key=key, bind="query-params"
    )


def _groups(
    films: pd.DataFrame, name: str, by: str, dataset: Dataset
) -> tuple[pd.Series, dict[str, str]]:
    """(n,) what each film is coloured by, and the colour of each value."""
    if by == _RIGHT:
        right = films[f"answer[{name}]"] == films["label"]
        return right.map({True: "right", False: "wrong"}), _OF_RIGHT
    values = films["label" if by == _TRUE else f"answer[{name}]"]
    return values, {
        label: colour for label, colour in cache.colours(dataset).items() if (values == label).any()
    }


def _tsne(run: Run) -> pd.DataFrame | None:
    """The map by t-SNE; while a job makes it, its progress and None."""
    places = film_maps.load_tsne(run)
    if places is not None:
        return places
    job = work.find("film-map", run_id=run.run_id)
    if job is not None and not job.active and job.state != "done":
        st.error(f"The films could not be mapped. {job.message}")
        if not st.button("Try again", type="primary"):
            return None
    if job is None or not job.active:
        job = work.submit_film_map(run.run_id)
    st.info(
        "**The films are being mapped.** This is done once and takes up to two minutes; principal "
        "components are there at once.",
        icon=":material/scatter_plot:",
    )
    waiting.follow(job)
    return None


@st.cache_resource(max_entries=16, show_spinner="Mapping the films …")
def _pca(_run: Run, seal: str) -> pd.DataFrame:
    return film_maps.pca(_run)


# The same figure in every run of the page: another one would lose what was drawn around.
@st.cache_resource(max_entries=16, show_spinner=False)
def _figure(
    _places: pd.DataFrame, _groups: pd.Series, _colours: dict[str, str], key: str
) -> go.Figure:
    return figures.film_map(_places.to_numpy(), _groups, _colours)
