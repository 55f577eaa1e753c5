"""A report of runs to take away: one HTML file that needs no network and prints on A4.

`content` gathers what it says from the records of the runs, `chart` draws curves as inline SVG,
`checklist` fills what CLAIM asks for, `document` writes the page.
"""

from cxrcore.reports.apart import render_apart
from cxrcore.reports.content import Content, gather
from cxrcore.reports.document import render

__all__ = ["Content", "gather", "render", "render_apart"]
