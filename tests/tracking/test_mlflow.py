"""Runs on an MLflow server: what arrives, that it arrives once, and every way in which it cannot."""

import base64
import http.server
import json
import os
import re
import socket
import sys
import threading
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest

from cxrcore import cli, training
from cxrcore.errors import SettingsError, TrackingError
from cxrcore.jobs.context import Context
from cxrcore.jobs.model import JobSpec
from cxrcore.splits import SplitSpec
from cxrcore.tracking import mlflow
from cxrcore.tracking.server import Server
from cxrcore.work import training as training_work


def series(run: dict, key: str) -> list[tuple[int, float]]:
    return [(m["step"], m["value"]) for m in run["metrics"] if m["key"] == key]


# What arrives


def test_epochs_arrive_as_the_run_has_them(kept_run, stand_in):
    run = kept_run()
    done = mlflow.log_run(run, Server(stand_in.address))
    assert (done.new, done.warning) == (True, "")
    [logged] = stand_in.active
    assert done.address == f"{stand_in.address}/#/experiments/1/runs/{done.run_id}"
    assert set(stand_in.experiments) == {"the & big one"}
    assert logged["info"]["run_name"] == run.run_id
    assert logged["info"]["status"] == "FINISHED"
    history = run.history()
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"):
        expected = list(zip(history["epoch"], history[name], strict=True))
        assert series(logged, name) == expected
    # The last epoch ends with the run, each other one as long before as the later ones took.
    ended = pd.Timestamp(run.created).timestamp() * 1000
    times = [m["timestamp"] for m in logged["metrics"] if m["key"] == "loss"]
    assert times == [round(ended - 1000 * s) for s in (2.2 + 2.3 + 2.4 + 2.5, 7.2, 4.9, 2.5, 0)]
    assert logged["info"]["end_time"] - logged["info"]["start_time"] == 12_500


def test_figures_arrive_with_hand_computed_intervals(kept_run, stand_in):
    run = kept_run()
    mlflow.log_run(run, Server(stand_in.address))
    [logged] = stand_in.active
    # 8 of 10 and 3 of 4 right, Wilson's interval by its formula.
    for key, value in {
        "test/accuracy": 0.8,
        "test/accuracy_low": 0.490162,
        "test/accuracy_high": 0.943318,
        "test/recall/COVID _ 19": 0.75,
        "test/recall_low/COVID _ 19": 0.300642,
        "test/recall_high/COVID _ 19": 0.954413,
        "test/precision/Normal": 5 / 6,
        "test/leaking_images": 1,
        "validation/images": 10,
        "images_per_second": 33.0,
    }.items():
        assert series(logged, key) == [(5, pytest.approx(value, abs=1e-6))], key
    params, tags = logged["params"], logged["tags"]
    assert params["recipe"] == "cnn-plain"
    assert params["learning_rate"] == str(run.recipe.learning_rate)
    assert params["plateau.factor"] == str(run.recipe.plateau.factor)
    assert params["images.train"] == "70"
    assert params["split.group"] == "patient"
    assert tags["cxr.run_id"] == run.run_id
    assert tags["cxr.fingerprint"] == run.fingerprint
    assert tags["cxr.version.keras"] == "3"
    assert "Never for diagnosis" in tags["mlflow.note.content"]
    # Only signs that MLflow takes in names.
    names = {m["key"] for m in logged["metrics"]} | set(params)
    assert all(re.fullmatch(r"[\w./ -]+", name) for name in names)


def test_files_arrive_and_nothing_tells_of_single_images_or_this_machine(
    kept_run, stand_in, own_folders
):
    run = kept_run()
    done = mlflow.log_run(run, Server(stand_in.address))
    assert set(stand_in.files) == {
        f"1/{done.run_id}/{name}" for name in ("README.md", "figures.json", "history.csv")
    }
    assert (
        stand_in.files[f"1/{done.run_id}/history.csv"] == (run.folder / "history.csv").read_bytes()
    )
    everything = repr(stand_in.files) + json.dumps(stand_in.kept) + json.dumps(stand_in.headers)
    for secret in ("patient-7", "patient-8", "/secret", str(own_folders.models)):
        assert secret not in everything
    assert {name for name in stand_in.active[0]["tags"] if name.startswith("mlflow.")} == {
        "mlflow.source.name",
        "mlflow.note.content",
    }


