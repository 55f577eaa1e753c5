"""What a page shows while its data is missing: what to do, or the progress of the job."""

from typing import NoReturn

import streamlit as st

from cxrcore import datasets, jobs, work
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from pages.shared.text import duration, literal

AUTO_MEASURE = 3_000  # images: up to so many are measured unasked, in about a minute
REFRESH_SECONDS = 1.0  # between drawings of progress; read at each drawing of the page


def no_dataset(*, any_registered: bool) -> NoReturn:
    """Say how to get a dataset, or show the progress of the demonstration; ends the run."""
    if making := next((j for j in jobs.list_jobs() if j.active and j.kind == "demo"), None):
        st.info(
            "The demonstration is being made. The page appears when there are images.",
            icon=":material/radiology:",
        )
        follow(making)
    elif any_registered:
        st.info("Choose a dataset at the top.", icon=":material/arrow_back:")
    else:
        st.info(
            "**No dataset yet.** The sidebar offers two ways to begin:",
            icon=":material/arrow_back:",
        )
        st.markdown(
            "- **Make the demonstration** simulates chest X-rays and trains three models on them, "
            "in about two minutes. Nothing is downloaded, and no patient is in it.\n"
            "- **Add your own X-rays** takes a folder on this computer with one sub-folder a "
            "class, for example `Normal` and `Pneumonia`, or with a table that names the images. "
            "Nothing is copied or changed."
        )
    st.stop()


def measuring(dataset: Dataset, missing: int) -> NoReturn:
    """Offer to measure the images, start that for small datasets, show progress; ends the run."""
    job = work.find("index", dataset=dataset.name)
    demo = work.find("demo", dataset=dataset.name)
    if demo is not None and demo.active and not (job and job.active):
        job = demo
    if job is None and len(dataset.table) <= AUTO_MEASURE:
        job = work.submit_index(dataset.name)
    if job is not None and job.active:
        st.info(
            "**The images are being measured**: gray values, size, image quality. "
            "This is done once; the page appears when it is finished.",
            icon=":material/straighten:",
        )
        follow(job)
        st.stop()
    many = f"{missing:,} image{'' if missing == 1 else 's'}"
    st.info(
        f"**{many} of {dataset.name} still to be measured**: gray values, size, image quality. "
        "This is done once, and can be stopped and continued.",
        icon=":material/straighten:",
    )
    if job is not None and job.message and job.state != "done":
        st.warning(f"The last measurement ended early. {literal(job.message)}")
    if st.button(f"Measure {many}", type="primary"):
        try:
            work.submit_index(dataset.name)
        except CxrError as error:
            st.error(literal(str(error)))
            st.stop()
        st.rerun()
    st.stop()


def follow_if_active(job: Job | None, what: str, icon: str) -> Job | None:
    """While a job is active, show its progress and end the run.

    Otherwise returns the job if it ended early, so that the page can say why.

    Args:
        job: as `work.find` returns it.
        what: the sentence, such as "The images are being measured."
        icon: beside it.
    """
    if job is None or not job.active:
        return job if job and job.state != "done" and job.message else None
    st.info(
        f"**{what}** This is done once; the page appears when it is finished. You can use "
        "other pages in the meantime.",
        icon=icon,
    )
    follow(job)
    st.stop()


def follow(job: Job) -> None:
    """A live progress bar that redraws the page when the job ends."""
    names = [entry.name for entry in datasets.registered()]

    @st.fragment(run_every=REFRESH_SECONDS)
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
