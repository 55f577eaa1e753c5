"""The header beside the navigation: dataset, running jobs, presenting, the way to the form."""

import streamlit as st

from cxrcore import datasets, jobs
from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from pages.shared import waiting
from pages.shared.text import duration, literal, plural

# Over Streamlit's own header, between navigation and menu; a row of its own where that is narrow.
_STYLE = """
@media (min-width: 1101px) {
  [data-testid=stLayoutWrapper]:has(> .st-key-header) { position: fixed; top: .55rem;
    right: 3.25rem; width: auto; z-index: 999991; }
  .st-key-header { flex-wrap: nowrap; }
}
"""
# Nothing that only whoever trains the models needs.
_PRESENTING = """
[data-testid=stSidebar], [data-testid=stExpandSidebarButton], [data-testid=stMainMenu],
[data-testid=stToolbarActions], [class*=st-key-workshop] { display: none; }
"""
_HTML = '<div class="open"></div>'
_CSS = """
.open { display: flex; gap: .5rem; justify-content: flex-end; }
button { font: 14px var(--st-font); white-space: nowrap; height: 2.5rem; padding: 0 .8rem;
  cursor: pointer; border-radius: var(--st-button-radius, .5rem);
  border: 1px solid var(--st-border-color); background: var(--st-background-color);
  color: var(--st-text-color); }
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button.primary { background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: var(--st-background-color); }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""
# The browser opens the sidebar by itself: the server has no say in it once somebody folded it.
_JS = """
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".open")
  const drawn = JSON.stringify(data)
  if (root.dataset.drawn === drawn) return
  root.dataset.drawn = drawn
  root.replaceChildren(...data.buttons.map(({ label, primary, target }) => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = label
    button.classList.toggle("primary", primary)
    button.onclick = () => {
      document.querySelector("[data-testid=stExpandSidebarButton]")?.click()
      setTimeout(() => {
        const part = document.querySelector(target)
        part?.scrollIntoView({ block: "start" })
        part?.querySelector("input, button, summary")?.focus({ preventScroll: true })
      }, 350)
    }
    return button
  }))
}
"""


def show() -> None:
    """Draw the header; the chosen dataset is `st.session_state["dataset"]`."""
    st.html(f"<style>{_STYLE}{_PRESENTING if presenting() else ''}</style>")
    with st.container(
        key="header", horizontal=True, vertical_alignment="center", horizontal_alignment="right"
    ):
        try:
            has_dataset = _pick_dataset()
        except CxrError as error:
            has_dataset = False
            if presenting():  # otherwise the sidebar says so
                st.error(literal(str(error)))
        if has_dataset:
            st.toggle(
                "Present",
                key="present",
                bind="query-params",
                help="For a demonstration: hides the sidebar, the training form and what only "
                "whoever trains the models needs.",
            )
        if not presenting():
            _ways_to_sidebar(has_dataset)


def presenting() -> bool:
    """Whether the dashboard is shown to an audience: no form, no jobs, nothing to delete."""
    return bool(st.session_state.get("present"))


def _pick_dataset() -> bool:
    """The dataset of all pages; False while there is none."""
    names = [entry.name for entry in datasets.registered()]
    if not names:
        return False
    if (chosen := st.session_state.pop("next_dataset", None)) in names:
        st.session_state["dataset"] = chosen
    st.selectbox(
        "Dataset",
        names,
        key="dataset",
        bind="query-params",
        on_change=_forget_address,
        label_visibility="collapsed",
        width=190,
    )
    return True


def _forget_address() -> None:
    """What the address names is of the dataset that was chosen before."""
    for name in ("runs", "image", "film", "cell"):
        st.query_params.pop(name, None)


def _ways_to_sidebar(has_dataset: bool) -> None:
    """Buttons that open the sidebar at the jobs or at the form; kept up to date by themselves."""
    active = any(job.active for job in jobs.list_jobs())

    @st.fragment(run_every=waiting.REFRESH_SECONDS if active else None)
    def buttons() -> None:
        shown = []
        if running := [job for job in jobs.list_jobs() if job.active]:
            jobs_button = {"label": _summary(running), "target": ".st-key-jobs"}
            shown.append({**jobs_button, "primary": False})
        label = "Train a model" if has_dataset else "Begin"
        shown.append({"label": label, "primary": True, "target": ".st-key-form"})
        component = st.components.v2.component("cxr_header", html=_HTML, css=_CSS, js=_JS)
        component(data={"buttons": shown}, key="open_sidebar", width="content")

    buttons()


def _summary(running: list[Job]) -> str:
    """ "1 training · 4 min left" of the jobs that run or wait."""
    trainings = sum(job.kind == "train" for job in running)
    count = plural(trainings, "training") if trainings else plural(len(running), "job")
    known = [job.eta_seconds for job in running if job.eta_seconds is not None]
    # Only the running job knows its time; those that wait have none yet.
    if not known or len(running) > 1:
        return count
    return f"{count} · {duration(max(known))} left" if max(known) >= 1 else f"{count} · nearly done"
