"""One picture of a prediction to take away: a row a model, its verdict and its maps."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 260  # pixels, side of a picture
GAP = 16
HEAD = 54  # pixels above a row for its two lines of text
FOOT = 40


def sheet(
    rows: Sequence[tuple[str, str]], pictures: Sequence[Sequence[np.ndarray]], note: str
) -> np.ndarray:
    """Draw rows of pictures with a headline and a line of detail above each row.

    Args:
        rows: (headline, detail) of each row.
        pictures: for each row, its pictures, (h, w) or (h, w, 3) uint8, all rows alike in number.
        note: one line at the foot.

    Returns:
        (H, W, 3) uint8, white background.
    """
    across = max(len(row) for row in pictures)
    width = across * (TILE + GAP) + GAP
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


def verdicts(chances: Mapping[str, float]) -> str:
    """ "A 91 %, B 7 %, C 2 %": all classes, the likeliest first."""
    ranked = sorted(chances.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {chance:.0%}" for name, chance in ranked)
