"""The dashboard's own configuration: this computer only, nothing sent, nothing asked."""

import tomllib

from tests.conftest import ROOT

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def test_the_dashboard_answers_on_this_computer_only():
    assert CONFIG["server"]["address"] == "127.0.0.1"
    assert CONFIG["server"]["enableXsrfProtection"] is True


def test_uploads_are_capped():
    assert CONFIG["server"]["maxUploadSize"] <= 64


def test_no_usage_statistics_are_sent():
    assert CONFIG["browser"]["gatherUsageStats"] is False


def test_a_first_start_asks_for_no_address_in_the_terminal():
    # Without this Streamlit waits for an email address before it serves anything.
    assert CONFIG["server"]["showEmailPrompt"] is False
