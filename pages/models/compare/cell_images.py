"""The films of an open cell: thumbnails, one of them large, what every run says, where one looked."""

import html
from collections.abc import Sequence

import streamlit as st

from cxrcore import explanations, figures
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from pages.models.compare import cells
from pages.models.compare.cells import Cell, Films
from pages.models.compare.matrix_values import percent
from pages.shared import cache, prediction_cache, thumbnails
from pages.shared.entries import Entry
from pages.shared.paging import paginate
from pages.shared.text import literal, plural
from pages.shared.thumbnails import Mark

PER_PAGE = 6
MOST_MARKS = 6  # other runs with a mark of their own below a film
METHOD = "grad-cam"
_CERTAINTY, _DISAGREEMENT = "Surest first", "Disputed first"
_LOOKED = "looked"  # in the session: the cell and film whose map was asked for


def open_cell(cell: Cell) -> None:
    """Put a cell into the page's address, without a film."""
    st.query_params.update(cell=cell.address, film=[])  # one step for the browser's Back, not two


def show(cell: Cell, entries: Sequence[Entry], dataset: Dataset) -> None:
    """Draw the films of a cell into the container that is open.

    Raises:
        StoreError: the predictions of a run are missing or were changed.
    """
    found = cells.films(cell, entries)
    _headline(cell, found)
    ids = _in_order(found, len(entries))
    places = cache.places(dataset)
    here = [image_id for image_id in ids if image_id in places]
    if gone := len(ids) - len(here):
        st.caption(f"{plural(gone, 'film')} no longer in the dataset.")
    if not here:
        return
    film = st.query_params.get("film")
    place = here.index(film) if film in here else None
    # A page of its own for each film: previous and next turn the page as well.
    first = (place or 0) // PER_PAGE * PER_PAGE
    sheet, page = paginate(len(here), PER_PAGE, key=f"films_{cell.address}_{first}", first=first)
    with sheet:
        _thumbnails(cell, found, entries, here[page], film, dataset)
    if place is not None:
        _large(cell, found, entries, here, place, dataset)


def _headline(cell: Cell, found: Films) -> None:
    whose = "" if cell.rows else f" · {literal(cell.entry.title)}"
    count = plural(len(found.table), "film")
    if found.given > len(found.table):
        count += f" ({plural(found.given, 'answer')} of several seeds)"
    with st.container(horizontal=True, vertical_alignment="top", wrap=False):
        st.markdown(f"**{literal(cell.title)}** · {count}{whose}")
        st.button(
            "Close", key="close_cell", type="tertiary", icon=":material/close:",
            on_click=lambda: st.query_params.update(cell=[], film=[]),
        )  # fmt: skip
    if found.table.empty:
        st.caption("No film is in this cell.")


