"""A dataset of drawn chests with a run on it."""

from tests.helpers.chests import made_ward, ward

__all__ = ["made_ward", "ward"]
