"""Clickable thumbnails, for mouse and keyboard: in a grid, or in groups.

An inline component (docs/decisions/0009), one for all groups of a page: twenty would make the page
twenty times as slow.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from cxrcore.figures import NEUTRAL
from pages.shared import cache
from pages.shared.text import plural

GALLERY, LIVE = "pages/data/gallery/page.py", "pages/predict/live/page.py"

_SIDE = 112  # pixels on the page
_HTML = '<div class="thumbnails" role="group"></div>'
_CSS = """
.groups { display: flex; flex-wrap: wrap; gap: .75rem; }
.groups section { border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  padding: .6rem .75rem .75rem; min-width: 0; max-width: 100%; box-sizing: border-box; }
header { display: flex; flex-wrap: wrap; contain: inline-size; gap: .3rem .6rem;
  align-items: baseline; margin-bottom: .5rem; color: var(--st-text-color); }
header b { font-size: .9rem; }
header em { font-style: normal; font-size: .8rem; padding: .05rem .5rem; border-radius: 1rem;
  color: var(--st-orange-text-color); background: var(--st-orange-background-color); }
ul { margin: 0; padding: 3px; list-style: none; }
.groups ul { display: flex; gap: .6rem; overflow-x: auto; }
.grid ul { display: grid; gap: .5rem;
  grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)); }
@media (max-width: 900px) { .grid ul { max-height: 26rem; overflow-y: auto; } }
li { min-width: 0; }
.groups li { flex: 0 0 130px; }
button, .still { display: block; width: 100%; padding: 0 0 .25rem; overflow: hidden; font: inherit;
  background: var(--st-secondary-background-color); color: var(--st-text-color);
  border: 1px solid var(--st-border-color); border-top: 4px solid var(--mark);
  border-radius: var(--st-base-radius); box-sizing: border-box; text-align: center; }
.groups button, .groups .still { text-align: left; }
button { cursor: pointer; }
button:hover { border-color: var(--st-primary-color); border-top-color: var(--mark); }
button:focus-visible, button[aria-pressed=true] { outline: 3px solid var(--st-primary-color);
  outline-offset: -1px; }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; }
