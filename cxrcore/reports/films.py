"""Films in a report: examples with every model's map, and mistakes of the best one."""

import base64
import html

import cv2
import numpy as np

from cxrcore import figures, images, store
from cxrcore.errors import ImageError
from cxrcore.metrics import select
from cxrcore.reports.content import Content

_EACH = 10  # mistakes of a class, as study D looked at
_MOST_EXAMPLES, _SIDE = 6, 160  # films, pixels


def maps(content: Content) -> str:
    """How much of each model's maps lies inside the lungs, or the command that tells."""
    sentences = []
    for run in content.runs:
        if share := run.lung_share:
            sentences.append(f"{content.titles[run.run_id]}: {share.sentence}")
        elif run.has_layers:
            missing = (metric.absent.format(run_id=run.run_id) for metric in select("maps"))
            sentences.append(f"{content.titles[run.run_id]}: not computed yet. {' '.join(missing)}")
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def examples(content: Content) -> str:
    """Films with the answer and Grad-CAM of every model that keeps them; "" where none does."""
    kept = {run.run_id: store.examples(run) for run in content.runs}
    by_run = {
        run: {film.image_id: film for film in found.films} for run, found in kept.items() if found
    }
    if not by_run:
        return ""
    ids = list(dict.fromkeys(film for films in by_run.values() for film in films))
    ids.sort(key=lambda film: -sum(film in films for films in by_run.values()))
    rows = []
    for image_id in ids[:_MOST_EXAMPLES]:
        cells = []
        for run, films in by_run.items():
            if (film := films.get(image_id)) is None:
                continue
            picture = (
                figures.overlay(film.pixels(), film.map(), 0.5)
                if film.strongest > 0
                else film.pixels()
            )
            right = "✓" if film.predicted == film.label else "✗"
            text = f"{content.titles[run]}: {right} {film.predicted} {max(film.probabilities):.0%}"
            cells.append(_figure(_jpeg(picture), text))
            label = film.label
        rows.append(
            f'<p class="small">Truth: <b>{html.escape(label)}</b></p><div class="films">{"".join(cells)}</div>'
        )
    return "".join(rows) + (
        '<p class="small">Grad-CAM of the answer, each scaled to its own maximum: what the model used, '
        "not what is true.</p>"
    )


def mistakes(content: Content) -> str:
    """Ten mistakes of every class of the best model, drawn at random, with every model's answer."""
    best = content.runs[0].run_id
    drawn = content.errors.random(best, _EACH)
    if drawn.empty:
        return "<p>It has every test film right.</p>"
    paths = content.dataset.table.set_index("image_id")["path"]
    cells = []
    for image_id, row in drawn.iterrows():
        text = f"{row['label']} → {row[f'answer[{best}]']} {row[f'of_answer[{best}]']:.0%}"
        if row["wrong"] == len(content.errors.names) > 1:
            text += "; all models are wrong"
        if image_id in paths.index and (picture := _film(content, str(image_id))) is not None:
            cells.append(_figure(picture, text))
    title = html.escape(content.titles[best])
    return (
        f'<p class="small">Of {title}: at most {_EACH} mistakes of every class, drawn at random.</p>'
        f'<div class="films">{"".join(cells)}</div>'
    )


def _film(content: Content, image_id: str) -> bytes | None:
    """JPEG; None for a film that cannot be read any more."""
    try:
        return images.thumbnail(images.decode(content.dataset.path_of(image_id)), _SIDE, 80)
    except ImageError:
        return None


def _jpeg(picture: np.ndarray) -> bytes:
    """Of gray levels or RGB, at most _SIDE pixels high."""
    scale = min(1.0, _SIDE / len(picture))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[..., ::-1] if small.ndim == 3 else small)
    return data.tobytes()


def _figure(jpeg: bytes, text: str) -> str:
    said = html.escape(text)
    data = base64.b64encode(jpeg).decode()
    return (
        f'<figure><img alt="{said}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{said}</figcaption></figure>"
    )
