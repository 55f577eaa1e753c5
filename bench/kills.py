"""Kill -9 a training at random moments: nothing half-done is ever visible, and all of them resume.

    python bench/kills.py [--kills 20] [--seed 0] [--images 160] [--epochs 6] [--keep]

A small training runs as a job of its own, once undisturbed, which tells how long each phase
takes. Then again and again, each time with an empty store and data folder, and its process is
killed: half of the kills at moments spread over its whole life, half inside each of its phases
in turn, since the short ones would rarely be met by chance: checkpoints and the run are then
killed amid the writing. After each kill it is checked that

- the list of runs, read every 20 ms all along, never had anything but whole runs;
- the job reads as interrupted (or as done, if it was);
- every file under a final name can be read in full, the checkpoint's included;
- resumed, it ends with a run whose files match their digests and whose history is that of the
  undisturbed training: "equal" is bit by bit, else the greatest difference is printed.

Takes half a minute a kill on two idle cores, several minutes on busy ones.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import synthetic
from trial import ROOT, WRITING, Trial, Watch, broken_files, figures

from cxrcore import jobs, store
from cxrcore.jobs import disk
from cxrcore.training.checkpoint import Checkpoint

_TRIES = 6  # to kill a training before it is over


@dataclass
class Life:
    """What the undisturbed training did: when each phase began, in seconds, and its history."""

    seconds: float
    phases: dict[str, tuple[float, float]]  # name: begin, end
    history: np.ndarray


def undisturbed(trial: Trial) -> Life:
    """Let it run to the end and note when its log gets which line."""
    seen: list[tuple[float, str]] = [(0.0, "starting")]
    writing: dict[str, list[float]] = {phase: [] for phase in WRITING}
    told = 0
    while not trial.ended():
        lines = trial.log()
        for line in lines[told:]:
            if is_stage(line):
                seen.append((trial.seconds, line))
        told = len(lines)
        for phase, moments in writing.items():
            if trial.writes(phase):
                moments.append(trial.seconds)
        time.sleep(0.002)
    job, end = jobs.get(trial.job_id), trial.seconds
    if job.state != "done":
        raise SystemExit(f"the undisturbed training is {job.state}: {job.message}")
    ends = [moment for moment, _ in seen[1:]] + [end]
    phases = {}
    for (begin, name), stop in zip(seen, ends, strict=True):
        name = name if name not in phases else f"{name}, again"
        phases[name] = (begin, stop)
    for phase, moments in writing.items():
        phases[phase] = (moments[0], moments[-1]) if moments else (0.0, 0.0)
    return Life(end, phases, figures(trial.job_id))


def is_stage(line: str) -> bool:
    return not (line.startswith(("epoch ", "done:", "interrupted:")) or ": process " in line)


# --- when -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """Kill so many seconds after a phase began."""

    phase: str
    seconds: float


def moments(life: Life, count: int, chance: random.Random) -> list[Moment]:
    """Half over the whole life, one in each of so many equal parts; half over the phases."""
    whole = (count + 1) // 2
    found = []
    for n in range(whole):
        at = (n + chance.random()) * life.seconds / whole
        # Told as the phase and the time in it, since a busy machine is not always as fast.
        name = next(
            name
            for name, (begin, end) in life.phases.items()
            if begin <= at <= end and name not in WRITING
        )
        found.append(Moment(name, at - life.phases[name][0]))
    names = list(life.phases)
    # The phases that matter most first: there may be fewer kills than phases.
    names.sort(key=lambda name: not name.startswith(("writing", "saving", "evaluating")))
    for n in range(count - whole):
        name = names[n % len(names)]
        begin, end = life.phases[name]
        # A checkpoint is written in each epoch, a hundredth of a second each.
        longest = 0.02 if name in WRITING else end - begin
        found.append(Moment(name, chance.random() * longest))
    chance.shuffle(found)  # whoever stops this early has seen some of everything
    return found


def wait_for(trial: Trial, moment: Moment, chance: random.Random, epochs: int) -> None:
    if moment.phase in WRITING:
        if moment.phase == "writing a checkpoint":  # in any of the epochs
            after = chance.randrange(epochs)
            trial.until(lambda: sum(line.startswith("epoch ") for line in trial.log()) >= after)
        trial.until(lambda: trial.writes(moment.phase) or trial.ended())
    elif moment.phase != "starting":
        name, again, _ = moment.phase.partition(", again")
        times = 2 if again else 1
        trial.until(lambda: trial.log().count(name) >= times or trial.ended())
    time.sleep(moment.seconds)


# --- what must hold -------------------------------------------------------------------------


@dataclass
class Result:
    """One line of the table."""

    killed: bool  # not over before
    said: str  # where it was when it was killed
    moment: float  # seconds after its start
    epochs: int | None  # in the checkpoint; None without one
    difference: float  # of the history from the undisturbed one
    seconds: float  # from the resumption to the end
    looks: int
    wrong: list[str]


def killed_and_resumed(trial: Trial, life: Life, moment: Moment, chance: random.Random) -> Result:
    wrong: list[str] = []
    with Watch() as watch:
        wait_for(trial, moment, chance, len(life.history))
        at, killed = trial.seconds, not trial.ended()
        if killed:
            trial.kill()
        lines = [line for line in trial.log() if ": process " not in line] or ["starting"]
        said, before = lines[-1].partition(":")[0], jobs.get(trial.job_id)
        whole = before.state == "done" or store.exists(trial.job_id)
        if before.state not in ("interrupted", "done"):
            wrong.append(f"it reads as {before.state}")
        if len(store.list_runs()) != (1 if whole else 0):
            wrong.append(f"{len(store.list_runs())} runs are listed")
        wrong += broken_files(trial.folder)
        state = Checkpoint(trial.place / disk.CHECKPOINT).load(trial.job_id)
        resumed = time.monotonic()
        if before.state != "done":
            jobs.resume(trial.job_id)
        trial.until(trial.ended)
    after = jobs.get(trial.job_id)
    if after.state != "done":
        wrong.append(f"resumed, it is {after.state}: {after.message}")
        return Result(killed, said, at, None, float("nan"), 0.0, watch.looks, wrong)
    run = store.load_run(trial.job_id)
    for name in run.files:
        run.verified(name)  # raises where the digest is another
    wrong += watch.wrong
    wrong += broken_files(trial.folder)
    history = figures(trial.job_id)
    difference = float("inf")
    if history.shape == life.history.shape:
        difference = float(np.abs(history - life.history).max())
    seconds = time.monotonic() - resumed
    return Result(killed, said, at, state and state.epoch, difference, seconds, watch.looks, wrong)


# --- the table ------------------------------------------------------------------------------


def float32_machine(folder: Path) -> dict[str, float]:
    """`data/machine.json` with which this machine trains in float32, whose sums are exact."""
    code = "from cxrcore.training import machine; machine.best_precision()"
    env = {**os.environ, "CXR_DATA": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=env, capture_output=True)
    noted = folder / "machine.json"
    return dict.fromkeys(json.loads(noted.read_text()), 0.5) if noted.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--keep", action="store_true", help="keep the folders of the trainings")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cxr-kills-"))
    try:
        good = table(folder, options)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


def table(folder: Path, options: argparse.Namespace) -> bool:
    chance = random.Random(options.seed)
    images = synthetic(folder / "images", options.images, side=96, distinct=True)
    machine = float32_machine(folder / "machine")
    life = undisturbed(Trial(folder / "whole", images, options.epochs, machine))
    print(f"undisturbed: {life.seconds:.1f} s, {len(life.history)} epochs")
    for name, (begin, end) in life.phases.items():
        print(f"  {name:<36}{begin:>7.2f} to {end:>6.2f} s")
    print(f"\n{'#':>3} {'killed in':<36}{'after s':>8}{'epochs kept':>12}{'s more':>8}  history")
    results = []
    for number, moment in enumerate(moments(life, options.kills, chance), 1):
        for again in range(_TRIES):
            # It may be over sooner than the undisturbed one was on a busier machine.
            earlier = Moment(moment.phase, moment.seconds / 2**again)
            place = folder / f"{number:03d}-{again}"
            trial = Trial(place, images, options.epochs, machine)
            result = killed_and_resumed(trial, life, earlier, chance)
            if not options.keep:
                shutil.rmtree(place, ignore_errors=True)
            if result.killed:
                break
        results.append(result)
        show(number, moment, result)
    equal = sum(result.difference == 0 for result in results)
    wrong = sum(bool(result.wrong) or not result.killed for result in results)
    print(
        f"\n{len(results)} kills: {len(results) - wrong} as they should be; {equal} histories equal "
        f"bit by bit, greatest difference {max(result.difference for result in results):.1e}; "
        f"the list of runs was read {sum(result.looks for result in results):,} times"
    )
    return not wrong


def show(number: int, moment: Moment, result: Result) -> None:
    kept = "none" if result.epochs is None else str(result.epochs)
    said = moment.phase if moment.phase in WRITING else result.said
    difference = "equal" if result.difference == 0 else f"{result.difference:.1e}"
    print(
        f"{number:>3} {said:<36}{result.moment:>8.2f}{kept:>12}{result.seconds:>8.1f}  {difference}",
        flush=True,
    )
    for line in result.wrong:
        print(f"    WRONG: {line}", flush=True)


if __name__ == "__main__":
    main()
