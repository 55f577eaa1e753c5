"""A stored run with a history, and an MLflow server of a few lines."""

import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from cxrcore import recipes, store
from cxrcore.evaluation import evaluate
from cxrcore.splits import Leak, Leaks, SplitSpec

CLASSES = ["COVID | 19", "Normal"]
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
        truth = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
        second = np.array([0.1, 0.2, 0.3, 0.6, 0.9, 0.8, 0.7, 0.6, 0.4, 0.9])
        metrics = evaluate(truth, np.stack([1 - second, second], axis=1), CLASSES)
        leak = Leak(image_id="patient-8", partner="patient-9", why="duplicate")
        values = {
            "run_id": "cnn-plain-0123abcd",
            "recipe": recipes.get("cnn-plain").override(image_size=32).fast(),
            "dataset": "the & big one",
            "dataset_path": "/secret/place",
            "fingerprint": "f" * 16,
            "classes": CLASSES,
            "split": SplitSpec(),
            "split_counts": {"train": 70, "validation": 9, "test": 10},
            "group_key": "patient",
            "patients_known": 0.5,
            "split_note": "Split by patient.",
            "weights_used": "random",
            "removed": [{"image_id": "patient-7", "path": "x/patient-7.png", "reason": "flat"}],
            "versions": {"keras": "3"},
            "device": "CPU",
            "precision": "float32",
            "seconds": 12.5,
            "images_per_second": 33.0,
            "peak_memory_mb": 700.0,
            "parameters": 1234,
            "epochs_run": len(history),
            "stopped_because": "all epochs are done",
            "metrics": {"validation": metrics, "test": metrics},
            "leaks": Leaks(
                test_images=10, found=(leak,), patients_known=0.5, duplicates_searched=True
            ),
            "notes": ["A note."],
        }
        run = store.Run(**(values | changes))
        row = {"image_id": "i", "path": "i.png", "split": "test", "label": "a", "predicted": "a"}
        row |= {f"p_{name}": 0.5 for name in run.classes}
        table = pd.DataFrame(history, columns=list(store.HISTORY_COLUMNS))
        return store.save(
            run,
            lambda path: path.write_bytes(b"a model"),
            pd.DataFrame([row]),
            table,
            np.zeros((1, 2)),
            "log",
        )

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

    def experiments_create(self, name):
        number = str(len(self.experiments) + 1)
        self.experiments[name] = {"experiment_id": number, "lifecycle_stage": "active"}
        return 200, {"experiment_id": number}

    def runs_search(self, experiment_ids, filter, max_results):
        wanted = [part.split(" = ") for part in filter.split(" and ")]
        found = [
            run
            for run in self.active
            if run["info"]["experiment_id"] in experiment_ids
            and all(run["tags"].get(k[6:-1]) == v.strip("'") for k, v in wanted)
        ]
        return 200, {"runs": found} if found else {}

    def runs_create(self, experiment_id, run_name, start_time, tags):
        number = f"r{len(self.kept)}"
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
        return 200, {"run": self.kept[number]}

    def runs_log_batch(self, run_id, metrics=(), params=()):
        assert len(metrics) <= 1000  # MLflow's own limits
        assert len(params) <= 100
        self.kept[run_id]["metrics"] += metrics
        self.kept[run_id]["params"] |= {pair["key"]: pair["value"] for pair in params}
        return 200, {}

    def runs_update(self, run_id, **changes):
        self.kept[run_id]["info"] |= changes
        return 200, {}

    def runs_delete(self, run_id):
        self.kept[run_id]["info"]["lifecycle_stage"] = "deleted"
        return 200, {}


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()
