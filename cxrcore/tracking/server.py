"""An MLflow tracking server, by the few calls of its REST API that logging a run needs.

Not by the package `mlflow-skinny` (3.17 fits the versions here): that is 40 packages and 110 MB for
nine calls, and left to itself it tries for minutes to reach a server that is gone.

Source: https://mlflow.org/docs/latest/rest-api.html
"""

import base64
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from cxrcore import __version__
from cxrcore.errors import SettingsError, TrackingError

_API = "/api/2.0/mlflow/"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
_LARGEST_ANSWER = 1 << 24  # bytes; what is asked for here is answered in a few kB
# Limits of one runs/log-batch.
_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 900, 90


class Refused(TrackingError):  # noqa: N818 (never leaves this module under its own name)
    """The server answered, and said no; `code` is MLflow's name for why, or ""."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Server:
    """A tracking server at an http(s) address.

    Args:
        address: as in MLFLOW_TRACKING_URI.
        timeout: seconds without any answer after which a request is given up.
        patience: seconds after which no further request is begun; None for no end.

    Who asks is taken from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or
    MLFLOW_TRACKING_TOKEN, where they are set.

    Raises:
        SettingsError: the address is not one of a server.
    """

    def __init__(self, address: str, timeout: float = 5.0, patience: float | None = 30.0) -> None:
        try:
            parts = urllib.parse.urlsplit(address.strip())
            sound = parts.scheme in ("http", "https") and parts.hostname
        except ValueError:  # half an IPv6 address
            sound = None
        if not sound:
            raise SettingsError(
                "MLFLOW_TRACKING_URI must be the address of an MLflow server, such as "
                f"http://127.0.0.1:5000. It is {address!r}. Start one by `mlflow server`, or unset "
                "the variable; files and databases are not written directly."
            )
        host = parts.netloc.rpartition("@")[2]  # a password in the address is never shown
        self.address = f"{parts.scheme}://{host}{parts.path}".rstrip("/")
        self._who = _authorization(parts)
        self._timeout = timeout
        self._ends = time.monotonic() + patience if patience is not None else float("inf")

    def experiment(self, name: str) -> str:
        """The id of the experiment of that name; it is made where there is none.

        Raises:
            TrackingError: also where the experiment was deleted on the server.
        """
        query = urllib.parse.urlencode({"experiment_name": name})
        for _ in range(2):
            try:
                found = self._call(f"experiments/get-by-name?{query}")
            except Refused as error:
                if error.code != "RESOURCE_DOES_NOT_EXIST":
                    raise
            else:
                experiment = _part(found, "experiment")
                if experiment.get("lifecycle_stage") == "deleted":
                    raise TrackingError(
                        f"The experiment {name!r} was deleted on {self.address}. Restore it there "
                        "(`mlflow experiments restore`) or remove it for good (`mlflow gc`)."
                    )
                return str(_part(experiment, "experiment_id"))
            try:
                made = self._call("experiments/create", {"name": name})
            except Refused as error:
                if error.code != "RESOURCE_ALREADY_EXISTS":  # another run made it just now
                    raise
            else:
                return str(_part(made, "experiment_id"))
        raise TrackingError(f"{self.address} neither finds nor makes the experiment {name!r}.")

    def runs(self, experiment_id: str, tags: dict[str, str]) -> list[dict[str, Any]]:
        """The `info` of the experiment's runs that have all these tags; values without quotes."""
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        body = {"experiment_ids": [experiment_id], "filter": wanted, "max_results": 100}
        return [_part(run, "info") for run in self._call("runs/search", body).get("runs", [])]

    def create(self, **values: Any) -> dict[str, Any]:
        """The `info` of a new run."""
        info: dict[str, Any] = _part(_part(self._call("runs/create", values), "run"), "info")
        return info

    def log(self, run_id: str, metrics: list[dict[str, Any]], params: dict[str, str]) -> None:
        """Add metrics ({key, value, step, timestamp in ms}) and parameters to a run."""
        pairs = [{"key": key, "value": value} for key, value in params.items()]
        for start in range(0, len(pairs), _PARAMS_AT_ONCE):
            part = pairs[start : start + _PARAMS_AT_ONCE]
            self._call("runs/log-batch", {"run_id": run_id, "params": part})
        for start in range(0, len(metrics), _METRICS_AT_ONCE):
            part = metrics[start : start + _METRICS_AT_ONCE]
            self._call("runs/log-batch", {"run_id": run_id, "metrics": part})

    def finish(self, run_id: str, end_time: int) -> None:
        """Mark a run as whole; `end_time` in milliseconds since 1970."""
        body = {"run_id": run_id, "status": "FINISHED", "end_time": end_time}
        self._call("runs/update", body)

    def delete(self, run_id: str) -> None:
        """Delete a run; the server can restore it."""
        self._call("runs/delete", {"run_id": run_id})

    def upload(self, artifact_uri: str, name: str, content: bytes | Path) -> bool:
        """Put a file beside a run.

        Returns:
            False where the server does not take files itself (`--no-serve-artifacts`): they
            would go to a store of its own, which cannot be written from here.
        """
        uri = urllib.parse.urlsplit(artifact_uri)
        if uri.scheme != "mlflow-artifacts":
            return False
        path = _ARTIFACTS + urllib.parse.quote(f"{uri.path.strip('/')}/{name}")
        if isinstance(content, bytes):
            self._ask("PUT", path, content, {"Content-Type": "application/octet-stream"})
            return True
        with open(content, "rb") as file:
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(content.stat().st_size),
            }
            self._ask("PUT", path, file, headers)
        return True

    def _call(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to one call: GET without a body, else POST."""
        data, headers, method = None, {}, "GET"
        if body is not None:
            data, method = json.dumps(body, allow_nan=False).encode(), "POST"
            headers["Content-Type"] = "application/json"
        content = self._ask(method, _API + call, data, headers)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise self._not_mlflow() from error
        if not isinstance(answer, dict):
            raise self._not_mlflow()
        return answer

    def _ask(self, method: str, path: str, data: Any, headers: dict[str, str]) -> bytes:
        if time.monotonic() > self._ends:
            raise TrackingError(f"{self.address} answers too slowly. Try again later.")
        # http or https, see __init__; the address is the user's own setting.
        request = urllib.request.Request(  # noqa: S310
            self.address + path, data=data, headers=headers, method=method
        )
        request.add_header("User-Agent", f"cxrcore/{__version__}")
        if self._who:  # not to where a redirection may lead
            request.add_unredirected_header("Authorization", self._who)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                content: bytes = answer.read(_LARGEST_ANSWER)
                return content
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except ValueError as error:  # not shown, since it cites the header with the password
            raise TrackingError(
                f"{self.address} cannot be asked: the address, or the name, password or token of "
                "MLFLOW_TRACKING_…, has signs that cannot be sent, such as a line break. Correct it."
            ) from error
        except (http.client.HTTPException, OSError) as error:  # URLError is an OSError
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise TrackingError(
                f"{self.address} cannot be reached: {reason}. Is the server running?"
            ) from error

    def _refusal(self, error: urllib.error.HTTPError) -> Refused:
        try:
            said = json.loads(error.read(_LARGEST_ANSWER))
            code, message = str(said["error_code"]), str(said.get("message", ""))
        except (http.client.HTTPException, OSError, ValueError, KeyError, TypeError):
            code, message = "", f"{error.reason}."
            if error.code == 404:
                message += " It may be no MLflow server; check MLFLOW_TRACKING_URI."
        if error.code in (401, 403):
            message += (
                " Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN."
            )
        message = message if message.endswith(".") else f"{message}."
        return Refused(
            f"{self.address} answers {error.code} {code}".rstrip() + f": {message}", code
        )

    def _not_mlflow(self) -> TrackingError:
        return TrackingError(
            f"{self.address} does not answer as an MLflow server. Correct MLFLOW_TRACKING_URI."
        )


def _authorization(parts: urllib.parse.SplitResult) -> str:
    """The header that says who asks, or ""."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if parts.username:
        name = urllib.parse.unquote(parts.username)
        password = urllib.parse.unquote(parts.password or "")
    if name:
        return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else ""


def _part(answer: Any, name: str) -> Any:
    try:
        return answer[name]
    except (KeyError, TypeError) as error:
        raise TrackingError(f"The answer of the MLflow server has no {name!r}.") from error