span { display: block; padding: .1rem .4rem 0; font-size: .75rem; line-height: 1.35;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.groups span:first-of-type { font-weight: 600; }
.marks { white-space: normal; }
.marks span { display: inline-block; padding: 0 .15rem; }
.marks i { display: inline-block; width: .6rem; height: .6rem; border-radius: 2px;
  margin-right: .1rem; }
"""
# Names of files, classes and patients go in as text, never as markup.
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".thumbnails")
  root.className = `thumbnails ${data.layout}`
  root.style.setProperty("--side", data.side + "px")
  root.setAttribute("aria-label", data.label)
  const make = (tag, text) => {
    const element = document.createElement(tag)
    if (text !== undefined) element.textContent = text
    return element
  }
  const mark = ({ sign, colour, meaning }) => {
    const both = make("span", sign), square = make("i")
    square.style.background = colour
    both.title = meaning
    both.setAttribute("role", "img")
    both.setAttribute("aria-label", meaning)
    both.prepend(square)
    return both
  }
  const card = item => {
    const card = make(item.id ? "button" : "div"), image = make("img"), entry = make("li")
    if (item.id) {
      card.type = "button"
      card.dataset.id = item.id
    } else card.className = "still"
    card.title = image.alt = item.title
    card.style.setProperty("--mark", item.mark)
    image.src = item.src
    card.append(image, ...item.lines.map(line => make("span", line)))
    if (item.marks.length) {
      const signs = make("span")
      signs.className = "marks"
      signs.append(...item.marks.map(mark))
      card.append(signs)
    }
    entry.append(card)
    return entry
  }
  const drawn = JSON.stringify(data.groups, (key, value) => key === "src" ? undefined : value)
  if (root.dataset.drawn !== drawn) {
    root.dataset.drawn = drawn
    root.replaceChildren(...data.groups.map(group => {
      const section = make("section"), header = make("header"), list = make("ul")
      header.append(make("b", group.title), ...group.flags.map(flag => make("em", flag)))
      list.append(...group.items.map(card))
      section.append(...(group.title ? [header, list] : [list]))
      return section
    }))
  }
  for (const button of root.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === data.selected))
    button.onclick = () => setTriggerValue("picked", button.dataset.id)
  }
}
"""


@dataclass(frozen=True)
class Mark:
    """A sign beside a square of a colour, and what it means, as plain text."""

    sign: str
    colour: str
    meaning: str


@dataclass(frozen=True)
class Thumbnail:
    """One image; `lines` stand below it, in order, and marks after them.

    `own` is whether it is of the dataset in the sidebar: only those can be opened.
    """

    dataset: Dataset
    image_id: str
    lines: tuple[str, ...]
    own: bool = True
    marks: tuple[Mark, ...] = ()
    jpeg: bytes | None = None  # the picture; the film's own thumbnail if None


@dataclass(frozen=True)
class Group:
    """A group of images with a title; `flags` are remarks beside it."""

    title: str
    thumbnails: tuple[Thumbnail, ...]
    flags: tuple[str, ...] = ()


def grid(
    dataset: Dataset,
    image_ids: Sequence[str],
    captions: Sequence[str],
    *,
    key: str,
    open_in: str | None = None,
    selected: str | None = None,
    label: str = "Images",
    side: int = _SIDE,
    marks: Sequence[Sequence[Mark]] = (),
    jpegs: Sequence[bytes | None] = (),
    on_pick: Callable[[str], None] | None = None,
) -> str | None:
    """Draw thumbnails in rows that fill the width; return the one just clicked, or None.

    Args:
        dataset: of the images.
        image_ids: in order; those that are no longer in the dataset are counted, not shown.
        captions: a short text under each, of one line or more.
        key: of the component, one per place.
        open_in: the page that a click opens, GALLERY or LIVE.
        selected: the image to mark.
        label: what a screen reader calls the whole.
        side: least width of a thumbnail in pixels.
        marks: those of each image, if there are any.
        jpegs: pictures in place of the films' own thumbnails.
        on_pick: called with the image that is clicked, before the page runs again.
    """
    places = cache.places(dataset)
    shown = tuple(
        Thumbnail(dataset, image_id, tuple(caption.splitlines()), marks=tuple(signs), jpeg=jpeg)
        for image_id, caption, signs, jpeg in zip(
            image_ids,
            captions,
            marks or [()] * len(image_ids),
            jpegs or [None] * len(image_ids),
            strict=True,
        )
        if image_id in places
    )
    if gone := len(image_ids) - len(shown):
        st.caption(f"{plural(gone, 'image')} no longer in the dataset.")
    return _draw(
        "grid", [Group("", shown)], key, label, open_in, on_pick, selected=selected, side=side
    )


def groups(shown: Sequence[Group], *, key: str, label: str) -> None:
    """Draw groups of images that are in their datasets; a click opens one in the gallery.

    Args:
        shown: one page of groups.
        key: of the component, one per place.
        label: what a screen reader calls the whole.
    """
    _draw("groups", shown, key, label, GALLERY)


def description(row: pd.Series, *, split: bool = True) -> tuple[str, ...]:
    """The lines below an image: class, patient, source, published split, file.

    Args:
        row: of a dataset's table.
        split: whether to name the published split.
    """
    patient = "unknown" if pd.isna(row["patient_id"]) else row["patient_id"]
    lines = [str(row["label"]), f"Patient {patient}"]
    if pd.notna(row["source"]):
        lines.append(str(row["source"]))
    if split and pd.notna(row["split"]):
        lines.append(f"Split {row['split']}")
    return (*lines, str(row["path"]).rpartition("/")[2])


def _draw(
    layout: str,
    shown: Sequence[Group],
    key: str,
    label: str,
    open_in: str | None,
    on_pick: Callable[[str], None] | None = None,
    *,
    selected: str | None = None,
    side: int = _SIDE,
) -> str | None:
    def clicked() -> None:
        image_id = st.session_state[key].picked
        if on_pick is not None and image_id in known:
            on_pick(image_id)

    # A click that was under way when the page changed may name another.
    known = {t.image_id for g in shown for t in g.thumbnails if t.own}
    data = {
        "layout": layout,
        "label": label,
        "selected": selected,
        "side": side,
        "groups": [
            {"title": g.title, "flags": list(g.flags), "items": _items(g.thumbnails)} for g in shown
        ],
    }
    # Registered again in every run: cheap, and it survives a reset registry.
    component = st.components.v2.component("cxr_thumbnails", html=_HTML, css=_CSS, js=_JS)
    picked: str | None = component(data=data, key=key, on_picked_change=clicked).picked
    if picked not in known:
        return None
    if open_in is not None:
        st.switch_page(open_in, query_params={"image": picked})
    return picked


def _items(shown: Sequence[Thumbnail]) -> list[Mapping[str, object]]:
    items: list[Mapping[str, object]] = []
    for thumbnail in shown:
        dataset = thumbnail.dataset
        row = dataset.table.iloc[cache.places(dataset)[thumbnail.image_id]]
        jpeg = thumbnail.jpeg or cache.thumbnail(dataset, thumbnail.image_id)
        items.append(
            {
                "id": thumbnail.image_id if thumbnail.own else "",
                "title": f"{row['label']}, {row['path']}",
                "lines": list(thumbnail.lines),
                "marks": [asdict(mark) for mark in thumbnail.marks],
                "mark": cache.colours(dataset).get(row["label"], NEUTRAL),
                "picture": hash(thumbnail.jpeg),  # `src` alone is not compared with what is drawn
                "src": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
            }
        )
    return items
