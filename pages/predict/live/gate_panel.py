"""What is to be known before the answers are believed."""

import html
from collections.abc import Mapping

import streamlit as st

from cxrcore.gate import Finding, Report
from cxrcore.perturbations import Box

_ANYWAY = "live_anyway"  # digests of the films whose answers are shown although they are withheld
_SIGNS = {"passed": ("✓", "fine"), "warning": ("!", "take care"), "withheld": ("✗", "serious")}
_STYLE = """<style>
.gate { font-size: .875rem; line-height: 1.4; }
.gate > div { display: grid; grid-template-columns: 1.2rem 1fr; gap: .2rem; padding: .3rem 0; margin: 0;
  overflow-wrap: anywhere; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
.gate > div:last-child { border: 0; }
.gate b { text-align: center; } .gate small { display: block; font-size: .8rem; opacity: .85; }
.gate .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>"""


def show(report: Report | None, titles: Mapping[str, str]) -> None:
    """Draw the findings on the film, then those that differ between the models."""
    st.subheader("Before you believe it")
    if report is None:
        st.caption("The film is checked together with the first answers.")
        return
    lines = [_line(finding) for finding in report.findings]
    for run_id, findings in report.of_run.items():
        title = titles.get(run_id, run_id)
        lines += [_line(f, title) for f in findings if f.severity != "passed"]
    st.html(f'{_STYLE}<div class="gate" role="list">{"".join(lines)}</div>')


def marks(report: Report | None) -> list[Box]:
    """Boxes of the letters and markers that were found on the film."""
    findings = report.findings if report else ()
    return [box for finding in findings for box in finding.boxes]


def withheld(report: Report | None, digest: str) -> bool:
    """Whether the answers are held back; says why, and offers to show them anyway."""
    if report is None or not report.withheld or digest in _shown_anyway():
        return False
    reasons = [f for f in report.findings if f.severity == "withheld"]
    reasons += [f for found in report.of_run.values() for f in found if f.severity == "withheld"]
    said = "".join(
        f"<li>{html.escape(text)}</li>" for text in dict.fromkeys(f.title for f in reasons)
    )
    with st.container(border=True):
        st.html(
            "<b>The answers are held back: they would mean little for this film.</b>"
            f"<ul>{said}</ul>"
        )
        st.button("Show anyway", on_click=_shown_anyway().add, args=(digest,))
    return True


def _shown_anyway() -> set[str]:
    shown: set[str] = st.session_state.setdefault(_ANYWAY, set())
    return shown


def _line(finding: Finding, title: str = "") -> str:
    sign, spoken = _SIGNS[finding.severity]
    text = html.escape(f"{title}: {finding.title}" if title else finding.title)
    detail = f"<small>{html.escape(finding.detail)}</small>" if finding.detail else ""
    return (
        f'<div role="listitem"><b aria-hidden="true">{sign}</b><span><span class="spoken">{spoken}: </span>'
        f"{text}{detail}</span></div>"
    )
