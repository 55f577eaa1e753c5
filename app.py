"""The dashboard's router: navigation and header on top, jobs and training form in the sidebar.

Start it with `make app`, or `streamlit run app.py`. Streamlit imports this file once as the
server starts, and runs it as a script for every session.
"""

import contextlib
import gc
import threading
from pathlib import Path

import pyarrow
import streamlit as st
from starlette.middleware import Middleware
from streamlit import runtime
from streamlit.runtime.pages_manager import PagesManager

from pages.shared import origins

# Section -> pages and their titles; those of "" stand by themselves.
SECTIONS = {
    "": {"pages/data/overview/page.py": "Overview"},
    "Data": {
        "pages/data/gallery/page.py": "Gallery",
        "pages/data/histograms/page.py": "Histograms",
        "pages/data/quality/page.py": "Quality",
        "pages/data/duplicates/page.py": "Duplicates and leaks",
        "pages/data/masks/page.py": "Lung masks",
        "pages/data/sources/page.py": "Public datasets",
        "pages/data/add/page.py": "Add X-rays",
    },
    "Models": {
        "pages/models/compare/page.py": "Compare",
        "pages/models/errors/page.py": "Errors",
        "pages/models/thresholds/page.py": "Operating points",
        "pages/models/external/page.py": "Other test sets",
    },
    "Predict": {
        "pages/predict/live/page.py": "Live prediction",
        "pages/predict/batch/page.py": "Many films",
    },
}
START = "pages/data/overview/page.py"


def draw() -> None:
    """One run of the script: navigation, header, sidebar, the page asked for."""
    from pages.header import header  # not above: caches want a running server
    from pages.sidebar import sidebar

    st.set_page_config(
        page_title="Chest X-ray model comparison",
        page_icon="🫁",
        layout="wide",
        initial_sidebar_state=sidebar.initial_state(),
    )
    # A page has the address of its folder: pages/data/gallery/page.py is /gallery.
    sections = {
        section: [st.Page(p, title=t, url_path=Path(p).parent.name) for p, t in pages.items()]
        for section, pages in SECTIONS.items()
    }
    # The default page has no address of its own; a hidden one makes /overview work as well as /.
    start = st.Page(_start, default=True, visibility="hidden")
    sections[""] = [start, *sections[""]]
    page = st.navigation(sections, position="top")
    if page is start:
        page.run()  # goes on to the first page
    header.show()
    if not header.presenting():
        sidebar.show()
    page.run()


def _start() -> None:
    st.switch_page(START, query_params=st.query_params.to_dict())


if runtime.exists():
    draw()
else:
    # The first deep link would find no page: docs/decisions/0008.
    PagesManager.uses_pages_directory = False
    # Arrow's own allocator keeps what it freed: 30 MB with a dataset of 20,000 images.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    # What pages need is imported before the first visitor comes, and frozen: collecting after
    # every rerun would otherwise walk all of it, 60 ms each time.
    from cxrcore import comparison, datasets, figures, index, jobs, store, sweeps, work  # noqa: F401
    from cxrcore.errors import CxrError

    gc.collect()
    gc.freeze()

    def _read_first() -> None:
        """Read the dataset that the first visitor will see; what is wrong with it is said there."""
        with contextlib.suppress(CxrError):
            if names := [entry.name for entry in datasets.registered()]:
                datasets.current(names[0])

    threading.Thread(target=_read_first, daemon=True).start()

app = st.App(__file__, middleware=[Middleware(origins.Guard)])
