"""The profile of a run: what its training films look like to it, and how unlike others may be.

Two files beside the sealed run, named by the digest of its record like example films:
`.profiles/<seal>.npy` has the embeddings and stays on disk, a memory map; `.profiles/<seal>.npz`
has the rest and is written last. A profile that is damaged or of another version is none.
"""

import functools
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cxrcore import files
from cxrcore.errors import StoreError
from cxrcore.profiles import limits, views
from cxrcore.profiles.distances import Cloud
from cxrcore.profiles.views import Poses
from cxrcore.store import Run
from cxrcore.store.trash import PROFILES

Floats = npt.NDArray[np.float32]

VERSION = 1  # raise it when the same run would get another profile
MOST_FEATURES = 1024  # numbers kept of an embedding; longer ones are sketched
_SIMPLE = ("image_ids", "labels", "usual", "unlike", "quality", "limits")
_AT_ONCE = 2048  # films whose distance is computed together


class Neighbour(NamedTuple):
    """A training film that a run sees much as another film."""

    image_id: str
    label: str
    distance: float  # Euclidean, between embeddings


class Scores(NamedTuple):
    """How unusual a film is; each is compared with a limit of the profile."""

    unlike: float  # distance from the training films, in spreads of the validation films
    turned: float  # log odds of the likeliest `pose` against upright
    mirrored: float  # log odds of a mirrored film against an upright one
    pose: str  # of views.VERSIONS: the likeliest way in which the film is turned or inverted
    righted: float  # as `unlike`, without the network, of the film turned back from `pose`


@dataclass(frozen=True, eq=False)
class Profile:
    """What a run knows of its training films; treat it as read-only.

    Attributes:
        classes: the run's.
        image_ids: (n,) of the training films, as ASCII bytes.
        labels: (n,) the place of each one's class in `classes`.
        embeddings: (n, d) float16, times `scale` what the last layer sees (sketched if longer).
        clouds: of the channels at each depth of the network, then gray values and small copies.
        channels: which channels each depth uses.
        poses: which way a film lies.
        usual: (clouds, 2) median and spread of the validation films' log distances.
        unlike: sorted `Scores.unlike` of the validation films.
        quality: sorted BRISQUE of the validation films as the network sees them.
        limits: of unlike, turned and mirrored.
        trained: False where nobody knows what the network was trained on (imported weights):
            its training films are then those of the split.
    """

    classes: tuple[str, ...]
    image_ids: npt.NDArray[np.bytes_]
    labels: npt.NDArray[np.int16]
    embeddings: npt.NDArray[np.float16]
    scale: float
    clouds: tuple[Cloud, ...]
    channels: tuple[npt.NDArray[np.int32], ...]
    poses: Poses
    usual: Floats
    unlike: Floats
    quality: Floats
    limits: Floats
    trained: bool

    @property
    def promises(self) -> bool:
        """Whether there are validation films enough to promise few false alarms."""
        return len(self.unlike) >= limits.FEWEST

    def nearest(self, embedding: Floats, count: int = 5) -> tuple[Neighbour, ...]:
        """The training films that the network sees most alike, the nearest first.

        Args:
            embedding: (d,) of a film, from `explanations.embed` or a `Prediction`.
            count: how many.

        Raises:
            StoreError: the embedding has another length than those of the profile.
        """
        wanted = sketch(np.asarray(embedding, np.float32)[None])[0] / np.float32(self.scale)
        if wanted.shape != self.embeddings.shape[1:]:
            raise StoreError(
                f"The embedding of the film has {len(wanted)} numbers, those of the training films "
                f"{self.embeddings.shape[1]}. Use the one of the same run's prediction."
            )
        squares = np.empty(len(self.embeddings), np.float32)
        for first in range(0, len(squares), _AT_ONCE):
            away = self.embeddings[first : first + _AT_ONCE].astype(np.float32) - wanted
            squares[first : first + _AT_ONCE] = np.einsum("nd,nd->n", away, away)
        order = np.argsort(squares, kind="stable")[:count]
        distances = np.sqrt(squares[order]) * self.scale
        return tuple(
            Neighbour(self.image_ids[n].decode(), self.classes[self.labels[n]], float(distance))
            for n, distance in zip(order, distances, strict=True)
        )

    def knows(self, image_id: str) -> bool:
        """Whether a film is one of the training films, by the content of its file."""
        wanted = image_id.encode("ascii", "replace")
        place = int(np.searchsorted(self.image_ids, wanted))
        return place < len(self.image_ids) and self.image_ids[place] == wanted

    def scores(self, seen: npt.NDArray[np.uint8], depths: tuple[Floats, ...]) -> Scores:
        """How unusual a film is, from the (S, S) pixels that the network saw and its channels.

        Raises:
            StoreError: the network has other channels than when the profile was made.
        """
        least = [int(chosen.max(initial=-1)) + 1 for chosen in self.channels]
        if len(depths) != len(least) or any(len(d) < n for d, n in zip(depths, least, strict=True)):
            raise StoreError(
                f"The film has {[len(depth) for depth in depths]} channels, of which the run's profile "
                f"needs {least}. Make the profiles of the dataset again."
            )
        inner = tuple(np.asarray(depth, np.float32)[None] for depth in depths)
        return self.scores_of(seen[None], inner)[0]

    def scores_of(self, seen: npt.NDArray[np.uint8], depths: tuple[Floats, ...]) -> list[Scores]:
        """The scores of (n, S, S) films and their channels, (n, c) at each depth."""
        copies, gray_values = views.small(seen), views.gray_values(seen)
        chosen = [depth[:, some] for depth, some in zip(depths, self.channels, strict=True)]
        odds = self.poses.log_odds(copies)
        poses = 2 + odds[:, 2:].argmax(axis=1)
        unlike = self._unlike([*chosen, gray_values, views.coarse(copies)])
        backs = [views.righted(*one) for one in zip(copies, gray_values, poses, strict=True)]
        turned_back, reversed_back = (np.stack(some) for some in zip(*backs, strict=True))
        righted = self._unlike([reversed_back, views.coarse(turned_back)])
        return [
            Scores(
                unlike=float(unlike[n]),
                turned=float(odds[n, pose]),
                mirrored=float(odds[n, 1]),
                pose=views.VERSIONS[pose],
                righted=float(righted[n]),
            )
            for n, pose in enumerate(poses)
        ]

    def _unlike(self, features: list[Floats]) -> Floats:
        """(n,) how unlike n films are by the last of the clouds, one for each of the features."""
        last = slice(-len(features), None)
        away = log_distances(self.clouds[last], features)
        return np.asarray(
            ((away - self.usual[last, 0]) / self.usual[last, 1]).max(axis=1), np.float32
        )


