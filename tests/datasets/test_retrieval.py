"""Fetching: each collection's own layout, from a server on this machine to a registered dataset."""

import contextlib
import http.server
import importlib
import inspect
import io
import os
import socket
import sys
import tarfile
import threading
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets, downloads
from cxrcore.datasets import collections, retrieval
from cxrcore.errors import DatasetError, StoreError

RNG = np.random.default_rng(3)


def png() -> bytes:
    data = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (24, 24), np.uint8)).save(data, "PNG")
    return data.getvalue()


def zipped(content: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, body in content.items():
            opened.writestr(name, body)
    return data.getvalue()


def cohen() -> dict[str, bytes]:
    rows = ["patientid,finding,view,modality,location,filename"]
    rows += [f"{n},Pneumonia/Viral/COVID-19,PA,X-ray,Italy,{n}.jpg" for n in range(3)]
    rows += ["9,No Finding,AP,X-ray,Spain,9.jpg"]
    top = "covid-chestxray-dataset-master"
    found = {f"{top}/{name}": b"text" for name in ("README.md", "scripts/a.py", ".gitignore")}
    found[f"{top}/metadata.csv"] = "\n".join(rows).encode()
    found |= {f"{top}/images/{n}.jpg": png() for n in (0, 1, 2, 9)}
    return found | {f"{top}/annotations/lungVAE-masks/{n}_mask.png": png() for n in (0, 1)}


def ozturk() -> dict[str, bytes]:
    top = "COVID-19-master"
    found = {f"{top}/README.md": b"text", f"{top}/models/plot.png": png()}
    inside = f"{top}/X-Ray Image DataSet"
    for label, name in (
        ("Covid-19", "a b.jpeg"),
        ("No_findings", "00001280_004.png"),
        ("Pneumonia", "00001281_000.png"),
    ):
        found |= {f"{inside}/{label}/{name}": png(), f"{inside}/{label}/2{name}": png()}
    return found


def mendeley() -> dict[str, bytes]:
    inner = {
        f"COVID-19 Dataset/{modality}/{label}/{label} ({n}).png": png()
        for modality in ("X-ray", "CT")
        for label in ("COVID", "Non-COVID")
        for n in range(2)
    }
    return {"Extensive COVID-19/COVID-19 Dataset.zip": zipped(inner)}


def kermany() -> dict[str, bytes]:
    found = {"chest_xray/.DS_Store": b"x", "__MACOSX/chest_xray/._.DS_Store": b"x"}
    for split in ("train", "test"):
        found[f"chest_xray/{split}/NORMAL/NORMAL2-IM-012{len(split)}-0001.jpeg"] = png()
        found[f"chest_xray/{split}/PNEUMONIA/person{len(split)}_bacteria_3.jpeg"] = png()
        found[f"__MACOSX/chest_xray/{split}/NORMAL/._NORMAL2-IM-012{len(split)}-0001.jpeg"] = b"x"
    return found


def radiography() -> dict[str, bytes]:
    top, found = "COVID-19_Radiography_Dataset", {}
    for label in ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"):
        for n in (1, 2):
            found[f"{top}/{label}/images/{label}-{n}.png"] = png()
            found[f"{top}/{label}/masks/{label}-{n}.png"] = png()
    return {**found, f"{top}/README.md.txt": b"text"}


def tuberculosis() -> dict[str, bytes]:
    top = "TB_Chest_Radiography_Database"
    return {
        f"{top}/{label}/{label}-{n}.png": png()
        for label in ("Normal", "Tuberculosis")
        for n in (1, 2)
    }


# name: (what the archive holds, images in the dataset, the folder that is registered)
CONTENT = {
    "cohen": (cohen, 4, "covid-chestxray-dataset-master"),
    "ozturk": (ozturk, 6, "COVID-19-master/X-Ray Image DataSet"),
    "mendeley-covid": (mendeley, 8, "Extensive COVID-19/COVID-19 Dataset"),
    "kermany": (kermany, 4, "."),
    "radiography": (radiography, 8, "."),
    "tuberculosis": (tuberculosis, 4, "TB_Chest_Radiography_Database"),
}


class Server:
    """Serves one file with ranges; `cuts` end connections early, `status` refuses."""

    def __init__(self) -> None:
        self.content, self.status, self.cuts, self.asked = b"", 200, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.headers["Range"])
                if outer.status != 200:
                    self.send_error(outer.status)
                    return
                body, wanted = outer.content, self.headers["Range"]
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.send_header("ETag", '"v1"')
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                end = start + outer.cuts.pop(0) if outer.cuts else len(body)
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body[start:end])

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    """No test may reach further than this machine, nor find a package or folder of its user."""
    real = socket.getaddrinfo

    def local(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    monkeypatch.setattr(downloads, "PAUSES", ())
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KAGGLEHUB_CACHE", raising=False)


@pytest.fixture
def server():
    dataset = Server()
    yield dataset
    dataset.close()


@pytest.fixture
def published(server, monkeypatch):
    """Have a collection's archive on the server; returns its content."""

    def publish(name: str, content: bytes | None = None, checksum: str | None = None) -> bytes:
        server.content = zipped(CONTENT[name][0]()) if content is None else content
        how = collections.Archive(server.address, checksum)
        monkeypatch.setitem(
            collections.COLLECTIONS, name, replace(collections.COLLECTIONS[name], how=how)
        )
        return server.content

    return publish


def public(own_folders) -> Path:
    return own_folders.data / "public"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


# --- it works --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTENT)
def test_a_collection_in_its_own_layout_is_fetched_and_registered(published, own_folders, name):
    published(name)
    _, images, root = CONTENT[name]
    path = retrieval.fetch(name)
    assert path == public(own_folders) / name / root
    assert names(public(own_folders)) == {name}
    dataset = datasets.load(name)
    assert dataset.layout == collections.get(name).layout
    assert len(dataset.table) == images
    assert retrieval.registered_at(name) == path


def test_progress_covers_downloading_unpacking_and_reading(published):
    published("kermany")
    seen = []
    retrieval.fetch("kermany", report=seen.append)
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages[:2] == ["downloading kermany.zip", "unpacking kermany.zip"]
    assert len(stages) >= 3


def test_an_existing_folder_is_neither_fetched_nor_changed(published, server):
    published("kermany")
    first = retrieval.fetch("kermany")
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert retrieval.fetch("kermany") == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == before
    assert len(server.asked) == 1


def test_another_folder_can_be_chosen(published, own_folders, tmp_path):
    published("kermany")
    assert retrieval.fetch("kermany", tmp_path / "big disk") == tmp_path / "big disk" / "kermany"
    assert not public(own_folders).exists()


def test_a_broken_download_goes_on_where_it_ended(published, server, own_folders):
    content = published("kermany")
    server.cuts = [1000]
    with pytest.raises(
        DatasetError, match=r"ended after 1,000 of .* and the next attempt resumes there"
    ):
        retrieval.fetch("kermany")
    assert names(public(own_folders)) == {".kermany.zip.part", ".kermany.zip.part.json"}
    retrieval.fetch("kermany")
    assert server.asked == [None, "bytes=1000-"]
    assert len(content) > 1000
    assert names(public(own_folders)) == {"kermany"}


def test_what_a_killed_process_left_half_unpacked_is_removed(published, own_folders):
    published("kermany")
    left = public(own_folders) / ".kermany.abcd1234" / "chest_xray"
    left.mkdir(parents=True)
    retrieval.fetch("kermany")
    assert names(public(own_folders)) == {"kermany"}


# --- by hand ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_put_there_by_hand_is_taken_and_kept(own_folders, suffix):
    folder = public(own_folders)
    folder.mkdir(parents=True)
    if suffix == ".zip":
        (folder / "radiography.zip").write_bytes(zipped(radiography()))
    else:
        with tarfile.open(folder / "radiography.tar.gz", "w:gz") as opened:
            for name, body in radiography().items():
                member = tarfile.TarInfo(name)
                member.size = len(body)
                opened.addfile(member, io.BytesIO(body))
    retrieval.fetch("radiography")
    assert len(datasets.load("radiography").table) == 8
    assert names(folder) == {"radiography", f"radiography{suffix}"}
    assert retrieval.archive_at("radiography") == folder / f"radiography{suffix}"


def test_a_folder_put_there_by_hand_is_registered_as_it_is(own_folders):
    for name, body in radiography().items():
        file = public(own_folders) / "radiography" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    retrieval.fetch("radiography")
    assert len(datasets.load("radiography").table) == 8


def test_what_the_publishers_own_tool_made_is_registered_where_it_is(
    tmp_path, monkeypatch, make_tiny_dataset
):
    dataset = make_tiny_dataset("made-by-tool")
    how = replace(collections.get("v7-covid").how, result=str(dataset))
    changed = replace(collections.get("v7-covid"), how=how, layout="folders")
    monkeypatch.setitem(collections.COLLECTIONS, "v7-covid", changed)
    assert retrieval.fetch("v7-covid") == dataset


@pytest.mark.parametrize("name", collections.COLLECTIONS)
def test_offline_each_says_what_to_download_where_to_put_it_and_how_to_go_on(name, own_folders):
    with pytest.raises(DatasetError) as error:
        retrieval.fetch(name)
    message, collection = str(error.value), collections.get(name)
    assert "\n" not in message
    assert collection.title in message
    assert collection.how.address in message
    assert str(public(own_folders) / name) in message
    assert f"`data fetch {name}`" in message
    assert names(public(own_folders)) == set()


def test_the_folder_that_was_chosen_is_named_in_what_to_do(tmp_path):
    with pytest.raises(DatasetError) as error:
        retrieval.fetch("kermany", tmp_path / "there")
    assert str(tmp_path / "there" / "kermany.zip") in str(error.value)
    assert f"`data fetch kermany --to {tmp_path / 'there'}`" in str(error.value)


def test_an_empty_folder_in_its_place_is_used_and_a_file_is_not(published, own_folders):
    published("kermany")
    place = public(own_folders) / "kermany"
    place.mkdir(parents=True)
    retrieval.fetch("kermany")
    datasets.forget("kermany")
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    place.rmdir()
    place.write_text("a file")
    with pytest.raises(DatasetError, match="is a file; the folder belongs there"):
        retrieval.fetch("kermany")
    assert place.read_text() == "a file"


def test_the_part_of_a_broken_download_goes_when_the_archive_comes_by_hand(
    published, server, own_folders
):
    content = published("kermany")
    server.cuts = [1000]
    with pytest.raises(DatasetError):
        retrieval.fetch("kermany")
    (public(own_folders) / "kermany.zip").write_bytes(content)
    retrieval.fetch("kermany")
    assert names(public(own_folders)) == {"kermany", "kermany.zip"}


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_address_that_does_not_answer_with_the_file_is_named(
    published, server, status, own_folders
):
    published("kermany")
    server.status = status
    with pytest.raises(DatasetError, match=f"answers {status} .*save it as .*kermany.zip"):
        retrieval.fetch("kermany")
    assert names(public(own_folders)) == set()


def test_a_wrong_checksum_leaves_nothing(published, own_folders):
    published("kermany", checksum="sha256:" + "0" * 64)
    with pytest.raises(DatasetError, match="arrived damaged"):
        retrieval.fetch("kermany")
    assert names(public(own_folders)) == set()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a zip at all", "damaged or not an archive"),
        (zipped({"a.png": b"1", "../evil.png": b"2"}), "leads out of the folder"),
        (zipped({"bomb.bin": bytes(40 << 20)}), "zip bomb"),
        (zipped({"inner.zip": zipped({"bomb.bin": bytes(40 << 20)})}), "zip bomb"),
        (
            zipped({"x/inner.zip": zipped({"../../evil.png": b"2"})}),
            r"kermany\.zip holds inner\.zip, which holds .* leads out of the folder",
        ),
    ],
)
def test_a_dangerous_archive_leaves_nothing_at_all(published, own_folders, content, words):
    published("kermany", content)
    with pytest.raises(DatasetError, match=words):
        retrieval.fetch("kermany")
    assert names(public(own_folders)) == set()
    assert not [path for path in own_folders.data.rglob("*") if "evil" in path.name]
    assert datasets.registered() == []


