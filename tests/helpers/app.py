"""The dashboard without a browser: pages opened as a deep link opens them."""

import html
import json
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.conftest import ROOT


def open_page(page: str = "data/gallery", **query: str) -> AppTest:
    """The page of `pages/<page>/page.py` with a query, drawn once; an exception on it fails."""
    assert (ROOT / "pages" / page / "page.py").is_file()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params.update(query)
    # What switch_page sets. It knows a page's address only after a run, which would draw another page first.
    at._page_hash = calc_hash(page.rpartition("/")[2])
    return again(at)


def open_compare(**query: str) -> AppTest:
    """The Compare page with its reports and learning curves unfolded."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params.update(query)
    at._page_hash = calc_hash("compare")
    at.session_state["detail"] = at.session_state["curves"] = True
    return again(at)


def again(at: AppTest) -> AppTest:
    """Run the script once more; an exception on the page fails."""
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    """What the page says outside tables and charts, as a reader sees names in it."""
    main = at.main
    parts = (*main.markdown, *main.caption, *main.info, *main.warning, *main.success)
    return read("\n".join(part.value for part in parts))


def read(markdown: str) -> str:
    """Markdown with the names in it (`pages.shared.text.literal`) as a reader sees them."""
    return html.unescape(markdown).replace("\u2060", "")


def metrics(at: AppTest) -> dict[str, str]:
    """The figures of the page by label."""
    return {metric.label: metric.value for metric in at.metric}


def component(at: AppTest, name: str) -> dict[str, Any]:
    """What an inline component of the page, of `st.components.v2.component(name)`, was given."""
    found = [e.proto for e in at.main if e.type == "bidi_component"]
    (data,) = [json.loads(proto.json) for proto in found if proto.component_name == name]
    return data