def test_mlflow_does_not_report_its_use_to_its_makers(monkeypatch):
    from mlflow.telemetry import utils

    monkeypatch.setattr(utils, "_IS_IN_CI_ENV_OR_TESTING", False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    assert not utils.is_telemetry_disabled()
    Server("http://127.0.0.1:5000")
    assert utils.is_telemetry_disabled()


def test_settings_of_the_user_are_as_before_after_a_call(stand_in, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    Server(stand_in.address).experiment("x")
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_without_the_package_a_training_ends_well_and_says_what_to_install(
    kept_run, stand_in, monkeypatch
):
    run = kept_run()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stand_in.address)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    message = mlflow.log_finished(run)
    assert "mlflow-skinny is not installed" in message
    assert "pip install -r requirements-mlflow.txt" in message
    assert stand_in.calls == []


def test_classes_whose_names_are_alike_but_for_signs_stay_apart():
    assert mlflow._keys(["a|b", "a/b", "a b"]) == ["a_b", "a_b 1", "a b"]


def test_long_trainings_arrive_in_several_parts(kept_run, stand_in):
    row = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
    row |= {"learning_rate": 1e-3, "seconds": 1.0}
    run = kept_run(history=[{"epoch": epoch, **row} for epoch in range(1, 401)])
    mlflow.log_run(run, Server(stand_in.address))
    [logged] = stand_in.active
    assert [step for step, _ in series(logged, "seconds")] == list(range(1, 401))


def test_imported_weights_arrive_without_epochs(kept_run, stand_in):
    run = kept_run(history=[], imported="team.h5 (0000)", leaks=None)
    mlflow.log_run(run, Server(stand_in.address))
    [logged] = stand_in.active
    assert series(logged, "loss") == []
    assert series(logged, "test/accuracy") == [(0, 0.8)]
    assert logged["tags"]["cxr.imported"] == "team.h5 (0000)"


# Once


def test_a_run_that_is_there_is_not_logged_again(kept_run, stand_in):
    run = kept_run()
    first = mlflow.log_run(run, Server(stand_in.address))
    stand_in.calls.clear()
    again = mlflow.log_run(run, Server(stand_in.address))
    assert (again.run_id, again.new) == (first.run_id, False)
    assert stand_in.calls == ["experiments/get-by-name", "runs/search"]
    # The same recipe trained anew is another training, and is kept beside the first.
    later = run.model_copy(update={"created": "2030-01-01T00:00:00+00:00"})
    assert mlflow.log_run(later, Server(stand_in.address)).new
    assert len(stand_in.active) == 2


@pytest.mark.parametrize("call", ["runs/log-batch", "upload", "runs/update"])
def test_what_broke_off_is_logged_anew_and_stands_there_once(kept_run, stand_in, call):
    run = kept_run()
    stand_in.fails = {call}
    with pytest.raises(TrackingError, match="has a problem: too many 500 error responses"):
        mlflow.log_run(run, Server(stand_in.address))
    [broken] = stand_in.kept
    stand_in.kept[broken]["info"]["status"] = "RUNNING"  # a failed update changed nothing
    stand_in.fails = set()
    assert mlflow.log_run(run, Server(stand_in.address)).new
    [logged] = stand_in.active
    assert logged["info"]["run_id"] != broken
    assert len(series(logged, "loss")) == 5


def test_the_model_goes_there_only_when_asked_for(kept_run, stand_in):
    run = kept_run()
    mlflow.log_run(run, Server(stand_in.address))
    assert not any(name.endswith("model.keras") for name in stand_in.files)
    done = mlflow.log_run(run, Server(stand_in.address), with_model=True)
    assert stand_in.files[f"1/{done.run_id}/model.keras"] == b"a model"


def test_a_server_that_takes_no_files_gets_the_rest_and_it_is_said(kept_run, stand_in):
    stand_in.artifacts = "s3://bucket/"
    done = mlflow.log_run(kept_run(), Server(stand_in.address))
    assert "files were left out" in done.warning
    assert stand_in.files == {}
    assert stand_in.active[0]["info"]["status"] == "FINISHED"


# Every way in which it cannot


def test_after_a_training_nothing_is_raised_and_the_way_out_is_told(
    kept_run, stand_in, monkeypatch
):
    run = kept_run()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert mlflow.log_finished(run) == ""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://me:hidden@127.0.0.1:{free.getsockname()[1]}"
    for address, why in (
        (closed, "cannot be reached"),
        ("sqlite:///runs.db", "must be the address of an MLflow server"),
        (stand_in.address, "too many 500 error responses"),
    ):
        stand_in.fails = {"runs/search"}
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        said = mlflow.log_finished(run)
        assert said.startswith("Not logged to MLflow: ")
        assert why in said
        assert "hidden" not in said
        assert f"`python -m cxrcore track {run.run_id}` tries again" in said
    assert stand_in.calls.count("runs/search") == 1  # no retries: a training waits for this
    stand_in.fails = set()
    assert mlflow.log_finished(run).startswith(f"Logged to MLflow: {stand_in.address}/#/")


def test_a_damaged_run_is_not_logged_and_not_raised_after_a_training(
    kept_run, stand_in, monkeypatch
):
    run = kept_run()
    (run.folder / "history.csv").write_text("other")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stand_in.address)
    assert "is not the file that was saved" in mlflow.log_finished(run)


def test_a_server_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TrackingError, match="cannot be reached: Read timed out"):
            Server(address, timeout=1).experiment("x")


def test_a_server_that_is_slow_in_all_is_given_up(stand_in):
    with pytest.raises(TrackingError, match="answers too slowly"):
        Server(stand_in.address, patience=-1.0).experiment("x")
    assert stand_in.calls == []


