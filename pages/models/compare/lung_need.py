"""Does a model need the lungs? Its score without them: the recipe trained so, and films changed so."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import base64
import html
from collections.abc import Mapping, Sequence

import streamlit as st

from cxrcore import controls, files, images, lungs, settings, store, work
from cxrcore.comparison import LEVEL
from cxrcore.controls import Answer, Arms, Need, Shown
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.regions import REGION_NAMES
from cxrcore.store import Run
from pages.shared import cache, offers, text, waiting
from pages.shared.entries import Entry
from pages.shared.text import duration, literal, plural, shown

_SIDE = 96  # pixels of a picture in the head of a table
_STYLE = """<style>
.need { border-collapse: separate; border-spacing: 3px; font-size: .85rem; }
.need th { font-weight: 500; text-align: left; vertical-align: top; padding: .25rem .5rem; }
.need tr:first-child th:last-child { vertical-align: bottom; }
.need th img { display: block; width: 6rem; border-radius: .3rem; margin-bottom: .3rem; }
.need td { padding: .25rem .6rem; border-radius: .3rem; white-space: nowrap; vertical-align: top;
  background: color-mix(in srgb, currentColor 5%, transparent); }
.need td.better { background: color-mix(in srgb, #0072b2 26%, transparent); }
.need td.worse { background: color-mix(in srgb, #d55e00 26%, transparent); }
.need td small { display: block; opacity: .85; }
</style>"""


def show(entries: Sequence[Entry], dataset: Dataset) -> None:
    """Draw the section, folded until somebody asks.

    Args:
        entries: the compared runs and families; of a family the first run is asked.
        dataset: of them.
    """
    with st.expander(
        "Does this model need the lungs?",
        on_change="rerun",
        key="lung_need",
        icon=":material/pulmonology:",
    ) as section:
        if section.open:
            _section({entry.title: entry.runs for entry in entries}, dataset)


def _section(entries: Mapping[str, Sequence[Run]], dataset: Dataset) -> None:
    st.markdown(
        "A model that does nearly as well without lungs may have learned something else: letters, devices, how "
        "the film was made. So the same recipe is trained on the lungs alone, on films with the lungs "
        "erased, and on the border around them, and judged on the same test films."
    )
    title = st.selectbox(
        "Model", list(entries), format_func=shown, key=f"lung_need_{dataset.name}", width=420
    )
    run = entries[title][0]
    if len(entries[title]) > 1:
        st.caption(f"Of a family its first run is asked: {literal(run.run_id)}.")
    try:
        # Of the store as it is now: the stamps tell whether something was added.
        keys = str(settings.models_dir()), hash((store.stamp(), controls.stamp(run)))
        need = _need(run, dataset, run.run_id, cache.token(dataset), lungs.stamp(), *keys)
        pictures = _pictures(run, dataset, run.run_id, cache.token(dataset), *keys)
    except CxrError as error:
        st.warning(literal(str(error)))
        return
    for remark in need.remarks:
        st.caption(literal(remark))
    st.markdown("**Trained without lungs**")
    if need.trained:
        _answer(need.trained, pictures)
    if need.arms and need.arms.missing:
        _training(need.arms)
    if run.recipe.region == "none":
        st.markdown("**Without training: this model on its test films, changed**")
        _untrained(need, run, pictures)


@st.cache_resource(max_entries=16, show_spinner="Comparing …")
def _need(
    _run: Run, _dataset: Dataset, run_id: str, token: str, masks: files.Stamp, root: str, stamp: int
) -> Need:
    return controls.known(_run, _dataset)


@st.cache_resource(max_entries=16, show_spinner=False)
def _pictures(
    _run: Run, _dataset: Dataset, run_id: str, token: str, root: str, stamp: int
) -> dict[str, str]:
    """Region -> data URI of one test film; empty where there is none."""
    seen = controls.seen(_run, _dataset) if _run.recipe.region == "none" else None
    return {
        region: f"data:image/jpeg;base64,{base64.b64encode(images.thumbnail(gray, _SIDE)).decode()}"
        for region, gray in (seen or {}).items()
    }


def _training(arms: Arms) -> None:
    """What is missing: its progress, or what it costs and the button."""
    found = {
        region: work.find("train", run_id=spec.run_id) for region, spec in arms.missing.items()
    }
    active = [job for job in found.values() if job and job.active]
    if active:
        st.caption(
            f"{plural(len(active), 'training')} running or waiting. You can use other pages meanwhile."
        )
        waiting.follow(next((job for job in active if job.state == "running"), active[0]))
    specs = [spec for region, spec in arms.missing.items() if found[region] not in active]
    for job in found.values():
        offers.failure(job, "training")
    if not specs:
        return
    names = "; ".join(REGION_NAMES[spec.recipe.region].lower() for spec in specs)
    with st.popover("Train without lungs …", icon=":material/model_training:"):
        time = "" if arms.seconds is None else f" That takes about {_time(arms)}."
        st.markdown(f"To be trained, with the recipe, split and seed of this run: {names}.{time}")
        offers.start(
            f"Train {plural(len(specs), 'model')}",
            lambda: [work.submit_training(spec) for spec in specs],
            primary=True,
        )


def _time(arms: Arms) -> str:
    return duration(max(60.0, arms.seconds or 0))


def _untrained(need: Need, run: Run, pictures: Mapping[str, str]) -> None:
    if need.untrained:
        _answer(need.untrained, pictures)
        st.caption(
            "Nothing was trained for this: the network has never seen such films. A score that stays is "
            "telling; one that falls may only mean that the films are strange to it."
        )
        return
    job = work.find("controls", run_id=run.run_id)
    if job is not None and job.active:
        waiting.follow(job)
        return
    offers.failure(job, "attempt")
    st.caption("A first answer in about a minute; it is weaker than that of a training.")
    offers.start(
        "Take the lungs from its test films",
        lambda: work.submit_controls(run.run_id),
        icon=":material/bolt:",
    )


def _answer(answer: Answer, pictures: Mapping[str, str]) -> None:
    st.info(literal(controls.sentence(answer)), icon=":material/pulmonology:")
    heads = "".join(
        f"<th>{_picture(pictures.get(region))}{html.escape(REGION_NAMES[region])}</th>"
        for region in answer.regions
    )
    rows = [
        f"<tr><th>{html.escape(text.shown(controls.title(row)))}</th>{''.join(map(_cell, row.shown))}"
        f"<td>{row.chance:.2f}</td></tr>"
        for row in answer.rows
    ]
    table = f'<table class="need"><tr><th></th>{heads}<th>Guessing</th></tr>{"".join(rows)}</table>'
    st.html(f'{_STYLE}<div style="overflow-x: auto">{table}</div>')
    st.caption(
        literal(
            f"{controls.about_films(answer)} Below each figure its 95 % interval, then the difference from "
            "the whole picture with its own, and p after Holm. Orange: proven worse; blue: proven better."
        )
    )


def _picture(uri: str | None) -> str:
    return f'<img src="{uri}" alt="">' if uri else ""


def _cell(shown: Shown) -> str:
    lines = [f"<b>{controls.number(shown.value)}</b>", controls.interval(shown.low, shown.high)]
    kind = ""
    if shown.difference is not None:
        bounds = controls.interval(shown.difference_low, shown.difference_high, "+")
        lines.append(f"{controls.number(shown.difference, '+')}{bounds and f' ({bounds})'}")
        lines.append(f"p {html.escape(found)}" if (found := controls.p_of(shown)) else "")
        if shown.p is not None and shown.p <= LEVEL:
            kind = "worse" if shown.difference < 0 else "better"
    value, *small = filter(None, lines)
    return f'<td class="{kind}">{value}{"".join(f"<small>{line}</small>" for line in small)}</td>'
