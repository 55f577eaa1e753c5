"""The connection to an MLflow server, through the optional package mlflow-skinny.

By itself that package tries for minutes to reach a server that is down, reports its use to its
makers, follows redirections with the password, and prints. None of this happens here.
"""

import contextlib
import os
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

from cxrcore.errors import SettingsError, TrackingError


class Server:
    """An MLflow server at an http(s) address.

    Credentials come from the address, from MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, or from MLFLOW_TRACKING_TOKEN. They never appear in messages.

    Args:
        address: as in MLFLOW_TRACKING_URI.
        timeout: whole seconds to wait for an answer before giving up a request.
        patience: seconds after which no further request is made; None for no limit.

    Raises:
        SettingsError: the address is not that of a server.
        TrackingError: mlflow-skinny is not installed.
    """

    def __init__(self, address: str, timeout: int = 5, patience: float | None = 30.0) -> None:
        try:
            parts = urllib.parse.urlsplit(address.strip())
            valid = parts.scheme in ("http", "https") and parts.hostname
        except ValueError:  # half an IPv6 address
            valid = None
        if not valid:
            raise SettingsError(
                "MLFLOW_TRACKING_URI must be the address of an MLflow server, such as "
                f"http://127.0.0.1:5000. It is {address!r}. Start one with `mlflow server`, or "
                "unset the variable; files and databases are not written directly."
            )
        host = parts.netloc.rpartition("@")[2]
        self.address = f"{parts.scheme}://{host}{parts.path}".rstrip("/")
        self._variables = {
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        }
        if parts.username:
            self._variables["MLFLOW_TRACKING_USERNAME"] = urllib.parse.unquote(parts.username)
            password = urllib.parse.unquote(parts.password or "")
            self._variables["MLFLOW_TRACKING_PASSWORD"] = password
        self._end = time.monotonic() + patience if patience is not None else float("inf")
        self._client = _client(self.address)

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """The result of a method of MlflowClient.

        Raises:
            TrackingError: the server is out of reach, too slow, refuses, or is not MLflow.
        """
        if time.monotonic() > self._end:
            raise TrackingError(f"{self.address} answers too slowly. Try again later.")
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            with _environment(self._variables):
                return getattr(self._client, method)(*args, **options)
        except (MlflowException, RequestException) as error:
            message = f"{self.address} {_problem(error)}"
        raise TrackingError(message)  # outside, because the error above may quote a token

    def experiment(self, name: str) -> str:
        """The id of the experiment of that name, created if necessary.

        Raises:
            TrackingError: as for `call`, or the experiment was deleted on the server.
        """
        for last_attempt in (False, True):
            found = self.call("get_experiment_by_name", name)
            if found is not None:
                break
            try:
                return str(self.call("create_experiment", name))
            except TrackingError:  # another run may have created it in the meantime
                if last_attempt:
                    raise
        if found.lifecycle_stage == "deleted":
            raise TrackingError(
                f"The experiment {name!r} was deleted on {self.address}. Restore it there "
                "(`mlflow experiments restore`) or remove it for good (`mlflow gc`)."
            )
        return str(found.experiment_id)


def _client(address: str) -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when mlflow is imported
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise TrackingError(
            "MLFLOW_TRACKING_URI is set, but the package mlflow-skinny is not installed. Install "
            "it with `pip install -r requirements-mlflow.txt`, or unset the variable."
        ) from error
    return MlflowClient(address)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while: mlflow-skinny takes its settings only from there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _problem(error: Exception) -> str:
    """What went wrong with a request, as the end of a sentence that begins with the address."""
    from mlflow.exceptions import MlflowException, RestException
    from requests.exceptions import HTTPError, RetryError

    cause = error if isinstance(error, OSError) else error.__cause__ or error.__context__
    if isinstance(cause, ValueError):
        return (
            "cannot be asked: the address, name, password or token of MLFLOW_TRACKING_… has "
            "characters that cannot be sent, such as a line break. Correct it."
        )
    if isinstance(cause, HTTPError | RetryError):
        return f"has a problem: {_last_part(cause)}. Look at the log of the server."
    if isinstance(cause, OSError):
        return f"cannot be reached: {_last_part(cause)}. Is the server running?"
    if isinstance(error, RestException):
        answer = f"answers {error.message.rstrip('.')}."
    else:
        answer = "does not answer as an MLflow server. Correct MLFLOW_TRACKING_URI."
    if isinstance(error, MlflowException) and error.get_http_status_code() in (401, 403):
        answer += (
            " Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        )
    return answer


def _last_part(error: Exception) -> str:
    """The innermost reason that requests and urllib3 give, without the objects around it."""
    reason = getattr(error.args[0] if error.args else error, "reason", None) or error
    return str(reason).partition("\n")[0].rpartition(": ")[2].rstrip(".)") or type(error).__name__
