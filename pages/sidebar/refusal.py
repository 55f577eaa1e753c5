"""Why a folder was refused: it stays in sight until somebody closes it or another is added."""

import streamlit as st

from pages.shared.text import literal

_KEY = "folder_refused"


def keep(error: Exception) -> None:
    """Remember the message, and draw the page again with it."""
    st.session_state[_KEY] = str(error)
    st.rerun()


def clear() -> None:
    """Forget it."""
    st.session_state.pop(_KEY, None)


def show() -> None:
    """Draw the message with a button that closes it; nothing where there is none."""
    if message := st.session_state.get(_KEY):
        st.error(literal(message))
        st.button("Close", key="close_refusal", type="tertiary", on_click=clear)
