"""The dashboard without a browser: pages opened as a deep link opens them."""

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


def again(at: AppTest) -> AppTest:
    """Run the script once more; an exception on the page fails."""
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    """What the page says outside tables and charts, without Markdown's backslashes."""
    main = at.main
    parts = (*main.markdown, *main.caption, *main.info, *main.warning, *main.success)
    return "\n".join(part.value for part in parts).replace("\\", "")


def metrics(at: AppTest) -> dict[str, str]:
    """The figures of the page by label."""
    return {metric.label: metric.value for metric in at.metric}
