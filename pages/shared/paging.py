"""Long lists, one page at a time."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def paginate(count: int, size: int, *, key: str, first: int = 0) -> tuple[DeltaGenerator, slice]:
    """Draw page numbers if there is more than one page.

    Args:
        count: entries of the list.
        size: entries per page.
        key: of the page number; another key starts at the first page.
        first: the entry whose page is shown at the beginning.

    Returns:
        The place of the page, above the numbers, and the entries that are on it.
    """
    place = st.container()
    number = -(-count // size)
    page = 1
    if number > 1:
        page = st.pagination(number, default=first // size + 1, key=key, max_visible_pages=7)
    return place, slice((page - 1) * size, page * size)
