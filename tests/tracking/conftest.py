"""A stored run with a history, and an MLflow server of a few lines."""

import http.server
import json
import threading
import urllib.parse
import uuid
from collections.abc import Iterator

import pytest

from cxrcore import models, store
from tests.helpers.runs import kept, made_up

HISTORY = [
    {
        "epoch": epoch,
        "loss": 1 / (epoch + 2),
        "accuracy": 0.5 + epoch / 30,
        "val_loss": 1.1 / (epoch + 1),
        "val_accuracy": 0.4 + epoch / 30,
        "learning_rate": 1e-3 / epoch,
        "seconds": 2.0 + epoch / 10,
    }
    for epoch in range(1, 6)
]


@pytest.fixture
def kept_run():
    """Make a run in the store whose test figures are 8 of 10 right: 3 of 4 and 5 of 6."""

    def make(history=HISTORY, **changes: object) -> store.Run:
        values = {
            "recipe": models.get("cnn-plain").override(image_size=32).fast(),
            "dataset": "the & big one",
            "epochs_run": len(history),
        }
        run = made_up(**(values | changes))
        return kept(run, lambda path: path.write_bytes(b"a model"), history)

    return make


class StandIn:
    """What an MLflow server does with the calls of cxrcore, kept in memory.

    `fails` has calls that answer 500 from now on; `artifacts` is where runs keep their files.
    """

    def __init__(self) -> None:
        self.experiments: dict[str, dict] = {}
        self.kept: dict[str, dict] = {}
        self.files: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.fails: set[str] = set()
        self.artifacts = "mlflow-artifacts:/"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def active(self) -> list[dict]:
        return [run for run in self.kept.values() if run["info"]["lifecycle_stage"] == "active"]

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        url = urllib.parse.urlsplit(handler.path)
        self.headers.append(dict(handler.headers))
        if url.path.startswith("/api/2.0/mlflow-artifacts/artifacts/"):
            assert handler.command == "PUT"
            self.calls.append("upload")
            self.files[urllib.parse.unquote(url.path).rpartition("artifacts/")[2]] = body
            code, said = 200, {}
        else:
            call = url.path.removeprefix("/api/2.0/mlflow/")
            self.calls.append(call)
            values = json.loads(body) if body else dict(urllib.parse.parse_qsl(url.query))
            method = getattr(self, call.replace("/", "_").replace("-", "_"))
            code, said = method(**values)
        if self.calls[-1] in self.fails:
            code, said = 500, {"error_code": "INTERNAL_ERROR", "message": "no disk"}
        content = json.dumps(said).encode()
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def experiments_get_by_name(self, experiment_name):
        if experiment_name not in self.experiments:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}
        return 200, {"experiment": self.experiments[experiment_name]}

    def experiments_create(self, name, **_):
        number = str(len(self.experiments) + 1)
        self.experiments[name] = {"experiment_id": number, "lifecycle_stage": "active"}
        return 200, {"experiment_id": number}

    def runs_search(self, experiment_ids, filter, **_):
        wanted = [part.split(" = ") for part in filter.split(" and ")]
        found = [
            run
            for run in self.active
            if run["info"]["experiment_id"] in experiment_ids
            and all(run["tags"].get(k[6:-1]) == v.strip("'") for k, v in wanted)
        ]
        return 200, {"runs": [self.answered(run) for run in found]} if found else {}

    def runs_get(self, run_id, **_):
        return 200, {"run": self.answered(self.kept[run_id])}

    @staticmethod
    def answered(run):
        return {"info": run["info"]}

    def runs_create(self, experiment_id, run_name, start_time, tags, **_):
        number = uuid.uuid4().hex  # the client remembers where it wrote the files of a run
        info = {
            "run_id": number,
            "experiment_id": experiment_id,
            "run_name": run_name,
            "start_time": start_time,
            "status": "RUNNING",
            "lifecycle_stage": "active",
            "artifact_uri": f"{self.artifacts}{experiment_id}/{number}",
        }
        tags = {tag["key"]: tag["value"] for tag in tags}
        self.kept[number] = {"info": info, "tags": tags, "metrics": [], "params": {}}
        return 200, {"run": self.answered(self.kept[number])}

    def runs_log_batch(self, run_id, metrics=(), params=(), **_):
        assert len(metrics) <= 1000  # MLflow's own limits
        assert len(params) <= 100
        self.kept[run_id]["metrics"] += metrics
        self.kept[run_id]["params"] |= {pair["key"]: pair["value"] for pair in params}
        return 200, {}

    def runs_update(self, run_id, **changes):
        self.kept[run_id]["info"] |= changes
        return 200, {"run_info": self.kept[run_id]["info"]}

    def runs_delete(self, run_id, **_):
        self.kept[run_id]["info"]["lifecycle_stage"] = "deleted"
        return 200, {}


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()
