"""Which lung mask belongs to which film, by folders and names.

images/a.png, masks/a.png             a folder of masks: its other folders are as the film's
a.png, a_mask.png, mask_a.png         a word before or after the film's name
leftMask/a.png, rightMask/a.png       one mask for each lung: both together
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from cxrcore.datasets.table import count, listed

FOLDERS = frozenset(
    "mask,masks,lung_mask,lung_masks,lung mask,lung masks,lungmask,lungmasks,manualmask,"
    "leftmask,rightmask,left mask,right mask,lungvae-masks,segmentation,segmentations".split(",")
)
_SIDES = {"leftmask": "left", "left mask": "left", "rightmask": "right", "right mask": "right"}
_FILMS = frozenset("images,image,img,imgs,cxr_png,films,xray,x-ray,png,jpg,jpeg".split(","))
_AROUND = _FILMS | FOLDERS | {"annotations"}
_WORD = r"(?:lung_?|lungs_?)?masks?|lungs?|seg(?:mentation)?"
_AFFIX = re.compile(rf"(?:(?:{_WORD})[ _.-]+(?P<after>.+)|(?P<before>.+?)[ _.-]+(?:{_WORD}))", re.I)
BOTH = "#and-right"  # ends a reference to a left mask whose right one lies in `rightMask`


@dataclass
class Masks:
    """The mask of each film, and what has no partner."""

    of: dict[str, str] = field(default_factory=dict)  # film -> reference, see `masks`
    unmatched: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)  # of one lung, without the other

    def notes(self) -> list[str]:
        """Sentences about masks without a partner."""
        return [
            f"{count(len(paths), 'lung mask')} {why}: {listed(paths)}."
            for paths, why in (
                (self.unmatched, "without a film of its name"),
                (self.halves, "of one lung only, and not used"),
            )
            if paths
        ]


def is_mask(path: str) -> bool:
    """Whether a picture lies in a folder of masks."""
    return any(folder.lower() in FOLDERS for folder in path.split("/")[:-1])


def name_without(stem: str) -> str | None:
    """The film's name in the name of its mask, else None.

    >>> name_without("a_1_mask"), name_without("mask_7"), name_without("3-lung"), name_without("a")
    ('a_1', '7', '3', None)
    """
    match = _AFFIX.fullmatch(stem)
    return match and (match["before"] or match["after"])


def beside(paths: Iterable[str]) -> set[str]:
    """The pictures that are masks of a film in the same folder: `a_mask.png` beside `a.png`."""
    stems = {path: posixpath.splitext(path)[0] for path in paths}
    known = set(stems.values())
    found = set()
    for path, stem in stems.items():
        folder, _, name = stem.rpartition("/")
        film = name_without(name)
        if film is not None and (f"{folder}/{film}" if folder else film) in known:
            found.add(path)
    return found


def matched(films: Iterable[str], pictures: Iterable[str]) -> Masks:
    """The mask of each film among such pictures.

    A mask belongs to the film of its name whose folders are the same, apart from those that say
    "images" or "masks"; where the masks have folders of their own, to the only film of its name.
    """
    pictures = sorted(pictures)
    if not pictures:
        return Masks()
    by_place: dict[tuple[str, ...], list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    places = set()
    for film in films:
        *place, name = _key(film)
        by_place[(*place, name)].append(film)
        by_name[name].append(film)
        places.add(tuple(place))
    result, sides = Masks(), defaultdict[str, dict[str, str]](dict)
    for picture in pictures:
        *place, name = _key(picture)
        found: list[str] = []
        for stem in filter(None, (name, name_without(name))):
            found = found or by_place.get((*place, stem), [])
            if not found and tuple(place) not in places:
                found = by_name.get(stem, [])
        side = next((_SIDES[f] for f in picture.lower().split("/")[:-1] if f in _SIDES), None)
        if len(found) != 1 or (side is None and found[0] in result.of):
            result.unmatched.append(picture)
        elif side is None:
            result.of[found[0]] = picture
        else:
            sides[found[0]][side] = picture
    for film, both in sides.items():
        if both.get("right") == right_of(both.get("left", "/")) and film not in result.of:
            result.of[film] = both["left"] + BOTH
        else:
            result.halves += both.values()
    return result


def right_of(left: str) -> str:
    """The path of the right lung's mask, from that of the left lung.

    >>> right_of("ManualMask/leftMask/a.png")
    'ManualMask/rightMask/a.png'
    """
    *above, folder, name = left.split("/")
    return "/".join((*above, folder.replace("left", "right").replace("Left", "Right"), name))


def _key(path: str) -> tuple[str, ...]:
    """The folders that tell films apart, and the name without its ending."""
    *folders, name = path.split("/")
    place = tuple(folder for folder in folders if folder.lower() not in _AROUND)
    return (*place, posixpath.splitext(name)[0])
