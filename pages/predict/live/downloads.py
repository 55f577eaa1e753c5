"""The answers to take away: a sheet, a web page, and data."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import streamlit as st

import cxrcore
from cxrcore import explanations, figures, images
from cxrcore.figures.prediction_page import Part, prediction_page
from cxrcore.store.card import NOTICE
from pages.predict.live import rows
from pages.predict.live.answers import Answer
from pages.predict.live.rows import Scene
from pages.predict.live.rows_component import Row
from pages.predict.live.stages import Stage

_SIDE = 512  # pixels of a picture
Picture = tuple[str, np.ndarray]


def menu(drawn: Sequence[Row], stage: Stage, scene: Scene) -> None:
    """Draw the ways to download what is shown; nothing is made before it is asked for."""
    name = scene.picked.title.rpartition(".")[0] or "film"
    kinds: dict[str, tuple[Callable[[], str | bytes], str, str]] = {
        "One sheet (PNG)": (lambda: _sheet(drawn, stage, scene), "png", "image/png"),
        "A page (HTML)": (lambda: _page(drawn, stage, scene), "html", "text/html"),
        "The numbers (JSON)": (lambda: _data(drawn, stage, scene), "json", "application/json"),
    }
    with st.popover("Download", icon=":material/download:", key="live_download"):
        for label, (make, suffix, kind) in kinds.items():
            st.download_button(
                label, make, f"{name}.{suffix}", kind, key=f"live_{suffix}", on_click="ignore"
            )


def _sheet(drawn: Sequence[Row], stage: Stage, scene: Scene) -> bytes:
    shown = [(r, a) for r, a in zip(drawn, stage.answers, strict=True) if not r.error]
    lines = [
        (", ".join([row.title, *row.marks]), f"{_answer(row)} · {_explained(a)} · {_shares(row)}")
        for row, a in shown
    ]
    pictures = [_pictures(answer, scene) for _, answer in shown]
    return images.encode_png(figures.prediction_image(_title(scene), lines, pictures, NOTICE))


def _page(drawn: Sequence[Row], stage: Stage, scene: Scene) -> str:
    parts = [
        Part(
            ", ".join([row.title, *row.marks]),
            row.colour,
            row.error or _answer(row),
            [(bar.label, bar.text) for bar in row.bars],
            [*([] if row.error else [_explained(answer)]), *row.words, *filter(None, [row.near])],
            [] if row.error else _pictures(answer, scene),
        )
        for row, answer in zip(drawn, stage.answers, strict=True)
    ]
    findings = stage.report.findings if stage.report else ()
    return prediction_page(_title(scene), [f.title for f in findings], parts, NOTICE)


def _data(drawn: Sequence[Row], stage: Stage, scene: Scene) -> str:
    found: dict[str, Any] = {
        "film": scene.picked.name,
        "digest": scene.film.digest,
        "label": scene.picked.label,
        "notice": NOTICE,
        "version": cxrcore.__version__,
        "findings": [f._asdict() for f in stage.report.findings] if stage.report else None,
        "models": [_model(row, a) for row, a in zip(drawn, stage.answers, strict=True)],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def _model(row: Row, answer: Answer) -> dict[str, Any]:
    prediction = answer.prediction
    facts = {"run_id": prediction.run_id, "title": row.title, "marks": list(row.marks)}
    if row.error:
        return {**facts, "error": row.error}
    shares = map(float, prediction.probabilities)
    return {
        **facts,
        "answer": row.answer,
        "right": row.right,
        "probabilities": dict(zip(prediction.classes, shares, strict=True)),
        "shown": {bar.label: bar.share for bar in row.bars},
        "words": list(row.words),
        "nearest": [film.text for film in row.nearest],
        "maps": {
            column: {
                "explained": found.explained,
                "strongest": {name: float(heat.max()) for name, heat in found.maps.items()},
            }
            for column, found in answer.maps.items()
        },
    }


# --- words and pictures ---------------------------------------------------------------------


def _title(scene: Scene) -> str:
    truth = f", truth: {scene.picked.label}" if scene.picked.label is not None else ""
    return f"{scene.picked.name}{truth}"


def _answer(row: Row) -> str:
    known = "" if row.right is None else ", right" if row.right else ", wrong"
    return f"Answer: {row.answer}{known}"


def _explained(answer: Answer) -> str:
    classes = dict.fromkeys(found.explained for found in answer.maps.values())
    return f"explained: {', '.join(classes)}" if classes else "nothing explained"


def _shares(row: Row) -> str:
    return ", ".join(f"{bar.label} {bar.text}" for bar in sorted(row.bars, key=lambda b: -b.share))


def _pictures(answer: Answer, scene: Scene) -> list[Picture]:
    """The film, and the maps over it, each at the film's aspect."""
    gray = scene.film.gray
    scale = min(1.0, _SIDE / max(gray.shape))
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    found: list[Picture] = [(rows.FILM, small)]
    for column, prediction in answer.maps.items():
        method = scene.request.methods[0] if scene.request.classes else column
        title = column if scene.request.classes else explanations.METHODS[method].title
        heat = prediction.maps[method]
        if not heat.max() > 0:
            title += f": nothing speaks for {prediction.explained}"
        x, y, wide, high = (round(v * scale) for v in prediction.box)
        painted = np.repeat(small[..., None], 3, axis=2)
        part = np.s_[y : y + max(1, high), x : x + max(1, wide)]
        painted[part] = figures.overlay(small[part], heat, 0.6)
        found.append((title, painted))
    return found
