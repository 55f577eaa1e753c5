"""What if the film were darker, turned, or without its marker? Changes before a model sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from cxrcore import images, perturbations
from cxrcore.films import Film
from cxrcore.perturbations import PERTURBATIONS, Box, Perturbation
from cxrcore.regions import REGION_NAMES
from pages.predict.live import eraser_component
from pages.predict.live.film_lungs import Lungs
from pages.predict.live.rows_component import data_uri

FIRST = ("brightness", "contrast", "rotation")  # always in sight
REGIONS = {"none": "Whole", "lungs": "Lungs", "lungs-erased": "No lungs"}
_REGION, _BOXES = "what_if_region", "what_if_boxes"
_SIDE = 480  # pixels of the film to draw on


@dataclass(frozen=True)
class Changes:
    """What the visitor did to a film.

    Attributes:
        strengths: (name, strength) of the perturbations that change something.
        erased: boxes.
        region: that is shown, of `REGIONS`.
    """

    strengths: tuple[tuple[str, float], ...] = ()
    erased: tuple[Box, ...] = ()
    region: str = "none"

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return self != Changes()

    @property
    def text(self) -> str:
        """ "Rotation 12 °, 1 part erased"."""
        parts = [said(PERTURBATIONS[name], strength) for name, strength in self.strengths]
        if self.region != "none":
            parts.append(REGION_NAMES[self.region])
        if self.erased:
            count = len(self.erased)
            parts.append(f"{count} part{'s' if count > 1 else ''} erased")
        return ", ".join(parts)


def said(change: Perturbation, strength: float) -> str:
    """ "Rotation 12 °"."""
    return f"{change.title} {strength:g} {change.unit}".rstrip()


def changes(film: Film, lungs: Lungs) -> Changes:
    """What is set now, also before the panel is drawn."""
    found = ((p, st.session_state.get(_key(p), p.neutral)) for p in PERTURBATIONS.values())
    digest, boxes = st.session_state.get(_BOXES, ("", ()))
    return Changes(
        tuple((p.name, float(strength)) for p, strength in found if strength != p.neutral),
        boxes if digest == film.digest else (),
        st.session_state.get(_REGION) or "none" if lungs.mask is not None else "none",
    )


def apply(film: Film, lungs: Lungs, made: Changes) -> tuple[Film, Lungs]:
    """The changed film, under a digest of its own, and its lungs moved along with it."""
    if not made:
        return film, lungs
    gray, moved = perturbations.perturb(
        film.gray, dict(made.strengths), erased=made.erased, mask=lungs.mask, region=made.region
    )
    return film.altered(gray, repr(made)), replace(lungs, mask=moved)


def show(film: Film, lungs: Lungs, marks: Sequence[Box]) -> None:
    """Draw the panel.

    Args:
        film: as it is.
        lungs: of it; regions are offered where they are known.
        marks: boxes of letters or markers that were found on it.
    """
    st.subheader(
        "What if?",
        help="A model that is sure of its answer only as long as the film is not slightly darker, "
        "turned or without its marker has learned more than the finding.",
    )
    made = changes(film, lungs)
    if lungs.mask is not None:
        st.session_state.setdefault(_REGION, "none")
        st.segmented_control(
            "Show the models",
            list(REGIONS),
            required=True,
            format_func=REGIONS.__getitem__,
            key=_REGION,
            label_visibility="collapsed",
        )
    for name in FIRST:
        _slider(PERTURBATIONS[name])
    with st.expander("More changes"):
        for name, change in PERTURBATIONS.items():
            if name not in FIRST:
                _slider(change)
    with st.expander("Erase a part", on_change="rerun", key="what_if_erase") as eraser:
        if eraser.open:
            _eraser(film, made.erased)
    new = [box for box in marks if box not in made.erased]
    if new:
        st.button("Paint out the letters", on_click=_erase, args=(film.digest, *new))
    if made:
        st.button("Undo all changes", icon=":material/undo:", on_click=_undo, type="tertiary")


def _slider(change: Perturbation) -> None:
    whole = float(change.step).is_integer()
    kind = int if whole else float
    st.slider(
        f"{change.title} ({change.unit})" if change.unit else change.title,
        kind(change.low),
        kind(change.high),
        kind(change.neutral),
        kind(change.step),
        key=_key(change),
    )


def _eraser(film: Film, erased: Sequence[Box]) -> None:
    gray = film.gray
    for box in erased:
        gray = perturbations.erase(gray, box)
    height, width = gray.shape
    picture = images.thumbnail(gray, min(_SIDE, max(gray.shape)), 85)
    eraser_component.draw(
        data_uri(picture),
        width,
        height,
        on_box=lambda box: _erase(film.digest, box),
        key="what_if_eraser",
    )


def _erase(digest: str, *boxes: Box) -> None:
    known, before = st.session_state.get(_BOXES, ("", ()))
    st.session_state[_BOXES] = digest, (*(before if known == digest else ()), *boxes)


def _undo() -> None:
    st.session_state.pop(_BOXES, None)
    st.session_state[_REGION] = "none"
    for change in PERTURBATIONS.values():
        whole = float(change.step).is_integer()
        st.session_state[_key(change)] = int(change.neutral) if whole else float(change.neutral)


def _key(change: Perturbation) -> str:
    return f"what_if_{change.name}"