def test_a_bad_archive_put_there_by_hand_is_kept_for_its_owner_to_replace(own_folders):
    public(own_folders).mkdir(parents=True)
    (public(own_folders) / "kermany.zip").write_bytes(b"half a fi")
    with pytest.raises(DatasetError, match=r"kermany\.zip is damaged .* Replace it"):
        retrieval.fetch("kermany")
    assert names(public(own_folders)) == {"kermany.zip"}


def test_an_archive_of_something_else_is_explained(published):
    published("kermany", zipped({"readme.txt": b"moved"}))
    with pytest.raises(
        DatasetError, match=r"does not look like Chest X-Ray Images .*Remove the folder"
    ):
        retrieval.fetch("kermany")
    assert datasets.registered() == []


def test_a_registered_folder_that_is_missing_is_explained(
    published, own_folders, make_tiny_dataset
):
    published("kermany")
    folder = make_tiny_dataset("kermany")
    datasets.register("kermany", folder, "folders")
    assert retrieval.fetch("kermany") == folder
    folder.rename(folder.with_name("moved"))
    with pytest.raises(DatasetError, match="`data forget kermany`"):
        retrieval.fetch("kermany")


def test_ctrl_c_while_unpacking_keeps_the_archive_for_the_next_time(published, server, own_folders):
    def stop(progress):
        if progress.stage.startswith("unpacking"):
            raise KeyboardInterrupt

    published("kermany")
    with pytest.raises(KeyboardInterrupt):
        retrieval.fetch("kermany", report=stop)
    assert names(public(own_folders)) == {"kermany.zip"}
    retrieval.fetch("kermany")
    assert len(server.asked) == 1


