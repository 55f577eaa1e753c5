"""Files that are whole or absent."""

import errno
import os
import shutil
import threading
import time

import pytest

from cxrcore import files
from cxrcore.errors import StoreError


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_written_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "deep" / "file.bin"
    files.write_atomic(path, b"old")
    files.write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file.bin"]


def test_a_full_disk_keeps_the_old_file_and_says_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    files.write_atomic(path, b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StoreError, match=r"No space left.*Free some space"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "file.json"
    files.write_json(path, ["x" * 10_000])
    stop = threading.Event()

    def write():
        while not stop.is_set():
            files.write_json(path, ["y" * 10_000])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert len(files.read_json(path)[0]) == 10_000
    finally:
        stop.set()
        writer.join()


def test_json_that_is_damaged_names_the_file(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(StoreError, match=r"broken\.json"):
        files.read_json(path)


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "run"
    with files.whole_folder(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert os.listdir(tmp_path) == ["run"]


def test_a_folder_whose_making_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), files.whole_folder(tmp_path / "run") as folder:
        (folder / "a").write_text("1")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_while_a_folder_is_made_leaves_nothing(tmp_path):
    with pytest.raises(StoreError, match="No space left"), files.whole_folder(tmp_path / "run"):
        full_disk()
    assert os.listdir(tmp_path) == []


def test_the_folder_that_came_first_is_kept(tmp_path):
    target = tmp_path / "run"
    with files.whole_folder(target) as folder:
        (folder / "who").write_text("second")
        target.mkdir()
        (target / "who").write_text("first")
    assert (target / "who").read_text() == "first"
    assert os.listdir(tmp_path) == ["run"]


def test_a_folder_that_was_returned_survives_a_power_cut(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        files, "sync_folder", lambda folder: seen.append((folder, (tmp_path / "run").exists()))
    )
    with files.whole_folder(tmp_path / "run") as temporary:
        (temporary / "inner").mkdir()
    # What is in it before it has its name, and then the name.
    assert [there for _, there in seen] == [False, False, True]
    assert {folder for folder, _ in seen} == {temporary, temporary / "inner", tmp_path}


def test_synchronising_what_cannot_be_opened_does_nothing(tmp_path):
    files.sync_folder(tmp_path)
    files.sync_folder(tmp_path / "missing")


def test_a_full_disk_tells_what_is_free_and_what_is_needed(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=3_400_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StoreError, match=r"left on device \(3 MB free there, 12 kB needed\)"):
        files.write_atomic(tmp_path / "file", bytes(12_000))
    error = files.cannot_write(tmp_path / "file", OSError(28, "Full"), 250_000_000)
    assert "(3 MB free there, 250 MB needed)" in str(error)


def test_the_digest_is_blake2b_of_128_bits(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # From the reference tool: b2sum --length 128
    assert files.digest(path) == "cf4ab791c62b8d2b2109c90275287816"


def aged(path, days, size=1000):
    """A folder with one file of that size, last used so many days ago."""
    path.mkdir(parents=True)
    (path / "content").write_bytes(bytes(size))
    used = time.time() - days * 86_400
    os.utime(path, (used, used))
    return path


def test_what_was_not_used_for_longest_makes_room(tmp_path):
    for days, name in ((3, "third"), (9, "first"), (5, "second")):
        aged(tmp_path / name, days)
    files.make_room(tmp_path.iterdir(), 3000)
    assert len(os.listdir(tmp_path)) == 3  # all fit
    files.make_room(tmp_path.iterdir(), 2999)
    assert sorted(os.listdir(tmp_path)) == ["second", "third"]
    files.make_room(tmp_path.iterdir(), 0, unused_seconds=4 * 86_400)
    assert os.listdir(tmp_path) == ["third"]


def test_what_cannot_be_deleted_stays_and_something_else_goes(tmp_path, monkeypatch):
    held = aged(tmp_path / "held", 9)
    other = aged(tmp_path / "other", 5)
    rename = type(held).rename

    def refuse(path, target):
        if path == held:
            raise PermissionError(errno.EACCES, "in use")
        return rename(path, target)

    monkeypatch.setattr(type(held), "rename", refuse)
    files.make_room([held, other], 1000)
    assert held.exists()
    assert not other.exists()


def test_only_what_was_left_for_long_counts_as_abandoned(tmp_path):
    aged(tmp_path / "old.making", 8)
    aged(tmp_path / "new.making", 6)
    aged(tmp_path / "old", 8)
    files.remove_abandoned(tmp_path, "*.making", 7 * 86_400)
    assert sorted(os.listdir(tmp_path)) == ["new.making", "old"]
