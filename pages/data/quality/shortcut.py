"""Whether quality gives away the class or the source: the box, and the test behind it."""

import pandas as pd
import streamlit as st

from cxrcore import figures, quality
from cxrcore.datasets import Dataset
from cxrcore.figures.quality import pairs_told_apart
from cxrcore.quality import Dependence
from pages.data.quality.quality_cache import Scored, Verdict
from pages.shared import cache, charts
from pages.shared.text import literal, plural

MOST_GROUPS = 10  # drawn; the table has all
_IN_THE_LUNGS = (
    "Only the lungs are scored here, and disease changes lungs, so a part of this may be the "
    "disease itself. Choose *Lungs erased* above to see what stays when no lung is left."
)
_OUTSIDE = (
    "No lung is left in these pixels, so disease can hardly be the reason: it is how the images "
    "were made and stored."
)
_ADVICE = {  # by region
    "none": "What to do: train also on the lungs alone, look where a model looked on the *Live "
    "prediction* page, and trust only a test on images of another source.",
    "lungs": _IN_THE_LUNGS,
    "lungs-crop": _IN_THE_LUNGS,
    "lungs-erased": _OUTSIDE,
    "border": _OUTSIDE,
}


def show(
    verdict: Verdict, dataset: Dataset, sources: pd.Series, scored: Scored, region: str | None
) -> None:
    """Draw the section.

    Args:
        verdict: from `cached_quality.verdict`.
        dataset: for the order and colours of the classes.
        sources: (n,) source of each image.
        scored: what the verdict is about.
        region: of the pixels that were scored; None for the images as they are stored.
    """
    st.subheader("Is quality a shortcut?")
    said = _sentences(verdict)
    if verdict.by_class.shortcut or (verdict.by_source and verdict.by_source.shortcut):
        st.warning(
            "\n\n".join([*map(literal, said), _ADVICE["none" if region is None else region]]),
            icon=":material/alt_route:",
        )
    else:
        st.markdown("\n\n".join(map(literal, said)))
    st.caption(_of_sources(sources))
    with st.expander("The test in numbers"):
        _numbers(verdict, dataset, scored)


def _sentences(verdict: Verdict) -> list[str]:
    said = [verdict.by_class.sentence]
    if verdict.by_source is not None and verdict.by_source.tested:
        said.append(verdict.by_source.sentence)
    together = verdict.association
    if together is not None and together.sentence:
        said.append(together.sentence)
        if verdict.by_class.shortcut and verdict.by_source and verdict.by_source.shortcut:
            said += _which_of_both(verdict) if together.strong else []
    return said


def _which_of_both(verdict: Verdict) -> list[str]:
    """Whether the class or the source is behind it, as far as can be told."""
    if not verdict.within:
        return [
            "No source has two classes with enough images, so it cannot be told whether the class "
            "or the source makes the difference."
        ]
    still = [name for name, found in verdict.within.items() if found.shortcut]
    if not still:
        return [
            "Among images of one and the same source quality no longer gives the class away: what "
            "differs is where the images come from."
        ]
    which = ", ".join(still[:3]) + (f" and {len(still) - 3} more" if len(still) > 3 else "")
    return [f"It depends on the class also among images of one and the same source: {which}."]


def _of_sources(sources: pd.Series) -> str:
    known = int(sources.notna().sum())
    if not known:
        return (
            "No image has a known source, so only the classes are compared. That is usual for "
            "public collections; a table *metadata.csv* with the columns *path* and *source* in "
            "the dataset's folder adds them."
        )
    count = plural(int(sources.nunique()), "source")
    if known == len(sources):
        return f"All images have a known source: {count}."
    return (
        f"{known:,} of {plural(len(sources), 'image')} have a known source ({count}); the others "
        "are left out where sources are compared. That is usual for public collections."
    )


def _numbers(verdict: Verdict, dataset: Dataset, scored: Scored) -> None:
    st.markdown(
        "**Kruskal-Wallis** asks whether the scores of some groups tend to be higher than those of "
        "others. **p** is how probable a difference like this would be by chance; with thousands "
        "of images it is tiny even for differences that do not matter. So look at the size of the "
        "effect: **η²** (eta squared) is the share of the scores' ranks that the groups explain, "
        "small from 0.01, medium from 0.06, large from 0.14. **Pairs**: take one image of a group "
        "and one of another group; in how many of 100 such pairs does the group's image have the "
        "higher score? 50 is guessing; 56, 64 and 71 (or 44, 36 and 29) are a small, medium and "
        "large effect. **Effect** is the larger of the two: a rare class that the score gives away "
        "explains little of all scores."
    )
    tests = {"Class": verdict.by_class}
    if verdict.by_source is not None:
        tests["Source"] = verdict.by_source
    tests |= {f"Class, within {name}": found for name, found in verdict.within.items()}
    st.dataframe(
        _tests(tests),
        hide_index=True,
        column_config={
            "H": st.column_config.NumberColumn(format="%.1f"),
            "η²": st.column_config.NumberColumn(format="%.3f"),
        },
        alt="Kruskal-Wallis tests of the BRISQUE scores",
    )
    for name in ("Class", "Source"):
        if name in tests and tests[name].tested:
            _groups(tests[name], name, dataset, scored)
    if verdict.association is not None and verdict.association.sentence:
        st.caption(
            f"Sources and classes: Cramér's V {verdict.association.v:.2f} (0: independent, 1: one "
            f"gives the other), from {plural(verdict.association.images, 'image')}."
        )
    st.caption(
        "Several images of one patient count as so many images, which makes p a little too small. "
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


def _groups(found: Dependence, name: str, dataset: Dataset, scored: Scored) -> None:
    shown = found.groups[:MOST_GROUPS]
    colours = cache.colours(dataset)
    if found.factor == "source":
        colours = figures.class_colours([group.name for group in shown])
    halves = charts.halves()
    with halves.cell():
        st.markdown(f"**{name}: pairs in which its image has the higher score**")
        fig = cache.figure(
            dataset, lambda: pairs_told_apart(shown, colours), "pairs", name, scored.key
        )
        said = ", ".join(f"{group.name} {100 * group.higher:.0f}" for group in shown)
        charts.plotly(
            fig, key=f"pairs_{name}", alt=f"Higher score in how many of 100 pairs: {said}."
        )
        if more := len(found.groups) - len(shown):
            st.caption(f"The {len(shown)} largest; the table has {more} more.")
    with halves.cell():
        st.dataframe(
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
            hide_index=True,
            column_config={
                "Median score": st.column_config.NumberColumn(format="%.1f"),
                "Pairs": st.column_config.NumberColumn(
                    format="%.0f", help="Of 100 pairs, those in which its image scores higher."
                ),
            },
            alt=f"Scores of each {found.factor}",
        )
        if found.small:
            few = plural(len(found.small), "group")
            st.caption(f"{few} with fewer than {quality.FEWEST} scored images left out.")
