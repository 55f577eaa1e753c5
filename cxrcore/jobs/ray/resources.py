"""What jobs ask of a node of a Ray cluster."""

from cxrcore import settings
from cxrcore.errors import SettingsError
from cxrcore.jobs.model import Resources

LEAST_CPUS = 0.1


def usual_resources() -> Resources:
    """What a training asks for by default.

    Raises:
        SettingsError: one of the CXR_RAY_ variables is wrong.
    """
    return Resources(
        cpus=settings.ray_cpus(), gpus=settings.ray_gpus(), memory_gb=settings.ray_memory_gb()
    )


def resources(cpus: float | None, gpus: float | None) -> Resources | None:
    """The usual resources with other numbers; None where none is given.

    Raises:
        SettingsError: there is no cluster to ask, or the numbers are too small.
    """
    given = {name: n for name, n in (("cpus", cpus), ("gpus", gpus)) if n is not None}
    if not given:
        return None
    if settings.ray_address() is None:
        raise SettingsError(
            f"{' and '.join(given)} can be asked of a Ray cluster only, and CXR_RAY_ADDRESS is not "
            "set. Set it to the address of the cluster's dashboard, or leave them out."
        )
    if not (given.get("cpus", LEAST_CPUS) >= LEAST_CPUS and given.get("gpus", 0) >= 0):
        raise SettingsError(
            f"A training needs at least {LEAST_CPUS:g} CPUs and no less than 0 GPUs. Received: "
            f"{', '.join(f'{name} {n:g}' for name, n in given.items())}."
        )
    return usual_resources().model_copy(update=given)
