"""Archives: what is unpacked is what was packed, and no file ever appears anywhere else."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cxrcore import archives
from cxrcore.errors import DatasetError, StoreError

MB = 1 << 20
FILES = {"A/1.png": b"one", "A/deep/2.png": bytes(3 * MB), "readme.txt": b"", "ü/ö.png": b"two"}
PACKERS = {
    ".tar": lambda b: b,
    ".tar.gz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
}


def make_zip(path: Path, content: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as opened:
        for name, data in content.items():
            opened.writestr(name, data)
    return path


def tar_bytes(members: list[tuple[tarfile.TarInfo, bytes]], **options) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", **options) as opened:
        for member, data in members:
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return plain.getvalue()


def make_tar(path: Path, content: dict[str, bytes]) -> Path:
    plain = tar_bytes([(tarfile.TarInfo(name), data) for name, data in content.items()])
    suffix = next(s for s in sorted(PACKERS, key=len, reverse=True) if path.name.endswith(s))
    path.write_bytes(PACKERS[suffix](plain))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def refusal(archive: Path, folder: Path, **limits) -> str:
    """The one line that says why; nothing is left."""
    before = set(folder.parent.rglob("*"))
    with pytest.raises(DatasetError) as error:
        archives.unpack(archive, folder, **limits)
    assert set(folder.parent.rglob("*")) == before
    message = str(error.value)
    assert "\n" not in message
    assert str(archive) in message
    assert "Nothing was unpacked" in message
    return message


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "inside" / "out"


@pytest.fixture
def packed(tmp_path, out) -> Path:
    """Where archives of a test lie; `out` has the same parent's parent."""
    out.parent.mkdir()
    folder = tmp_path / "packed"
    folder.mkdir()
    return folder


# --- what is allowed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_comes_out_as_it_went_in(packed, out, method):
    archives.unpack(make_zip(packed / "a.zip", FILES, method), out)
    assert tree(out) == FILES


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_tar_comes_out_as_it_went_in(packed, out, suffix):
    archives.unpack(make_tar(packed / f"a{suffix}", FILES), out)
    assert tree(out) == FILES


def test_the_kind_is_told_by_content_not_by_name(packed, out):
    make_zip(packed / "a.zip", FILES).rename(packed / "a.tar.gz")
    archives.unpack(packed / "a.tar.gz", out)
    assert tree(out) == FILES


def test_progress_ends_at_all_that_there_was(packed, out):
    seen = []
    archives.unpack(make_zip(packed / "a.zip", FILES), out, report=seen.append)
    assert len(seen) > 3
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == seen[-1].total == sum(map(len, FILES.values()))
    assert seen[0].stage == "unpacking a.zip"


def test_progress_of_a_tar_counts_packed_bytes(packed, out):
    seen = []
    archive = make_tar(packed / "a.tar.gz", FILES)
    archives.unpack(archive, out, report=seen.append)
    assert seen[-1].done == seen[-1].total == archive.stat().st_size


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_empty_folders_are_made_and_folder_entries_may_repeat(packed, out):
    with zipfile.ZipFile(packed / "a.zip", "w") as opened:
        for name in ("x/", "x/y/", "x/"):
            opened.writestr(name, b"")
    archives.unpack(packed / "a.zip", out)
    assert (out / "x" / "y").is_dir()


def test_a_folder_that_is_there_and_empty_is_used_and_kept_on_failure(packed, out):
    out.mkdir()
    refusal(make_zip(packed / "bad.zip", {"a": b"1", "../b": b"2"}), out)
    assert out.is_dir()
    archives.unpack(make_zip(packed / "a.zip", FILES), out)
    assert tree(out) == FILES


def test_a_folder_with_something_in_it_is_refused_and_not_touched(packed, out):
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty"):
        archives.unpack(make_zip(packed / "a.zip", FILES), out)
    assert tree(out) == {"mine.txt": b"mine"}


def test_unpacked_files_have_ordinary_permissions(packed, out):
    entry = zipfile.ZipInfo("run.sh")
    entry.external_attr = 0o104777 << 16  # setuid, for all
    with zipfile.ZipFile(packed / "a.zip", "w") as opened:
        opened.writestr(entry, b"#!/bin/sh")
    archives.unpack(packed / "a.zip", out)
    assert not (out / "run.sh").stat().st_mode & 0o7111


def test_names_in_utf8_without_the_flag_and_in_code_page_437_are_read(packed, out):
    make_zip(packed / "a.zip", {"Mueller.png": b"1", "Lueng.png": b"2"})
    raw = (packed / "a.zip").read_bytes()
    raw = raw.replace(b"Mueller", "Müller".encode()).replace(b"Lueng", b"L\x81ngg")
    (packed / "a.zip").write_bytes(raw)
    archives.unpack(packed / "a.zip", out)
    assert tree(out) == {"Müller.png": b"1", "Lüngg.png": b"2"}