def load(run: Run) -> Profile | None:
    """The profile of a run; None where none was made yet, or it is damaged."""
    try:
        place = place_of(run)
    except StoreError:
        return None
    return _recent(place, files.stamp([place, place.with_suffix(".npy")]))


def keep(run: Run, profile: Profile) -> None:
    """Keep a profile beside its run.

    Raises:
        StoreError: the run is gone, or the store cannot be written.
    """
    place = place_of(run)
    with files.atomic_file(place.with_suffix(".npy"), profile.embeddings.nbytes) as file:
        np.save(file, profile.embeddings)
    buffer = io.BytesIO()
    np.savez(buffer, **_arrays(profile))
    files.write_atomic(place, buffer.getvalue())


def place_of(run: Run) -> Path:
    """The file of a run's profile.

    Raises:
        StoreError: the run is gone.
    """
    return run.folder.parent / PROFILES / f"{run.seal}.npz"


def sketch(embeddings: Floats) -> Floats:
    """(n, d) embeddings, with at most MOST_FEATURES numbers each, at nearly the same distances.

    Longer ones are added up in MOST_FEATURES places with random signs, the same in every run;
    squared distances are then right to about 4 %.

    Source:
        Weinberger et al. 2009, arXiv:0902.2206 (feature hashing).
    """
    length = embeddings.shape[1]
    if length <= MOST_FEATURES:
        return embeddings
    from scipy.sparse import csr_array

    rng = np.random.default_rng(length)
    places = np.arange(length), rng.integers(0, MOST_FEATURES, size=length)
    signs = rng.choice(np.array([-1, 1], np.float32), size=length)
    return np.asarray(embeddings @ csr_array((signs, places), shape=(length, MOST_FEATURES)))


def log_distances(clouds: Sequence[Cloud], features: Sequence[Floats]) -> Floats:
    """(n, clouds) natural logarithms of the distances of n films, with features for each cloud."""
    found = [cloud.distance(some) for cloud, some in zip(clouds, features, strict=True)]
    return np.log(np.stack(found, axis=1) + np.float32(1e-6))


def _arrays(profile: Profile) -> dict[str, Any]:
    """All but the embeddings, by name."""
    found: dict[str, Any] = {"version": VERSION, "classes": np.array(profile.classes, np.str_)}
    for name in (*_SIMPLE, "scale", "trained"):
        found[name] = getattr(profile, name)
    found["poses"] = profile.poses.weights
    for number, cloud in enumerate(profile.clouds):
        found[f"mean{number}"], found[f"whitening{number}"] = cloud.mean, cloud.whitening
    for number, some in enumerate(profile.channels):
        found[f"channels{number}"] = some
    return found


@functools.lru_cache(maxsize=32)  # a few MB each; embeddings stay on disk
def _recent(place: Path, _stamp: files.Stamp) -> Profile | None:
    """Read once for as long as the files are untouched: every film asks for it."""
    try:
        embeddings = np.load(place.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
        # Opened here: of a damaged file NumPy would leave its own open.
        with open(place, "rb") as file, np.load(file, allow_pickle=False) as kept:
            return _read(kept, embeddings)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _read(kept: "np.lib.npyio.NpzFile", embeddings: npt.NDArray[np.float16]) -> Profile | None:
    if kept["version"] != VERSION or len(kept["image_ids"]) != len(embeddings):
        return None
    names = set(kept.files)
    count, depths = (sum(name.startswith(word) for name in names) for word in ("mean", "channels"))
    return Profile(
        classes=tuple(map(str, kept["classes"])),
        embeddings=embeddings,
        scale=float(kept["scale"]),
        clouds=tuple(Cloud(kept[f"mean{n}"], kept[f"whitening{n}"]) for n in range(count)),
        channels=tuple(kept[f"channels{n}"] for n in range(depths)),
        poses=Poses(kept["poses"]),
        trained=bool(kept["trained"]),
        **{name: kept[name] for name in _SIMPLE},
    )
