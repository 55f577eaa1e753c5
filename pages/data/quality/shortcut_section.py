"""Whether quality gives away the class or the source: the finding, and the test behind it."""

import pandas as pd
import streamlit as st

from cxrcore import figures, quality
from cxrcore.datasets import Dataset
from cxrcore.quality import Dependence, Shortcut
from pages.data.quality.quality_cache import Scores
from pages.shared import cache, charts, tables
from pages.shared.text import literal, plural

_MOST_GROUPS = 10  # drawn; the table has all
_IN_THE_LUNGS = (
    "Only the lungs are scored here, and disease changes lungs, so part of this may be the disease "
    "itself. Choose *Lungs erased* above to see what remains without any lung."
)
_OUTSIDE = (
    "No lung is left in these pixels, so disease can hardly be the reason: it must be how the "
    "images were made and stored."
)
_ADVICE = {  # by region
    "none": "What to do: also train on the lungs alone, check on the *Live prediction* page where "
    "a model looked, and trust only a test on images of another source.",
    "lungs": _IN_THE_LUNGS,
    "lungs-crop": _IN_THE_LUNGS,
    "lungs-erased": _OUTSIDE,
    "border": _OUTSIDE,
}


def show(
    shortcut: Shortcut, dataset: Dataset, sources: pd.Series, scores: Scores, region: str | None
) -> None:
    """Draw the section.

    Args:
        shortcut: from `quality_cache.shortcut`.
        dataset: for the order and colours of the classes.
        sources: (n,) source of each image.
        scores: that were tested.
        region: of the scored pixels; None for the images as they are stored.
    """
    st.subheader("Is quality a shortcut?")
    finding = "\n\n".join(map(literal, shortcut.sentences))
    if shortcut.found:
        st.warning(f"{finding}\n\n{_ADVICE[region or 'none']}", icon=":material/alt_route:")
    else:
        st.markdown(finding)
    st.caption(_known_sources(sources))
    with st.expander("The test in numbers"):
        _numbers(shortcut, dataset, scores)


def _known_sources(sources: pd.Series) -> str:
    known = int(sources.notna().sum())
    if not known:
        return (
            "No image has a known source, so only the classes are compared. That is usual for "
            "public collections; to add sources, put a table *metadata.csv* with the columns "
            "*path* and *source* into the dataset's folder."
        )
    count = plural(int(sources.nunique()), "source")
    if known == len(sources):
        return f"All images have a known source: {count}."
    return (
        f"{known:,} of {plural(len(sources), 'image')} have a known source ({count}); sources are "
        "compared without the others. That is usual for public collections."
    )


def _numbers(shortcut: Shortcut, dataset: Dataset, scores: Scores) -> None:
    st.markdown(
        "The **Kruskal-Wallis test** asks whether some groups tend to have higher scores than "
        "others. **p** is the probability of such a difference by chance alone; with thousands of "
        "images it is tiny even for differences that do not matter. So look at the size of the "
        "effect: **η²** (eta squared) is the share of the variance of the scores' ranks that the "
        "groups explain, small from 0.01, medium from 0.06, large from 0.14. **Pairs**: take one "
        "image of a group and one of another; in how many of 100 such pairs does the group's image "
        "have the higher score? 50 is guessing; 56, 64 and 71 (or 44, 36 and 29) are a small, "
        "medium and large effect. **Effect** is the larger of the two, since a rare class that the "
        "score gives away explains little of all scores."
    )
    tests = {"Class": shortcut.by_class}
    if shortcut.by_source is not None:
        tests["Source"] = shortcut.by_source
    tests |= {f"Class, within {name}": found for name, found in shortcut.within.items()}
    tables.table(
        _tests(tests),
        formats={"H": "%.1f", "η²": "%.3f"},
        alt="Kruskal-Wallis tests of the BRISQUE scores",
    )
    for name in ("Class", "Source"):
        if name in tests and tests[name].tested:
            _groups(tests[name], name, dataset, scores)
    association = shortcut.association
    if association is not None and association.sentence:
        st.caption(
            f"Sources and classes: Cramér's V {association.v:.2f} (0: independent, 1: one "
            f"determines the other), from {plural(association.images, 'image')}."
        )
    st.caption(
        "Several images of one patient count separately, which makes p a little too small. "
        "Sources: Kruskal and Wallis 1952; η² as in Tomczak and Tomczak 2014, its bounds from "
        "Cohen 1988; intervals after Hanley and McNeil 1982."
    )


def _tests(tests: dict[str, Dependence]) -> pd.DataFrame:
    def row(name: str, found: Dependence) -> dict[str, object]:
        p = quality.p_in_words(found.p).removeprefix("p ").removeprefix("= ")
        return {
            "Compared by": name,
            "Images": found.images,
            "Groups": len(found.groups),
            "H": found.h,
            "p": p if found.tested else "not tested",
            "η²": found.effect,
            "Effect": found.strength if found.tested else "not tested",
        }

    return pd.DataFrame([row(name, found) for name, found in tests.items()])


def _groups(found: Dependence, name: str, dataset: Dataset, scores: Scores) -> None:
    shown = found.groups[:_MOST_GROUPS]
    colours = cache.colours(dataset)
    if found.factor == "source":
        colours = figures.class_colours([group.name for group in shown])
    halves = charts.halves()
    with halves.cell():
        st.markdown(f"**{name}: pairs in which its image has the higher score**")
        fig = cache.figure(
            dataset, lambda: figures.pairs_in_order(shown, colours), "pairs", name, scores.key
        )
        numbers = ", ".join(f"{group.name} {100 * group.higher:.0f}" for group in shown)
        charts.plotly(fig, key=f"pairs_{name}", alt=f"Higher score, of 100 pairs: {numbers}.")
        if more := len(found.groups) - len(shown):
            st.caption(f"The {len(shown)} largest; the table has {more} more.")
    with halves.cell():
        tables.table(
            pd.DataFrame(
                {
                    name: [group.name for group in found.groups],
                    "Images": [group.images for group in found.groups],
                    "Median score": [group.median for group in found.groups],
                    "Pairs": [100 * group.higher for group in found.groups],
                    "95% interval": [
                        f"{100 * group.low:.0f} to {100 * group.high:.0f}" for group in found.groups
                    ],
                }
            ),
            formats={"Median score": "%.1f", "Pairs": "%.0f"},
            helps={"Pairs": "Of 100 pairs, those in which its image scores higher."},
            alt=f"Scores of each {found.factor}",
        )
        if found.small:
            few = plural(len(found.small), "group")
            st.caption(f"Not tested: {few} with fewer than {quality.FEWEST} scored images.")
