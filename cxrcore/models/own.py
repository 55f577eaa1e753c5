"""Models of one's own: a file to begin with, what their networks must be, and what has changed.

Their networks are stored with the run and opened without the file, so they consist of Keras' own
layers. See docs/decisions/0057.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore import files, settings
from cxrcore.errors import RecipeError
from cxrcore.models import registry

if TYPE_CHECKING:
    import keras

    from cxrcore.models.recipe import Recipe

_EXAMPLE, _EXAMPLE_NAME = Path(__file__).with_name("template.py"), "my-network"


def create(name: str) -> Path:
    """Write a commented recipe file called `name` that trains; returns its path.

    Raises:
        RecipeError: the name cannot be one, or there is such a recipe, network or file.
        StoreError: the folder cannot be written.
    """
    found = registry.models()
    registry.require_name(name)
    path = settings.recipes_dir() / f"{name.replace('-', '_')}.py"
    if name in found.recipes or name in found.networks or path.exists():
        taken = path if path.exists() else f"a model of that name (in {_place(name)})"
        raise RecipeError(f"There is {taken} already, and it is kept. Choose another name.")
    text = _EXAMPLE.read_text(encoding="utf-8").replace(_EXAMPLE_NAME, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:  # never over one that came meanwhile
            file.write(text)
    except OSError as error:
        raise files.cannot_write(path, error) from error
    return path


def _place(name: str) -> str:
    return registry.models().files.get(name, "this program")


def change(recipe: "Recipe") -> str:
    """What has become of the file that a run's recipe came from, as a sentence; "" if nothing has."""
    if not recipe.source:
        return ""
    known = registry.models().recipes.get(recipe.name)
    if known is not None and known.source == recipe.source:
        return ""
    what = "is not here or cannot be read" if known is None else "has changed"
    return (
        f"The file that defines {recipe.name} {what} since this run was planned. A stored run keeps "
        "its network and still predicts and explains as it did; a new training makes another run."
    )


def require_unchanged(recipe: "Recipe") -> None:
    """Refuse to build a network from another source than the one that a training was named after.

    Raises:
        RecipeError: the file has changed or is gone.
    """
    if sentence := change(recipe):
        raise RecipeError(
            f"{sentence} Put the file as it was back into {settings.recipes_dir()}, or start the "
            "training again from the form or the command line."
        )


def build(recipe: "Recipe", n_classes: int) -> "keras.Model":
    """The network of a file of one's own, checked before anything is trained.

    Raises:
        RecipeError: its function fails, or its network does not fit; names file, line and reason.
    """
    place = registry.models().files[recipe.network]
    try:
        model = recipe.architecture.build(recipe, n_classes)
    except Exception as error:
        raise RecipeError(f"{registry.said(place, error)} Correct the file.") from error
    if fault := _fault(model, recipe, n_classes):
        raise RecipeError(f"{place}: the network {recipe.network!r} {fault} Correct the file.")
    return model


def _fault(model: object, recipe: "Recipe", n_classes: int) -> str:
    """Why a network cannot be trained, stored and opened again; "" if it can."""
    import keras

    if not isinstance(model, keras.Model):
        return f"must be a keras.Model; build returned a {type(model).__name__}."
    wanted = ((None, recipe.image_size, recipe.image_size, 3), (None, n_classes))
    found = (getattr(model, "input_shape", None), getattr(model, "output_shape", None))
    if found != wanted:
        return f"must map {wanted[0]} to {wanted[1]}; it maps {found[0]} to {found[1]}."
    last = model.layers[-1]
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    if last.name != "predictions" or not softmax or last.compute_dtype != "float32":
        return "must end in a float32 softmax called 'predictions'; use layers.classifier."
    for layer in model._flatten_layers(include_self=False):
        strange = not type(layer).__module__.startswith("keras.")
        if strange or isinstance(layer, keras.layers.Lambda):
            return (
                f"has the layer {layer.name!r} of the class {type(layer).__name__}; only Keras' own "
                "layers can be stored and opened without the file, and no Lambda."
            )
    return ""
