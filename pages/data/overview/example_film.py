"""One film with the answer of every run and where each looked; it paints without a network."""

import base64
import html
import io
from collections.abc import Sequence

import pandas as pd
import streamlit as st
from PIL import Image

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.store.card import NOTICE
from pages.data.overview import answers
from pages.data.overview.answers import Answer, Films
from pages.header import header
from pages.shared import background, cache
from pages.shared.entries import Entry
from pages.shared.text import literal

MOST = 5  # runs
LIVE = "pages/predict/live/page.py"
_REFRESH_SECONDS = 3.0  # while maps are being made
_COUNTS = (
    "no answer",
    "one answer",
    "two answers",
    "three answers",
    "four answers",
    "five answers",
)
_STYLE = """<style>
.film { display: grid; grid-template-columns: repeat(auto-fit, minmax(88px, 1fr)); gap: .6rem; }
.film figure { margin: 0; font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere; }
.film img { width: 100%; aspect-ratio: 1; object-fit: fill; border-radius: .4rem; display: block;
  margin-bottom: .3rem; background: #000; }
.film b { display: block; font-weight: 600; }
.film i { display: inline-block; width: .65rem; height: .65rem; border-radius: .15rem;
  margin-right: .3rem; }
.film small { display: block; opacity: .8; font-size: inherit; }
.film .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>"""


def show(entries: Sequence[Entry], dataset: Dataset) -> None:
    """Draw a film that the runs were tested on, their answers and maps; a button turns to the next.

    Maps that a run lacks are made in the background.

    Args:
        entries: the runs and families; the first MOST are shown, of a family its first run.
        dataset: that they were tested on.
    """
    shown = entries[:MOST]
    try:
        found = answers.find(shown)
        coming = background.make_missing("examples", found.lacking, dataset)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    if not header.presenting():
        background.again("examples", found.lacking, dataset)
    if not found.answers:
        return
    st.fragment(_film, run_every=_REFRESH_SECONDS if coming else None)(shown, dataset, coming)


def _film(entries: Sequence[Entry], dataset: Dataset, coming: bool) -> None:
    """The film whose turn it is; draws the page again once the maps are there."""
    found = answers.find(entries)
    if coming and not background.active("examples", dataset):
        st.rerun()
    ids = list(found.answers)
    turn = f"example_film_{dataset.name}"
    image_id = ids[st.session_state.get(turn, 0) % len(ids)]
    given = found.answers[image_id]
    place = cache.places(dataset).get(image_id)
    row = None if place is None else dataset.table.iloc[place]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"One film, {_COUNTS[len(given)]}", width="content")
        if len(ids) > 1:
            st.button("Next film", type="tertiary", key="next_film", on_click=_turn, args=(turn,))
        if row is not None:
            st.page_link(
                LIVE,
                label="Open in live prediction",
                query_params={
                    "image": image_id,
                    "runs": ",".join(a.run.run_id for a in given if a.run.has_network),
                },
            )
        st.page_link(LIVE, label="Try your own film")
    truth = _figure(_whole(given, dataset, image_id), "The film", _about(given[0], row))
    st.html(f'{_STYLE}<div class="film">{truth}{"".join(map(_answer, given))}</div>')
    st.caption(f"{_explained(found, coming)} {NOTICE}".strip())


def _turn(key: str) -> None:
    st.session_state[key] = st.session_state.get(key, 0) + 1


# --- what is missing ------------------------------------------------------------------------


def _explained(found: Films, coming: bool) -> str:
    """What the colours are, and what is still to come."""
    mapped = any(answer.example for given in found.answers.values() for answer in given)
    sentences = []
    if mapped:
        sentences.append("Colour: what speaks for the answer (Grad-CAM).")
    if coming:
        sentences.append(
            "The others follow in a moment." if mapped else "Where each looked follows in a moment."
        )
    elif found.lacking:
        sentences.append("Some maps could not be made; the log of that job says why.")
    return " ".join(sentences)


# --- the pictures ---------------------------------------------------------------------------


def _about(answer: Answer, row: pd.Series | None) -> str:
    """The class, and what else is known of the film."""
    known = [] if row is None else [row.get("sex"), row.get("view")]
    return html.escape(", ".join([answer.label, *(str(fact) for fact in known if pd.notna(fact))]))


def _answer(answer: Answer) -> str:
    """A run's map with its title and its answer, which is right or wrong in words as well."""
    mark, spoken = ("✓", "right") if answer.right else ("✗", "wrong")
    text = (
        f"{html.escape(answer.predicted)} {answer.probability:.0%}&nbsp;"
        f'<span aria-hidden="true">{mark}</span><span class="spoken">{spoken}</span>'
    )
    if len(answer.entry.runs) > 1:
        text += f"<small>the first of {len(answer.entry.runs)} runs</small>"
    if answer.example is None:
        return _figure(None, answer.entry.title, text, answer.entry.colour)
    if not answer.example.strongest:
        text += "<small>no region speaks for it</small>"
    picture = _map(answer.run.seal, answer.example.image_id, answer.example)
    return _figure(picture, answer.entry.title, text, answer.entry.colour)


def _figure(picture: bytes | None, title: str, text: str, colour: str | None = None) -> str:
    """HTML; `text` is HTML already, `title` is not."""
    name = html.escape(title).replace("-", "&#8209;")  # "lr 3e-4" stays on one line
    alt = name if colour is None else f"Where {name} looked"
    shown = ""
    if picture is not None:
        data = base64.b64encode(picture).decode()
        shown = f'<img alt="{alt}" src="data:image/jpeg;base64,{data}">'
    square = "" if colour is None else f'<i style="background:{html.escape(colour)}"></i>'
    return f"<figure>{shown}<figcaption><b>{square}{name}</b>{text}</figcaption></figure>"


def _whole(given: Sequence[Answer], dataset: Dataset, image_id: str) -> bytes | None:
    """The film as a model of whole images sees it; without one its thumbnail, while it is there."""
    for answer in given:
        if answer.example is not None and answer.run.recipe.region == "none":
            return answer.example.film
    there = image_id in cache.places(dataset)
    return cache.thumbnail(dataset, image_id) if there else None


@st.cache_data(max_entries=64, show_spinner=False)
def _map(seal: str, image_id: str, _example: answers.Example) -> bytes:  # noqa: ARG001 (the key)
    """JPEG of the map over what the model sees."""
    painted = figures.overlay(_example.pixels(), _example.map())
    buffer = io.BytesIO()
    Image.fromarray(painted).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
