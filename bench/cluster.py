"""How time grows on a Ray cluster: with images, with trainings and with nodes.

    python bench/cluster.py [--nodes 1 2] [--images 500 1000 2000] [--trainings 1 2 4]

For each number of nodes a cluster is started on this machine, with a head that has no CPU and
nodes that have one each, and an empty store. On synthetic images it is timed how long measuring a
dataset takes, an epoch of one training for each number of images, and several trainings at once
on the smallest dataset. Jobs are handed in as the dashboard does it; what is printed is the time
from that until the job is done, so with what Ray takes to begin.

Nodes beyond the cores of the machine share them, and then this says nothing about machines.
Needs requirements-cluster.txt.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common import synthetic

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
KEEPER = ROOT / "tests" / "helpers" / "ray_cluster.py"
Table = dict[str, dict[int, float]]


@contextmanager
def cluster(nodes: int, folder: Path) -> Iterator[str]:
    """The address of the dashboard of a cluster that lasts for the block."""
    told = folder / f"address-{nodes}"
    with (folder / "ray.out").open("ab") as out:
        keeper = subprocess.Popen(
            [sys.executable, str(KEEPER), str(os.getpid()), str(told), str(nodes)],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        while not told.exists():
            if keeper.poll() is not None:
                sys.exit(f"Ray did not start: {(folder / 'ray.out').read_text()[-2000:]}")
            time.sleep(0.2)
        yield told.read_text()
    finally:
        keeper.terminate()
        keeper.wait()


def timed(submit: Callable[[], object]) -> float:
    """Seconds from handing in until all jobs are done."""
    from cxrcore import jobs

    start = time.perf_counter()
    submit()
    while any(job.active for job in jobs.list_jobs()):
        time.sleep(0.2)
    failed = [f"{job.title}: {job.message}" for job in jobs.list_jobs() if job.state != "done"]
    if failed:
        sys.exit("\n".join(failed))
    return time.perf_counter() - start


def measure(options: argparse.Namespace, many: dict[int, Path]) -> Table:
    """All timings on the cluster that the environment names."""
    from cxrcore import datasets, models, store, training, work

    found = {count: datasets.register(f"many-{count}", path) for count, path in many.items()}
    table: Table = {"measuring": {}, "epoch": {}, "trainings": {}, "alone": {}}

    def spec(count: int, seed: int) -> training.TrainSpec:
        changes = {"image_size": options.size, "epochs": options.epochs, "seed": seed}
        return training.plan(models.get(options.recipe).override(**changes), found[count])

    for count in many:
        table["measuring"][count] = timed(lambda count=count: work.submit_index(f"many-{count}"))
    for count in many:
        one = spec(count, 0)
        timed(lambda one=one: work.submit_training(one))
        table["epoch"][count] = statistics.median(store.load_run(one.run_id).history()["seconds"])
    least = min(many)
    for number in options.trainings:
        specs = [spec(least, 100 * number + seed) for seed in range(number)]
        table["trainings"][number] = timed(
            lambda specs=specs: [work.submit_training(one) for one in specs]
        )
        runs = (store.load_run(one.run_id) for one in specs)
        table["alone"][number] = statistics.mean(run.seconds for run in runs)
    return table


def show(name: str, key: str, heads: str, tables: dict[int, Table]) -> None:
    """One table: a row for each number of nodes."""
    print(f"\n{name}")
    columns = list(next(iter(tables.values()))[key])
    print(f"{heads:>8}" + "".join(f"{column:10,}" for column in columns))
    for nodes, table in tables.items():
        print(f"{nodes:8}" + "".join(f"{table[key][column]:10.1f}" for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, nargs="+", default=[500, 1000, 2000])
    parser.add_argument("--trainings", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--recipe", default="cnn-plain")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    tables: dict[int, Table] = {}
    with tempfile.TemporaryDirectory(prefix="cxr-bench-cluster-") as name:
        folder = Path(name)
        many = {
            count: synthetic(folder / f"images-{count}", count, side=512, distinct=True)
            for count in options.images
        }
        for nodes in options.nodes:
            with cluster(nodes, folder) as address:
                os.environ["CXR_RAY_ADDRESS"] = address
                for place in ("DATA", "MODELS"):
                    os.environ[f"CXR_{place}"] = str(folder / f"{place.lower()}-{nodes}")
                tables[nodes] = measure(options, many)
    what = f"{options.recipe}, {options.size} px"
    show("seconds to measure a dataset", "measuring", "images:", tables)
    show(f"seconds of an epoch of one training ({what})", "epoch", "images:", tables)
    many_epochs = f"{what}, {options.epochs} epochs, {min(options.images):,} images"
    show(f"seconds until all trainings are done ({many_epochs})", "trainings", "number:", tables)
    show("seconds that one of these took by itself, on average", "alone", "number:", tables)
    print("\nthe first number of a row is that of the nodes, one CPU each")


if __name__ == "__main__":
    main()