def test_a_second_process_is_refused_while_another_fetches(own_folders):
    from filelock import FileLock

    (own_folders.data / ".locks").mkdir(parents=True)
    with (
        FileLock(own_folders.data / ".locks" / "fetch-kermany.lock"),
        pytest.raises(DatasetError, match="Another process is fetching kermany"),
    ):
        retrieval.fetch("kermany")


def test_a_place_that_cannot_be_written_is_explained(published, tmp_path):
    published("kermany")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="could not be written"):
        retrieval.fetch("kermany", tmp_path / "file")


# --- kagglehub ---------------------------------------------------------------------------------


@pytest.fixture
def kagglehub(monkeypatch):
    """A stand-in with the signature of kagglehub 1.0 that unpacks into its cache as that does."""
    hub, exceptions = types.ModuleType("kagglehub"), types.ModuleType("kagglehub.exceptions")
    hub.calls, hub.fault, hub.part, hub.found = [], None, b"", None

    class UnauthenticatedError(Exception):
        pass

    def dataset_download(
        handle: str,
        path: str | None = None,
        *,
        force_download: bool | None = False,
        output_dir: str | None = None,
    ) -> str:
        hub.calls.append(handle)
        print("Downloading Dataset")  # as kagglehub does, on standard output
        dataset = Path(os.environ["KAGGLEHUB_CACHE"]) / "datasets" / handle / "versions" / "5"
        archive = dataset.with_name("5.archive")
        if hub.part:
            hub.found = archive.read_bytes() if archive.exists() else None
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.write_bytes(hub.part)
        if hub.fault:
            raise hub.fault
        for name, body in radiography().items():
            (dataset / name).parent.mkdir(parents=True, exist_ok=True)
            (dataset / name).write_bytes(body)
        return str(dataset)

    exceptions.UnauthenticatedError = UnauthenticatedError
    hub.dataset_download, hub.exceptions = dataset_download, exceptions
    monkeypatch.setitem(sys.modules, "kagglehub", hub)
    monkeypatch.setitem(sys.modules, "kagglehub.exceptions", exceptions)
    return hub


