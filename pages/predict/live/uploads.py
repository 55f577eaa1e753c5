"""Films that visitors bring: kept for their session, in memory, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from cxrcore import films, images
from cxrcore.errors import CxrError
from pages.predict.live import answers
from pages.predict.live.films import Picked
from pages.shared.text import literal, shown

MOST, MOST_BYTES = 24, 128_000_000  # the oldest go first
_KEPT, _DROPS, _REFUSED, CHOSEN = "live_own", "live_drops", "live_refused", "live_chosen"


@dataclass(frozen=True)
class Upload:
    """A film with its thumbnail (JPEG), and the pages of its file."""

    picked: Picked
    thumbnail: bytes
    pages: int = 1


def drop_zone() -> list[Upload]:
    """Draw the place where films are dropped; return those of this session, the newest first.

    A film that cannot be read is named with the reason, and the others go on.
    """
    # A new key empties the widget's own list: the films are among the thumbnails.
    key = f"upload_{st.session_state.get(_DROPS, 0)}"
    files = st.file_uploader(
        "Drop or paste your films",
        accept_multiple_files=True,
        key=key,
        help="DICOM, PNG, JPEG, TIFF, BMP, WebP or GIF, whatever the files are called, several at "
        "once or in a zip; a picture can be pasted anywhere on this page. They stay in memory for this visit and are not stored.",
    )
    if files:
        _take([(shown(file.name), file.getvalue()) for file in files])
        st.session_state[_DROPS] = st.session_state.get(_DROPS, 0) + 1
        st.rerun()
    if refused := [literal(message) for message in st.session_state.get(_REFUSED, ())]:
        one = len(refused) == 1
        st.error(refused[0] if one else "Not all could be taken:\n\n- " + "\n- ".join(refused))
    return list(_kept().values())


def chosen_page(upload: Upload) -> Picked:
    """The film of an upload; of a file of several pages the visitor chooses one."""
    if upload.pages == 1:
        return upload.picked
    page = st.selectbox(
        "Page of the file", range(1, upload.pages + 1), key=f"live_page_{upload.picked.key}"
    )
    return replace(upload.picked, page=page)


def clear() -> None:
    """Forget the films of this session."""
    for key in (_KEPT, _REFUSED, CHOSEN):
        st.session_state.pop(key, None)


def forget_refused() -> None:
    """What was wrong with films that could not be read has been seen."""
    st.session_state.pop(_REFUSED, None)


def _kept() -> dict[str, Upload]:
    kept: dict[str, Upload] = st.session_state.setdefault(_KEPT, {})
    return kept


def _take(files: Sequence[tuple[str, bytes]]) -> None:
    """Keep what can be read, choose the first of it, and remember what is wrong with the others."""
    refused, new = [], {}
    with st.spinner("Reading the films …"):
        found = []
        for file in files:
            try:
                found += films.unpacked(*file)
            except CxrError as error:
                refused.append(str(error))
        for name, data in found[:MOST]:
            try:
                film = answers.film(Picked("", shown(name), data))
            except CxrError as error:
                refused.append(str(error))
                continue
            picked = Picked(film.digest, film.name, data)
            new[film.digest] = Upload(picked, images.thumbnail(film.gray), film.pages)
        if len(found) > MOST:
            refused.append(
                f"{len(found):,} films came at once; the first {MOST} were taken. "
                "The page Many films takes all of them."
            )
    kept = {**new, **{key: old for key, old in _kept().items() if key not in new}}
    room = MOST_BYTES
    for key, upload in list(kept.items()):
        room -= len(upload.picked.source) if isinstance(upload.picked.source, bytes) else 0
        if room < 0:
            del kept[key]
    st.session_state[_KEPT] = dict(list(kept.items())[:MOST])
    st.session_state[_REFUSED] = refused
    if new:
        st.session_state[CHOSEN] = next(iter(new))
