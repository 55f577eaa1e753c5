import hashlib
import http.server
import inspect
import re
import socket
import threading
import time
from pathlib import Path

import keras
import pytest
from keras.src.applications import resnet

from cxrcore import downloads
from cxrcore.errors import WeightsError
from cxrcore.models import RECIPES, pretrained, registry
from cxrcore.models.keras_table import FAMILIES

CONTENT = bytes(range(256)) * 12_000  # about 3 MB: more than one read
MD5 = hashlib.md5(CONTENT).hexdigest()
NAME = "net.h5"


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by the last part of the address, so that each test names its mishap."""

    requests = 0

    def do_GET(self):
        type(self).requests += 1
        case = self.path.rsplit("/", 1)[-1]
        if case == "gone":
            self.send_error(404)
            return
        if case == "slow":
            time.sleep(1)
        self.send_response(200)
        if case != "unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        end = len(CONTENT) // 2 if case == "cut" else len(CONTENT)
        body = CONTENT[:end] if case != "other" else bytes(end)
        try:
            self.wfile.write(body)
        except ConnectionError:
            assert case == "slow"  # the client has given up by then

    def log_message(self, *_):
        pass


def add(monkeypatch, address, md5):
    source = pretrained.Source("net", NAME, address, list, md5)
    monkeypatch.setitem(registry.models().sources, "net", source)


@pytest.fixture
def source(monkeypatch, tmp_path):
    """Makes 'net' a known kind whose address is a server on this machine."""
    Server.requests = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def make(case="fine", md5=MD5):
        address = f"http://127.0.0.1:{server.server_port}/{case}"
        add(monkeypatch, address, md5)
        return address

    yield make
    server.shutdown()
    server.server_close()


def put(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(content)
    return folder / NAME


def test_a_file_in_the_weights_folder_is_used_without_a_request(source, own_folders):
    source()
    assert not pretrained.available("net")
    file = put(own_folders.data / "weights")
    assert pretrained.available("net")
    assert pretrained.locate("net") == file
    assert Server.requests == 0


def test_a_file_in_keras_own_cache_is_used_where_it_is(source, tmp_path):
    source()
    file = put(tmp_path / "keras" / "models")
    assert pretrained.locate("net", download=False) == file
    assert Server.requests == 0


def test_the_weights_folder_comes_before_keras_cache(source, own_folders, tmp_path):
    source()
    put(tmp_path / "keras" / "models", b"never read")
    file = put(own_folders.data / "weights")
    assert pretrained.locate("net") == file


@pytest.mark.parametrize("case", ["fine", "unsized"])
def test_a_missing_file_is_downloaded_once_with_progress(source, own_folders, case):
    source(case)
    seen = []
    file = pretrained.locate("net", report=seen.append)
    assert file == own_folders.data / "weights" / NAME
    assert file.read_bytes() == CONTENT
    assert [p.name for p in file.parent.iterdir()] == [NAME]
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert len(seen) > 1
    assert (seen[-1].done, seen[-1].share) == (len(CONTENT), 1.0)
    assert NAME in seen[0].stage
    assert pretrained.locate("net") == file
    assert Server.requests == 1


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("cut", "the connection ended after 1,536,000 of 3,072,000 bytes"),
        ("other", "arrived damaged"),
        ("gone", "answers 404"),
        ("slow", "timed out"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_how_to_go_on(
    source, own_folders, monkeypatch, case, reason
):
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.3)
    address = source(case)
    with pytest.raises(WeightsError) as error:
        pretrained.locate("net")
    message = str(error.value)
    assert reason in message
    for part in (NAME, address, str(own_folders.data / "weights"), "--weights random"):
        assert part in message
    assert list((own_folders.data / "weights").iterdir()) == []


def test_without_a_network_the_message_says_how_to_go_on(source, own_folders, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    source()
    add(monkeypatch, address, "0" * 32)
    with pytest.raises(WeightsError, match=rf"{NAME}.*could not be downloaded.*--weights random"):
        pretrained.locate("net")


def test_an_interrupted_download_leaves_nothing(source, own_folders):
    source()

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrained.locate("net", report=stop)
    assert list((own_folders.data / "weights").iterdir()) == []


def test_downloading_can_be_forbidden(source):
    source()
    with pytest.raises(WeightsError, match="has not been downloaded yet"):
        pretrained.locate("net", download=False)
    assert Server.requests == 0


def test_a_damaged_local_file_is_reported_and_neither_used_nor_replaced(source, own_folders):
    source()
    file = put(own_folders.data / "weights", b"half a fi")
    with pytest.raises(WeightsError, match=rf"{NAME} is damaged.*Delete it"):
        pretrained.locate("net")
    assert file.read_bytes() == b"half a fi"
    assert Server.requests == 0


def test_weights_without_a_published_checksum_are_never_downloaded(source):
    source(md5=None)
    with pytest.raises(WeightsError, match="fetched by hand"):
        pretrained.locate("net")
    assert Server.requests == 0


def test_chexnet_is_found_in_the_folder_or_explained(own_folders, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    name = "brucechou1983_CheXNet_Keras_0.3.0_weights.h5"
    with pytest.raises(WeightsError, match=r"github\.com/brucechou1983/CheXNet-Keras") as error:
        pretrained.locate("chexnet")
    for part in (name, str(own_folders.data / "weights"), "--weights random"):
        assert part in str(error.value)
    (own_folders.data / "weights").mkdir(parents=True)
    (own_folders.data / "weights" / name).write_bytes(b"anything")
    assert pretrained.locate("chexnet").name == name


def test_a_path_is_taken_as_it_is_and_a_wrong_one_is_explained(tmp_path):
    file = tmp_path / "mine.h5"
    file.write_bytes(b"x")
    assert pretrained.locate(str(file)) == file
    assert pretrained.available(str(file))
    assert not pretrained.available(str(tmp_path / "lost.h5"))
    with pytest.raises(
        WeightsError,
        match=r"lost\.h5.*neither a file nor one of .*imagenet:densenet121, .*imagenet:resnet50,",
    ):
        pretrained.locate(str(tmp_path / "lost.h5"))


@pytest.mark.parametrize("member", [m for f in FAMILIES for m in f.members], ids=lambda m: m.slug)
def test_addresses_and_checksums_are_those_of_the_installed_keras(member):
    module = inspect.getmodule(getattr(keras.applications, member.function))
    sources = inspect.getsource(module) + inspect.getsource(resnet)  # ResNetV2's are there
    text = "".join(re.findall(r"[\w.:/{}-]+", sources))  # without quotes and breaks
    ours = pretrained.SOURCES[f"imagenet:{member.slug}"]
    folder, _, name = ours.address.rpartition("/")
    assert f"{folder}/".replace("https://storage.googleapis.com", "") in text
    assert name.replace(".h5", "").endswith(("notop", "no_top", "no_top_v2", "no-top"))
    if ours.checksum is None:
        assert member.function in ("MobileNet", "MobileNetV2")
        assert "hash" not in inspect.getsource(module)
    else:
        assert ours.checksum.partition(":")[2] in text


def test_a_recipe_knows_what_it_needs():
    for recipe in RECIPES.values():
        assert bool(pretrained.kinds_of(recipe)) == (recipe.weights != "random")
    for name, kinds in {
        "chexnet": ("chexnet",),
        "chexnet-probe": ("chexnet",),
        "resnet50-masked": ("imagenet:resnet50",),
        "resnet50v2-xception": ("imagenet:resnet50v2", "imagenet:xception"),
    }.items():
        assert pretrained.kinds_of(RECIPES[name]) == kinds
    imagenet = RECIPES["chexnet"].override(weights="imagenet")
    assert pretrained.kinds_of(imagenet) == ("imagenet:densenet121",)