def test_names_of_a_tar_that_are_not_utf8_are_read_as_code_page_437(packed, out):
    data = tar_bytes(
        [(tarfile.TarInfo("M\x81ller.png"), b"1")], format=tarfile.GNU_FORMAT, encoding="latin-1"
    )
    (packed / "a.tar").write_bytes(data)
    archives.unpack(packed / "a.tar", out)
    assert tree(out) == {"Müller.png": b"1"}


# --- names ---------------------------------------------------------------------------------

EVIL = [
    "../evil", "a/../../evil", "/evil", "//evil", "..", "a/..", "C:evil", "c:/evil", "..\\evil",
    "a\\b", "a\x00b", "a\nb", "\x1b[2Jevil", "x" * 256, "/".join(["d"] * 65), "y/" * 600 + "z",
]  # fmt: skip


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_leads_out_or_is_no_name_is_refused(packed, out, name, kind):
    archive = packed / f"a.{kind}"
    if kind == "zip":
        entry = zipfile.ZipInfo("x")
        entry.filename = entry.orig_filename = name  # its constructor would cut it at NUL
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("fine.png", b"1")
            opened.writestr(entry, b"2")
    else:
        members = [(tarfile.TarInfo("fine.png"), b"1"), (tarfile.TarInfo(name), b"2")]
        archive.write_bytes(tar_bytes(members, format=tarfile.PAX_FORMAT))
    if kind == "tar" and "\x00" in name:  # tar cuts names there; what is left is an honest name
        archives.unpack(archive, out)
        assert set(tree(out)) == {"fine.png", "a"}
        return
    assert "holds" in refusal(archive, out)


@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "A.png"),
        ("x/a", "x/a"),
        ("é", "e\u0301"),
        ("Straße", "STRASSE"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("a/b", "A"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_names_that_are_one_file_on_some_disk_are_refused(packed, out, names, kind):
    if kind == "zip":
        with zipfile.ZipFile(packed / "a.zip", "w") as opened:
            for name in names:
                opened.writestr(name, b"1")
    else:
        data = tar_bytes([(tarfile.TarInfo(name), b"1") for name in names])
        (packed / "a.tar").write_bytes(data)
    assert "holds" in refusal(packed / f"a.{kind}", out)


PIECES = st.sampled_from(
    ["..", ".", "", "a", "A", "b.png", "C:", "\\", "~", " ", "é", "\x00", "\n", "con", "x" * 300]
)
NAMES = st.lists(PIECES, min_size=1, max_size=5).map("/".join) | st.text(max_size=20)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(names=st.lists(NAMES, min_size=1, max_size=4), kind=st.sampled_from(["zip", "tar"]))
@example(names=["../evil"], kind="zip")
@example(names=["a", "a/../../evil"], kind="tar")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_whatever_the_names_no_file_appears_outside(tmp_path_factory, names, kind):
    base = tmp_path_factory.mktemp("any")
    out, archive = base / "in" / "side" / "out", base / f"a.{kind}"
    out.parent.mkdir(parents=True)
    names = [name for name in names if not any(0xD800 <= ord(letter) <= 0xDFFF for letter in name)]
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for name in names:
                entry = zipfile.ZipInfo("x")
                entry.filename = entry.orig_filename = name
                opened.writestr(entry, b"data")
    else:
        archive.write_bytes(tar_bytes([(tarfile.TarInfo(name), b"data") for name in names]))
    before = set(base.rglob("*"))
    try:
        archives.unpack(archive, out)
    except DatasetError:
        assert set(base.rglob("*")) == before
        return
    written = set(base.rglob("*")) - before
    assert all(path == out or out in path.parents for path in written)
    assert all(path.resolve() == path.absolute() for path in written)
    count = sum(path.is_file() for path in written)
    assert count <= len(names)


# --- links, devices, encryption --------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010666, 0o140777])
def test_a_zip_with_a_link_or_device_is_refused(packed, out, mode):
    entry = zipfile.ZipInfo("link")
    entry.create_system, entry.external_attr = 3, mode << 16
    with zipfile.ZipFile(packed / "a.zip", "w") as opened:
        opened.writestr(entry, b"/etc/passwd")
    assert "a link or a device" in refusal(packed / "a.zip", out)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_a_tar_with_a_link_or_device_is_refused(packed, out, kind):
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    (packed / "a.tar").write_bytes(tar_bytes([(tarfile.TarInfo("fine"), b"1"), (member, b"")]))
    assert "a link or a device" in refusal(packed / "a.tar", out)


def test_a_file_through_a_link_of_the_same_archive_goes_nowhere(packed, out, tmp_path):
    link = tarfile.TarInfo("door")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    data = tar_bytes([(link, b""), (tarfile.TarInfo("door/evil"), b"1")])
    (packed / "a.tar").write_bytes(data)
    refusal(packed / "a.tar", out)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_encrypted_zip_is_refused(packed, out):
    raw = bytearray(make_zip(packed / "a.zip", {"a": b"1"}).read_bytes())
    raw[6] |= 1  # flags of the local header and of the list
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (packed / "a.zip").write_bytes(raw)
    assert "is encrypted" in refusal(packed / "a.zip", out)


def test_an_unknown_method_of_packing_is_refused(packed, out):
    raw = bytearray(make_zip(packed / "a.zip", {"a": b"1"}).read_bytes())
    raw[8] = 9  # Deflate64
    raw[raw.index(b"PK\x01\x02") + 10] = 9
    (packed / "a.zip").write_bytes(raw)
    assert "method 9" in refusal(packed / "a.zip", out)


# --- bombs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_bomb_is_refused_after_some_megabytes(packed, out, kind):
    content = {f"{n}.bin": bytes(10 * MB) for n in range(4)}
    if kind == "zip":
        archive = make_zip(packed / "bomb.zip", content)
    else:
        archive = make_tar(packed / f"bomb{kind}", content)
    assert archive.stat().st_size < MB // 10
    assert "zip bomb" in refusal(archive, out)


def test_a_bomb_that_lies_about_its_size_is_refused_while_it_is_written(packed, out):
    raw = make_zip(packed / "a.zip", {"a": bytes(40 * MB)}).read_bytes()
    true, told = struct.pack("<L", 40 * MB), struct.pack("<L", 1000)
    (packed / "a.zip").write_bytes(raw.replace(true, told))
    assert "damaged" in refusal(packed / "a.zip", out)


def test_entries_on_top_of_each_other_are_refused(packed, out):
    # As in Fifield's first construction: one kernel, named many times in the list of entries.
    data = b"k" * 1000
    local = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, zlib.crc32(data), 1000, 1000, 1, 0
    )
    kernel = local + b"a" + data
    entry = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        20,
        20,
        0,
        0,
        0,
        0,
        zlib.crc32(data),
        1000,
        1000,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
    )
    listed = b"".join(entry + bytes([97 + n]) for n in range(20))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20, 20, len(listed), len(kernel), 0)
    (packed / "a.zip").write_bytes(kernel + listed + end)
    assert "on top of other entries" in refusal(packed / "a.zip", out)


