"""Images that look alike although their files differ: perceptual hashes and their distance.

The hash is pHash as the package `imagehash` computes it (Zauner 2010, "Implementation and
benchmarking of perceptual image hash functions"): 64 bits for the 64 lowest frequencies
of a 32 x 32 copy, set if a frequency is stronger than the median.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cxrcore.errors import ImageError

_AT_ONCE = 4_000_000  # distances at once; limits the memory to a few tens of MB


def phash(gray: np.ndarray) -> str:
    """Fingerprint of the look of an image; similar images differ in few of its 64 bits.

    Args:
        gray: (H, W) uint8.

    Returns:
        16 hexadecimal digits.

    Raises:
        ImageError: not an (H, W) uint8 array.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or not gray.size:
        raise ImageError(
            "A perceptual hash needs a gray image, (height, width) of uint8. Received: "
            f"{gray.shape} of {gray.dtype}. Pass what cxrcore.images.decode returns."
        )
    import imagehash

    return str(imagehash.phash(Image.fromarray(gray)))


def near_duplicates(hashes: Sequence[str | None], most: int = 4) -> np.ndarray:
    """Pairs of images whose hashes differ in few bits.

    Every pair is compared: 20,000 images take seconds and little memory.

    Args:
        hashes: n hashes from `phash`; missing ones match no other.
        most: maximum number of different bits, 0..64. Another size or compression changes 0 to
            4 bits, a crop 10 or more. But frontal X-rays resemble one another: of the 630,003
            pairs among 1,123 of them, 5 differ in up to 4 bits, 43 in up to 6.

    Returns:
        (pairs, 3) int64: row numbers i < j and the number of different bits, the most
        similar first.
    """
    rows = np.array([i for i, text in enumerate(hashes) if isinstance(text, str)], np.int64)
    bits = np.array([int(str(hashes[row]), 16) for row in rows], np.uint64)
    found = [np.empty((0, 3), np.int64)]
    step = max(1, _AT_ONCE // max(1, len(rows)))
    for first in range(0, len(rows), step):
        part = bits[first : first + step, None]
        distances = np.bitwise_count(part ^ bits[None, first:])
        i, j = np.nonzero(distances <= most)
        i, j = i[i < j], j[i < j]
        pair = [rows[i + first], rows[j + first], distances[i, j].astype(np.int64)]
        found.append(np.stack(pair, axis=1))
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], pairs[:, 2]))]
