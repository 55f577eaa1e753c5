"""Finding files and measuring them once."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import images
from cxrcore.datasets import scan
from cxrcore.progress import Progress


def write_png(path: Path, value: int = 7, side: int = 20) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side + 4), value, np.uint8)).save(path)
    return path


def measured(root: Path, **options: object):
    return scan.measure(root, scan.find(root).files, **options)


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the files that were opened for measuring."""
    names: list[str] = []
    original = scan._measure_one

    def noting(path: Path):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(scan, "_measure_one", noting)
    return names


def test_files_are_found_at_any_depth_sorted_by_path(tmp_path):
    deep = "/".join(["d"] * 60)
    for name in ("b.png", "a/c.png", "a.png", f"{deep}/x.png"):
        write_png(tmp_path / name)
    assert [f.path for f in scan.find(tmp_path).files] == sorted(
        ["b.png", "a/c.png", "a.png", f"{deep}/x.png"]
    )


def test_hidden_and_system_files_are_passed_over(tmp_path):
    for name in (".hidden.png", ".git/a.png", "__MACOSX/A/._a.png", "Thumbs.db", "A/desktop.ini"):
        write_png(tmp_path / name, side=20) if name.endswith("png") else (
            (tmp_path / name).parent.mkdir(exist_ok=True),
            (tmp_path / name).write_bytes(b"x"),
        )
    write_png(tmp_path / "A/a.png")
    found = scan.find(tmp_path)
    assert [f.path for f in found.files] == ["A/a.png"]
    assert (found.links, found.odd, found.closed, found.empty) == ([], [], [], [])


def test_links_are_followed_only_to_files_inside(tmp_path):
    root, outside = tmp_path / "root", write_png(tmp_path / "outside" / "o.png")
    inside = write_png(root / "A" / "a.png")
    (root / "to_file").symlink_to(inside)
    (root / "out_of_root").symlink_to(outside)
    (root / "to_folder").symlink_to(root / "A")
    (root / "to_outer_folder").symlink_to(outside.parent)
    (root / "to_nowhere").symlink_to(root / "gone")
    (root / "circle").symlink_to(root / "circle")
    found = scan.find(root)
    assert [f.path for f in found.files] == ["A/a.png", "to_file"]
    assert set(found.links) | set(found.odd) == {
        "circle",
        "out_of_root",
        "to_folder",
        "to_nowhere",
        "to_outer_folder",
    }


