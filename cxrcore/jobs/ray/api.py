"""Client of the HTTP interface of Ray's job server; needs no Ray.

Ray's own client would double the memory of the dashboard's server. The interface:
https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html; the nodes
come from the state interface of the same server.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrcore.errors import JobError

SECONDS = 5.0  # until a silent cluster counts as unreachable

_ENDED = ("STOPPED", "SUCCEEDED", "FAILED")


class Unreachable(JobError):  # noqa: N818
    """No cluster answers."""


class DuplicateSubmission(JobError):  # noqa: N818
    """The cluster has a job of that id."""


@dataclass(frozen=True)
class RayJob:
    """One job as Ray reports it. `status` is PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""

    status: str
    message: str
    error_type: str
    exit_code: int | None

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.status in _ENDED


@dataclass(frozen=True)
class Node:
    """The resources of one living node, used or not."""

    cpus: float
    gpus: float
    memory_gb: float


@dataclass(frozen=True)
class Api:
    """The job server at `address`; every method raises Unreachable if nothing answers."""

    address: str
    seconds: float = SECONDS

    def submit(self, submission: str, entrypoint: str, **options: Any) -> None:
        """Submit a job.

        Args:
            submission: the id it gets.
            entrypoint: the shell command.
            options: further fields of Ray's submission, such as `runtime_env`.

        Raises:
            DuplicateSubmission: Ray has a job of that id already.
            JobError: the cluster cannot be reached or refuses the job.
        """
        wanted = {"submission_id": submission, "entrypoint": entrypoint, **options}
        self._call("POST", "/api/jobs/", wanted)

    def jobs(self) -> dict[str, RayJob]:
        """All jobs submitted since the cluster was started, by id."""
        rows = self._call("GET", "/api/jobs/")
        with self._ray_format():
            return {row["submission_id"]: _ray_job(row) for row in rows if row.get("submission_id")}

    def job(self, submission: str) -> RayJob | None:
        """One job; None if the cluster knows none of that id."""
        row = self._call("GET", f"/api/jobs/{submission}", missing=None)
        with self._ray_format():
            return None if row is None else _ray_job(row)

    def stop(self, submission: str) -> None:
        """End a job, if there is one: its processes get SIGTERM and 3 s later SIGKILL."""
        self._call("POST", f"/api/jobs/{submission}/stop", missing=None)

    def log(self, submission: str) -> str:
        """What Ray has of a job's output."""
        found = self._call("GET", f"/api/jobs/{submission}/logs", missing={})
        with self._ray_format():
            return str(found.get("logs") or "")

    def nodes(self) -> list[Node]:
        """The nodes that are alive."""
        answer = self._call("GET", "/api/v0/nodes?detail=True&limit=1000")
        with self._ray_format():
            rows = answer["data"]["result"]["result"]
            return [_node(row["resources_total"]) for row in rows if row["state"] == "ALIVE"]

    @contextlib.contextmanager
    def _ray_format(self) -> Iterator[None]:
        """Turn errors of reading JSON that is not Ray's into Unreachable."""
        try:
            yield
        except (TypeError, KeyError, AttributeError) as error:
            raise self._unreachable("what answers there is not a job server of Ray") from error

    def _call(self, method: str, path: str, body: Any = None, **missing: Any) -> Any:
        """The JSON that the server answers with; `missing=` is returned for "not found"."""
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import ProxyHandler, Request, build_opener

        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **_authorization()}
        request = Request(f"{self.address}{path}", data, headers, method=method)  # noqa: S310 (http by settings)
        try:
            # No proxy: one that leads to the internet does not know the cluster.
            with build_opener(ProxyHandler({})).open(request, timeout=self.seconds) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            if error.code == 404 and "missing" in missing:
                return missing["missing"]
            raise self._refused(error.code, text) from error
        except (OSError, ValueError) as error:  # URLError is an OSError; no JSON a ValueError
            reason = getattr(error, "reason", None) or error
            raise self._unreachable(getattr(reason, "strerror", None) or reason) from error
        except HTTPException as error:  # no HTTP at all: the port is another one's, as Ray's 6379
            raise self._unreachable("what answers there does not speak HTTP") from error

    def _refused(self, code: int, text: str) -> JobError:
        if "already exists" in text:
            return DuplicateSubmission("Ray has a job of that id already. Submit it under another.")
        if code in (401, 403):
            return JobError(
                f"The Ray cluster at {self.address} did not accept the token, or got none "
                f"({code}). Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, as on its nodes."
            )
        if code == 404:
            return JobError(
                f"What answers at {self.address} is not a job server of Ray (404). Set "
                "CXR_RAY_ADDRESS to the address that `ray start --head` prints for the dashboard."
            )
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return JobError(
            f"The Ray cluster at {self.address} refused ({code}): {(lines or ['no reason'])[-1]:.300} "
            "Look at its dashboard, and try again."
        )

    def _unreachable(self, reason: object) -> Unreachable:
        return Unreachable(
            f"No Ray cluster answers at {self.address}: {reason}. Start it with `ray start --head`, "
            "set CXR_RAY_ADDRESS to the address of its dashboard, or unset it to work on this machine."
        )


def _ray_job(row: Mapping[str, Any]) -> RayJob:
    return RayJob(
        status=str(row.get("status")),
        message=str(row.get("message") or ""),
        error_type=str(row.get("error_type") or ""),
        exit_code=row.get("driver_exit_code"),
    )


def _node(total: Mapping[str, float]) -> Node:
    return Node(total.get("CPU", 0.0), total.get("GPU", 0.0), total.get("memory", 0.0) / 1e9)


def _authorization() -> dict[str, str]:
    """The header for a cluster with tokens; the token is where Ray looks for it."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return {}
    token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    if not token:
        place = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
        try:
            token = Path(place).expanduser().read_text().strip()
        except OSError as error:
            raise JobError(
                f"RAY_AUTH_MODE is token, but RAY_AUTH_TOKEN is not set and {place} cannot be read: "
                f"{error.strerror}. Make a token with `ray get-auth-token --generate`."
            ) from error
    if not (token.isascii() and token.isprintable()):  # never cited: it opens all nodes
        raise JobError(
            "The token for the Ray cluster (RAY_AUTH_TOKEN, or its file) is not one line of plain "
            "characters. Copy it again from where Ray made it."
        )
    return {"Authorization": f"Bearer {token}"}
