"""What an HDF5 file of weights may claim, looked at before anything of it is read.

A file of kilobytes can hold a link that leads in a circle, one array under a million names, or
arrays that unpack to terabytes. Weights need none of it: each array is there once, in the file
itself, and hardly compresses. Links are followed one by one, by the addresses of what they lead
to, never by names (docs/decisions/0053).

Source:
    HDF5 File Format Specification 3.0, IV.A.2 (external files, layouts, filters), VI (links).
"""

import re
from pathlib import Path
from typing import Any

from cxrcore.archives import size
from cxrcore.errors import WeightsError

MOST_BYTES = 8 << 30  # of all arrays; an optimiser's lie beside the weights
MOST_RATIO = 20  # of that to the file; values of 32 bits shrink by a tenth
_GRACE = 64 << 20  # bytes before the ratio counts: new arrays of zeros shrink a lot
_MOST_PARTS, _MOST_DEPTH = 100_000, 64
# Attributes that are read.
_TEXTS = re.compile(rb"(layer|weight)_names\d*|name")
_MOST_TEXT = 64 << 20  # bytes
_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, checksum, LZF: what h5py has without plugins


def allowed(path: Path) -> int:
    """Bytes that all arrays of a file may take."""
    return min(MOST_BYTES, max(_GRACE, MOST_RATIO * path.stat().st_size))


def check(path: Path, file: Any, *, texts: bool = True) -> bool:
    """Refuse an open h5py file that claims more than weights need.

    Args:
        path: as given, for messages.
        file: opened for reading.
        texts: whether the names in it will be read.

    Returns:
        Whether it holds what only reading can measure: texts of variable length, packed arrays.

    Raises:
        WeightsError: links that lead in a circle, to one place twice or out of the file, arrays
            that lie elsewhere, unpack to too much or by an unknown filter, or too many parts.
    """
    import h5py

    most = allowed(Path(file.filename))
    root = h5py.h5g.open(file.id, b"/")
    seen, bytes_, left, unknown = {_address(root)}, 0, [(root, 0)], False
    while left:
        group, depth = left.pop()
        if depth > _MOST_DEPTH:
            raise refused(path, f"has groups in groups, more than {_MOST_DEPTH} deep")
        unknown |= texts and _has_variable_text(group)
        if len(seen) + group.get_num_objs() > _MOST_PARTS:
            raise refused(path, f"holds more than {_MOST_PARTS:,} parts")
        for name in group:
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise refused(path, f"refers to other files at {_shown(name)}")
            member = h5py.h5o.open(group, name)
            address = _address(member)
            if address in seen:
                raise refused(path, f"leads to one place twice, at {_shown(name)}")
            seen.add(address)
            if isinstance(member, h5py.h5g.GroupID):
                left.append((member, depth + 1))
            elif isinstance(member, h5py.h5d.DatasetID):
                bytes_ += _bytes(path, name, member)
                unknown |= bool(member.get_create_plist().get_nfilters())
                if bytes_ > most:
                    raise refused(
                        path,
                        f"unpacks to more than {size(most)} at {_shown(name)}, far more than its size",
                    )
    return unknown


def refused(path: Path, what: str) -> WeightsError:
    """The error that a file does what weights never need."""
    return WeightsError(
        f"{path} {what}, which weights never need. Do not use this file; get it from its publisher."
    )


def _bytes(path: Path, name: bytes, member: Any) -> int:
    """The bytes that an array takes in memory."""
    import h5py

    layout = member.get_create_plist()
    if layout.get_external_count() or layout.get_layout() == h5py.h5d.VIRTUAL:
        raise refused(path, f"refers to other files at {_shown(name)}")
    filters = {layout.get_filter(number)[0] for number in range(layout.get_nfilters())}
    if not filters <= _FILTERS:
        raise refused(path, f"is compressed in a way that is not read, at {_shown(name)}")
    return int(member.get_space().get_simple_extent_npoints() * member.get_type().get_size())


def _has_variable_text(group: Any) -> bool:
    """Whether one of its attributes that are read has no length of its own."""
    import h5py

    for number in range(h5py.h5a.get_num_attrs(group)):
        attribute = h5py.h5a.open(group, index=number)
        if _TEXTS.fullmatch(attribute.get_name()):
            kind = attribute.get_type()
            fixed = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
            if not fixed or attribute.get_storage_size() > _MOST_TEXT:
                return True
    return False


def _address(member: Any) -> int:
    import h5py

    return int(h5py.h5o.get_info(member).addr)


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", "replace")[:60])
