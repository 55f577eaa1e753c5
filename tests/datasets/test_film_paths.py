"""Which file a table means, by the unique longest end of its path."""

import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.datasets import film_paths

FILES = ["train/a/1.png", "train/a/2.JPG", "test/a/3.png", "b/Ärzte.png", "b/im.1.5.png", "c/im"]


def meant(path: str, files=tuple(FILES)) -> str | None:
    found, _ = film_paths.matched(pd.Series([path], dtype="string"), files)
    return None if pd.isna(found[0]) else found[0]


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("train/a/1.png", "train/a/1.png"),
        ("./train\\a\\1.png", "train/a/1.png"),
        ("D:\\films\\a\\1.png", "train/a/1.png"),
        ("/kaggle/input/x/train/a/1.png", "train/a/1.png"),
        ("1", "train/a/1.png"),
        ("TRAIN/A/1.PNG", "train/a/1.png"),
        ("a/2.jpeg", "train/a/2.JPG"),
        ("a/2.png", "train/a/2.JPG"),
        (unicodedata.normalize("NFD", "Ärzte.png"), "b/Ärzte.png"),
        ("im.1.5", "b/im.1.5.png"),
        ("c/im", "c/im"),
        ("test/a/1.png", None),  # there is a folder test, and 1.png is not in it
        ("a/9.png", None),
        ("../../etc/passwd", None),
        ("", None),
    ],
)
def test_a_path_means_the_file_that_agrees_from_its_end(written, file):
    assert meant(written) == file


def test_of_two_files_none_is_taken_and_the_longer_end_decides():
    files = ("x/1.png", "y/1.png")
    assert meant("1.png", files) is None
    assert meant("far/y/1.png", files) == "y/1.png"


def test_two_paths_of_the_table_never_share_a_file_unless_they_agree_equally():
    written = pd.Series(["x/1.png", "y/1.png", "y/1.png"], dtype="string")
    found, other = film_paths.matched(written, ["y/1.png"])
    assert found.isna().tolist() == [True, False, False]
    assert other == 0


NAME = st.text("abAB", min_size=1, max_size=2)


@given(st.sets(st.tuples(NAME, NAME), min_size=1, max_size=8), st.sampled_from(["", "/far/away/", "C:\\x\\"]))  # fmt: skip
def test_every_file_whose_path_is_unique_is_found_from_anywhere(parts, prefix):
    files = [f"{folder}/{name}.png" for folder, name in parts]
    folded = [file.casefold() for file in files]
    written = pd.Series([prefix + file for file in files], dtype="string")
    found, other = film_paths.matched(written, files)
    for file, fold, got in zip(files, folded, found, strict=True):
        assert got == file if folded.count(fold) == 1 or not prefix else pd.isna(got)
    assert other == (found.notna().sum() if prefix else 0)
