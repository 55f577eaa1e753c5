"""Taking a dataset off the list, once it was said what goes and what stays."""

import streamlit as st

from cxrcore import datasets, jobs
from cxrcore.errors import CxrError
from pages.shared.text import literal


def offer(name: str) -> None:
    """Draw the offer for a registered dataset, whose folder may be gone."""
    with st.popover("Forget this dataset …", icon=":material/playlist_remove:", width="stretch"):
        st.markdown(
            f"**{literal(name)}** leaves the list. Its images stay where they are, and so do its "
            "measurements and the models trained on it: they are back when the same images are "
            "added under the same name."
        )
        busy = any(job.active and job.dataset == name for job in jobs.list_jobs())
        if busy:
            st.caption("A job is at work on it. Cancel the job first.")
        if st.button("Forget it", type="primary", key=f"forget_{name}", disabled=busy):
            try:
                datasets.forget(name)
            except CxrError as error:  # another visitor was quicker
                st.error(literal(str(error)))
                return
            left = [entry.name for entry in datasets.registered()]
            st.session_state["next_dataset"] = left[0] if left else None
            st.toast(f"**{literal(name)}** is off the list.", icon=":material/playlist_remove:")
            st.rerun()