def test_a_link_to_the_root_itself_finds_its_files(tmp_path):
    write_png(tmp_path / "real" / "A" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [f.path for f in scan.find(tmp_path / "link").files] == ["A/a.png"]


def test_pipes_and_unreadable_names_are_set_aside(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    write_png(tmp_path / "line\nbreak.png")
    with open(os.fsencode(tmp_path) + b"/bad\xff.png", "wb"):
        pass
    found = scan.find(tmp_path)
    assert not found.files
    assert found.odd == ["bad?.png", "line?break.png", "pipe.png"]


def test_empty_and_closed_folders_are_reported(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "closed").mkdir()
    original = os.scandir

    def scandir(path):  # the user who runs the tests may be allowed everything
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = scan.find(tmp_path)
    assert (found.empty, found.closed) == (["empty"], ["closed"])


def test_what_this_project_makes_is_no_part_of_a_dataset_around_it(tmp_path, own_folders):
    write_png(tmp_path / "A" / "a.png")
    write_png(own_folders.data / "thumbs" / "t.png")
    write_png(own_folders.models / "run" / "r.png")
    assert [f.path for f in scan.find(tmp_path).files] == ["A/a.png"]
    # The demonstration data lies in the data folder and is found when it is itself the root.
    assert [f.path for f in scan.find(own_folders.data / "thumbs").files] == ["t.png"]


def test_measuring_gives_the_hash_and_the_size(tmp_path):
    path = write_png(tmp_path / "a.png")
    (row,) = measured(tmp_path).itertuples()
    assert row.image_id == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert (row.width, row.height) == (24, 20)
    assert measured(tmp_path)["error"].isna().all()


def test_a_damaged_file_keeps_its_hash_and_says_why(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    rows = measured(tmp_path)
    assert rows["width"].isna().all()
    assert rows["image_id"].str.len().eq(32).all()
    assert "not an image" in rows["error"][0]
    assert "0 bytes" in rows["error"][1]


def test_the_second_time_no_file_is_opened(tmp_path, opened):
    for name in "abc":
        write_png(tmp_path / f"{name}.png", ord(name))
    first = measured(tmp_path)
    assert sorted(opened) == ["a.png", "b.png", "c.png"]
    opened.clear()
    second = measured(tmp_path)
    assert opened == []
    assert first.astype(str).equals(second.astype(str))
    assert (first.dtypes == second.dtypes).all()


def test_only_changed_and_new_files_are_opened_again(tmp_path, opened):
    for name in "abc":
        write_png(tmp_path / f"{name}.png", ord(name))
    before = measured(tmp_path).set_index("path")
    opened.clear()
    write_png(tmp_path / "b.png", 200)
    os.utime(tmp_path / "b.png", ns=(1, 1))
    write_png(tmp_path / "d.png", 3)
    (tmp_path / "c.png").unlink()
    after = measured(tmp_path).set_index("path")
    assert sorted(opened) == ["b.png", "d.png"]
    assert list(after.index) == ["a.png", "b.png", "d.png"]
    assert after["image_id"]["a.png"] == before["image_id"]["a.png"]
    assert after["image_id"]["b.png"] != before["image_id"]["b.png"]


def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path, monkeypatch, opened):
    write_png(tmp_path / "a.png")
    original = Path.read_bytes

    def closed(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", closed)
    (row,) = measured(tmp_path).itertuples()
    assert row.error == "a.png cannot be read: Permission denied."
    monkeypatch.setattr(Path, "read_bytes", original)
    assert measured(tmp_path)["image_id"].notna().all()
    assert opened == ["a.png", "a.png"]


@pytest.mark.parametrize("damage", [b"", b"PAR1 no parquet", b"{}"])
def test_a_damaged_cache_is_made_again(tmp_path, own_folders, opened, damage):
    root = tmp_path / "root"
    write_png(root / "a.png")
    first = measured(root)
    (cache,) = (own_folders.data / "scan").iterdir()
    cache.write_bytes(damage)
    opened.clear()
    assert measured(root).astype(str).equals(first.astype(str))
    assert opened == ["a.png"]
    opened.clear()
    measured(root)
    assert opened == []


def test_a_higher_pixel_cap_is_not_answered_from_the_cache(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png")
    monkeypatch.setenv("CXR_MAX_PIXELS", "10")
    assert measured(tmp_path)["width"].isna().all()
    monkeypatch.setenv("CXR_MAX_PIXELS", "1000")
    assert measured(tmp_path)["width"].tolist() == [24]


def test_a_copy_of_the_folder_has_the_same_hashes(tmp_path):
    write_png(tmp_path / "one" / "a.png")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert measured(tmp_path / "one")["image_id"][0] == measured(tmp_path / "two")["image_id"][0]


def test_a_file_too_heavy_to_decode_is_hashed_all_the_same(tmp_path, monkeypatch):
    path = write_png(tmp_path / "a.png")
    expected = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    (row,) = measured(tmp_path).itertuples()
    assert row.image_id == expected
    assert "MB are read" in row.error


def test_progress_ends_with_all_files(tmp_path):
    for number in range(120):
        write_png(tmp_path / f"{number}.png", number)
    heard: list[Progress] = []
    measured(tmp_path, report=heard.append)
    assert [p.done for p in heard] == [50, 100, 120]
    assert heard[-1].share == 1


def test_no_files_are_no_rows(tmp_path):
    assert len(scan.measure(tmp_path, [])) == 0
