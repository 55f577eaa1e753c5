"""Which folders the browser may add, zips of class folders, and folders that were moved."""

import io
import shutil
import zipfile
from pathlib import Path

import pytest

from cxrcore import datasets, index
from cxrcore.datasets import roots, uploads
from cxrcore.errors import DatasetError


def zipped(folder: Path, inside: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for file in sorted(folder.rglob("*.png")):
            opened.write(file, inside + str(file.relative_to(folder)))
        opened.writestr(f"{inside}__MACOSX/A/._x.png" if not inside else "__MACOSX/._x", b"x")
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, with nothing set."""
    monkeypatch.delenv("CXR_ROOTS")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "films").mkdir(parents=True)
    return tmp_path / "home"


def test_home_the_data_folder_and_what_is_registered_may_be_added(home, tiny_dataset_folder):
    roots.allowed(home / "films")
    roots.allowed("~/films")
    with pytest.raises(DatasetError, match="may not be added"):
        roots.allowed(tiny_dataset_folder)
    datasets.register("tiny", tiny_dataset_folder)
    roots.allowed(tiny_dataset_folder)


@pytest.mark.parametrize(
    "path", ["/", "/etc", "/usr/share", "/proc/self", "~/.ssh", "~/films/../..", "~nobody-here/x",
             "a\0b", "/" + "x" * 5000]
)  # fmt: skip
def test_no_other_folder_may_be_added(home, path):
    with pytest.raises(DatasetError, match="may not be added in the browser"):
        roots.allowed(path)


@pytest.mark.parametrize("path", ["/", "/etc", "/usr/share", "/proc/self"])
def test_folders_of_the_system_are_refused_whatever_the_roots(path, monkeypatch):
    monkeypatch.setenv("CXR_ROOTS", "/")
    with pytest.raises(DatasetError, match="may not be added in the browser"):
        roots.allowed(path)


def test_a_folder_outside_is_refused_in_the_same_words_whether_it_exists_or_not(home, tmp_path):
    messages = set()
    for name in ("here", "gone"):
        place = tmp_path / name
        if name == "here":
            place.mkdir()
        with pytest.raises(DatasetError) as refused:
            roots.allowed(place)
        messages.add(str(refused.value).replace(str(place), ""))
    assert len(messages) == 1


def test_a_link_out_of_the_roots_is_refused(home):
    (home / "link").symlink_to("/etc")
    with pytest.raises(DatasetError, match="may not be added"):
        roots.allowed(home / "link")


def test_a_tree_beyond_the_limit_is_refused_with_a_count(home, monkeypatch):
    monkeypatch.setattr(roots, "MOST_FILES", 3)
    for number in range(4):
        (home / "films" / f"{number}.png").touch()
    with pytest.raises(DatasetError, match="more than 3 files and folders"):
        roots.allowed(home / "films")


@pytest.mark.parametrize("inside", ["", "my films/"])
def test_a_zip_of_class_folders_becomes_a_dataset(tiny_dataset_folder, inside, own_folders):
    data = zipped(tiny_dataset_folder, inside)
    dataset = uploads.add("mine", data)
    assert dict(dataset.counts()) == dict(datasets.load(tiny_dataset_folder).counts())
    assert dataset.root.is_relative_to(own_folders.data / "uploads" / "mine")
    with pytest.raises(DatasetError, match="already"):
        uploads.add("mine", data)


@pytest.mark.parametrize("data", [b"no zip", zipped(Path(__file__).parent / "nothing")])
def test_of_a_zip_that_is_no_dataset_nothing_is_left(data, own_folders):
    with pytest.raises(DatasetError):
        uploads.add("mine", data)
    assert list((own_folders.data / "uploads").iterdir()) == []
    assert datasets.registered() == []


def test_a_moved_folder_is_named_with_the_command_and_found_again(tiny, tmp_path):
    shutil.move(tiny.root, tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="python -m cxrcore data move tiny NEW_FOLDER"):
        datasets.load("tiny")
    moved = datasets.move("tiny", tmp_path / "elsewhere")
    assert moved.fingerprint == tiny.fingerprint
    assert index.missing(moved) == 0
    assert datasets.load("tiny").root == tmp_path / "elsewhere"


def test_a_name_is_not_moved_to_a_folder_without_images(tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        datasets.move("tiny", tmp_path / "empty")
    assert datasets.load("tiny").root == tiny.root
