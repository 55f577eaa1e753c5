"""The part of a file received so far, and the version it belongs to."""

import contextlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from cxrcore import files
from cxrcore.errors import StoreError


@dataclass(frozen=True)
class Version:
    """The version of a file on a server."""

    address: str
    etag: str | None
    modified: str | None
    total: int | None  # bytes; None if the server does not say

    @property
    def condition(self) -> str | None:
        """The value for If-Range: a strong ETag, or the date."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.modified


class Part:
    """The part of a file received so far, and the version it belongs to."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self.info = target.with_name(f".{target.name}.part.json")
        self.version: Version | None = None
        with contextlib.suppress(StoreError, TypeError, AttributeError):
            self.version = Version(**files.read_json(self.info))

    @property
    def size(self) -> int:
        """Bytes that can be resumed from, else 0."""
        resumable = self.path.exists() and self.version is not None and self.version.condition
        return self.path.stat().st_size if resumable else 0

    def begin(self, version: Version) -> None:
        """Empty it and remember its version."""
        self.path.write_bytes(b"")
        self.version = version
        files.write_json(self.info, asdict(version))

    def drop(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self.info.unlink(missing_ok=True)
        self.version = None

    def tidy(self) -> None:
        """Remove it if it cannot be resumed."""
        with contextlib.suppress(OSError):
            if not self.size:
                self.drop()


def require_space(target: Path, needed: int) -> int:
    """The free bytes on the disk; StoreError if `needed` is more."""
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise StoreError(
            f"{target} needs {needed / 1e6:,.0f} MB, but {free / 1e6:,.0f} MB are free there. "
            "Free some space or choose another folder, then try again."
        )
    return free
