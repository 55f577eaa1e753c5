"""A recipe: everything that decides a model's weights, and what was published about it."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AliasChoices, Field, ValidationError, model_validator

from cxrcore.errors import RecipeError
from cxrcore.files import digest
from cxrcore.models import registry, torch_files
from cxrcore.models.records import Frozen, Network, Plateau, Reported, Stopping

# The same words as `images.REGIONS` (a test holds that); not imported from there, because a
# request for a cached run reads recipes and must not pay for importing OpenCV.
Region = Literal["none", "lungs", "lungs-crop", "lungs-erased", "border"]

# Lowest and highest value of each number that a form may change.
LIMITS: dict[str, tuple[float, float]] = {
    "image_size": (32, 512),  # pixels; a network may need more: Network.min_size
    "batch_size": (1, 512),  # images
    "epochs": (1, 500),
    "learning_rate": (1e-7, 1.0),
    "seed": (0, 2**31 - 1),
    "max_brisque": (0.0, 200.0),  # score; lower is better
    "label_smoothing": (0.0, 0.3),  # share of a label that is spread over all classes
    "favoured_weight": (1.0, 20.0),  # times that an image of the favoured class counts
}
_HELD_BY_0_4 = ("features", "n_classes", "min_size")
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

# For networks with slow running means: with a momentum of 0.99, 0.99^300 = 5 % of the first value
# is left after so many steps. Until then the validation loss says nothing of the network; on a
# thousand images that takes a dozen epochs.
SETTLING_STEPS = 300


def _whole(field: str) -> Any:
    low, high = LIMITS[field]
    return Field(strict=True, ge=int(low), le=int(high))


def _real(field: str) -> Any:
    low, high = LIMITS[field]
    return Field(strict=True, ge=low, le=high, allow_inf_nan=False)


class Recipe(Frozen):
    """All that decides a run's weights, and what was published about it.

    Units are pixels, images, epochs and learning rates a step; `LIMITS` gives the ranges.
    `weights` is "random", the name of pretrained weights, or the path of an .h5 file; then
    `weights_digest` is the digest of its content, so that the run's name depends on the
    content and not on the path.
    """

    name: str
    study: str  # "A" to "E"; "ours" for a model that no study published
    title: str
    description: str  # one plain line for a form
    network: str  # name of the architecture, see `architecture`

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
    def architecture(self) -> Network:
        """The record of its network; RecipeError if there is none, as in a run of a removed model."""
        return registry.network(self.network)

    @property
    def n_classes(self) -> int | None:
        """How many classes its network tells apart; None for any number."""
        return self.architecture.n_classes

    @property
    def weights_choices(self) -> tuple[str, ...]:
        """Names of first weights, the published first; the path of an .h5 file will do as well."""
        return (*self.architecture.pretrained, "random")

    @property
    def frozen_first(self) -> bool:
        """Whether the output of its first layers can be computed once an image and kept."""
        return self.architecture.frozen_first and self.augmentation == "none"

    def reported_on(self, modality: str | None) -> Reported:
        """The published figures for a dataset's `modality`: "xray", "ct" or None for unknown.

        Figures for CT slices are separate where the study reports both.
        """
        return self.reported_ct if modality == "ct" and self.reported_ct else self.reported

    def fast(self) -> "Recipe":
        """The same network and optimiser, without the epochs that no longer change anything.

        When the validation loss stops improving, the learning rate falls and later the training
        ends; the weights of the best epoch are kept (FAST). A recipe of ours that already stops
        by itself is returned as it is.
        """
        if self.study == "ours" and self.stopping:
            return self
        if not self.architecture.slow_means:
            return self.override(**FAST)
        settling = {"settling_steps": SETTLING_STEPS}
        rules = {name: FAST[name].model_copy(update=settling) for name in ("plateau", "stopping")}
        return self.override(**FAST | rules)

    def limits(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each number in this recipe, for forms and messages."""
        low, high = LIMITS["image_size"]
        return {**LIMITS, "image_size": (max(low, self.architecture.min_size), high)}

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
            changed = Recipe.model_validate(
                {name: getattr(self, name) for name in Recipe.model_fields} | changes
            )
        except ValidationError as error:
            raise RecipeError(self._explain(error)) from error
        changed.check(self.architecture)
        return changed

    def weights_fields(self) -> dict[str, Any]:
        """The fields that decide the trained weights, as JSON values; a run's name is their hash.

        A file of first weights counts by its content. Titles, figures and citations do not
        count: correcting a text must not make a trained run unreachable.
        """
        fields = ("network", *CHANGEABLE)
        values = {
            name: value for name, value in self.model_dump(mode="json").items() if name in fields
        }
        values["arm"] = values.pop("region")  # its name when the first runs were named
        for name in ("plateau", "stopping"):  # as in runs older than settling steps
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
            and (refusal := torch_files.refusal(Path(weights)))
        ):
            raise RecipeError(
                f"{refusal} Give the path of an .h5 file in Keras' layout, or one of: "
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

    def check(self, network: Network) -> None:
        """Compare the values that depend on the network with what it can take.

        Raises:
            RecipeError: names the field, what it may be and what it is.
        """
        if self.image_size < network.min_size:
            raise RecipeError(
                f"image_size must be a whole number from {network.min_size} to "
                f"{LIMITS['image_size'][1]} for recipe {self.name}: its convolutions and poolings "
                f"leave nothing of a smaller image. Received: {self.image_size}."
            )
        choices = (*network.pretrained, "random")
        if self.weights not in choices and not self.weights_digest:
            raise RecipeError(
                f"weights must be one of {', '.join(choices)} or the path of an .h5 file for "
                f"recipe {self.name}. Received: {self.weights!r}."
            )
        if self.augmentation == "published" and network.augmentation is None:
            raise RecipeError(
                f"augmentation must be 'none' or 'strong' for recipe {self.name}: its study "
                "published none. Received: 'published'."
            )
        if network.features and self.augmentation != "none":
            raise RecipeError(
                f"augmentation must be 'none' for recipe {self.name}: its features are computed "
                f"once an image. Received: {self.augmentation!r}."
            )

    @model_validator(mode="before")
    @classmethod
    def _without_needs(cls, values: Any) -> Any:
        """Recipes of version 0.4 also held what their network needs."""
        if isinstance(values, dict):
            return {k: v for k, v in values.items() if k not in _HELD_BY_0_4}
        return values

    def _explain(self, error: ValidationError) -> str:
        first = error.errors()[0]
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
