"""Lines and distances of the histograms page, also before and after masking."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from cxrcore import figures
from cxrcore.datasets import Dataset
from cxrcore.index import Index
from cxrcore.quality.distance_sentences import amount, farthest_sentence, masking_sentences
from cxrcore.quality.distances import FEWEST, Distances, Kind
from cxrcore.quality.gray_profiles import extremes_sentence
from pages.data.histograms import gray_cache
from pages.data.histograms.gray_cache import WHOLE, Gray, Selection
from pages.shared import cache, charts, lung_masks
from pages.shared.text import literal, plural

GROUPINGS = {
    "label": "Class",
    "source": "Source",
    "view": "View",
    "modality": "X-ray or CT",
    "split": "Published split",
}
PIXELS = {
    WHOLE: "Whole image",
    "lungs": "Lungs only",
    "lungs-crop": "Cropped to the lungs",
    "lungs-erased": "Lungs erased",
    "border": "Border only",
}
KINDS: dict[str, Kind] = {"Gray levels (Wasserstein)": "wasserstein", "0 to 1 (KS)": "ks"}
EXPLANATIONS: dict[Kind, str] = {
    "wasserstein": "By how many gray levels the pixels of one group must be moved, on average, to be "
    "distributed as those of the other (Wasserstein distance).",
    "ks": "The largest difference between the shares of pixels darker than some gray value: 0 for "
    "the same distribution, 1 for no overlap (Kolmogorov-Smirnov distance).",
}

WIDE = 8  # groups: the numbers of more do not fit into half a page


@dataclass(frozen=True, eq=False)
class Shown:
    """The groups of a selection in the whole images, and in its region if it has one."""

    dataset: Dataset
    selection: Selection
    gray: dict[str, Gray]  # region -> numbers; the whole image first
    colours: dict[str, str]
    classes: dict[Kind, Distances] | None  # of the whole images, to compare other groups with

    @property
    def masked(self) -> bool:
        """Whether both are shown, before and after masking."""
        return self.selection.region != WHOLE

    def name(self, region: str) -> str:
        """The name of the pixels, where two kinds of them are shown."""
        return PIXELS[region] if self.masked else ""

    def figure(self, build: Callable[[], go.Figure], *key: object) -> go.Figure:
        """`cache.figure` of this selection."""
        return cache.figure(self.dataset, build, self.selection, *key)


def choice(label: str, options: tuple[str, ...], key: str) -> str:
    """One of a few options; the choice is part of the address, so that a view can be passed on."""
    return st.segmented_control(
        label, options, default=options[0], required=True, key=f"gray_{key}", bind="query-params"
    )


def shown(dataset: Dataset, measured: Index, selection: Selection) -> Shown:
    """Everything that is drawn of a selection.

    Raises:
        StoreError: the pixels of its region are damaged.
    """
    regions = dict.fromkeys((WHOLE, selection.region))
    gray = {region: gray_cache.gray(dataset, measured, selection, region) for region in regions}
    colours = figures.class_colours(selection.names)
    if selection.by == "label":
        colours = cache.colours(dataset)
    elif selection.by == "split":
        colours = {n: figures.SPLIT_COLOURS.get(n, figures.NEUTRAL) for n in selection.names}
    classes = None
    if selection.by != "label":
        by_class = replace(selection, by="label", names=dataset.classes)
        classes = gray_cache.gray(dataset, measured, by_class, WHOLE).distances
    return Shown(dataset, selection, gray, colours, classes)


def missing_images(images: pd.DataFrame, shown: Shown) -> None:
    """Say how many images are in no line, and why."""
    selection = shown.selection
    counted = images[selection.by]
    if selection.modality is not None:
        counted = counted[(images["modality"] == selection.modality).fillna(False)]
    if unknown := int(counted.isna().sum()):
        name = GROUPINGS[selection.by].lower()
        st.caption(f"{plural(unknown, 'image')} of unknown {name}: not shown.")
    if shown.masked:
        used = sum(profile.images for profile in shown.gray[WHOLE].profiles)
        masked = gray_cache.prepared(shown.dataset, selection)
        remark = lung_masks.REMARKS[selection.masks]
        lost = 0 if masked is None else int((~masked.usable).sum())
        st.caption(
            f"Both sides show the same {plural(used, 'image')}{remark and f'; {remark}'}."
            + (
                f" {plural(lost, 'image')} damaged or without a lung mask: not shown."
                if lost
                else ""
            )
        )


def lines(shown: Shown, *, multiples: bool, logarithmic: bool) -> None:
    """How often each gray value occurs in each group."""
    everything = [profile for gray in shown.gray.values() for profile in gray.profiles]

    def draw(region: str) -> None:
        profiles = shown.gray[region].profiles
        fig = shown.figure(
            lambda: figures.histogram_lines(
                profiles,
                shown.colours,
                multiples=multiples,
                logarithmic=logarithmic,
                beside=everything if shown.masked else (),
            ),
            *("gray", region, multiples, logarithmic),
        )
        alt = (
            f"Share of pixels at each gray value. {extremes_sentence(profiles, inner=shown.masked)}"
        )
        charts.plotly(fig, key=f"gray_{region}", alt=" ".join((shown.name(region), alt)).strip())

    _each(shown, draw)
    st.caption(
        "Line: mean over the images. Band: the middle half of them (lower to upper quartile). "
        "Each image counts the same, large or small. "
        + (
            "Pure black and pure white are omitted, so **what the mask blackens does not count**, "
            "and neither does what was black before. The masked images are measured at "
            f"{gray_cache.SIZE} × {gray_cache.SIZE} pixels, the whole ones at their own size."
            if shown.masked
            else "Pure black and pure white are omitted from the lines, since they are mostly borders "
            "and burnt-in marks; they are shown below."
        )
    )


def _each(shown: Shown, draw: Callable[[str], None], *, wide: bool = False) -> None:
    """Draw something once, or before and after masking: side by side, or if `wide` below each other."""
    if not shown.masked:
        draw(WHOLE)
        return
    halves = charts.halves()
    for region in shown.gray:
        with st.container() if wide else halves.cell():
            st.markdown(f"**{PIXELS[region]}**")
            draw(region)


def distances(shown: Shown) -> None:
    """The distances between the groups, as a matrix and as sentences."""
    if len(shown.gray[WHOLE].profiles) < 2:
        return
    st.subheader("How far apart")
    kind = KINDS[choice("Distance in", tuple(KINDS), "distance")]
    found = {region: gray.distances[kind] for region, gray in shown.gray.items()}
    if any(len(distances.names) < 2 for distances in found.values()):
        st.caption("Not enough images have pixels that count.")
        return
    before, after = found[WHOLE], found[shown.selection.region]
    sentences = " ".join(farthest_sentence(found[region], region) for region in found)
    if shown.masked and before.names == after.names:
        sentences = masking_sentences(before, after, shown.selection.region)
    highest = max(float(distances.between.max()) for distances in found.values())
    st.markdown(literal(sentences))

    def draw(region: str) -> None:
        fig = shown.figure(
            lambda: figures.distance_matrix(found[region], highest=highest),
            "distances",
            region,
            kind,
        )
        charts.plotly(
            fig,
            key=f"distances_{region}",
            alt=f"Distances {shown.name(region)}. {sentences}".strip(),
        )

    wide = len(before.names) > WIDE
    if shown.masked or wide:
        _each(shown, draw, wide=wide)
        _explain(shown, before)
    else:
        halves = charts.halves()
        with halves.cell():
            draw(WHOLE)
        with halves.cell():
            _explain(shown, before)


def _explain(shown: Shown, before: Distances) -> None:
    """What the numbers of a matrix mean, and what to compare them with."""
    kind = before.kind
    st.caption(
        EXPLANATIONS[kind] + " **Bold**: more than chance. *In brackets*: the distance that chance "
        "alone can make, below which random halves of one group stay in 19 of 20 draws; images of "
        "one patient stay in one half. Pure black and pure white do not count."
        + (
            f" Empty: fewer than {FEWEST} images or patients."
            if np.isnan(before.chance).any()
            else ""
        )
    )
    references = []
    typical = before.single[~np.isnan(before.single)]
    if len(typical):
        references.append(
            f"two single images of one group are {amount(typical.mean(), kind)} apart on average"
        )
    if shown.classes is not None and (place := shown.classes[kind].farthest()):
        most = amount(shown.classes[kind].between[place], kind)
        references.append(f"the classes are at most {most} apart")
    if references:
        st.caption(f"For comparison, on the whole image: {'; '.join(references)}.")
