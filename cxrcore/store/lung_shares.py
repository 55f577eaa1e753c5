"""How much of a run's Grad-CAMs of its test films lies inside the lungs: the metric "In-lung share".

Kept beside the sealed run, in `.lung-shares/<digest of run.json>.json` of the store, by the job that
maps the test films. It counts for as long as the masks of those films are the ones that it was made
with (docs/decisions/0061).
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cxrcore import files, lungs
from cxrcore.errors import StoreError
from cxrcore.lungs import corrections

if TYPE_CHECKING:
    from cxrcore.store.record import Run

FOLDER = ".lung-shares"
METHOD = "grad-cam"  # of the maps; the quickest that has few settings


class KeptShare(BaseModel):
    """The share of a run's maps inside the lungs, over its test films.

    Attributes:
        mean: of the films, each counting the same, 0..1.
        low, high: its 95 % interval by patients; None where the films show no spread.
        area: share of what the model saw that is lung: what maps that are the same everywhere have.
        films: how many.
        without: mapped films that are left out: no mask, or an empty map.
        masks: what decided the estimated masks of the films, of `lungs.identity`.
        image_ids: of all mapped films, also those without a mask; () once the masks were compared.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    low: float | None
    high: float | None
    area: float
    films: int
    without: int = 0
    masks: str
    image_ids: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def sentence(self) -> str:
        """What it says, for people."""
        low, high = self.interval or (self.mean, self.mean)
        between = f" (95 % interval {low:.0%} to {high:.0%})" if self.interval else ""
        chance = (
            "more than" if low > self.area else "less than" if high < self.area else "no more than"
        )
        text = (
            f"On average {self.mean:.0%}{between} of its maps of {self.films:,} films lies inside the "
            f"lungs, which are {self.area:.0%} of what it saw: {chance} by chance."
        )
        return text if not self.without else f"{text} {self.without:,} more could not be judged."


def keep(run: "Run", found: KeptShare) -> None:
    """Keep the share of a run, in the place of an earlier one.

    Raises:
        StoreError: the run is gone, or the store cannot be written.
    """
    files.write_atomic(_place(run), found.model_dump_json(indent=1).encode())


def load(run: "Run") -> KeptShare | None:
    """The share of a run; None where it was not computed, or masks have changed since."""
    try:
        place = _place(run)
    except StoreError:
        return None
    return _current(place, files.stamp([place, corrections.file()]))


@functools.lru_cache(maxsize=1024)
def _current(place: Path, _stamp: files.Stamp) -> KeptShare | None:
    """Read once for as long as the file and people's masks are untouched: pages list runs often."""
    try:
        found = KeptShare.model_validate_json(place.read_bytes())
        current = found.masks in ("", lungs.identity_of(found.image_ids))
    except (OSError, ValueError, StoreError):  # also of pydantic: a ValueError
        return None
    return found.model_copy(update={"image_ids": ()}) if current else None


def _place(run: "Run") -> Path:
    return run.folder.parent / FOLDER / f"{run.seal}.json"
