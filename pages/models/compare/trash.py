"""Deleting runs after a confirmation, and restoring them from the trash."""

from collections.abc import Callable, Sequence

import streamlit as st

from cxrcore import store
from cxrcore.errors import CxrError
from pages.shared.text import literal, plural

_ERROR = "trash_failed"  # in the session: an error to show when the page is drawn again


def show() -> None:
    """The trash, if something is in it."""
    if error := st.session_state.pop(_ERROR, None):
        st.error(literal(error))
    if deleted := store.trashed():
        with st.popover(f"Trash ({len(deleted)})", icon=":material/restore_from_trash:"):
            _trash(deleted)


def damaged(run_id: str, state: str) -> None:
    """Say why a run is not shown, beside a button to delete it.

    Args:
        run_id: the name of its folder.
        state: from `store.list_runs`.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.warning(f"**{literal(run_id)}** is not shown. {literal(state)}")
        with st.popover("Delete …", icon=":material/delete:"):
            confirm([run_id], key=f"delete_damaged_{run_id}")


def confirm(run_ids: Sequence[str], *, key: str) -> None:
    """Ask once more, then move the runs to the trash."""
    names = ", ".join(f"**{literal(run_id)}**" for run_id in run_ids)
    if not run_ids:
        st.caption("No run is chosen.")
        return
    moved = "It moves" if len(run_ids) == 1 else "They move"
    st.markdown(f"Delete {names}? {moved} to the trash and can be restored until it is emptied.")
    if st.button(f"Delete {plural(len(run_ids), 'run')}", key=key, type="primary"):
        _act(store.delete, run_ids, "Moved to the trash.")


def _trash(deleted: Sequence[str]) -> None:
    for run_id in deleted:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(literal(run_id))
            if st.button("Restore", key=f"restore_{run_id}"):
                _act(store.restore, [run_id], f"{literal(run_id)} is restored.")
    sure = st.checkbox("I no longer need these runs", key="sure_to_empty")
    if st.button("Empty the trash for good", key="empty_trash", disabled=not sure):
        try:
            store.empty_trash()
        except CxrError as error:
            # Some are deleted: draw the list again, with the error above it.
            st.session_state[_ERROR] = str(error)
            st.session_state.pop("sure_to_empty", None)
            st.rerun()
        _confirm("The trash is empty.")


def _act(action: Callable[[str], object], run_ids: Sequence[str], message: str) -> None:
    try:
        for run_id in run_ids:
            action(run_id)
    except CxrError as error:
        st.error(literal(str(error)))
        return
    _confirm(message)


def _confirm(message: str) -> None:
    st.session_state.pop("sure_to_empty", None)
    st.toast(message)
    st.rerun()
