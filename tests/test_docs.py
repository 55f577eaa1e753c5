"""The decisions of docs/decisions and the code that follows them."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "docs/decisions"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))


def sources(decision: Path) -> list[Path]:
    """The files and folders that the second line of a decision names."""
    line = decision.read_text(encoding="utf-8").splitlines()[2]
    return [ROOT / name for name in re.findall(r"`([^`]+)`", line)]


def test_the_list_of_decisions_has_each_file_with_its_title():
    listed = re.findall(
        r"^- \[(\d+)\]\((.+)\) (.+)$", (FOLDER / "README.md").read_text("utf-8"), re.M
    )
    titles = [path.read_text("utf-8").splitlines()[0].split(". ", 1)[1] for path in DECISIONS]
    assert listed == [
        (path.name[:4], path.name, title) for path, title in zip(DECISIONS, titles, strict=True)
    ]
    assert [path.name[:4] for path in DECISIONS] == [f"{n + 1:04}" for n in range(len(DECISIONS))]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_names_existing_code_that_names_the_decision(decision):
    named = sources(decision)
    assert named
    assert all(path.exists() for path in named), named
    files = [f for path in named for f in (path.rglob("*.py") if path.is_dir() else [path])]
    reference = f"docs/decisions/{decision.name[:4]}"
    assert any(reference in file.read_text("utf-8") for file in files), f"{reference} in {named}"
