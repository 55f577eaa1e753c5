"""A film that was decoded: what the models and the checks need of a file."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from cxrcore import images


@dataclass(frozen=True)
class Film:
    """A decoded film.

    Arrays that come from another process are read-only: copy one before changing it.
    """

    name: str  # for messages
    digest: str  # of the file's bytes (the image_id of a film in a dataset), or of what was altered
    gray: np.ndarray = field(repr=False)  # (H, W) uint8, 0 black
    # (h, w) uint8 of a copy of at most 128 pixels a side: the largest channel minus the smallest.
    chroma: np.ndarray | None = field(default=None, repr=False)  # None for a file without colours
    view: str | None = None  # of DICOM: AP, PA, LL and so on
    notes: tuple[str, ...] = ()  # of DICOM: what was missing or odd in it, and what was done
    page: int = 1  # of a TIFF of so many `pages`
    pages: int = 1

    @classmethod
    def read(cls, source: bytes | Path, name: str | None = None, page: int = 1) -> Self:
        """Decode a file or upload in this process; `Decoder` does it apart.

        Args:
            source: the file, or its bytes.
            name: used in messages; the file's name by default.
            page: of a TIFF of several, from 1.

        Raises:
            ImageError: as `images.decode`, or there is no such page.
        """
        if name is None:
            name = "The upload" if isinstance(source, bytes) else source.name
        found = images.look(source, name=name, page=page)
        facts = found.gray, found.chroma, found.view, found.notes, page, found.pages
        film = cls(name, found.digest, *facts)
        return film if page == 1 else film.altered(film.gray, f"page {page}")

    @property
    def about_pages(self) -> str:
        """Which page of how many it is; "" where there is only one."""
        return f"This is page {self.page} of {self.pages} of the file." if self.pages > 1 else ""

    def altered(self, gray: np.ndarray, how: str) -> Self:
        """The same film with other gray levels; `how` tells them from all others made of it.

        >>> film = Film("a", "00", np.zeros((2, 2), np.uint8))
        >>> film.altered(film.gray + 1, "brighter by 1").digest == film.digest
        False
        """
        digest = hashlib.blake2b(f"{self.digest} {how}".encode(), digest_size=16).hexdigest()
        return replace(self, digest=digest, gray=gray)

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.gray.nbytes + (0 if self.chroma is None else self.chroma.nbytes)

    def packed(self) -> list[bytes | memoryview]:
        """As a line of JSON and the pixels: reading that back runs no code, as a pickle could."""
        arrays = [self.gray] + ([] if self.chroma is None else [self.chroma])
        kept = ("name", "digest", "view", "notes", "page", "pages")
        facts = {name: getattr(self, name) for name in kept}
        head = json.dumps(facts | {"shapes": [array.shape for array in arrays]})
        return [f"{head}\n".encode(), *(np.ascontiguousarray(array).data for array in arrays)]

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """The film of `packed`, its parts joined; ValueError if it is not one."""
        at = data.index(b"\n") + 1
        facts = json.loads(data[:at])
        arrays = []
        for height, width in facts["shapes"]:
            found = np.frombuffer(data, np.uint8, height * width, at)
            arrays.append(found.reshape(height, width))
            at += found.size
        chroma = arrays[1] if len(arrays) > 1 else None
        told = facts["view"], tuple(facts["notes"]), facts["page"], facts["pages"]
        return cls(facts["name"], facts["digest"], arrays[0], chroma, *told)
