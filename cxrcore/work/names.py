"""Names and titles for the submission of jobs."""

from cxrcore.errors import DatasetError


def require_registered(dataset: str) -> None:
    """Raise DatasetError unless a dataset is registered under this name."""
    from cxrcore import datasets

    names = [entry.name for entry in datasets.registered()]
    if dataset not in names:
        raise DatasetError(
            f"No dataset is registered as {dataset!r}; there are: {', '.join(names) or 'none'}. "
            "Register it with: python -m cxrcore data add NAME FOLDER"
        )


def model_input(size: int, region: str) -> str:
    """Size and region of a model's images, for a title: "200 px, cropped to the lungs"."""
    from cxrcore.images import REGION_NAMES

    return f"{size} px" if region == "none" else f"{size} px, {REGION_NAMES[region].lower()}"
