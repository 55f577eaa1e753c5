"""The one tree of errors that pages and the command line catch.

Every message says what is wrong, what was found and what to do next.

    CxrError
    ├── SettingsError    an environment variable or option with an invalid value
    ├── ImageError       a file that is not a usable image
    ├── DatasetError     a folder or table that is not a usable dataset
    ├── RecipeError      an unknown recipe, or a value out of range
    ├── WeightsError     pretrained weights that are missing or damaged
    ├── StoreError       a run that is missing, damaged or cannot be written
    ├── PredictionsError a file of predictions or embeddings that cannot be used
    ├── ModelError       a network from elsewhere that cannot be used
    ├── ComparisonError  runs that cannot be compared, or not in this way
    ├── TrainingError    a training that cannot start or cannot go on
    │   └── Cancelled    a training that stopped on request
    ├── TrackingError    a tracking server or its package that cannot be used
    ├── JobError         a job that does not exist or cannot be changed
    │   └── Superseded   a request that gave way to a newer one of the same visitor
    └── ExplainError     a map that cannot be computed
"""


class CxrError(Exception):
    """Base of all errors meant for the user; `str(error)` is the message.

    Args:
        message: for the user.
        final: whether the same request fails again however often it is made: it must be another one.
    """

    def __init__(self, message: str = "", *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class SettingsError(CxrError):
    """An environment variable or option has an invalid value."""


class ImageError(CxrError):
    """A file, upload or array is not a usable image."""


class DatasetError(CxrError):
    """A folder, table or name is not a usable dataset."""


class RecipeError(CxrError):
    """A recipe does not exist, or one of its values is out of range."""


class WeightsError(CxrError):
    """Pretrained weights are missing, unreachable or do not match."""


class StoreError(CxrError):
    """A run is missing or damaged, or it could not be written."""


class PredictionsError(CxrError):
    """A file of predictions or embeddings cannot be read, or does not fit its dataset."""


class ModelError(CxrError):
    """A file with a network from elsewhere cannot be used, or it has to be said how."""


class ComparisonError(CxrError):
    """Runs have no film or class in common, or a metric or class that is wanted is unknown."""


class TrainingError(CxrError):
    """A training cannot start or cannot go on."""


class Cancelled(TrainingError):  # noqa: N818 (a requested stop is not an error)
    """A training stopped on request; its checkpoint is kept."""


class EndedEarly(Cancelled):
    """A training of a sweep that others have left behind; its checkpoint is kept."""


class TrackingError(CxrError):
    """A tracking server cannot be reached or refuses, or its package is not installed."""


class JobError(CxrError):
    """A job does not exist, or cannot do what was requested now."""


class Superseded(JobError):  # noqa: N818 (a newer request is not an error)
    """A request that waited when the same visitor asked for something newer."""


class ExplainError(CxrError):
    """An explanation cannot be computed for this model, image or method."""
