"""One image of a prediction to download: a row for each model, with its answer and its maps."""

import bisect
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

TILE = 260  # pixels, longest side of an image
GAP = 16
HEAD = 54  # pixels above a row for its two lines of text
TOP, FOOT = 46, 40


def prediction_image(
    title: str,
    rows: Sequence[tuple[str, str]],
    pictures: Sequence[Sequence[tuple[str, np.ndarray]]],
    note: str,
) -> np.ndarray:
    """Draw rows of images with a headline and a line of detail above each row.

    Args:
        title: one line at the top, such as the name of the film and its class.
        rows: (headline, detail) of each row; text that does not fit is cut.
        pictures: for each row its (name, image), (h, w) or (h, w, 3) uint8; aspects are kept.
        note: one line at the bottom.

    Returns:
        (H, W, 3) uint8, white background.
    """
    columns = max(len(row) for row in pictures)
    line = TILE + 20  # an image and its name
    width = max(760, columns * (TILE + GAP) + GAP)
    height = TOP + len(rows) * (HEAD + line + GAP) + FOOT
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    _write(draw, (GAP, 12), title, 20, "#0E171E", width - 2 * GAP)
    for number, ((headline, detail), row) in enumerate(zip(rows, pictures, strict=True)):
        top = TOP + number * (HEAD + line + GAP) + GAP // 2
        _write(draw, (GAP, top), headline, 18, "#0E171E", width - 2 * GAP)
        _write(draw, (GAP, top + 24), detail, 14, "#51606B", width - 2 * GAP)
        for place, (name, picture) in enumerate(row):
            left, upper = GAP + place * (TILE + GAP), top + HEAD - GAP // 2
            tile = ImageOps.contain(Image.fromarray(picture).convert("RGB"), (TILE, TILE))
            page.paste(tile, (left, upper))
            _write(draw, (left, upper + tile.height + 3), name, 13, "#51606B", TILE)
    _write(draw, (GAP, height - FOOT + 10), note, 13, "#51606B", width - 2 * GAP)
    return np.asarray(page)


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    colour: str,
    width: int,
) -> None:
    """Write one line, cut where it would leave `width` pixels."""
    font = ImageFont.load_default(size)
    shown = text = " ".join(text.split()).replace("÷", "/")  # which the font lacks
    if draw.textlength(shown, font) > width:
        # The most letters that fit, with the mark of what is cut.
        fits = bisect.bisect_right(
            range(len(text)),
            width,
            key=lambda n: math.ceil(draw.textlength(f"{text[:n].rstrip()}…", font)),
        )
        shown = f"{text[: max(0, fits - 1)].rstrip()}…"
    draw.text(place, shown, fill=colour, font=font)
