"""Deleting runs, with a second question, and the trash they can be brought back from."""

from collections.abc import Callable, Sequence

import streamlit as st

from cxrcore import store
from cxrcore.errors import CxrError
from cxrcore.store import Run
from pages.shared.text import literal, plural

_FAILED = "trash_failed"  # in the session: what to say after the page was drawn anew


def show(chosen: Sequence[Run]) -> None:
    """Two buttons: delete the ticked runs, and what was deleted before."""
    if failed := st.session_state.pop(_FAILED, None):
        st.error(failed)
    deleted = store.trashed()
    if not (chosen or deleted):
        return
    with st.container(horizontal=True):
        with st.popover("Delete runs …", icon=":material/delete:", disabled=not chosen):
            _delete([run.run_id for run in chosen], key="delete_runs")
        if deleted:
            with st.popover(f"Trash ({len(deleted)})", icon=":material/restore_from_trash:"):
                _trash(deleted)


def damaged(run_id: str, state: str) -> None:
    """That a run is left out and why, and beside it a button to delete it.

    Args:
        run_id: the name of its folder.
        state: from `store.list_runs`.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.warning(f"**{literal(run_id)}** is left out. {literal(state)}")
        with st.popover("Delete …", icon=":material/delete:"):
            _delete([run_id], key=f"delete_damaged_{run_id}")


def _delete(run_ids: Sequence[str], *, key: str) -> None:
    names = ", ".join(f"**{literal(run_id)}**" for run_id in run_ids)
    back = "It goes" if len(run_ids) == 1 else "They go"
    st.markdown(f"Delete {names}? {back} to the trash and can be brought back until it is emptied.")
    if st.button(f"Delete {plural(len(run_ids), 'run')}", key=key, type="primary"):
        _do(store.delete, run_ids, "Moved to the trash.")


def _trash(deleted: Sequence[str]) -> None:
    for run_id in deleted:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(literal(run_id))
            if st.button("Bring back", key=f"restore_{run_id}"):
                _do(store.restore, [run_id], f"{run_id} is back.")
    sure = st.checkbox("They are not needed any more", key="sure_to_empty")
    if st.button("Empty the trash for good", key="empty_trash", disabled=not sure):
        try:
            store.empty_trash()
        except CxrError as error:
            # Others are gone: the list is drawn anew, and this stands above it.
            st.session_state[_FAILED] = str(error)
            st.session_state.pop("sure_to_empty", None)
            st.rerun()
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
