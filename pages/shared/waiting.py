"""What a page shows while there is nothing to show yet: what to do, or how far it is."""

from typing import NoReturn

import streamlit as st

from cxrcore import datasets, jobs
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from pages.shared.text import duration

AUTO_MEASURE = 3_000  # images: so many are measured without asking, in about a minute


def no_dataset(*, any_registered: bool) -> NoReturn:
    """Say how to get a dataset, or how far the demonstration is, and end the run."""
    if making := _active("demo"):
        st.info(
            "The demonstration is being made. This page fills by itself.",
            icon=":material/radiology:",
        )
        follow(making)
    elif any_registered:
        st.info("Choose a dataset in the sidebar.", icon=":material/arrow_back:")
    else:
        st.info(
            "**No dataset yet.** The sidebar offers two ways to begin:",
            icon=":material/arrow_back:",
        )
        st.markdown(
            "- **Make the demonstration** simulates chest X-rays and trains three models on them, "
            "in about two minutes. Nothing is downloaded, and no patient is in it.\n"
            "- **Add your own X-rays** takes a folder on this computer with one sub-folder a "
            "class, for example `Normal` and `Pneumonia`. Nothing is copied or changed."
        )
    st.stop()


def measuring(dataset: Dataset, missing: int) -> NoReturn:
    """Offer to measure the images, start it for small datasets, show how far it is; end the run."""
    job = _active("index", dataset.name) or _active("demo", dataset.name)
    ended = [j for j in jobs.list_jobs() if j.kind == "index" and j.dataset == dataset.name]
    if job is None and not ended and len(dataset.table) <= AUTO_MEASURE:
        job = jobs.submit_index(dataset.name)
    if job is not None:
        st.info(
            "**The images are being measured**: gray values, size, image quality. "
            "This is done once; the page shows itself when it is finished.",
            icon=":material/straighten:",
        )
        follow(job)
        st.stop()
    many = f"{missing:,} image{'' if missing == 1 else 's'}"
    st.info(
        f"**{many} of {dataset.name} still to be measured**: gray values, size, image quality. "
        "This is done once, and it can be stopped and continued.",
        icon=":material/straighten:",
    )
    if ended and ended[-1].message and ended[-1].state != "done":
        st.warning(f"The last measuring ended early. {ended[-1].message}")
    if st.button(f"Measure {many}", type="primary"):
        try:
            jobs.submit_index(dataset.name)
        except CxrError as error:
            st.error(str(error))
            st.stop()
        st.rerun()
    st.stop()


def _active(kind: str, dataset: str | None = None) -> Job | None:
    """The active job of that kind, and for that dataset where one is named."""
    return next(
        (
            job
            for job in jobs.list_jobs()
            if job.active and job.kind == kind and dataset in (None, job.dataset)
        ),
        None,
    )


def follow_if_active(job_id: str, what: str, icon: str) -> Job | None:
    """While that job is active: say what is happening, show how far it is, and end the run.

    Else returns the job if it ended early, so that the page can say why.

    Args:
        job_id: the job.
        what: the sentence, such as "The images are being measured."
        icon: beside it.
    """
    job = next((job for job in jobs.list_jobs() if job.job_id == job_id), None)
    if job is None or not job.active:
        return job if job and job.state != "done" and job.message else None
    st.info(
        f"**{what}** This is done once; the page shows itself when it is finished. You can look "
        "at other pages meanwhile.",
        icon=icon,
    )
    follow(job)
    st.stop()


def follow(job: Job) -> None:
    """A progress bar that moves by itself and redraws the page at the job's end."""
    names = [entry.name for entry in datasets.registered()]

    @st.fragment(run_every="1s")
    def bar() -> None:
        now = next((j for j in jobs.list_jobs() if j.job_id == job.job_id), None)
        new_dataset = [entry.name for entry in datasets.registered()] != names
        if now is None or not now.active or new_dataset:
            st.rerun(scope="app")
        st.progress(now.share, text=_line(now))

    bar()


def _line(job: Job) -> str:
    if job.state == "queued":
        return job.message or "Waiting for its turn."
    parts = [job.stage.capitalize() or "Starting", job.message]
    if job.eta_seconds is not None:
        parts.append(f"about {duration(job.eta_seconds)} left")
    return " · ".join(part for part in parts if part)
