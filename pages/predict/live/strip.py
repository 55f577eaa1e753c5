"""The films to choose from: the visitor's own first, then those of the dataset."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.figures import NEUTRAL
from cxrcore.store import Run
from pages.predict.live import films, uploads
from pages.predict.live.films import Picked
from pages.predict.live.rows_component import data_uri
from pages.predict.live.uploads import Upload
from pages.shared import cache
from pages.shared.linked_image import linked_image

PER_PAGE = 6
EVERY = "All classes"


def pick(dataset: Dataset, runs: Sequence[Run], preferred: str | None) -> Picked | None:
    """Draw the thumbnails; return the film that was chosen, or that the page opens with.

    Args:
        dataset: of the films.
        runs: shown; their test films come first.
        preferred: image_id of the film to open with.

    Raises:
        StoreError: predictions of a run are missing or were changed.
    """
    own = {upload.picked.key: upload for upload in uploads.drop_zone()}
    ids = [*own, *_filtered(dataset, runs)]
    chosen = st.session_state.get(uploads.CHOSEN)
    if chosen not in own:
        first = preferred if preferred in cache.places(dataset) else next(iter(ids), None)
        chosen = linked_image(dataset) or first
    if not ids:
        st.info("No film matches. Change the search, or choose all classes.")
    else:
        _thumbnails(dataset, own, ids, chosen)
    if own:
        st.button("Remove my films", on_click=uploads.clear, type="tertiary")
    if chosen is None:
        return None
    if chosen in own:
        return uploads.chosen_page(own[chosen])
    return films.of_dataset(dataset, chosen)


def _filtered(dataset: Dataset, runs: Sequence[Run]) -> Sequence[str]:
    narrow, wide = st.columns([4, 5], gap="xsmall")
    text = narrow.text_input(
        "Search", placeholder="Search", key="live_search", label_visibility="collapsed"
    )
    label = wide.selectbox(
        "Class",
        [EVERY, *dataset.classes],
        key=f"class_{dataset.name}",
        label_visibility="collapsed",
    )
    mistakes = st.toggle(
        "Only mistakes",
        key="live_mistakes",
        help="Test films that one of the models shown took for another class.",
    )
    wanted = None if label == EVERY else label
    return films.find(dataset, runs, label=wanted, text=text, mistakes=mistakes)


def _thumbnails(
    dataset: Dataset, own: Mapping[str, Upload], ids: Sequence[str], chosen: str | None
) -> None:
    def picked() -> None:
        key = st.session_state["live_strip"].picked
        uploads.forget_refused()
        if key in own:
            st.session_state[uploads.CHOSEN] = key
            st.query_params.pop("image", None)
        elif key in cache.places(dataset):
            st.session_state.pop(uploads.CHOSEN, None)
            st.query_params["image"] = key

    place = ids.index(chosen) if chosen in ids else 0
    first = place - place % PER_PAGE
    around = {"previous": place - 1, "next": place + 1 if chosen in ids else 0}
    data = {
        "items": [_item(dataset, own, key) for key in ids[first : first + PER_PAGE]],
        "selected": chosen,
        "text": f"{place + 1:,} of {len(ids):,}" if chosen in ids else f"{len(ids):,} films",
        **{way: ids[at] if 0 <= at < len(ids) else None for way, at in around.items()},
    }
    component = st.components.v2.component("cxr_live_strip", html=_HTML, css=_CSS, js=_JS)
    component(data=data, key="live_strip", on_picked_change=picked)


def _item(dataset: Dataset, own: Mapping[str, Upload], key: str) -> Mapping[str, str]:
    if key in own:
        upload = own[key]
        title, src = f"Your film {upload.picked.name}", upload.thumbnail
        return {
            "id": key,
            "title": title,
            "text": upload.picked.name,
            "colour": NEUTRAL,
            "src": data_uri(src),
        }
    row = dataset.table.iloc[cache.places(dataset)[key]]
    return {
        "id": key,
        "title": f"{row['label']}, {row['path']}",
        "text": str(row["label"]),
        "colour": cache.colours(dataset).get(row["label"], NEUTRAL),
        "src": data_uri(cache.thumbnail(dataset, key)),
    }


_HTML = (
    '<div class="strip"><div class="films" role="group" aria-label="Films"></div><nav></nav></div>'
)
_CSS, _JS = (
    (Path(__file__).parent / f"strip_component.{kind}").read_text() for kind in ("css", "js")
)
