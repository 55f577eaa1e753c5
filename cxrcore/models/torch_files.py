"""Checkpoints of PyTorch, which are named and never opened."""

import zipfile
from pathlib import Path

_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors")
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80\x02"  # protocol 2: what PyTorch wrote before 1.6


def refusal(path: Path) -> str:
    """Two sentences for a file that is a PyTorch checkpoint by its name or content; else "".

    What can be done instead depends on where it was given; who asks adds it.
    """
    if path.suffix.lower() not in _SUFFIXES and not _inside(path):
        return ""
    return (
        f"{path} is a PyTorch checkpoint (TorchXRayVision's are), which is not supported: "
        "opening one can run code that is inside it, and its layers are not those of Keras."
    )


def _inside(path: Path) -> bool:
    """Whether the content is one: since PyTorch 1.6 a zip with a pickle inside, before a pickle."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start != _ZIP:
            return start.startswith(_PICKLE)
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False  # what is wrong with it is for those to say who open it
