"""A file system that is really full when it is full, for those who may mount one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_MB = 24


class Disk:
    """A folder on a disk of its own, with a file that takes what room is to be taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @property
    def is_full(self) -> bool:
        """Whether `fill` was called and `clear` not since."""
        return self._ballast.exists()

    def fill(self, left: int = 0) -> None:
        """Take all room but `left` bytes, in whole pages of 4,096."""
        with open(self._ballast, "ab", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass  # it is full now
            file.truncate(max(0, self._ballast.stat().st_size - left))

    def clear(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


@contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """A disk of `SIZE_MB` at `folder`; the test is skipped where none can be mounted."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE_MB}m", "cxr-small-disk", str(folder)]
    try:
        done = subprocess.run(["mount", *options], capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"only root can mount a small disk: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        # Lazily: a process that is just ending may still have its log open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
