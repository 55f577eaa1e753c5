"""What a film itself shows, whatever the model: colour, view, borders, letters, lungs cut off."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.duplicates import descriptors
from cxrcore.gate import marks
from cxrcore.gate.report import Finding

if TYPE_CHECKING:
    from cxrcore.inference import Film

_COLOURED = 24  # difference of channels, 0..255; a compressed gray film has less
_PICTURE, _MARKS = 0.2, 0.001  # share of coloured pixels: a picture in colour, coloured marks
_WIDE = 0.08  # share of a side that a border may take
_THUMBNAIL = 128  # pixels at which borders are looked for
_RIM = 1 / 96  # of a side: a pixel of what the network that finds lungs answers
_ALONG = 0.1  # share of a side along which lungs reach it

# View Position of DICOM (PS3.3, C.8.1.1) and of collections. A decubitus film (LLD) is frontal.
_LATERAL = frozenset({"LL", "RL", "L", "LATERAL"})
_OBLIQUE = frozenset({"LLO", "RLO"})


def findings(film: "Film", view: str, lungs: np.ndarray | None = None) -> Iterator[Finding]:
    """What is to be said of a film, its view and its lungs; nothing about what is as it should be."""
    if film.notes:
        title = "The file lacks, or breaks, what the standard asks of it"
        yield Finding("file", title, "warning", " ".join(film.notes))
    if film.pages > 1:
        title = "The file has several pages, of which the models see one"
        yield Finding("pages", title, "warning", film.about_pages)
    yield from _view(view.strip().upper())
    yield from _colour(film)
    yield from _borders(film)
    if lungs is not None and not lungs.all():  # people may take the whole film for lungs
        yield from _cropped(lungs)
    yield from _letters(film)


def _view(view: str) -> Iterator[Finding]:
    if view in _LATERAL | _OBLIQUE:
        how = "An oblique" if view in _OBLIQUE else "A lateral"
        detail = f"The view given with it is {view}."
        yield Finding("lateral", f"{how} film, not a frontal one", "withheld", detail)


def _colour(film: "Film") -> Iterator[Finding]:
    if film.chroma is None:
        return
    coloured = film.chroma > _COLOURED
    share = float(coloured.mean())
    if share >= _PICTURE:
        title = "In colour: perhaps a photograph or a screen, not an exported film"
        yield Finding("colour", title, "warning", f"{share:.0%} of it is coloured.")
    elif share >= _MARKS:
        rows, columns = np.nonzero(coloured)
        down, across = (
            whole / part for whole, part in zip(film.gray.shape, coloured.shape, strict=True)
        )
        left, top = int(columns.min() * across), int(rows.min() * down)
        right, bottom = round((columns.max() + 1) * across), round((rows.max() + 1) * down)
        box = left, top, right - left, bottom - top
        yield Finding("colour", "Coloured marks are drawn on it", "warning", boxes=(box,))


def _borders(film: "Film") -> Iterator[Finding]:
    shares = descriptors.frame(descriptors.as_square(film.gray, _THUMBNAIL))
    wide = [
        (share, side)
        for share, side in zip(shares, ("left", "top", "right", "bottom"), strict=True)
        if share >= _WIDE
    ]
    if wide:
        named = ", ".join(f"{share:.0%} {side}" for share, side in wide)
        detail = f"Of the film's side: {named}. The model sees the border too, and a smaller chest."
        yield Finding("border", "An empty border surrounds the picture", "warning", detail)


def _cropped(lungs: np.ndarray) -> Iterator[Finding]:
    down, across = (max(1, round(_RIM * side)) for side in lungs.shape)
    along = {
        "left": lungs[:, :across].any(axis=1).mean(),
        "top": lungs[:down].any(axis=0).mean(),
        "right": lungs[:, -across:].any(axis=1).mean(),
        "bottom": lungs[-down:].any(axis=0).mean(),
    }
    if sides := [side for side, share in along.items() if share >= _ALONG]:
        title = "The lungs reach the edge of the film"
        detail = f"On these sides: {', '.join(sides)}. A part of them may be cut off."
        yield Finding("cropped", title, "warning", detail)


def _letters(film: "Film") -> Iterator[Finding]:
    boxes = marks.find(film.gray)
    if not boxes:
        return
    places = ", ".join(dict.fromkeys(_place(box, film.gray.shape) for box in boxes))
    what = "A letter or marker is" if len(boxes) == 1 else f"{len(boxes)} letters or markers are"
    yield Finding("letters", f"{what} burnt in, {places}", "warning", boxes=boxes)


def _place(box: marks.Box, shape: tuple[int, ...]) -> str:
    """Where a box lies, as on the screen: "top left"."""
    height, width = shape
    down = (box.y + box.height / 2) / height
    across = (box.x + box.width / 2) / width
    rows = "top" if down < 1 / 3 else "bottom" if down > 2 / 3 else ""
    return f"{rows} {'left' if across < 0.5 else 'right'}".strip()
