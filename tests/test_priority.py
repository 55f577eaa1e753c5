"""Jobs give way to the dashboard."""

import os
import subprocess
import sys

from cxrcore import priority
from tests.conftest import ROOT


def test_a_job_gives_way_to_the_dashboard_in_its_session_and_between_sessions():
    script = """
import os, pathlib
from cxrcore import priority
priority.give_way()
priority.give_way()
shared = pathlib.Path("/proc/self/autogroup")
print(os.nice(0), shared.read_text().split()[-1] if shared.exists() else 10)
"""
    child = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    assert child.stdout.split() == ["10", "10"]


def test_who_shares_a_session_leaves_the_others_in_it_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "nice", lambda _: 10)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid() + 1)
    monkeypatch.setattr(priority, "_AUTOGROUP", tmp_path / "autogroup")
    priority.give_way()
    assert not (tmp_path / "autogroup").exists()
