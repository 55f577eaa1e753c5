"""The one tree of errors that pages and the command line catch.

Every message says what is wrong, what was found and what to do next.

    CxrError
    ├── SettingsError    an environment variable or option that makes no sense
    ├── ImageError       a file that is not a usable picture
    ├── DatasetError     a folder or table that is not a usable dataset
    ├── RecipeError      a recipe that does not exist, or a value it cannot take
    ├── WeightsError     pretrained weights that are missing or damaged
    ├── StoreError       a run that is missing, damaged or cannot be written
    ├── TrainingError    a training that cannot start or cannot go on
    │   └── Cancelled    a training that stopped because it was asked to
    ├── TrackingError    a tracking server that cannot be reached, or refuses
    ├── JobError         a job that does not exist or cannot be changed
    └── ExplainError     a map that cannot be computed
"""


class CxrError(Exception):
    """Base of all errors that are the user's to read; `str(error)` is the message."""


class SettingsError(CxrError):
    """An environment variable or option holds a value that makes no sense."""


class ImageError(CxrError):
    """A file, upload or array is not a picture that can be used."""


class DatasetError(CxrError):
    """A folder, table or name is not a dataset that can be used."""


class RecipeError(CxrError):
    """A recipe does not exist, or one of its values is out of range."""


class WeightsError(CxrError):
    """Pretrained weights are missing, unreachable or do not match."""


class StoreError(CxrError):
    """A run is missing or damaged, or it could not be written."""


class TrainingError(CxrError):
    """A training cannot start or cannot go on."""


class Cancelled(TrainingError):  # noqa: N818 (what was asked for is no error)
    """A training stopped because it was asked to; its checkpoint is kept."""


class TrackingError(CxrError):
    """A tracking server cannot be reached, refuses, or is none."""


class JobError(CxrError):
    """A job does not exist, or what was asked of it is impossible now."""


class ExplainError(CxrError):
    """An explanation cannot be computed for this model, image or method."""
