"""What a recipe is: everything that decides a model's weights, and what was published of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from cxrcore.errors import RecipeError
from cxrcore.files import digest
from cxrcore.models import torch_files
from cxrcore.models.fields import Choice, Number, Option
from cxrcore.models.hyperparameters import Hyperparameters
from cxrcore.models.records import Plateau, Reported, Stopping

# The fields that run names have held since version 0.4. A later one counts only where it differs
# from its default, so that earlier runs keep their names.
_ALWAYS_NAMED = frozenset(
    (
        "image_size batch_size epochs learning_rate optimizer seed weights region max_brisque plateau best_by "
        "stopping augmentation class_weights label_smoothing favoured_class favoured_weight network"
    ).split()
)

# What may be asked for as first weights, besides the path of an .h5 file; the published first.
_PRETRAINED: dict[str, tuple[str, ...]] = {
    "resnet50": ("imagenet",),
    "chexnet": ("chexnet", "imagenet"),
    "chexnet-probe": ("chexnet", "imagenet"),
    "resnet50v2-xception": ("imagenet",),
}
# Networks whose study published an augmentation.
_AUGMENTED = ("resnet50", "resnet50v2-xception")
# Networks whose first layers are frozen: without augmentation an image gives the same there always.
_FROZEN_FIRST = ("resnet50", "chexnet-probe")

# Networks trained from random weights whose batch normalisations keep Keras' momentum of 0.99.
# Of what a running mean began with 0.99^300 = 5 % is left after so many steps; before, validation
# says nothing of the network, and on a thousand images that takes a dozen epochs.
_SLOW_MEANS = ("cnn-batchnorm", "cnn-batchnorm-dropout", "cnn-five")
SETTLING_STEPS = 300


class Recipe(Hyperparameters):
    """A model of a study: how it is built and trained, and what was published about it."""

    name: str
    study: Literal["A", "B", "C", "D", "E", "ours"]
    title: str
    description: str  # one plain line for a form
    network: str  # key of the builder in cxrcore.models.networks
    features: bool = False  # frozen trunk: features are computed once, only the head trains
    n_classes: Literal[2] | None = None  # how many it tells apart; None: as many as there are
    min_size: int = 32  # pixels; smaller images leave nothing for the last layer

    reported: Reported
    reported_ct: Reported | None = None  # on CT slices, where `reported` is on X-rays alone
    defects: tuple[str, ...] = ()  # sentences: known faults of the study, and what we do instead
    citation: str
    data: str  # the study's dataset
    class_names: tuple[str, ...]  # as published, in the order of the study's softmax

    @property
    def n_classes_published(self) -> int:
        """How many classes the study tells apart."""
        return len(self.class_names)

    @property
    def weights_choices(self) -> tuple[str, ...]:
        """Named first weights this network can start from; the path of an .h5 file is one too."""
        return (*_PRETRAINED.get(self.network, ()), "random")

    @property
    def frozen_first(self) -> bool:
        """Whether what its first layers make of an image can be computed once and kept."""
        return self.network in _FROZEN_FIRST and self.augmentation == "none"

    def reported_on(self, modality: str | None) -> Reported:
        """What was published on images like those of a dataset; `modality` "xray", "ct" or None.

        Where the study reports both, CT slices have figures of their own.
        """
        return self.reported_ct if modality == "ct" and self.reported_ct else self.reported

    def fast(self) -> Self:
        """The same network and optimiser, without epochs that are of no use.

        The learning rate falls and the training ends when the validation loss stops improving,
        and the weights of the best epoch are kept (FAST). A recipe of ours that ends by itself
        stays as it is.
        """
        if self.study == "ours" and self.stopping:
            return self
        if self.network not in _SLOW_MEANS:
            return self.override(**FAST)
        later = {"settling_steps": SETTLING_STEPS}
        rules = {name: FAST[name].model_copy(update=later) for name in ("plateau", "stopping")}
        return self.override(**FAST | rules)

    def option(self, field: str) -> Option:
        """The record of one field, its bounds those of this recipe."""
        record = self.options()[field]
        if field == "image_size" and isinstance(record, Number):
            low, high = record.bounds
            return replace(record, bounds=(max(low, self.min_size), high))
        return record

    def override(self, **changes: Any) -> Self:
        """This recipe with some values changed; `max_brisque=None` means no quality filter.

        Raises:
            RecipeError: a field that cannot be changed, or a value out of its range; names
                the field, the range and what was received.
        """
        options = self.options()
        if unknown := sorted(changes.keys() - options.keys()):
            raise RecipeError(
                f"{unknown[0]!r} cannot be changed in a recipe. Change one of: {', '.join(options)}."
            )
        if "weights" in changes:
            changes |= self._first_weights(changes["weights"])
        try:
            return self.model_validate(
                {name: getattr(self, name) for name in type(self).model_fields} | changes
            )
        except ValidationError as error:
            raise RecipeError(self._explain(error)) from error

    def values(self) -> dict[str, Any]:
        """The network and all that can be changed, as JSON values.

        A file of first weights is named by its content, not by its place.
        """
        values = self.model_dump(mode="json", include={"network", *self.options()})
        if self.weights_digest:
            values["weights"] = f"file:{self.weights_digest}"
        return values

    def weights_fields(self) -> dict[str, Any]:
        """The fields that decide the trained weights, as the name of a run is computed from them.

        Titles, figures and citations do not count, so correcting a text never makes a trained
        run unreachable.
        """
        fields = type(self).model_fields
        values = {
            name: value
            for name, value in self.values().items()
            if name in _ALWAYS_NAMED or getattr(self, name) != fields[name].get_default()
        }
        values["arm"] = values.pop("region")  # the name it had when the first runs were named
        for name in ("plateau", "stopping"):  # runs from before there were settling steps
            if values[name] and not values[name]["settling_steps"]:
                del values[name]["settling_steps"]
        return values

    def _first_weights(self, weights: Any) -> dict[str, str]:
        named = weights in self.weights_choices
        if (
            not named
            and isinstance(weights, str | Path)
            and (said := torch_files.refusal(Path(weights)))
        ):
            raise RecipeError(
                f"{said} Give the path of an .h5 file in Keras' layout, or one of: "
                f"{', '.join(self.weights_choices)}."
            )
        if named or not _is_h5(weights):
            return {"weights": weights, "weights_digest": ""}
        path = Path(weights).expanduser().resolve()
        if not path.is_file():
            raise RecipeError(
                f"weights names the file {path}, which does not exist. Correct the path, "
                f"or choose one of: {', '.join(self.weights_choices)}."
            )
        return {"weights": str(path), "weights_digest": digest(path)}

    @model_validator(mode="after")
    def _fields_agree(self) -> "Recipe":
        if self.image_size < self.min_size:
            raise ValueError(
                f"image_size must be {self.option('image_size').wanted} for recipe {self.name}: "
                f"its convolutions and poolings leave nothing of a smaller image. "
                f"Received: {self.image_size}."
            )
        if self.weights not in self.weights_choices and not self.weights_digest:
            raise ValueError(
                f"weights must be one of {', '.join(self.weights_choices)} or the path of an "
                f".h5 file for recipe {self.name}. Received: {self.weights!r}."
            )
        if self.augmentation == "published" and self.network not in _AUGMENTED:
            raise ValueError(
                f"augmentation must be 'none' or 'strong' for recipe {self.name}: its study "
                f"published none. Received: {self.augmentation!r}."
            )
        if self.features and self.augmentation != "none":
            raise ValueError(
                f"augmentation must be 'none' for recipe {self.name}: its features are computed "
                f"once an image. Received: {self.augmentation!r}."
            )
        return self

    def _explain(self, error: ValidationError) -> str:
        first = error.errors()[0]
        if not first["loc"]:  # from _fields_agree: a whole sentence already
            return str(first["ctx"]["error"])
        field = str(first["loc"][0])
        wanted = self.option(field).wanted or f"valid ({first['msg']})"
        return f"{field} must be {wanted} for recipe {self.name}. Received: {first['input']!r}."


SCHEDULE = Choice(
    title="Schedule",
    group="training",
    labels={"fast": "Fast", "published": "As published"},
    flags=("--schedule",),
    help="Fast: the same network and optimizer; the learning rate falls and the training ends when "
    "the validation loss stops improving, and the best epoch is kept. As published: the study's "
    "own schedule, with all its epochs unless they can change nothing any more.",
)
# The fast schedule; see `Recipe.fast`.
FAST: dict[str, Any] = {
    "plateau": Plateau(monitor="val_loss", factor=0.25, patience=3, mode="min"),
    "best_by": "val_loss",
    "stopping": Stopping(monitor="val_loss", min_delta=0.0, patience=8),
}


def _is_h5(weights: Any) -> bool:
    return isinstance(weights, str | Path) and Path(weights).suffix.lower() in (".h5", ".hdf5")
