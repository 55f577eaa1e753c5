"""Groups of images that belong together, each a row of thumbnails side by side with its facts.

An inline component like `thumbs`, but with one component for all groups of a page: twenty would
make the page twenty times as slow.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import cache

UNKNOWN = "unknown"

_HTML = '<div class="groups"></div>'
_CSS = """
.groups { display: flex; flex-wrap: wrap; gap: .75rem; }
section { border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  padding: .6rem .75rem .75rem; min-width: 0; max-width: 100%; box-sizing: border-box; }
header { display: flex; flex-wrap: wrap; contain: inline-size; gap: .3rem .6rem; align-items: baseline;
  margin-bottom: .5rem; color: var(--st-text-color); }
header b { font-size: .9rem; }
header em { font-style: normal; font-size: .8rem; padding: .05rem .5rem; border-radius: 1rem;
  color: var(--st-orange-text-color); background: var(--st-orange-background-color); }
ul { display: flex; gap: .6rem; margin: 0; padding: 3px; list-style: none; overflow-x: auto; }
li { flex: 0 0 130px; min-width: 0; }
button, .still { display: block; width: 100%; padding: 0 0 .3rem; overflow: hidden; font: inherit;
  background: var(--st-secondary-background-color); color: var(--st-text-color); text-align: left;
  border: 1px solid var(--st-border-color); border-top: 4px solid var(--mark);
  border-radius: var(--st-base-radius); box-sizing: border-box; }
button { cursor: pointer; }
button:hover { border-color: var(--st-primary-color); border-top-color: var(--mark); }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: -1px; }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; }
span { display: block; padding: .1rem .4rem 0; font-size: .75rem; line-height: 1.35;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
span:first-of-type { font-weight: 600; }
"""
# Names of files, classes and patients go in as text, never as markup.
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const sheet = parentElement.querySelector(".groups")
  sheet.setAttribute("aria-label", data.label)
  const make = (tag, text) => {
    const element = document.createElement(tag)
    if (text !== undefined) element.textContent = text
    return element
  }
  sheet.replaceChildren(...data.groups.map(group => {
    const section = make("section"), header = make("header"), list = make("ul")
    header.append(make("b", group.title), ...group.flags.map(flag => make("em", flag)))
    list.append(...group.items.map(item => {
      const card = make(item.id ? "button" : "div"), image = make("img"), entry = make("li")
      if (item.id) {
        card.type = "button"
        card.onclick = () => setTriggerValue("picked", item.id)
      } else card.className = "still"
      card.title = item.title
      card.style.setProperty("--mark", item.mark)
      image.src = item.src
      image.alt = item.title
      card.append(image, ...item.lines.map(line => make("span", line)))
      entry.append(card)
      return entry
    }))
    section.append(header, list)
    return section
  }))
}
"""


@dataclass(frozen=True)
class Picture:
    """One thumbnail of a group; `lines` stand below it, in order.

    `own` says whether it is of the dataset in the sidebar: only those can be opened.
    """

    dataset: Dataset
    image_id: str
    lines: tuple[str, ...]
    own: bool = True


@dataclass(frozen=True)
class Group:
    """Thumbnails that belong together, and what is remarkable about them."""

    title: str
    pictures: tuple[Picture, ...]
    flags: tuple[str, ...] = ()


def show(groups: Sequence[Group], *, key: str, label: str) -> None:
    """Draw the groups; a click on an image opens it in the gallery.

    Args:
        groups: a page of them, with images that are in their datasets.
        key: of the component; one a place.
        label: what a screen reader calls the whole.
    """
    data = [
        {
            "title": group.title,
            "flags": list(group.flags),
            "items": [_item(picture) for picture in group.pictures],
        }
        for group in groups
    ]
    component = st.components.v2.component("cxr_group_sheet", html=_HTML, css=_CSS, js=_JS)
    found = component(data={"groups": data, "label": label}, key=key, on_picked_change=_nothing)
    known = {picture.image_id for group in groups for picture in group.pictures if picture.own}
    if found.picked in known:
        st.switch_page("pages/data/gallery/page.py", query_params={"image": found.picked})


def facts(row: pd.Series, *, part: bool = True) -> tuple[str, ...]:
    """The lines of an image of a dataset's table: class, patient, source, published part, file."""
    lines = [str(row["label"])]
    for name, column in (("Patient", "patient_id"), ("Source", "source"), ("Part", "split")):
        if pd.notna(row[column]):
            if part or column != "split":
                lines.append(f"{name} {row[column]}" if name != "Source" else str(row[column]))
        elif column == "patient_id":
            lines.append(f"Patient {UNKNOWN}")
    return (*lines, str(row["path"]).rpartition("/")[2])


def _item(picture: Picture) -> dict[str, object]:
    dataset = picture.dataset
    row = dataset.table.iloc[cache.places(dataset)[picture.image_id]]
    (jpeg,) = cache.thumbnails(dataset, [picture.image_id])
    return {
        "id": picture.image_id if picture.own else "",
        "title": f"{row['label']}, {row['path']}",
        "lines": list(picture.lines),
        "mark": cache.colours(dataset).get(row["label"], "#888888"),
        "src": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
    }


def _nothing() -> None:
    """A callback must be named for the trigger to be returned."""
