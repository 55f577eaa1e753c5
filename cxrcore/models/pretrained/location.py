"""Files of pretrained weights: found on this machine, else downloaded, checked and kept.

A file is looked for in the project's weights folder, then in Keras' own cache, and only
then downloaded. Random weights never replace a missing file.
"""

import functools
import hashlib
import os
from pathlib import Path

from cxrcore.errors import WeightsError
from cxrcore.models import registry
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import Source
from cxrcore.progress import Report, silent
from cxrcore.settings import weights_dir


def locate(kind: str, *, report: Report = silent, download: bool = True) -> Path:
    """The file of the weights called `kind`, downloaded if it is not on this machine.

    Args:
        kind: that of a `Source`, or the path of an .h5 file.
        report: receives how many bytes have arrived, while downloading.
        download: False looks on this machine only.

    Raises:
        WeightsError: the file is missing, unreachable or damaged; names the file, the
            address, the folder to put it in and `--weights random`.
        StoreError: the file arrived but could not be written.
    """
    source = registry.models().sources.get(kind)
    if source is None:
        return _named_file(kind)
    if found := on_this_machine(source):
        _require_checksum(found, source)
        return found
    if source.checksum is None:
        raise _missing(source, "its author publishes no checksum, so it must be fetched by hand")
    if not download:
        raise _missing(source, "it has not been downloaded yet")
    return _download(source, report)


def available(kind: str) -> bool:
    """Whether `locate(kind, download=False)` would find a file; its content is not checked."""
    source = registry.models().sources.get(kind)
    return Path(kind).expanduser().is_file() if source is None else bool(on_this_machine(source))


def kinds_of(recipe: Recipe) -> tuple[str, ...]:
    """What `locate` must find for this recipe, in the network's order; () for random weights.

    Raises:
        RecipeError: there is no network of that name.
    """
    if recipe.weights == "random":
        return ()
    sources = recipe.architecture.pretrained.get(recipe.weights)
    return (recipe.weights,) if sources is None else tuple(source.kind for source in sources)


def _named_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"The weights {text!r} are neither a file nor one of "
            f"{', '.join(registry.models().sources)}. "
            "Correct the path, or pass --weights random to train without pretrained weights."
        )
    return path.resolve()


def on_this_machine(source: Source) -> Path | None:
    """Where its file is, the content not checked; None if it is missing."""
    # Keras keeps the downloads of keras.applications in models/ of its home.
    keras_home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    for folder in (weights_dir(), keras_home / "models"):
        if (path := folder / source.file_name).is_file():
            return path
    return None


def _require_checksum(path: Path, source: Source) -> None:
    if source.checksum is None:
        return
    kind, _, expected = source.checksum.partition(":")
    found = digest_of(path, kind)
    if found != expected:
        name = {"md5": "MD5", "sha256": "SHA-256"}[kind]
        raise WeightsError(
            f"{path} is damaged or is another file: its {name} is {found}, not {expected}. "
            f"Delete it to have it downloaded again from {source.address}, "
            "or pass --weights random to train without pretrained weights."
        )


def digest_of(path: Path, kind: str = "md5") -> str:
    """MD5 or SHA-256 ("sha256") of a file in hexadecimal: what Keras publishes of its weights.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            # MD5 guards against damage, not against an attacker, who would have to answer for
            # storage.googleapis.com over HTTPS.
            made = functools.partial(hashlib.new, kind, usedforsecurity=False)
            return hashlib.file_digest(file, made).hexdigest()
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read: {error.strerror or error}. Allow reading it or replace it, "
            "or pass --weights random to train without pretrained weights."
        ) from error


def _missing(source: Source, reason: str) -> WeightsError:
    return WeightsError(
        f"The pretrained weights {source.file_name} are not on this machine: {reason}. "
        f"Get the file from {source.address} and put it into {weights_dir()}, "
        "or pass --weights random to train without pretrained weights."
    )


def _download(source: Source, report: Report) -> Path:
    """Fetch and check; the folder never holds half a file under the file's name."""
    from cxrcore import downloads  # imports OpenCV, which a request for a cached run can do without

    return downloads.download(
        source.address,
        weights_dir() / source.file_name,
        explain=lambda reason: _missing(source, reason),
        checksum=source.checksum,
        report=report,
        timeout=downloads.TIMEOUT_SECONDS,
    )
