"""Recognises PyTorch checkpoints, which are refused by name and never opened."""

import zipfile
from pathlib import Path

_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors")
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80\x02"  # protocol 2: what PyTorch wrote before 1.6


def refusal(path: Path) -> str:
    """Why a PyTorch checkpoint, known by its name or content, is refused; "" for other files.

    The caller adds what to do instead.
    """
    if path.suffix.lower() not in _SUFFIXES and not _is_checkpoint(path):
        return ""
    return (
        f"{path} is a PyTorch checkpoint (TorchXRayVision's are), which is not supported: "
        "opening one can run code that is inside it, and its layers are not those of Keras."
    )


def _is_checkpoint(path: Path) -> bool:
    """By content: a zip that holds a pickle since PyTorch 1.6, a mere pickle before."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start != _ZIP:
            return start.startswith(_PICKLE)
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False  # the reader reports what is wrong
