"""Offers to start a job that a page needs."""

from collections.abc import Callable
from typing import NoReturn

import streamlit as st

from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from pages.shared import waiting
from pages.shared.text import literal


def required(
    job: Job | None,
    *,
    doing: str,
    offer: str,
    button: str,
    icon: str,
    failed: str,
    submit: Callable[[], object],
) -> NoReturn:
    """Offer a job without which a page shows nothing, or show how far it is; ends the run.

    Args:
        job: the last of its kind, from `work.find`; None before the first.
        doing: what happens while it is active, a sentence.
        offer: what it would do, Markdown.
        button: the label that starts it.
        icon: beside the texts.
        failed: the name of the work in the message after a failure, such as "search".
        submit: starts it.
    """
    ended = waiting.follow_if_active(job, doing, icon)
    st.info(offer, icon=icon)
    failure(ended, failed)
    start(button, submit, primary=True)
    st.stop()


def failure(job: Job | None, noun: str) -> None:
    """Say why the last attempt ended early; nothing where it did not."""
    if job is not None and not job.active and job.state != "done" and job.message:
        st.warning(f"The last {noun} ended early. {literal(job.message)}")


def start(
    label: str,
    submit: Callable[[], object],
    *,
    icon: str | None = None,
    primary: bool = False,
) -> None:
    """A button that starts a job and draws the page again; an error is shown below it."""
    if not st.button(label, type="primary" if primary else "secondary", icon=icon):
        return
    try:
        submit()
    except CxrError as error:
        st.error(literal(str(error)))
    else:
        st.rerun()
