"""The command line, called in the test's own process."""

import sys

import pytest

from cxrcore import cli, priority


@pytest.fixture(autouse=True)
def usual_priority(monkeypatch):
    """A test process that gave its priority away could not take it back."""
    monkeypatch.setattr(priority, "give_way", lambda: None)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `python -m cxrcore …` in this process: (exit code, standard output, standard error)."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cxrcore", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
            raise SystemExit(0)
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call
