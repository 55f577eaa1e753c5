"""One image of a prediction to download: a row for each model, with its answer and its maps."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 260  # pixels, side of an image
GAP = 16
HEAD = 54  # pixels above a row for its two lines of text
FOOT = 40


def prediction_image(
    rows: Sequence[tuple[str, str]], pictures: Sequence[Sequence[np.ndarray]], note: str
) -> np.ndarray:
    """Draw rows of images with a headline and a line of detail above each row.

    Args:
        rows: (headline, detail) of each row.
        pictures: for each row its images, (h, w) or (h, w, 3) uint8, as many in every row.
        note: one line at the bottom.

    Returns:
        (H, W, 3) uint8, white background.
    """
    columns = max(len(row) for row in pictures)
    width = columns * (TILE + GAP) + GAP
    height = len(rows) * (HEAD + TILE + GAP) + FOOT
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    for number, ((headline, detail), row) in enumerate(zip(rows, pictures, strict=True)):
        top = number * (HEAD + TILE + GAP) + GAP // 2
        draw.text((GAP, top), headline, fill="#1B2730", font=ImageFont.load_default(18))
        draw.text((GAP, top + 24), detail, fill="#51606B", font=ImageFont.load_default(14))
        for place, picture in enumerate(row):
            tile = (
                Image.fromarray(picture)
                .convert("RGB")
                .resize((TILE, TILE), Image.Resampling.BILINEAR)
            )
            page.paste(tile, (GAP + place * (TILE + GAP), top + HEAD - GAP // 2))
    draw.text((GAP, height - FOOT + 10), note, fill="#51606B", font=ImageFont.load_default(13))
    return np.asarray(page)
