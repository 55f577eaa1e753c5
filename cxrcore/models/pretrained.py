"""Pretrained weights: found locally, else downloaded, checked and kept.

A file is looked for in the project's weights folder, then in Keras' own cache, and only
then fetched. Nothing is ever replaced silently by random weights.

Sources: addresses and MD5 sums are those of `keras.applications` (resnet.py and
densenet.py of Keras 3.15; a test compares). The CheXNet file is published by its author on
a file-sharing page without a checksum, so it is never fetched by program: the message says
where it is and which folder it belongs in.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cxrcore import downloads
from cxrcore.downloads import TIMEOUT_SECONDS
from cxrcore.errors import WeightsError
from cxrcore.models import Recipe
from cxrcore.progress import Report, silent
from cxrcore.settings import weights_dir

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class Source:
    """One file of pretrained weights: where it is published and how it is recognised."""

    file_name: str
    address: str  # of the file itself if `md5` is known, else of the page that offers it
    md5: str | None = None  # None: no checksum is published, so it is never downloaded


SOURCES: dict[str, Source] = {
    "imagenet:resnet50": Source(
        file_name="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        address=f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="4d473c1dd8becc155b73f8504c6f6626",
    ),
    "imagenet:densenet121": Source(
        file_name="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        address=f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="30ee3e1110167f948a6b9946edeeb738",
    ),
    "imagenet:resnet50v2": Source(
        file_name="resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        address=f"{_KERAS}/resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="fac2f116257151a9d068a22e544a4917",
    ),
    "imagenet:xception": Source(
        file_name="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        address=f"{_KERAS}/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="b0042744bf5b25fce3cb969f33bebb97",
    ),
    # The link in the section "Trained model weights" of the author's README.
    "chexnet": Source(
        file_name="brucechou1983_CheXNet_Keras_0.3.0_weights.h5",
        address=(
            "https://github.com/brucechou1983/CheXNet-Keras (section 'Trained model weights', "
            "https://drive.google.com/open?id=19BllaOvs2x5PLV_vlWMy4i8LapLb2j6b)"
        ),
    ),
}

# network -> what its ImageNet weights are, in the order in which it takes them
_IMAGENET = {
    "resnet50": ("imagenet:resnet50",),
    "resnet50v2-xception": ("imagenet:resnet50v2", "imagenet:xception"),
}


def locate(kind: str, *, report: Report = silent, download: bool = True) -> Path:
    """The file of the weights called `kind`, fetched if it is nowhere on this machine.

    Args:
        kind: a key of `SOURCES`, or the path of an .h5 file.
        report: told how many bytes have arrived, while downloading.
        download: False looks on this machine only.

    Raises:
        WeightsError: the file is missing, unreachable or damaged; names the file, the
            address, the folder to put it in and `--weights random`.
        StoreError: the file arrived but could not be written.
    """
    source = SOURCES.get(kind)
    if source is None:
        return _named_file(kind)
    if found := _on_this_machine(source):
        _require_checksum(found, source)
        return found
    if source.md5 is None:
        raise _missing(source, "its author publishes no checksum, so it must be fetched by hand")
    if not download:
        raise _missing(source, "it has not been downloaded yet")
    return _download(source, report)


def available(kind: str) -> bool:
    """Whether `locate(kind, download=False)` would find a file; its content is not checked."""
    source = SOURCES.get(kind)
    return Path(kind).expanduser().is_file() if source is None else bool(_on_this_machine(source))


def where(kind: str) -> Path | None:
    """The file of a key of `SOURCES` on this machine, its content not checked; None if absent."""
    return _on_this_machine(SOURCES[kind])


def kinds_of(recipe: Recipe) -> tuple[str, ...]:
    """What `locate` must find for this recipe, in the network's order; () for random weights."""
    if recipe.weights == "random":
        return ()
    if recipe.weights == "imagenet":
        return _IMAGENET.get(recipe.network, ("imagenet:densenet121",))
    return (recipe.weights,)


def _named_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"The weights {text!r} are neither a file nor one of {', '.join(SOURCES)}. "
            "Correct the path, or pass --weights random to train without pretrained weights."
        )
    return path.resolve()


def _on_this_machine(source: Source) -> Path | None:
    # Keras keeps downloads of keras.applications in models/ of its home; a file that is
    # already there is as good as ours.
    keras_home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    for folder in (weights_dir(), keras_home / "models"):
        if (path := folder / source.file_name).is_file():
            return path
    return None


def _require_checksum(path: Path, source: Source) -> None:
    if source.md5 is None:
        return
    found = md5_of(path)
    if found != source.md5:
        raise WeightsError(
            f"{path} is damaged or is another file: its MD5 is {found}, not {source.md5}. "
            f"Delete it to have it downloaded again from {source.address}, "
            "or pass --weights random to train without pretrained weights."
        )


def md5_of(path: Path) -> str:
    """MD5 of a file, 32 hexadecimal digits: what Keras publishes of its weights.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, _md5).hexdigest()
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read: {error.strerror or error}. Allow reading it or replace it, "
            "or pass --weights random to train without pretrained weights."
        ) from error


def _md5() -> "hashlib._Hash":
    # MD5 is all that Keras publishes; it guards against damage, not against an attacker,
    # who would have to answer for storage.googleapis.com over HTTPS.
    return hashlib.md5(usedforsecurity=False)


def _missing(source: Source, reason: str) -> WeightsError:
    return WeightsError(
        f"The pretrained weights {source.file_name} are not on this machine: {reason}. "
        f"Get the file from {source.address} and put it into {weights_dir()}, "
        "or pass --weights random to train without pretrained weights."
    )


def _download(source: Source, report: Report) -> Path:
    """Fetch and check; the folder never holds half a file under the file's name."""
    return downloads.download(
        source.address,
        weights_dir() / source.file_name,
        explain=lambda reason: _missing(source, reason),
        checksum=f"md5:{source.md5}",
        report=report,
        timeout=TIMEOUT_SECONDS,
    )