def test_an_experiment_that_was_deleted_there_is_named(stand_in):
    stand_in.experiments["x"] = {"experiment_id": "1", "lifecycle_stage": "deleted"}
    with pytest.raises(TrackingError, match=r"'x' was deleted on .* Restore it"):
        Server(stand_in.address).experiment("x")


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Some other web server; /moved redirects to its welcome page."""

    seen: ClassVar[list[str]] = []

    def do_GET(self):
        self.seen.append(self.path.partition("/api")[0])
        self.send_response(302 if self.path.startswith("/moved") else 200)
        self.send_header("Location", "/welcome")
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("path", ["", "/moved"])
def test_another_web_server_is_recognised_and_redirections_are_not_followed(path, monkeypatch):
    monkeypatch.setattr(Elsewhere, "seen", [])
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        with pytest.raises(TrackingError, match=r"does not answer as an MLflow server"):
            Server(f"http://127.0.0.1:{server.server_port}{path}").experiment("x")
        server.shutdown()
        thread.join()
    assert Elsewhere.seen == [path]


@pytest.mark.parametrize(("code", "name"), [(401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED")])
def test_a_server_that_asks_for_a_password_is_quoted_with_what_to_set(
    stand_in, monkeypatch, code, name
):
    answer = code, {"error_code": name, "message": "not for you"}
    monkeypatch.setattr(stand_in, "experiments_get_by_name", lambda **_: answer)
    with pytest.raises(TrackingError, match=f"answers {name}: not for you. Set MLFLOW_TRACKING_US"):
        Server(stand_in.address).experiment("x")


def test_who_asks_is_told_and_never_shown(stand_in, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anna")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p%41ss")
    Server(stand_in.address).experiment("x")
    sent = stand_in.headers[-1]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"anna:p%41ss"
    named = Server(stand_in.address.replace("//", "//bob:s%40cret@"))
    assert named.address == stand_in.address
    named.experiment("x")
    sent = stand_in.headers[-1]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"bob:s@cret"


def test_a_token_that_cannot_be_sent_is_not_shown(stand_in, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc\ndef")
    with pytest.raises(
        TrackingError, match=r"characters that cannot be sent, such as a line break"
    ) as raised:
        Server(stand_in.address).experiment("x")
    assert "abc" not in str(raised.value)


def test_an_answer_of_any_shape_does_not_fail_a_training(kept_run, stand_in, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stand_in.address)
    monkeypatch.setattr(stand_in, "runs_search", lambda **_: (200, {"runs": 7}))
    assert "unexpected ParseError" in mlflow.log_finished(kept_run())


@pytest.mark.parametrize(
    "address", ["runs", "file:///runs", "http://", "http://[::1", "databricks"]
)
def test_an_address_that_is_none_is_named_with_what_to_do(address):
    with pytest.raises(SettingsError, match="must be the address of an MLflow server"):
        Server(address)


# Who is told


def test_a_training_job_ends_with_a_message_that_says_whether_mlflow_has_it(
    kept_run, stand_in, monkeypatch
):
    run = kept_run()
    monkeypatch.setattr(training, "train", lambda *_, **__: run)
    planned = SimpleNamespace(sweep=None, split=SplitSpec())
    monkeypatch.setattr(training.TrainSpec, "model_validate", lambda details: planned)
    spec = JobSpec(job_id=run.run_id, kind="train", title="a training")
    context = Context(spec, run.folder, status=None, stopped=lambda: False)
    ready = f"Run {run.run_id} is ready."
    assert training_work.run(context) == {"run_id": run.run_id, "message": ready}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stand_in.address)
    message = training_work.run(context)["message"]
    [number] = stand_in.kept
    page = f"{stand_in.address}/#/experiments/1/runs/{number}"
    assert message == f"{ready} Logged to MLflow: {page}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere")
    assert training_work.run(context)["message"].startswith(f"{ready} Not logged to MLflow: ")


# The command


@pytest.fixture
def track(monkeypatch, capfd):
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cxrcore", "track", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
            raise SystemExit(0)
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_the_command_logs_to_both_and_prints_one_json_object(
    kept_run, stand_in, monkeypatch, tmp_path, track
):
    run = kept_run()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stand_in.address)
    code, out, _ = track("--all", "--tensorboard", str(tmp_path / "boards"), "--model", "--json")
    assert code == 0
    [told] = json.loads(out)["tracked"]
    assert told["new"] is True
    assert told["tensorboard"] == str(tmp_path / "boards" / run.run_id)
    assert len(list((tmp_path / "boards" / run.run_id).iterdir())) == 1
    assert any(name.endswith("model.keras") for name in stand_in.files)
    code, out, _ = track(run.run_id)
    assert "was already there" in out


def test_the_command_says_what_is_missing(monkeypatch, stand_in, track):
    assert "Neither MLFLOW_TRACKING_URI nor CXR_TENSORBOARD is set" in track("x")[2]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stand_in.address)
    code, _, said = track()
    assert (code, "Name a run" in said) == (2, True)
    code, _, said = track("none-such")
    assert (code, "There is no run 'none-such'" in said) == (2, True)