def test_entries_quoted_in_the_extra_field_are_refused(packed, out):
    # Each local header has the next as its extra field; all share the last one's data.
    data = b"k" * 500

    def local(name: bytes, extra: bytes) -> bytes:
        return (
            struct.pack(
                "<4s5H3L2H",
                b"PK\x03\x04",
                20,
                0,
                0,
                0,
                0,
                zlib.crc32(data),
                500,
                500,
                1,
                len(extra),
            )
            + name
            + extra
        )

    second = local(b"b", b"")
    first = local(b"a", struct.pack("<2H", 0xFFFF, len(second)) + second)

    def entry(name: bytes, offset: int) -> bytes:
        return (
            struct.pack(
                "<4s6H3L5H2L",
                b"PK\x01\x02",
                20,
                20,
                0,
                0,
                0,
                0,
                zlib.crc32(data),
                500,
                500,
                1,
                0,
                0,
                0,
                0,
                0,
                offset,
            )
            + name
        )

    body = first + data
    listed = entry(b"a", 0) + entry(b"b", len(first) - len(second))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(listed), len(body), 0)
    (packed / "a.zip").write_bytes(body + listed + end)
    assert "on top of other entries" in refusal(packed / "a.zip", out)


def test_a_tar_with_a_header_of_many_megabytes_is_refused(packed, out):
    block = bytearray(tarfile.TarInfo("x").tobuf())
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 50 * MB
    block[:] = member.tobuf(tarfile.USTAR_FORMAT)
    (packed / "a.tar.gz").write_bytes(gzip.compress(bytes(block) + bytes(50 * MB)))
    assert "header of many megabytes" in refusal(packed / "a.tar.gz", out)


