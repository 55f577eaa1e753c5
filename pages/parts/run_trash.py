"""Deleting runs, with a second question, and the trash they can be brought back from."""

from collections.abc import Callable, Sequence

import streamlit as st

from cxrcore import store
from cxrcore.errors import CxrError
from cxrcore.store import Run
from pages.parts.words import plural


def show(chosen: Sequence[Run]) -> None:
    """Two buttons: delete the ticked runs, and what was deleted before."""
    deleted = store.trashed()
    if not (chosen or deleted):
        return
    with st.container(horizontal=True):
        with st.popover("Delete runs …", icon=":material/delete:", disabled=not chosen):
            _delete(chosen)
        if deleted:
            with st.popover(f"Trash ({len(deleted)})", icon=":material/restore_from_trash:"):
                _trash(deleted)


def _delete(chosen: Sequence[Run]) -> None:
    names = ", ".join(f"**{run.run_id}**" for run in chosen)
    st.markdown(
        f"Delete {names}? They go to the trash and can be brought back until it is emptied."
    )
    if st.button(f"Delete {plural(len(chosen), 'run')}", key="delete_runs", type="primary"):
        _do(store.delete, [run.run_id for run in chosen], "Moved to the trash.")


def _trash(deleted: Sequence[str]) -> None:
    for run_id in deleted:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(run_id)
            if st.button("Bring back", key=f"restore_{run_id}"):
                _do(store.restore, [run_id], f"{run_id} is back.")
    sure = st.checkbox("They are not needed any more", key="sure_to_empty")
    if st.button("Empty the trash for good", key="empty_trash", disabled=not sure):
        store.empty_trash()
        _said("The trash is empty.")


def _do(what: Callable[[str], object], run_ids: Sequence[str], said: str) -> None:
    try:
        for run_id in run_ids:
            what(run_id)
    except CxrError as error:
        st.error(str(error))
        return
    _said(said)


def _said(what: str) -> None:
    st.session_state.pop("sure_to_empty", None)
    st.toast(what)
    st.rerun()
