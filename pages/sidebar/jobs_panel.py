"""The jobs in the sidebar: live progress, cancel, log, resume, link to the run."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping

import streamlit as st

from cxrcore import jobs, settings
from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from pages.shared import cache, waiting
from pages.shared.text import duration, literal
from pages.sidebar import curves

SHOWN_WHEN_ENDED = 4
_UNASKED = (
    "comparison",
    "examples",
    "film-map",
    "profiles",
)  # made for a page, which shows how they ended
_LOST = "The training so far is deleted and can't be resumed."
_ALL_LOST = "These trainings so far are deleted and can't be resumed."
_KEPT = "It leaves the list. What was prepared or measured so far is kept."
STATE_NAMES = {
    "queued": "waiting for its turn",
    "done": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}


def show() -> None:
    """Draw the panel; it refreshes itself while a job is active."""
    every = waiting.REFRESH_SECONDS if any(job.active for job in jobs.list_jobs()) else None
    st.fragment(_panel, run_every=every)()


def _panel() -> None:
    listed = [job for job in jobs.list_jobs() if job.active or job.kind not in _UNASKED]
    if _announce(listed):
        st.rerun()  # the pages show the new run, and the timer stops when nothing is active
    active = [job for job in listed if job.active]
    ended = [job for job in reversed(listed) if not job.active]
    families: dict[str, list[Job]] = {}
    for job in active:
        families.setdefault(job.family or job.job_id, []).append(job)
    for name, some in families.items():
        if len(some) > 1:
            # The times of those that ended are needed for the time left.
            _family(some, [job for job in listed if job.family == name])
        else:
            _active(some[0])
    _show_ended(ended)


def _show_ended(ended: list[Job]) -> None:
    """Jobs that need a decision stay in view, and the newest run; the rest is one line.

    Args:
        ended: the newest first.
    """
    stopped: dict[str, list[Job]] = {}
    for job in ended:
        if job.state != "done":
            stopped.setdefault(job.family or job.job_id, []).append(job)
    in_view = list(stopped.values())[:SHOWN_WHEN_ENDED]
    for some in in_view:
        if len(some) > 1:
            _stopped_family(some[::-1])  # in the order in which they were submitted
        else:
            _ended(some[0], {})
    newest = [job for job in ended if job.run_id][:1]
    titles = cache.titles(None) if any(job.run_id for job in ended) else {}
    for job in newest:
        _ended(job, titles)
    shown = [*newest, *(job for some in in_view for job in some)]
    if rest := [job for job in ended if job not in shown]:
        with st.expander(f"Earlier jobs ({len(rest)})"):
            for job in rest:
                _ended(job, titles)
            _clear(ended)


def _clear(ended: list[Job]) -> None:
    finished = [job for job in ended if job.state == "done"]
    if finished and st.button("Clear the list", type="tertiary", help="Runs are kept."):
        for job in finished:
            with contextlib.suppress(CxrError):  # it was started again, and stays
                jobs.remove(job.job_id)
        st.rerun(scope="fragment")


def _announce(listed: list[Job]) -> bool:
    """Announce jobs that ended since the last look; True if the page should be redrawn."""
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
            st.toast(f"**{literal(job.title)}** is finished.", icon=":material/check_circle:")
        elif job.state == "failed":
            st.toast(f"**{literal(job.title)}** failed.", icon=":material/error:")
        elif job.state == "interrupted":
            st.toast(f"**{literal(job.title)}** was interrupted.", icon=":material/warning:")
    return bool(ended) or any(job_id not in before for job_id in now)


def _active(job: Job) -> None:
    with st.container(border=True):
        st.markdown(f"**{literal(job.title)}**")
        st.progress(job.share, text=literal(_line(job)))
        curves.show(job)
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
    family = jobs.family_progress(every)
    current = family.current or active[0]
    with st.container(border=True):
        st.markdown(f"**{literal(_title(current))}**")
        parts = [current.part or f"{family.done + 1} of {family.total}"]
        parts.append(
            f"epoch {current.epoch} of {current.epochs}" if current.epoch else _line(current)
        )
        if family.eta_seconds is not None:
            parts.append(f"about {duration(family.eta_seconds)} left for all")
        st.progress(family.share, text=literal(" · ".join(parts)))
        curves.show(current)
        left, right = st.columns(2)
        if left.button(
            "Cancel all",
            key=f"cancel_{current.family}",
            width="stretch",
            help="Stops cleanly; each can be resumed.",
        ):
            for job in reversed(active[1:]):  # waiting ones first, so that none of them starts
                with contextlib.suppress(CxrError):  # it ended a moment ago
                    jobs.cancel(job.job_id)
            _act(jobs.cancel, active[0])
        with right.popover("Log", width="stretch"):
            _log(current)


def _stopped_family(parts: list[Job]) -> None:
    """One entry for the folds and seeds of a training that ended early."""
    family = parts[0].family
    with st.container(border=True):
        states = Counter(STATE_NAMES[job.state] for job in parts)
        counted = ", ".join(f"{number} {state}" for state, number in states.items())
        st.markdown(f"**{literal(_title(parts[0]))}**  \n:small[{counted}]")
        for message in list(dict.fromkeys(job.message for job in parts if job.message))[:2]:
            st.caption(literal(message))
        resumable = [job for job in parts if not job.final]
        if resumable and st.button("Resume all", key=f"resume_all_{family}", width="stretch"):
            _act_on_all(jobs.resume, resumable)
        with st.popover("Remove all", width="stretch"):
            st.caption(_ALL_LOST)
            if st.button("Remove them", key=f"dismiss_all_{family}", type="primary"):
                _act_on_all(jobs.remove, parts)
        with st.expander(f"One by one ({len(parts)})", type="compact"):
            for job in parts:
                _ended(job, {}, of_family=True)


def _title(job: Job) -> str:
    """The title of its family, without the fold or seed."""
    return job.title.removesuffix(f", {job.part}")


def _line(job: Job) -> str:
    if job.state == "queued":
        return job.message if job.ray else "waiting for its turn"
    parts = [job.step]
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


def _ended(job: Job, titles: Mapping[str, str], *, of_family: bool = False) -> None:
    """One job, by the title of the run that it left; in a family it is called by its part."""
    with st.container(border=not of_family):
        where = f" {literal(jobs.place(job))}" if job.ray else ""
        title = job.part if of_family and job.part else job.title
        if (of_run := titles.get(job.run_id or "")) and job.dataset:  # called as everywhere else
            title, where = of_run, f", on {literal(job.dataset)}{where}"
        st.markdown(f"**{literal(title)}**  \n:small[{STATE_NAMES[job.state]}{where}]")
        if job.state == "done" and job.run_id:
            _open(job)
            if settings.tracking_uri():  # whether MLflow has it
                st.caption(literal(job.message))
        if job.state in ("failed", "interrupted", "cancelled"):
            if job.message:
                st.caption(literal(job.message))
            if not job.final and st.button("Resume", key=f"resume_{job.job_id}", width="stretch"):
                _act(jobs.resume, job)
            left, right = st.columns(2)
            with left.popover("Log", width="stretch"):
                _log(job)
            with right.popover("Remove", width="stretch"):
                st.caption(_LOST if job.kind == "train" else _KEPT)
                if st.button("Remove it", key=f"dismiss_{job.job_id}", type="primary"):
                    _act(jobs.remove, job)


def _open(job: Job) -> None:
    """A link to the run; if another dataset is chosen, the run's is chosen first."""
    page, label = "pages/models/compare/page.py", "Open the run"
    query = {"runs": job.family if "fold" in job.part else job.run_id or ""}
    if job.dataset in (None, st.session_state.get("dataset")):
        st.page_link(page, label=label, query_params=query, help=query["runs"])
    elif st.button(label, key=f"open_{job.job_id}", type="tertiary", help=query["runs"]):
        st.session_state["next_dataset"] = job.dataset
        st.switch_page(page, query_params=query)


def _log(job: Job) -> None:
    with contextlib.suppress(CxrError):  # it was removed a moment ago
        st.code(jobs.log(job.job_id, tail=60) or "Nothing was logged yet.", language=None)


def _act(action: Callable[[str], object], job: Job) -> None:
    try:
        action(job.job_id)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    st.rerun()


def _act_on_all(action: Callable[[str], object], parts: list[Job]) -> None:
    """One that refuses does not hold up the others."""
    refused = []
    for job in parts:
        try:
            action(job.job_id)
        except CxrError as error:
            refused.append(str(error))
    if len(refused) == len(parts):
        st.error(literal(refused[0]))
        return
    for reason in dict.fromkeys(refused):  # stays when the panel is drawn again
        st.toast(literal(reason), icon=":material/error:", duration="infinite")
    st.rerun()
