"""Commands about work in the background: jobs list, log, cancel, resume, remove."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from cxrcore.cli.output import (
    AsJson,
    answer,
    ask,
    job_record,
    plain,
    print_job,
    print_json,
    print_table,
    say,
    time_left,
)
from cxrcore.cli.trash import Yes
from cxrcore.errors import JobError, SettingsError
from cxrcore.jobs import Job

jobs_app = typer.Typer(help="Trainings and other work in the background.")

Names = Annotated[
    list[str], typer.Argument(metavar="JOB", help="A job, or a family for all its jobs.")
]

LOOK_SECONDS = 1.0  # between looks at a log that is followed
_ALL = 1_000_000  # lines; `jobs.log` reads no more than the last 256 KB


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the command line."""
    app.add_typer(jobs_app, name="jobs", no_args_is_help=True)
    jobs_app.command("list")(list_all)
    jobs_app.command("log")(log)
    jobs_app.command("cancel")(cancel)
    jobs_app.command("resume")(resume)
    jobs_app.command("remove")(remove)


def list_all(as_json: AsJson = False) -> None:
    """List all jobs, the newest last, with their progress and why they ended."""
    from cxrcore import jobs

    listed = jobs.list_jobs()
    if as_json:
        print_json({"jobs": list(map(job_record, listed))})
    elif listed:
        rows = ((j.job_id, j.state, f"{j.share:.0%}", j.title, _details(j)) for j in listed)
        print_table(("job", "state", "done", "what", "details"), rows)
    else:
        say("No job yet. Try: python -m cxrcore train cnn-plain --data NAME --background")


def log(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="One of `jobs list`.")],
    lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 200,
    follow: Annotated[
        bool, typer.Option("--follow", help="Continue until the job ends; Ctrl-C does not end it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the last lines of JOB's log; with --follow the exit code is 0 if the job is done."""
    from cxrcore import jobs

    if follow and as_json:
        raise SettingsError(
            "--follow prints lines, not one JSON object. Leave out --follow or --json."
        )
    job = jobs.get(job_id)
    if as_json:
        record = {"job_id": job_id, "state": job.state, "message": job.message}
        print_json({**record, "log": jobs.log(job_id, lines)})
    elif follow:
        _follow(job_id, lines)
    else:
        typer.echo(plain(jobs.log(job_id, lines)) or "Nothing was logged yet.")


def cancel(names: Names, as_json: AsJson = False) -> None:
    """Ask JOBs to stop; checkpoints are kept. Asked again after 20 seconds, they are killed."""
    from cxrcore import jobs

    cancelled = []
    for job in reversed(_jobs_named(names)):  # waiting ones first, so that none of them starts
        cancelled.append(jobs.cancel(job.job_id) if job.active else job)
        if not as_json and not job.active:
            say(f"{job.title}: nothing to cancel, it is {job.state} already.")
        elif not as_json:
            print_job(cancelled[-1])
    if as_json:
        print_json({"jobs": list(map(job_record, cancelled))})


def resume(names: Names, as_json: AsJson = False) -> None:
    """Continue JOBs that were cancelled, interrupted or failed, from their checkpoints."""
    from cxrcore import jobs

    named = _jobs_named(names)
    # Jobs of a family that are done or would fail again are skipped; one that is named itself is refused.
    ended = [job for job in named if job.state == "done" or job.final]
    chosen = [job for job in named if job not in ended or job.job_id in names]
    if not chosen:
        why = "would fail again" if any(job.final for job in ended) else "are done"
        raise JobError(f"All jobs of {', '.join(names)} {why}; there is nothing to resume.")
    resumed = [jobs.resume(job.job_id) for job in chosen]
    if as_json:
        print_json({"jobs": list(map(job_record, resumed))})
        return
    for job in resumed:
        print_job(job)


def remove(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="JOB", help="A job, or a family for all its jobs."),
    ] = None,
    done: Annotated[bool, typer.Option("--done", help="All jobs that are done.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove JOBs and their logs from the list; runs are kept. Asks first where work would be lost."""
    from cxrcore import jobs

    if not names and not done:
        raise SettingsError(
            "There is nothing to remove. Name a job, or use --done for all that are done."
        )
    chosen = _jobs_named(names or ())
    chosen += [job for job in jobs.list_jobs() if done and job.state == "done"]
    chosen = list({job.job_id: job for job in chosen}.values())
    for job in chosen:
        if job.active:
            raise JobError(
                f"{job.job_id} is still working. Cancel it first: "
                f"python -m cxrcore jobs cancel {job.job_id}"
            )
    lost = [job.job_id for job in chosen if job.kind == "train" and job.state != "done"]
    if lost:
        ask(
            f"Remove {', '.join(lost)}? The training so far is deleted and cannot be resumed.",
            yes=yes,
        )
    for job in chosen:
        jobs.remove(job.job_id)
    removed = [job.job_id for job in chosen]
    text = f"Off the list: {', '.join(removed)}. Runs are kept." if removed else "No job is done."
    answer({"removed": removed}, text, as_json)


def new_lines(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines added to a log whose beginning may have been cut off since.

    If the last line of `before` has changed, it is new.

    >>> new_lines(["a", "b", "20 %"], ["b", "30 %", "c"])
    ['30 %', 'c']
    """
    settled = list(before[:-1])
    cut = next(k for k in range(len(settled) + 1) if settled[k:] == list(now[: len(settled) - k]))
    rest = list(now[len(settled) - cut :])
    return rest[1:] if before and rest and rest[0] == before[-1] else rest


def _follow(job_id: str, lines: int) -> None:
    from cxrcore import jobs

    shown: list[str] = []
    try:
        while True:
            job = jobs.get(job_id)  # before its log, so that the log of an ended job is whole
            now = jobs.log(job_id, _ALL).splitlines()
            added = new_lines(shown, now) if shown else now[-lines:]
            for line in added:
                typer.echo(plain(line))
            if not job.active:
                break
            shown = now
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        typer.echo(
            f"The job continues. To end it: python -m cxrcore jobs cancel {job_id}", err=True
        )
        raise typer.Exit(130) from None
    print_job(job)
    if job.state != "done":
        raise typer.Exit(1)


def _details(job: Job) -> str:
    """The epoch or stage of a running job; why others wait or ended."""
    from cxrcore import jobs

    if job.state == "queued":
        return job.message or "waiting its turn"
    if not job.active:
        return job.message
    parts = [job.step]
    parts += [time_left(job.eta_seconds)] if job.eta_seconds is not None else []
    parts += [jobs.place(job)] if job.ray else []
    return ", ".join([*parts, *filter(None, [job.message])])


def _jobs_named(names: Sequence[str]) -> list[Job]:
    """The jobs with these ids and families, each once, in the order given.

    Raises:
        JobError: a name is that of no job and no family.
    """
    from cxrcore import jobs

    listed = jobs.list_jobs()
    found: dict[str, Job] = {}
    for name in names:
        same = [job for job in listed if name in (job.job_id, job.family)]
        found |= {job.job_id: job for job in same or [jobs.get(name)]}
    return list(found.values())