def test_a_tar_whose_map_of_holes_would_fill_the_memory_is_refused(packed, out):
    # The map of a sparse file is as long as it claims, and is read before the file.
    member = tarfile.TarInfo("x")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    content = b"9999999\n" + b"1\n" * (5 * MB)
    archive = packed / "a.tar"
    archive.write_bytes(tar_bytes([(member, content)], format=tarfile.PAX_FORMAT))
    assert "header of many megabytes" in refusal(archive, out)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_files_too_many_bytes_and_a_full_disk_are_refused(packed, out, kind, monkeypatch):
    content = {f"{n}.bin": os.urandom(1000) for n in range(30)}
    archive = packed / f"a.{kind}"
    (make_zip if kind == "zip" else make_tar)(archive, content)
    assert "more than 10 files" in refusal(archive, out, max_files=10)
    assert "more than 5.0 kB, which is not allowed" in refusal(archive, out, max_bytes=5000)
    usage = type("Usage", (), {"free": 7000})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: usage)
    assert "the 7.0 kB free" in refusal(archive, out)


# --- damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged or not an archive"),
        (b"hello", "damaged or not an archive"),
        (b"\n<!DOCTYPE html><html>Please log in", "is a web page"),
        (b"PK\x03\x04 and then nothing", "damaged or not an archive"),
        (b"\x1f\x8b and then nothing", "damaged"),
        (b"BZh9 and then nothing", "damaged"),
        (b"\xfd7zXZ\x00 and then nothing", "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(2000), "damaged or not an archive"),
    ],
)
def test_what_is_no_archive_is_refused(packed, out, content, words):
    (packed / "a.zip").write_bytes(content)
    assert words in refusal(packed / "a.zip", out)


@pytest.mark.parametrize("kind", ["zip", *PACKERS])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_an_archive_that_was_cut_off_leaves_nothing(packed, out, kind, part):
    content = {f"{n}.bin": os.urandom(3000) for n in range(20)}
    archive = packed / ("a.zip" if kind == "zip" else f"a{kind}")
    (make_zip if kind == "zip" else make_tar)(archive, content)
    whole = archive.read_bytes()
    if kind == ".tar":  # without the zeros that fill it to ten kilobytes
        whole = whole.rstrip(b"\0")
    archive.write_bytes(whole[: int(len(whole) * part)])
    refusal(archive, out)


@pytest.mark.parametrize("kind", ["zip", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_flipped_bit_is_noticed(packed, out, kind):
    content = {f"{n}.bin": os.urandom(3000) for n in range(5)}
    archive = packed / ("a.zip" if kind == "zip" else f"a{kind}")
    (make_zip if kind == "zip" else make_tar)(archive, content)
    raw = bytearray(archive.read_bytes())
    raw[len(raw) // 2] ^= 1
    archive.write_bytes(raw)
    assert "damaged" in refusal(archive, out)


def test_no_entries_at_all_is_no_archive(packed, out):
    make_zip(packed / "a.zip", {})
    assert "is empty" in refusal(packed / "a.zip", out)


def test_a_name_that_says_utf8_and_is_not_is_refused(packed, out):
    raw = make_zip(packed / "a.zip", {"üx.png": b"1"}).read_bytes()
    (packed / "a.zip").write_bytes(raw.replace("ü".encode(), b"\xff\xfe"))
    assert "not text" in refusal(packed / "a.zip", out)


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    place=st.integers(0, 10_000),
    value=st.integers(0, 255),
    kind=st.sampled_from(["zip", ".tar", ".tar.gz"]),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_wrong_byte_anywhere_is_either_harmless_or_refused_cleanly(
    tmp_path_factory, place, value, kind
):
    base = tmp_path_factory.mktemp("byte")
    archive = base / ("a.zip" if kind == "zip" else f"a{kind}")
    content = {"x/1.bin": bytes(range(256)) * 4, "x/2.bin": b"2"}
    (make_zip if kind == "zip" else make_tar)(archive, content)
    raw = bytearray(archive.read_bytes())
    raw[place % len(raw)] = value
    archive.write_bytes(raw)
    (base / "in").mkdir()
    try:
        archives.unpack(archive, base / "in" / "out")
    except (DatasetError, StoreError):
        assert not list((base / "in").iterdir())
    assert set(base.iterdir()) == {archive, base / "in"}


def test_an_interrupted_unpacking_leaves_nothing(packed, out):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archives.unpack(make_zip(packed / "a.zip", FILES), out, report=stop)
    assert not out.exists()


def test_a_missing_archive_is_named(out, tmp_path):
    with pytest.raises(DatasetError, match=r"no archive .*lost\.zip"):
        archives.unpack(tmp_path / "lost.zip", out)


def test_a_folder_that_cannot_be_made_is_explained(packed, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="could not be written"):
        archives.unpack(make_zip(packed / "a.zip", FILES), tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("name", "answer"),
    [("a.ZIP", True), ("b.tar.xz", True), ("c.tgz", True), ("d.png", False), ("zip", False)],
)
def test_archives_are_known_by_name(name, answer):
    assert archives.is_archive(Path(name)) is answer
