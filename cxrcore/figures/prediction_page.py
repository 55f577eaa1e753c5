"""One film with the answers of all models as a web page of its own: no script, no other file."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrcore import images

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  color: #0E171E; background: #fff; overflow-wrap: anywhere; }
section { border-top: 1px solid #C9D3DA; padding: 1rem 0; break-inside: avoid; }
h2 { font-size: 1.15rem; margin: 0; } h2 i { display: inline-block; width: .8rem; height: .8rem;
  border-radius: 2px; margin-right: .5rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: .5rem 0; } figure img { display: block; max-width: 100%; max-height: 20rem; }
figcaption { font-size: .85rem; color: #51606B; }
table { border-collapse: collapse; } td { padding: .1rem 1rem .1rem 0; }
td + td { text-align: right; font-variant-numeric: tabular-nums; }
"""


@dataclass(frozen=True)
class Part:
    """One model; all of it is plain text.

    Attributes:
        title: of the model; `colour` its "#rrggbb".
        answer: a line below it.
        shares: (class, probability as text).
        sentences: what else is to be said.
        pictures: (name, (h, w) or (h, w, 3) uint8).
    """

    title: str
    colour: str
    answer: str
    shares: Sequence[tuple[str, str]] = ()
    sentences: Sequence[str] = ()
    pictures: Sequence[tuple[str, np.ndarray]] = ()


def prediction_page(title: str, sentences: Sequence[str], parts: Sequence[Part], note: str) -> str:
    """The page as HTML.

    Args:
        title: its heading.
        sentences: below it.
        parts: one a model.
        note: the last line.
    """
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    body = f"<h1>{html.escape(title)}</h1>{_list(sentences)}" + "".join(map(_part, parts))
    return (
        f'<!DOCTYPE html><html lang="en"><head>{head}</head>'
        f"<body>{body}<footer><p>{html.escape(note)}</p></footer></body></html>\n"
    )


def _part(part: Part) -> str:
    shares = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(share)}</td></tr>"
        for name, share in part.shares
    )
    pictures = "".join(_figure(part.title, name, picture) for name, picture in part.pictures)
    return (
        f'<section><h2><i style="background:{html.escape(part.colour)}"></i>'
        f"{html.escape(part.title)}</h2><p><b>{html.escape(part.answer)}</b></p>"
        f'<table>{shares}</table>{_list(part.sentences)}<div class="pictures">{pictures}</div></section>'
    )


def _list(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def _figure(title: str, name: str, picture: np.ndarray) -> str:
    data = base64.b64encode(images.encode_png(picture)).decode()
    alt = html.escape(f"{title}: {name}")
    return (
        f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
    )
