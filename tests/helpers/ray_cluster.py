"""A real Ray cluster on this machine for as long as one process lives: a head and two nodes.

`python ray_cluster.py PID FILE [NODES]` starts it, writes the dashboard's address into FILE and ends the
cluster once the process PID is gone, however that ended. The head has no CPU, each node one.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cxrcore.errors import JobError
from cxrcore.jobs.ray.api import Api

RAY = Path(sys.executable).with_name("ray")
START_SECONDS = 240


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on, below those that the system gives out by itself."""
    for port in range(20_100 + os.getpid() % 8_000, 32_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                yield port


PORTS = free_ports()


def start(folder: str, *options: str) -> subprocess.Popen[bytes]:
    """One node; `--block` makes its processes end with it."""
    agent, grpc, environment = (next(PORTS) for _ in range(3))
    common = (
        f"--object-store-memory=80000000 --disable-usage-stats --include-log-monitor=false "
        f"--dashboard-agent-listen-port={agent} --dashboard-agent-grpc-port={grpc} "
        f"--runtime-env-agent-port={environment} --min-worker-port=0 --max-worker-port=0 --block"
    ).split()
    own = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "CXR_"))}
    own["RAY_NUM_REDIS_GET_RETRIES"] = "200"  # a second each
    with open(f"{folder}/{options[0].strip('-').split('=')[0]}.out", "ab") as out:
        return subprocess.Popen(
            [str(RAY), "start", *options, *common],
            stdout=out,
            stderr=out,
            env=own,
            start_new_session=True,  # Linux shares a busy processor between sessions
        )


class Nodes:
    """The nodes that were started; one that gives up on a busy machine is started again."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.started: list[tuple[subprocess.Popen[bytes], tuple[str, ...]]] = []
        self.deadline = time.monotonic() + START_SECONDS

    def add(self, *options: str) -> None:
        """Start one more."""
        self.started.append((start(self.folder, *options), options))

    def until(self, api: Api, count: int) -> None:
        """Wait until so many are there."""
        while time.monotonic() < self.deadline:
            with contextlib.suppress(JobError):
                if len(api.nodes()) >= count:
                    return
            for number, (process, options) in enumerate(self.started):
                if process.poll() is not None:  # Ray waits no more than 30 s for its own parts
                    self.started[number] = start(self.folder, *options), options
            time.sleep(0.3)
        logs = [path.read_text()[-2000:] for path in Path(self.folder).glob("*.out")]
        raise SystemExit(f"The cluster did not come up in {START_SECONDS} s: {logs}")


def serve(owner: int, told: Path, count: int = 2) -> None:
    """Run the cluster until the process `owner` is gone."""
    # Sockets in it have names of 100 letters at most.
    folder = tempfile.mkdtemp(prefix="cxr-ray-")
    port, dashboard, client = (next(PORTS) for _ in range(3))
    nodes = Nodes(folder)
    api = Api(f"http://127.0.0.1:{dashboard}")
    try:
        head = f"--port={port} --dashboard-port={dashboard} --dashboard-host=127.0.0.1"
        head += f" --ray-client-server-port={client} --temp-dir={folder} --num-cpus=0"
        nodes.add("--head", *head.split())
        nodes.until(api, 1)
        for _ in range(count):
            nodes.add(f"--address=127.0.0.1:{port}", "--num-cpus=1")
        nodes.until(api, 1 + count)
        new = told.with_suffix(".new")
        new.write_text(api.address)
        new.rename(told)
        while psutil.pid_exists(owner):
            time.sleep(0.5)
    finally:
        end([process for process, _ in nodes.started], folder)
        shutil.rmtree(folder, ignore_errors=True)


def end(started: list[subprocess.Popen[bytes]], folder: str) -> None:
    """End the nodes and all that they started; it is known by the cluster's folder."""
    members = []
    for process in reversed(started):
        if process.poll() is None:
            leader = psutil.Process(process.pid)
            members += [leader, *leader.children(recursive=True)]
            leader.terminate()
    psutil.wait_procs(members, timeout=10)
    for member in psutil.process_iter(["cmdline"]):
        if folder in " ".join(member.info["cmdline"] or ()) and member.pid != os.getpid():
            members.append(member)
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()  # psutil makes sure that the number is still that process
    psutil.wait_procs(members, timeout=10)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    serve(int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
