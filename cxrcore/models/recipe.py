"""What a recipe is: everything that decides a model's weights, and what was published of it."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AliasChoices, Field, ValidationError, model_validator

from cxrcore.errors import RecipeError
from cxrcore.files import digest
from cxrcore.models import torch_files
from cxrcore.models.records import Frozen, Plateau, Reported, Stopping

# The same words as `images.REGIONS` (a test holds that); not imported from there, because a
# request for a cached run reads recipes and must not pay for importing OpenCV.
Region = Literal["none", "lungs", "lungs-crop", "lungs-erased", "border"]

# Lowest and highest value of each number that a form may change.
LIMITS: dict[str, tuple[float, float]] = {
    "image_size": (32, 512),  # pixels; a network may need more: Recipe.min_size
    "batch_size": (1, 512),  # images
    "epochs": (1, 500),
    "learning_rate": (1e-7, 1.0),
    "seed": (0, 2**31 - 1),
    "max_brisque": (0.0, 200.0),  # score; lower is better
    "label_smoothing": (0.0, 0.3),  # share of a label that is spread over all classes
    "favoured_weight": (1.0, 20.0),  # times that an image of the favoured class counts
}
_WHOLE = ("image_size", "batch_size", "epochs", "seed")

CHANGEABLE = (
    *LIMITS,
    "optimizer",
    "weights",
    "region",
    "plateau",
    "best_by",
    "stopping",
    "augmentation",
    "class_weights",
    "favoured_class",
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


def _whole(field: str) -> Any:
    low, high = LIMITS[field]
    return Field(strict=True, ge=int(low), le=int(high))


def _real(field: str) -> Any:
    low, high = LIMITS[field]
    return Field(strict=True, ge=low, le=high, allow_inf_nan=False)


class Recipe(Frozen):
    """All that decides a run's weights, and what was published about it.

    Numbers are in pixels, images, epochs and per-step learning rates; `LIMITS` gives the
    ranges. `weights` is "random", the name of pretrained weights, or the path of an .h5
    file with first weights (then `weights_digest` is the digest of its content, so that
    the run's name depends on the content and not on the place).
    """

    name: str
    study: Literal["A", "B", "C", "D", "E", "ours"]
    title: str
    description: str  # one plain line for a form
    network: str  # key of the builder in cxrcore.models.networks
    features: bool = False  # frozen trunk: features are computed once, only the head trains
    n_classes: Literal[2] | None = None  # how many it tells apart; None: as many as there are
    min_size: int = 32  # pixels; smaller images leave nothing for the last layer

    image_size: Annotated[int, _whole("image_size")]
    batch_size: Annotated[int, _whole("batch_size")]
    epochs: Annotated[int, _whole("epochs")]
    learning_rate: Annotated[float, _real("learning_rate")]
    optimizer: Literal["adam", "rmsprop"] = "adam"
    seed: Annotated[int, _whole("seed")] = 42
    weights: str = "random"
    weights_digest: str = ""
    # Which part of the image the network sees; version 0.4 called it "arm".
    region: Annotated[Region, Field(validation_alias=AliasChoices("region", "arm"))] = "none"
    max_brisque: Annotated[float, _real("max_brisque")] | None = None  # images above are left out
    plateau: Plateau | None = None
    best_by: Literal["val_loss"] | None = None  # keep the weights of the epoch with the lowest
    stopping: Stopping | None = None
    augmentation: Literal["none", "published", "strong"] = "none"
    class_weights: Literal["none", "balanced"] = "none"  # balanced: n / (classes * n of class)
    label_smoothing: Annotated[float, _real("label_smoothing")] = 0.0
    favoured_class: str | None = None  # its images count `favoured_weight` times as much
    favoured_weight: Annotated[float, _real("favoured_weight")] = 1.0

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

    def fast(self) -> "Recipe":
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

    def limits(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each number of this recipe, for forms and messages."""
        low, high = LIMITS["image_size"]
        return {**LIMITS, "image_size": (max(low, self.min_size), high)}

    def override(self, **changes: Any) -> "Recipe":
        """This recipe with some values changed; `max_brisque=None` means no quality filter.

        Raises:
            RecipeError: a field that cannot be changed, or a value out of its range; names
                the field, the range and what was received.
        """
        if unknown := sorted(set(changes) - set(CHANGEABLE)):
            raise RecipeError(
                f"{unknown[0]!r} cannot be changed in a recipe. "
                f"Change one of: {', '.join(CHANGEABLE)}."
            )
        if "weights" in changes:
            changes |= self._first_weights(changes["weights"])
        try:
            return Recipe.model_validate(
                {name: getattr(self, name) for name in Recipe.model_fields} | changes
            )
        except ValidationError as error:
            raise RecipeError(self._explain(error)) from error

    def weights_fields(self) -> dict[str, Any]:
        """Only the fields that decide the trained weights, as JSON values; made into a run's name.

        A file of first weights counts by its content. Titles, figures and citations do not
        count, so correcting a text never makes a trained run unreachable.
        """
        fields = ("network", *CHANGEABLE)
        values = {
            name: value for name, value in self.model_dump(mode="json").items() if name in fields
        }
        values["arm"] = values.pop("region")  # the name it had when the first runs were named
        for name in ("plateau", "stopping"):  # runs from before there were settling steps
            if values[name] and not values[name]["settling_steps"]:
                del values[name]["settling_steps"]
        if self.weights_digest:
            values["weights"] = f"file:{self.weights_digest}"
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
        low, high = (int(bound) for bound in self.limits()["image_size"])
        if self.image_size < low:
            raise ValueError(
                f"image_size must be a whole number from {low} to {high} for recipe {self.name}: "
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
        received = first["input"]
        if field in LIMITS:
            low, high = self.limits()[field]
            kind = "a whole number" if field in _WHOLE else "a number"
            wanted = f"{kind} from {low:g} to {high:.10g}"
            if field == "max_brisque":
                wanted += ", or None for no filter"
        elif field == "region":
            wanted = f"one of {', '.join(get_args(Region))}"
        else:
            wanted = f"valid ({first['msg']})"
        return f"{field} must be {wanted} for recipe {self.name}. Received: {received!r}."


# Our schedule; see `Recipe.fast`.
FAST: dict[str, Any] = {
    "plateau": Plateau(monitor="val_loss", factor=0.25, patience=3, mode="min"),
    "best_by": "val_loss",
    "stopping": Stopping(monitor="val_loss", min_delta=0.0, patience=8),
}


def _is_h5(weights: Any) -> bool:
    return isinstance(weights, str | Path) and Path(weights).suffix.lower() in (".h5", ".hdf5")
