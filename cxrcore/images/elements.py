"""Elements of a DICOM file as hospitals write them: odd ones are read or named, never quoted.

A value may be a patient's, so that messages say which element is meant and not what it holds.
"""

import re

import pydicom
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from cxrcore.errors import ImageError

_COMMA = re.compile(r"([+-]?\d+),(\d+)")
_TEXT = {"CS", "DS", "IS", "LO", "LT", "SH", "ST", "UI", "UT"}
# What pydicom raises for a value that its VR does not allow; the bytes are read here then.
_ODD = (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)


def label(keyword: str) -> str:
    """How messages call an element.

    >>> label("WindowCenter")
    'Window Center (0028,1050)'
    """
    tag = _tag(keyword)
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X})"


def texts(found: pydicom.Dataset, keyword: str) -> list[str]:
    """The values of an element as text without blanks; [] if it is missing or empty.

    Bytes are whole numbers of 16 bits, which is what all elements read here are in the standard.
    """
    value, kind = _value(found, keyword)
    if isinstance(value, bytes) and kind not in _TEXT:
        order = "little" if found.original_encoding[1] is not False else "big"
        parts = [value[at : at + 2] for at in range(0, len(value) - 1, 2)]
        value = [int.from_bytes(part, order) for part in parts]  # type: ignore[arg-type]
    elif isinstance(value, bytes):
        value = value.decode("latin-1")
    listed = value if isinstance(value, (list, MultiValue)) else [value]
    split = (part for one in listed if one is not None for part in str(one).split("\\"))
    return [part.strip(" \0") for part in split if part.strip(" \0")]


def numbers(found: pydicom.Dataset, keyword: str) -> list[float]:
    """The values of an element, written with point or comma, whatever its VR; [] if there is none.

    Raises:
        ValueError: one is no number.
    """
    return [float(_COMMA.sub(r"\1.\2", text)) for text in texts(found, keyword)]


def whole(found: pydicom.Dataset, keyword: str, name: str, default: int | None = None) -> int:
    """A number of 0 to 65,535; `default` where there is none.

    Raises:
        ImageError: missing without a default, or no such number; the element is named.
    """
    try:
        values = numbers(found, keyword)
    except ValueError:
        raise refused(name, keyword, "is no number") from None
    if not values and default is not None:
        return default
    if not values:
        raise refused(name, keyword, "is missing")
    if not (values[0].is_integer() and 0 <= values[0] <= 0xFFFF):
        raise refused(name, keyword, "is an impossible number")
    return int(values[0])


def refused(name: str, keyword: str, state: str) -> ImageError:
    """The error that an element makes a file unusable."""
    return ImageError(
        f"{name} is a DICOM file whose {label(keyword)} {state}. "
        "Export the picture again, or save it as PNG."
    )


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return Tag(tag)


def _value(found: pydicom.Dataset, keyword: str) -> tuple[object, str | None]:
    """What pydicom makes of an element, or else its bytes, and its VR; None if it is missing."""
    tag = _tag(keyword)
    if tag not in found:
        return None, None
    try:
        return found[tag].value, found[tag].VR
    except _ODD:
        raw = found.get_item(tag)
        return getattr(raw, "value", None), getattr(raw, "VR", None)
