"""Tables to download."""

import pandas as pd

from pages.shared.tables import _plain


def test_text_that_a_spreadsheet_would_run_is_only_text():
    given = pd.DataFrame(
        {"name": ["=HYPERLINK(1)", "+1", "-a", "@b", "\tc", "plain", None], "n": -1}
    )
    found = _plain(given)
    assert found["name"].tolist()[:6] == ["'=HYPERLINK(1)", "'+1", "'-a", "'@b", "'\tc", "plain"]
    assert found["name"].isna().tolist() == [False] * 6 + [True]
    assert (found["n"] == -1).all()