def _in_order(found: Films, entries: int) -> list[str]:
    table = found.table
    if entries > 1 and len(table) > 1:
        by = st.segmented_control(
            "Sort by", [_CERTAINTY, _DISAGREEMENT], default=_CERTAINTY, required=True,
            key="films_by", bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
        if by == _DISAGREEMENT:
            table = table.sort_values("otherwise", ascending=False, kind="stable")
    return table["image_id"].tolist()


def _thumbnails(
    cell: Cell,
    found: Films,
    entries: Sequence[Entry],
    ids: Sequence[str],
    film: str | None,
    dataset: Dataset,
) -> None:
    certainty = found.table.set_index("image_id")["certainty"]
    others = [entry for entry in entries if entry is not cell.entry]
    captions, marks = [percent(certainty[image_id]) for image_id in ids], []
    for place, image_id in enumerate(ids):
        right = [(e, *_right(found, e, image_id)) for e in others]
        judged = [(e, is_right) for e, known, is_right in right if known]
        few = len(judged) <= MOST_MARKS
        marks.append([_mark(e, is_right) for e, is_right in judged] if few else [])
        if not few:
            captions[place] += f" · {sum(ok for _, ok in judged)}/{len(judged)} ✓"
    thumbnails.grid(
        dataset, ids, captions, marks=marks, key="cell_films", selected=film,
        label=cell.title, side=78, on_pick=_open_film,
    )  # fmt: skip
    text = f"Below each film: how sure {cell.entry.title} is of {cell.column}"
    st.caption(literal(text + ("; whether the others are right." if others else ".")))


def _right(found: Films, entry: Entry, image_id: str) -> tuple[bool, bool]:
    """Whether an entry was tested on an image, and whether its answer is right."""
    said = found.answers[entry.name]
    if image_id not in said.index:
        return False, False
    row = said.loc[image_id]
    return True, row["predicted"] == row["label"]


def _mark(entry: Entry, right: bool) -> Mark:
    verdict = "right" if right else "wrong"
    return Mark("✓" if right else "✗", entry.colour, f"{entry.title}: {verdict}")


def _open_film(image_id: str) -> None:
    st.query_params["film"] = image_id


def _large(
    cell: Cell,
    found: Films,
    entries: Sequence[Entry],
    ids: Sequence[str],
    place: int,
    dataset: Dataset,
) -> None:
    image_id = ids[place]
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        _step("Previous", ids[place - 1] if place else None)
        st.caption(f"Film {place + 1:,} of {len(ids):,}", width="content")
        _step("Next", ids[place + 1] if place + 1 < len(ids) else None)
    row = dataset.table.iloc[cache.places(dataset)[image_id]]
    try:
        st.image(
            cache.large_image(dataset, image_id), width="stretch",
            alt=f"Chest X-ray of class {row['label']}, file {row['path']}",
        )  # fmt: skip
    except CxrError as error:
        st.warning(literal(str(error)))
    st.html(_table(cell, found, entries, image_id))
    _map(cell, image_id, dataset)
    target = {"dataset": dataset.name, "image": image_id}
    runs = ",".join(run.run_id for entry in entries for run in entry.runs[:1] if run.has_network)
    st.page_link(
        thumbnails.LIVE, label="Live prediction", icon=":material/arrow_forward:",
        query_params=target | {"runs": runs},
    )  # fmt: skip
    st.page_link(
        thumbnails.GALLERY, label="Gallery", icon=":material/arrow_forward:", query_params=target
    )


def _step(label: str, image_id: str | None) -> None:
    st.button(
        label, key=f"film_{label}", disabled=image_id is None, on_click=_open_film,
        args=(image_id,), type="tertiary",
    )  # fmt: skip


def _table(cell: Cell, found: Films, entries: Sequence[Entry], image_id: str) -> str:
    """What every entry says of an image: its probability for the classes of the cell, its answer."""
    classes = list(dict.fromkeys((cell.row, cell.column)))
    heads = ("Run", *classes, "Answer")
    body = "".join(_line(entry, classes, found, image_id) for entry in entries)
    return (
        "<div style='overflow-x:auto'>"
        "<table style='width:100%;font-size:.75rem;border-spacing:0 .2rem'>"
        f"<tr>{''.join(map(_head, heads))}</tr>{body}</table></div>"
    )


_CELL = "text-align:left;vertical-align:top;padding:0 .4rem 0 0"


def _head(text: str) -> str:
    return f"<th style='{_CELL};font-weight:400;opacity:.85'>{html.escape(text)}</th>"


def _line(entry: Entry, classes: Sequence[str], found: Films, image_id: str) -> str:
    square = (
        "<span style='display:inline-block;width:.7rem;height:.7rem;border-radius:2px;"
        f"background:{html.escape(entry.colour)}'></span> "
    )
    known, right = _right(found, entry, image_id)
    texts = ["not one of its test films"]
    if known:
        said = found.answers[entry.name].loc[image_id]
        texts = [percent(said.get(f"p_{name}", float("nan"))) for name in classes]
        texts.append(f"{'✓' if right else '✗'} {said['predicted']}")
    span = "" if known else f" colspan='{len(classes) + 1}'"
    cells_after = "".join(f"<td style='{_CELL}'{span}>{html.escape(text)}</td>" for text in texts)
    return f"<tr><td style='{_CELL};overflow-wrap:anywhere'>{square}{html.escape(entry.title)}</td>{cells_after}</tr>"


def _map(cell: Cell, image_id: str, dataset: Dataset) -> None:
    """A button, and after it the map of the cell's entry: no network runs before it is pressed."""
    first = cell.entry.runs[0]
    if not (first.home or first.has_layers):
        st.caption("Where it looked is not known: of this model there are only its answers.")
        return
    wanted = (cell.address, image_id)
    if st.session_state.get(_LOOKED) != wanted:
        st.button(
            f"Show where {literal(cell.entry.title)} looked", key="look",
            icon=":material/visibility:",
            on_click=lambda: st.session_state.update({_LOOKED: wanted}),
        )  # fmt: skip
        return
    run = next(r for r in cell.entry.runs if image_id in set(r.predictions()["image_id"]))
    network = run.home.run_id if run.home else run.run_id
    path, mask = dataset.path_of(image_id), dataset.mask_of(image_id)
    place = st.empty()
    tell = prediction_cache.telling(place)
    try:
        film = prediction_cache.film(path.name, path.read_bytes(), tell)
        (seen,) = prediction_cache.predict(film, (network,), cell.column, mask=mask, on_wait=tell)
    except OSError as error:
        st.error(
            literal(f"{path.name} can't be read: {error.strerror}. Check the dataset's folder.")
        )
        return
    except CxrError as error:
        st.error(literal(str(error)))
        return
    finally:
        place.empty()
    if seen.error is not None:
        st.error(literal(seen.error))
        return
    if METHOD in seen.missing:
        st.caption(literal(" ".join(seen.notes)))
        return
    title = f"{explanations.METHODS[METHOD].title} of {cell.entry.title} for {cell.column}"
    overlay = figures.overlay(seen.seen, seen.maps[METHOD], 0.45, next(iter(figures.COLORMAPS)))
    st.image(overlay, width="stretch", alt=title)
    st.caption(literal(" ".join((f"{title}, scaled to its own maximum.", *seen.notes))))
