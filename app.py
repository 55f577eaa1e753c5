"""The dashboard's router: navigation on top, dataset and training form in the sidebar.

Start it with `make app`, or `streamlit run app.py`. Streamlit imports this file once as the
server starts, and runs it as a script for every session.
"""

import gc
from pathlib import Path

import pyarrow
import streamlit as st
from streamlit import runtime
from streamlit.runtime.pages_manager import PagesManager

PAGES = (
    ("pages/data/gallery/page.py", "Gallery"),
    ("pages/data/histograms/page.py", "Histograms"),
    ("pages/data/quality/page.py", "Quality"),
    ("pages/data/duplicates/page.py", "Duplicates and leaks"),
    ("pages/data/masks/page.py", "Lung masks"),
    ("pages/data/sources/page.py", "Public datasets"),
    ("pages/models/compare/page.py", "Compare"),
    ("pages/predict/live/page.py", "Live prediction"),
)


def draw() -> None:
    """One run of the script: navigation, sidebar, the page asked for."""
    from pages.sidebar import sidebar  # not above: caches want a running server

    st.set_page_config(page_title="Chest X-ray model comparison", page_icon="🫁", layout="wide")
    # A page has the address of its folder: pages/data/gallery/page.py is /gallery.
    pages = [st.Page(path, title=title, url_path=Path(path).parent.name) for path, title in PAGES]
    # The default page has no address of its own; a hidden one makes /gallery work as well as /.
    start = st.Page(_start, default=True, visibility="hidden")
    page = st.navigation([start, *pages], position="top")
    if page is start:
        page.run()  # goes on to the first page
    sidebar.show()
    page.run()


def _start() -> None:
    st.switch_page(PAGES[0][0], query_params=st.query_params.to_dict())


if runtime.exists():
    draw()
else:
    # The first deep link would find no page: docs/decisions/0008.
    PagesManager.uses_pages_directory = False
    # Arrow's own allocator keeps what it freed: 30 MB with a dataset of 20,000 images.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    # What pages need is imported before the first visitor comes, and frozen: collecting after
    # every rerun would otherwise walk all of it, 60 ms each time.
    from cxrcore import figures, images, index, jobs, store, training  # noqa: F401

    gc.collect()
    gc.freeze()

app = st.App(__file__)
