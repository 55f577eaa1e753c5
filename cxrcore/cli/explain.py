"""The command explain: where a run looked in one film, or in all films of a split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cxrcore.cli.output import (
    AsJson,
    console,
    job_record,
    print_job,
    print_json,
    print_table,
    progress_bar,
    say,
)
from cxrcore.errors import ExplainError, SettingsError

if TYPE_CHECKING:
    from cxrcore.films import Film
    from cxrcore.inference import Prediction


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the command line."""
    app.command()(explain)


def explain(
    run: str,
    image: Annotated[Path | None, typer.Argument(help="A film: PNG, JPEG, DICOM ...")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The PNG to write, of the film's own size.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="grad-cam, saliency, ...; a wrong name lists all.")
    ] = "grad-cam",
    label: Annotated[
        str | None, typer.Option(help="Class to explain; by default the predicted one.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Convolution that a class activation map looks at; by default the last one. "
            "A wrong name lists all."
        ),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Lung mask of IMAGE, for a model of masked images.")
    ] = None,
    page: Annotated[
        int, typer.Option(min=1, help="Of IMAGE, where it is a TIFF of several pages.")
    ] = 1,
    every: Annotated[
        bool,
        typer.Option("--all", help="Map all films of a split in the background, without IMAGE."),
    ] = False,
    split: Annotated[
        Literal["test", "validation"], typer.Option(help="The films to map with --all.")
    ] = "test",
    as_json: AsJson = False,
) -> None:
    """Write a PNG that shows where RUN looked in IMAGE, or map all films of a split with --all."""
    from cxrcore.films import Film

    if every:
        if image or out or label or mask:
            raise SettingsError(
                "--all maps every film for its predicted class and writes no PNG. "
                "Leave out IMAGE, --out, --label and --mask, or leave out --all."
            )
        _submit(run, method, layer, split, as_json)
    elif image is None or out is None:
        raise SettingsError(
            "explain needs a film and where to write its map. "
            "Give IMAGE and --out PNG, or --all for all films of a split."
        )
    else:
        options = {"class_name": label, "layer": layer, "mask": mask}
        film = Film.read(image, page=page)
        prediction = _draw(run, film, out, method, options, as_json)
        if film.pages > 1 and not as_json:
            say(film.about_pages)
        _tell(prediction, method, out, as_json)


def _submit(run: str, method: str, layer: str | None, split: str, as_json: bool) -> None:
    from cxrcore import work

    job = work.submit_explanations(run, method, split=split, layer=layer)
    if as_json:
        print_json({"job": job_record(job)})
    else:
        print_job(job)


def _draw(
    run: str, film: "Film", out: Path, method: str, options: Mapping[str, Any], as_json: bool
) -> "Prediction":
    """Write the PNG; `options` are those of `predict_here`."""
    from cxrcore import figures, files, images
    from cxrcore.inference import predict_here
    from cxrcore.progress import Progress

    with progress_bar(visible=not as_json) as report:  # of slow methods

        def show(done: int, total: int) -> None:
            report(Progress("trying changed films", done, total))

        (prediction,) = predict_here(film, [run], methods=(method,), progress=show, **options)
    if prediction.error is not None:
        raise ExplainError(prediction.error)
    if (layer := options["layer"]) != prediction.layer:
        names = ", ".join(place.name for place in prediction.layers) or "none"
        raise ExplainError(f"{run} has no layer {layer!r} to look at. Choose from: {names}.")
    if method in prediction.missing:
        raise ExplainError(" ".join(prediction.notes))
    heat = figures.overlay(film.gray, prediction.maps[method], box=prediction.box)
    files.write_atomic(out, images.encode_png(heat))
    return prediction


def _tell(prediction: "Prediction", method: str, out: Path, as_json: bool) -> None:
    """Print the probabilities and what the map shows."""
    from cxrcore import store
    from cxrcore.models import own

    changed = own.change(store.load_run(prediction.run_id).recipe)
    notes = [*prediction.notes, *filter(None, [changed])]
    chances = dict(zip(prediction.classes, map(float, prediction.probabilities), strict=True))
    strongest = float(prediction.maps[method].max())
    others = prediction.evidence.get(method)
    if as_json:
        result: dict[str, Any] = {
            "run_id": prediction.run_id,
            "probabilities": chances,
            "out": str(out),
        }
        result |= {"method": method, "explained": prediction.explained, "strongest": strongest}
        result |= {"layer": prediction.layer, "box": list(prediction.box)}
        result |= {"evidence": strongest > 0, "classes_with_evidence": others}
        print_json(result | {"notes": notes})
        return
    print_table(("class", "probability"), ((c, f"{p:.4f}") for c, p in chances.items()))
    for note in notes:
        console.print(note)
    console.print(f"{method} of {prediction.explained}: {out}")
    if strongest <= 0:
        found = "" if others is None else f" There is some for: {', '.join(others) or 'no class'}."
        say(f"Nothing in this film speaks for {prediction.explained}: the map is empty.{found}")
