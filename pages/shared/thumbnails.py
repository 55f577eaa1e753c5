"""A contact sheet of thumbnails that can be clicked, by mouse or keyboard.

Streamlit has no picture that reports a click: `st.image(link=...)` opens a new tab and session,
and a button under every picture doubles the page. So this is a small inline component
(components v2: no frame, no build step, no request to the network).
"""

import base64
from collections.abc import Mapping, Sequence

import streamlit as st

from cxrcore.datasets import Dataset
from pages.shared import cache
from pages.shared.text import plural

SIDE = 112  # pixels on the page

_HTML = '<ul class="sheet"></ul>'
_CSS = """
.sheet { display: grid; gap: .5rem; margin: 0; padding: 3px; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)); }
@media (max-width: 900px) { .sheet { max-height: 26rem; overflow-y: auto; } }
button { display: block; width: 100%; padding: 0 0 .2rem; cursor: pointer; overflow: hidden;
  background: var(--st-secondary-background-color); color: var(--st-text-color);
  border: 1px solid var(--st-border-color); border-top: 4px solid var(--mark);
  border-radius: var(--st-base-radius); font: inherit; text-align: center; }
button:hover { border-color: var(--st-primary-color); border-top-color: var(--mark); }
button:focus-visible, button[aria-pressed=true] { outline: 3px solid var(--st-primary-color);
  outline-offset: -1px; }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; }
span { display: block; padding: .15rem .3rem 0; font-size: .75rem; line-height: 1.35;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
"""
# Names of files and classes go in as text, never as markup.
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const sheet = parentElement.querySelector(".sheet")
  sheet.style.setProperty("--side", data.side + "px")
  sheet.setAttribute("aria-label", data.label)
  const drawn = JSON.stringify(data.items.map(item => [item.id, item.caption, item.mark]))
  if (sheet.dataset.drawn !== drawn) {
    sheet.dataset.drawn = drawn
    sheet.replaceChildren(...data.items.map(item => {
      const button = document.createElement("button")
      button.type = "button"
      button.dataset.id = item.id
      button.title = item.title
      button.style.setProperty("--mark", item.mark)
      const image = document.createElement("img")
      image.src = item.src
      image.alt = item.title
      const caption = document.createElement("span")
      caption.textContent = item.caption
      button.append(image, caption)
      const entry = document.createElement("li")
      entry.append(button)
      return entry
    }))
  }
  for (const button of sheet.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === data.selected))
    button.onclick = () => setTriggerValue("picked", button.dataset.id)
  }
}
"""


def grid(
    dataset: Dataset,
    image_ids: Sequence[str],
    captions: Sequence[str],
    *,
    key: str,
    link_to_live: bool = False,
    selected: str | None = None,
    colours: Mapping[str, str] | None = None,
    label: str = "Images",
    side: int = SIDE,
) -> str | None:
    """Draw thumbnails in rows that fill the width; return the one just clicked, or None.

    Args:
        dataset: where the images are.
        image_ids: in order; those that are not in the dataset any more are left out, and counted.
        captions: a short text under each.
        key: of the component; one a place.
        link_to_live: open the clicked image on the Live page.
        selected: the image to mark.
        colours: a colour for each class, drawn as the upper edge; default the class colours.
        label: what a screen reader calls the whole.
        side: least width of a thumbnail in pixels.
    """
    colours = cache.colours(dataset) if colours is None else colours
    places = cache.places(dataset)
    there = [i for i, image_id in enumerate(image_ids) if image_id in places]
    if gone := len(image_ids) - len(there):
        st.caption(f"{plural(gone, 'image')} not in the dataset any more.")
    image_ids, captions = [image_ids[i] for i in there], [captions[i] for i in there]
    items = _items(dataset, image_ids, captions, colours)
    found = _component()(
        data={"items": items, "selected": selected, "label": label, "side": side},
        key=key,
        on_picked_change=_nothing,
    )
    picked: str | None = found.picked
    if (
        picked is None or picked not in image_ids
    ):  # a click that was under way when the page changed
        return None
    if link_to_live:
        st.switch_page("pages/predict/live/page.py", query_params={"image": picked})
    return picked


def _items(
    dataset: Dataset,
    image_ids: Sequence[str],
    captions: Sequence[str],
    colours: Mapping[str, str],
) -> list[dict[str, str]]:
    places = cache.places(dataset)
    rows = dataset.table[["path", "label"]].iloc[[places[image_id] for image_id in image_ids]]
    jpegs = cache.thumbnails(dataset, image_ids)
    return [
        {
            "id": image_id,
            "caption": caption,
            "title": f"{label}, {path}",
            "mark": colours[label],
            "src": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
        }
        for image_id, caption, path, label, jpeg in zip(
            image_ids, captions, rows["path"], rows["label"], jpegs, strict=True
        )
    ]


def _nothing() -> None:
    """A callback must be named for the trigger to be returned."""


def _component():  # type: ignore[no-untyped-def]
    """The component, registered anew in every run: cheap, and it survives a reset registry."""
    return st.components.v2.component("cxr_contact_sheet", html=_HTML, css=_CSS, js=_JS)