def test_kagglehub_downloads_beside_and_the_result_is_moved_into_place(
    kagglehub, own_folders, capsys
):
    path = retrieval.fetch("radiography")
    assert kagglehub.calls == ["tawsifurrahman/covid19-radiography-database"]
    assert path == public(own_folders) / "radiography"
    assert names(public(own_folders)) == {"radiography"}
    assert len(datasets.load("radiography").table) == 8
    assert "KAGGLEHUB_CACHE" not in os.environ
    assert capsys.readouterr().out == ""


def test_a_kagglehub_cache_of_the_users_own_is_left_alone(kagglehub, monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "mine"))
    retrieval.fetch("radiography")
    assert os.environ["KAGGLEHUB_CACHE"] == str(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("kind", ["network", "login", "zip", "value"])
def test_what_goes_wrong_at_kaggle_is_one_line_with_what_to_do_by_hand(
    kagglehub, own_folders, kind
):
    kagglehub.fault = {
        "network": ConnectionError("Max retries exceeded"),
        "login": kagglehub.exceptions.UnauthenticatedError("403 Client Error.\n\nPlease log in"),
        "zip": zipfile.BadZipFile("File is not a zip file"),
        "value": ValueError("Invalid Kaggle credentials file"),
    }[kind]
    with pytest.raises(DatasetError) as error:
        retrieval.fetch("radiography")
    message = str(error.value)
    assert "\n" not in message
    assert f"Kaggle: {' '.join(str(kagglehub.fault).split())}" in message
    assert str(public(own_folders) / "radiography.zip") in message
    assert not (public(own_folders) / "radiography").exists()


def test_what_kagglehub_has_of_a_broken_download_is_kept_for_it(kagglehub, own_folders):
    kagglehub.fault, kagglehub.part = ConnectionError("reset"), b"half"
    with pytest.raises(DatasetError, match="Kaggle: reset; the part that was downloaded is kept"):
        retrieval.fetch("radiography")
    (part,) = [path for path in public(own_folders).rglob("*") if path.is_file()]
    assert part.name == "5.archive"
    kagglehub.fault = None
    retrieval.fetch("radiography")
    assert kagglehub.found == b"half"
    assert names(public(own_folders)) == {"radiography"}


def test_without_kagglehub_it_says_how_to_install_it():
    with pytest.raises(DatasetError, match=r"not installed \(`pip install kagglehub`\)"):
        retrieval.fetch("radiography")


def test_the_stand_in_has_the_signature_of_the_real_kagglehub(kagglehub, monkeypatch):
    ours = inspect.signature(kagglehub.dataset_download)
    for name in ("kagglehub", "kagglehub.exceptions"):
        monkeypatch.delitem(sys.modules, name)
    if importlib.util.find_spec("kagglehub") is None:
        pytest.skip("kagglehub is not installed; it is optional")
    real = importlib.import_module("kagglehub")
    assert str(inspect.signature(real.dataset_download)) == str(ours)
    assert issubclass(
        importlib.import_module("kagglehub.exceptions").UnauthenticatedError, Exception
    )
