"""Train the network that finds lungs: `python -m cxrcore.lungs.train IMAGES MASKS`.

IMAGES holds films, MASKS a PNG of the same stem for each, white on the lungs. The simulated
thorax adds films whose masks are exact. Needs the package onnx (requirements-export.txt).
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cxrcore import files, images
from cxrcore.datasets import demo
from cxrcore.errors import CxrError, DatasetError
from cxrcore.lungs import augmentation, conversion, grid, network

BATCH = 8
EPOCHS = 120
SEED = 0
PHANTOM_PATIENTS = 8  # of each of four classes, two films each
PLAIN_SHARE = 0.12  # of the films with lungs: as many pictures without are added to each epoch

Film = tuple[np.ndarray, np.ndarray]  # (192, 192) uint8 gray; (192, 192) uint8 right and left lung


def main(
    images_folder: Annotated[Path, typer.Argument(metavar="IMAGES")],
    masks_folder: Annotated[Path, typer.Argument(metavar="MASKS")],
    others: Annotated[Path | None, typer.Option(help="Pictures that are no frontal films: they are to be refused.")] = None,
    without: Annotated[Path | None, typer.Option(help="A text file with stems of films, one a line, that are left out.")] = None,
    epochs: Annotated[int, typer.Option(min=1)] = EPOCHS,
    out: Annotated[Path, typer.Option(help="The ONNX file.")] = Path(__file__).parent / "lungs.onnx",
) -> None:  # fmt: skip
    """Train on films with masks drawn by people and on simulated ones, and write the ONNX file."""
    left_out = set(without.read_text().split("\n")) if without else set()
    drawn = read_pairs(images_folder, masks_folder, left_out)
    others_read = read_others(others)
    typer.echo(f"{len(drawn)} films with masks, {len(others_read)} other pictures")
    model = fit([*drawn.values(), *simulated()], others_read, epochs)
    data = conversion.onnx_bytes(model)
    files.write_atomic(out, data)
    typer.echo(f"{out}: {len(data):,} bytes, BLAKE2b {files.digest(out)}")


def read_pairs(images_folder: Path, masks_folder: Path, left_out: set[str]) -> dict[str, Film]:
    """The films with their masks by stem, in the order of their names.

    Raises:
        DatasetError: a film has no mask, or its mask does not show two lungs.
        ImageError: a file is not a usable picture.
    """
    found = {}
    for path in sorted(images_folder.iterdir()):
        if path.stem in left_out or path.suffix.lower() not in images.SUFFIXES:
            continue
        gray = images.decode(path)
        mask = images.read_mask(masks_folder / f"{path.stem}.png", gray.shape)
        lungs = _sides(mask)
        if lungs is None:
            raise DatasetError(
                f"The mask of {path.name} does not show two separate lungs. "
                f"Correct {masks_folder / f'{path.stem}.png'} or leave the film out by --without."
            )
        found[path.stem] = images.resize(gray, grid.SIDE), lungs
    return found


def read_others(folder: Path | None) -> list[np.ndarray]:
    """(192, 192) uint8 of each picture in a folder; none without one."""
    paths = sorted(folder.iterdir()) if folder else []
    return [images.resize(images.decode(path), grid.SIDE) for path in paths]


def simulated() -> list[Film]:
    """Films of the simulated thorax; those whose lungs touch in the picture are left out."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        root = demo.make(Path(folder) / "films", patients=PHANTOM_PATIENTS, seed=SEED + 1000)
        for path in sorted(root.glob("*/images/*.png")):
            gray = images.decode(path)
            mask = images.read_mask(path.parents[1] / "masks" / path.name, gray.shape)
            if (lungs := _sides(mask)) is not None:
                found.append((images.resize(gray, grid.SIDE), lungs))
    return found


def _sides(mask: np.ndarray) -> np.ndarray | None:
    return grid.sides(images.resize(255 * mask.astype(np.uint8), grid.SIDE) > 127)


def fit(films: list[Film], others: list[np.ndarray], epochs: int) -> Any:
    """Train a new network on these films, each varied anew in each epoch.

    Most of it is computed in bfloat16, twice as fast as float32 on some processors that have it
    and half as fast on others.

    Returns:
        keras.Model of `network.build`.
    """
    import keras

    keras.utils.set_random_seed(SEED)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network.build()
    finally:
        keras.config.set_dtype_policy("float32")
    without = round(PLAIN_SHARE * len(films))
    steps = epochs * -(-(len(films) + without) // BATCH)
    warmup = steps // 20
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - warmup, warmup_target=2e-3, warmup_steps=warmup
    )
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss)
    rng = np.random.default_rng(SEED)
    for epoch in range(epochs):
        pictures, shares = _epoch(films, others, without, rng)
        done = model.fit(pictures, shares, batch_size=BATCH, verbose=0)
        typer.echo(f"epoch {epoch + 1} of {epochs}: loss {done.history['loss'][0]:.4f}")
    return model


def _epoch(
    films: list[Film], others: list[np.ndarray], without: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Every film once, and `without` pictures that show no lungs, in the network's form."""
    nothing = np.zeros((grid.SIDE, grid.SIDE), np.uint8)
    chosen = list(films)
    for _ in range(without):
        known = others and rng.random() < 0.7
        picture = others[rng.integers(len(others))] if known else augmentation.other_picture(rng)
        chosen.append((picture, nothing))
    pairs = [augmentation.varied(*film, rng) for film in chosen]
    pictures = grid.standardised(np.stack([picture for picture, _ in pairs]))
    return pictures[..., None], np.stack([shares for _, shares in pairs])


def loss(shares: Any, found: Any) -> Any:
    """Cross-entropy plus 1 - Dice of both lungs over the batch; tensors (n, 96, 96, 3)."""
    from keras import ops

    entropy = -ops.mean(ops.sum(shares * ops.log(found + 1e-6), axis=-1))
    common = ops.sum(shares[..., 1:] * found[..., 1:], axis=(0, 1, 2))
    size = ops.sum(shares[..., 1:] + found[..., 1:], axis=(0, 1, 2))
    return entropy + 1 - ops.mean((2 * common + 1) / (size + 1))


if __name__ == "__main__":
    try:
        typer.run(main)
    except CxrError as error:
        raise SystemExit(f"Error: {error}") from None
