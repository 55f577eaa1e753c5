"""Run methods: the traced ones in one compiled pass, the sampled ones after it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cxrcore.explanations import compiled, convolutions
from cxrcore.explanations.activations import ForwardPass
from cxrcore.explanations.base import Method, Probe, Sampled, Traced, enlarge

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Progress = Callable[[int, int], None]  # passes done and in total; may raise to abandon the rest


class Explanation(NamedTuple):
    """What a network makes of one image."""

    probabilities: np.ndarray  # (k,) float32
    maps: dict[str, np.ndarray]  # method -> (H, W) float32, >= 0
    embedding: np.ndarray  # (d,) float32, input of the last Dense layer, as kept by the training
    depths: tuple[np.ndarray, ...]  # (c,) float32 means of up to four convolutions, first to last


def run(
    model: "keras.Model",
    image: np.ndarray,
    methods: Sequence[Method],
    class_index: int | None,
    layer: str | None,
    progress: Progress | None,
) -> Explanation:
    """See `explanations.explain_all`."""
    index = compiled.check_class(model, class_index)
    batch = compiled.as_batch(image, model)
    convolutions.check(model, layer)
    traced = {method.name: method for method in methods if isinstance(method, Traced)}
    # In order of their names, so that the same methods in another order are compiled already.
    found = _one_pass(model, [traced[name] for name in sorted(traced)], layer)(
        batch, np.array([index], np.int32)
    )
    target, probabilities, heats, embedding, depths = found
    maps = {name: heat[0].numpy() for name, heat in heats.items()}
    sampled = [method for method in methods if isinstance(method, Sampled)]
    maps |= _samples(model, sampled, batch[0], int(target[0]), layer, progress)
    return Explanation(
        probabilities[0].numpy(),
        {method.name: maps[method.name] for method in methods},
        embedding[0].numpy(),
        tuple(means[0].numpy() for means in depths),
    )


def embed(model: "keras.Model", images: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """See `explanations.embed`."""
    compiled.as_batch(images[0], model)  # refuses another shape or range

    def trace(forward: ForwardPass, _: "tf.Tensor") -> tuple:
        return forward.embedding, forward.depths()

    through = compiled.function(model, "embed", trace, images=None)
    parts = [
        through(batch, np.full(len(batch), compiled.PREDICTED, np.int32))
        for batch in batches(model, images)
    ]
    depths = zip(*(means for _, means in parts), strict=True)
    return np.concatenate([part for part, _ in parts]), tuple(map(np.concatenate, depths))


def predict(model: "keras.Model", images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `explanations.predict`."""
    compiled.as_batch(images[0], model)

    def trace(forward: ForwardPass, _: "tf.Tensor") -> tuple:
        return forward.probabilities, forward.embedding

    through = compiled.function(model, "predict", trace, images=None)
    parts = [
        through(batch, np.full(len(batch), compiled.PREDICTED, np.int32))
        for batch in batches(model, images)
    ]
    probabilities, embeddings = (np.concatenate(column) for column in zip(*parts, strict=True))
    return probabilities, embeddings


def maps(
    model: "keras.Model", images: np.ndarray, method: Method, layer: str | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """See `explanations.maps`."""
    compiled.as_batch(images[0], model)
    convolutions.check(model, layer)
    layer = layer if method.uses_layer else None
    run = _many(model, method if isinstance(method, Traced) else None, layer)
    for batch in batches(model, images):
        classes, heats = run(batch, np.full(len(batch), compiled.PREDICTED, np.int32))
        if isinstance(method, Sampled):
            pairs = zip(batch, classes.numpy().tolist(), strict=True)
            heats = np.stack([method.sample(Probe(model, *pair, layer)) for pair in pairs])
        yield np.asarray(classes), np.asarray(heats, np.float32)


def _many(model: "keras.Model", method: Traced | None, layer: str | None) -> Callable:
    """The compiled pass of many images: the predicted classes, and the maps of a traced method."""

    def trace(forward: ForwardPass, classes: "tf.Tensor") -> tuple:
        return classes, () if method is None else method.compute(forward, classes, layer)

    name = None if method is None else method.name
    return compiled.function(model, ("many", name, layer), trace, images=None)


def batches(model: "keras.Model", images: np.ndarray) -> Iterator[np.ndarray]:
    """(n, H, W) gray images in (m, H, W, C) float32 batches of the network's channels."""
    size, channels = compiled.batch_size(*images.shape[1:]), model.inputs[0].shape[-1]
    for start in range(0, len(images), size):
        gray = np.asarray(images[start : start + size], np.float32)
        yield np.repeat(gray[..., None], channels, axis=3)


def _one_pass(model: "keras.Model", traced: Sequence[Traced], layer: str | None) -> Callable:
    """The compiled pass of one image that makes the maps of all traced methods."""
    layer = layer if any(method.uses_layer for method in traced) else None

    def trace(forward: ForwardPass, classes: "tf.Tensor") -> tuple:
        maps = {method.name: _full_size(method, forward, classes, layer) for method in traced}
        return classes, forward.probabilities, maps, forward.embedding, forward.depths()

    return compiled.function(model, (layer, *(method.name for method in traced)), trace)


def _full_size(
    method: Traced, forward: ForwardPass, classes: "tf.Tensor", layer: str | None
) -> "tf.Tensor":
    """(n, H, W) maps of a traced method."""
    import tensorflow as tf

    heat = method.compute(forward, classes, layer)
    if not method.uses_layer:
        return heat
    return enlarge(heat[..., None], tf.shape(forward.image)[1:3])[..., 0]


def _samples(
    model: "keras.Model",
    sampled: Sequence[Sampled],
    image: np.ndarray,
    class_index: int,
    layer: str | None,
    progress: Progress | None,
) -> dict[str, np.ndarray]:
    """The (H, W) maps of sampled methods, one after the other."""
    total, before, found = sum(method.passes for method in sampled), 0, {}
    report = progress or (lambda _done, _total: None)
    if sampled:
        report(0, total)
    for method in sampled:
        ran = _counter(report, before, before + method.passes, total)
        heat = method.sample(Probe(model, image, class_index, layer, ran))
        if heat.shape != image.shape[:2]:
            heat = enlarge(heat[None, :, :, None], image.shape[:2]).numpy()[0, :, :, 0]
        found[method.name] = heat.astype(np.float32)
        before += method.passes
        report(before, total)
    return found


def _counter(report: Progress, start: int, end: int, total: int) -> Callable[[int], None]:
    """What a `Probe` tells its images to; they count from `start` and never beyond `end`."""
    done = start

    def ran(images: int) -> None:
        nonlocal done
        done = min(end, done + images)
        report(done, total)

    return ran
