"""Class names that people would take for one: `Normal`, `normal ` and a Cyrillic `Nоrmal`."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

from cxrcore.datasets.table import count

# Cyrillic and Greek letters that look like Latin ones, in lower case.
_ALIKE = str.maketrans("аеорсухіјѕһԁԛԝкмтвнɡαοινρτυκ", "aeopcyxijshdqwkmtbhgaoivptuk")


def key(name: str) -> str:
    """A name without case, blanks, `_` and `-` between words, and look-alikes.

    Other signs count: `COVID+` is not `COVID-`.

    >>> key("Viral_Pneumonia ") == key("viral pneumonia"), key("COVID+") == key("COVID-")
    (True, False)
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip().translate(_ALIKE)
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", "", text)


def groups(names: Iterable[str]) -> list[list[str]]:
    """The names that look like one, two or more together."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        found[key(name)].append(name)
    return [alike for alike in found.values() if len(alike) > 1]


def merged(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with the most frequent spelling of each such label, and sentences about it."""
    sizes = table["label"].value_counts()
    names: dict[str, str] = {}
    notes = []
    for alike in groups(sizes.index):
        best = max(alike, key=lambda name: (sizes[name], name == name.strip(), name))
        names |= dict.fromkeys(alike, best.strip())
        others = ", ".join(f"{name!r} ({sizes[name]:,})" for name in alike if name != best)
        moved = int(sizes[[name for name in alike if name != best]].sum())
        notes.append(
            f"{count(moved, 'image')} now of the class {best.strip()!r}, written {others}."
        )
    return table.assign(label=table["label"].replace(names)) if names else table, notes
