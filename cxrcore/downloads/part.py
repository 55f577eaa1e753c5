"""What has arrived of a file, and which version of which file it is a part of."""

import contextlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from cxrcore import files
from cxrcore.errors import StoreError


@dataclass(frozen=True)
class Version:
    """Which file of a server a part belongs to."""

    address: str
    etag: str | None
    modified: str | None
    total: int | None  # bytes; None if the server does not say

    @property
    def condition(self) -> str | None:
        """What If-Range takes: a strong ETag, or the date."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.modified


class Part:
    """What has arrived of a file, and what it is a part of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self.info = target.with_name(f".{target.name}.part.json")
        self.version: Version | None = None
        with contextlib.suppress(StoreError, TypeError, AttributeError):
            self.version = Version(**files.read_json(self.info))

    @property
    def size(self) -> int:
        """Bytes that are there and can be continued, else 0."""
        can = self.path.exists() and self.version is not None and self.version.condition
        return self.path.stat().st_size if can else 0

    def begin(self, version: Version) -> None:
        """Empty it and remember what it is a part of."""
        self.path.write_bytes(b"")
        self.version = version
        files.write_json(self.info, asdict(version))

    def drop(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self.info.unlink(missing_ok=True)
        self.version = None

    def tidy(self) -> None:
        """Remove what could not be continued."""
        with contextlib.suppress(OSError):
            if not self.size:
                self.drop()


def require_space(target: Path, needed: int) -> int:
    """The bytes that are free."""
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise StoreError(
            f"{target} needs {needed / 1e6:,.0f} MB, but {free / 1e6:,.0f} MB are free there. "
            "Free some space or choose another folder, then try again."
        )
    return free
