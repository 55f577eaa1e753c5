"""The jobs of the sidebar: progress that moves by itself, cancel, log, resume, link to the run."""

import contextlib

import streamlit as st

from cxrcore import jobs, settings
from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from pages.parts.words import duration

SHOWN_WHEN_ENDED = 4
_LOST = "What it has learned so far is deleted; it can't be resumed afterwards."
_KEPT = "It leaves the list. What was prepared or measured so far is kept."
STATE_NAMES = {
    "queued": "waiting its turn",
    "done": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}


def show() -> None:
    """Draw the panel; it refreshes itself once a second while a job is active."""
    every = "1s" if any(job.active for job in jobs.list_jobs()) else None
    st.fragment(_panel, run_every=every)()


def _panel() -> None:
    listed = jobs.list_jobs()
    if _announce(listed):
        st.rerun()  # the pages show the new run, and the timer stops when nothing is active
    active = [job for job in listed if job.active]
    ended = [job for job in reversed(listed) if not job.active]
    families: dict[str, list[Job]] = {}
    for job in active:
        families.setdefault(job.family or job.job_id, []).append(job)
    for name, some in families.items():
        if len(some) > 1:
            # Those that ended tell how long the others will take.
            _family(some, [job for job in listed if job.family == name])
        else:
            _active(some[0])
    # What needs a decision stays in view, and the newest run; the rest is one line.
    shown = [job for job in ended if job.state != "done"][:SHOWN_WHEN_ENDED]
    shown += [job for job in ended if job.run_id][:1]
    for job in shown:
        _ended(job)
    if rest := [job for job in ended if job not in shown]:
        with st.expander(f"Earlier jobs ({len(rest)})"):
            for job in rest:
                _ended(job)
            _clear(ended)


def _clear(ended: list[Job]) -> None:
    finished = [job for job in ended if job.state == "done"]
    if finished and st.button("Clear the list", type="tertiary", help="Runs are kept."):
        for job in finished:
            with contextlib.suppress(CxrError):  # it was started again meanwhile, and stays
                jobs.dismiss(job.job_id)
        st.rerun(scope="fragment")


def _announce(listed: list[Job]) -> bool:
    """Tell about jobs that ended since the last look; True if the page should be drawn anew."""
    before: dict[str, str] = st.session_state.setdefault("job_states", {})
    first_look = not st.session_state.get("jobs_seen")
    st.session_state["jobs_seen"] = True
    now = {job.job_id: job.state for job in listed}
    st.session_state["job_states"] = now
    if first_look:
        return False
    ended = [
        job for job in listed if not job.active and before.get(job.job_id) in ("queued", "running")
    ]
    for job in ended:
        if job.state == "done":
            st.toast(f"**{job.title}** is finished.", icon=":material/check_circle:")
        elif job.state == "failed":
            st.toast(f"**{job.title}** failed.", icon=":material/error:")
        elif job.state == "interrupted":
            st.toast(f"**{job.title}** was interrupted.", icon=":material/warning:")
    return bool(ended) or any(job_id not in before for job_id in now)


def _active(job: Job) -> None:
    with st.container(border=True):
        st.markdown(f"**{job.title}**")
        st.progress(job.share, text=_line(job))
        left, right = st.columns(2)
        if left.button(
            "Cancel",
            key=f"cancel_{job.job_id}",
            width="stretch",
            help="Stops cleanly; it can be resumed.",
        ):
            _act(jobs.cancel, job)
        with right.popover("Log", width="stretch"):
            _log(job)


def _family(active: list[Job], every: list[Job]) -> None:
    """Folds and seeds of one training as one entry."""
    told = jobs.together(every)
    current = told.current or active[0]
    with st.container(border=True):
        st.markdown(f"**{current.title.removesuffix(', ' + current.part)}**")
        said = [current.part or f"{told.done + 1} of {told.total}"]
        said.append(
            f"epoch {current.epoch} of {current.epochs}" if current.epoch else _line(current)
        )
        if told.eta_seconds is not None:
            said.append(f"about {duration(told.eta_seconds)} left for all")
        st.progress(told.share, text=" · ".join(said))
        left, right = st.columns(2)
        if left.button(
            "Cancel all",
            key=f"cancel_{current.family}",
            width="stretch",
            help="Stops cleanly; each can be resumed.",
        ):
            for job in reversed(active[1:]):  # waiting ones first, so that none starts meanwhile
                with contextlib.suppress(CxrError):  # it ended a moment ago
                    jobs.cancel(job.job_id)
            _act(jobs.cancel, active[0])
        with right.popover("Log", width="stretch"):
            _log(current)


def _line(job: Job) -> str:
    if job.state == "queued":
        return job.message if job.ray else "waiting its turn"
    parts = [f"epoch {job.epoch} of {job.epochs}" if job.epoch else job.stage or "starting"]
    if job.history:
        last = job.history[-1]
        parts += [
            f"{name} {last[key]:.3f}"
            for key, name in (("loss", "loss"), ("val_accuracy", "val. accuracy"))
            if key in last
        ]
    if job.eta_seconds is not None:
        parts.append(f"{duration(job.eta_seconds)} left")
    if job.ray:
        parts += [jobs.place(job), *filter(None, [job.message])]
    return " · ".join(parts)


def _ended(job: Job) -> None:
    with st.container(border=True):
        where = f" {jobs.place(job)}" if job.ray else ""
        st.markdown(f"**{job.title}**  \n:small[{STATE_NAMES[job.state]}{where}]")
        if job.state == "done" and job.run_id:
            _open(job)
            if settings.tracking_uri():  # whether MLflow has it
                st.caption(job.message)
        if job.state in ("failed", "interrupted", "cancelled"):
            if job.message:
                st.caption(job.message)
            left, middle, right = st.columns(3)
            label = "Retry" if job.state == "failed" else "Resume"
            if left.button(label, key=f"resume_{job.job_id}", width="stretch"):
                _act(jobs.resume, job)
            with middle.popover("Log", width="stretch"):
                _log(job)
            with right.popover("Remove", width="stretch"):
                st.caption(_LOST if job.kind == "train" else _KEPT)
                if st.button("Remove it", key=f"dismiss_{job.job_id}", type="primary"):
                    _act(jobs.dismiss, job)


def _open(job: Job) -> None:
    """The way to the run; where another dataset is chosen, that of the run is chosen first."""
    page, label = "pages/models/compare.py", "Open the run"
    asked = {"runs": job.family if "fold" in job.part else job.run_id or ""}
    if job.dataset in (None, st.session_state.get("dataset")):
        st.page_link(page, label=label, query_params=asked)
    elif st.button(label, key=f"open_{job.job_id}", type="tertiary"):
        st.session_state["next_dataset"] = job.dataset
        st.switch_page(page, query_params=asked)


def _log(job: Job) -> None:
    with contextlib.suppress(CxrError):  # it was removed a moment ago
        st.code(jobs.log(job.job_id, tail=60) or "Nothing was logged yet.", language=None)


def _act(action, job: Job) -> None:  # type: ignore[no-untyped-def]
    try:
        action(job.job_id)
    except CxrError as error:
        st.error(str(error))
        return
    st.rerun()
