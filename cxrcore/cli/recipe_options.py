"""Options of the command line for the fields of a recipe, made from their records."""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import typer

from cxrcore.errors import SettingsError
from cxrcore.models import Recipe
from cxrcore.models.fields import Option

Command = Callable[..., None]


def recipe_options(
    fields: Iterable[str] = (), recipe: type[Recipe] = Recipe
) -> Callable[[Command], Command]:
    """Give a command one option for each field, in place of its keyword-only parameter `changes`.

    The command gets the fields that were used as a dictionary, for `Recipe.override`.

    Args:
        fields: which; without any, all that are offered.
        recipe: the class whose fields they are.
    """
    offered = {name: option for name, option in recipe.options().items() if option.flags}
    options = {name: offered[name] for name in fields or offered}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            changes = {name: given.pop(name) for name in options}
            command(**given, changes=_used(changes, options))

        signature = inspect.signature(command)
        others = [p for name, p in signature.parameters.items() if name != "changes"]
        parameters = [*others, *itertools.starmap(_parameter, options.items())]
        with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate


def _parameter(name: str, option: Option) -> inspect.Parameter:
    """For Typer: `--help` shows range and unit, and one panel per group."""
    declared = typer.Option(
        *option.flags, help=option.summary, rich_help_panel=option.group.capitalize()
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[option.argument | None, declared],
    )


def _used(given: Mapping[str, Any], options: Mapping[str, Option]) -> dict[str, Any]:
    """The values that were given, and the default of a field whose required field was given.

    Raises:
        SettingsError: a field was given without the one that it requires.
    """
    used = {name: value for name, value in given.items() if value is not None}
    for name, option in options.items():
        if not option.requires or (name in used) == (option.requires in used):
            continue
        if name in used:
            flag, required = option.flags[0], options[option.requires].flags[0]
            raise SettingsError(
                f"{flag} {used[name]:g} counts for nothing without {required}. Give {required} as "
                f"well, or leave {flag} out."
            )
        used[name] = option.start
    return used
