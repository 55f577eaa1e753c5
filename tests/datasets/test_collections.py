"""The catalogue: complete, consistent, and nothing in it that could not be typed."""

import re
from urllib.parse import urlsplit

import pytest

from cxrcore import archives, datasets
from cxrcore.datasets import collections, registry
from cxrcore.errors import DatasetError

ALL = list(collections.COLLECTIONS.values())


def each(test):
    return pytest.mark.parametrize("collection", ALL, ids=lambda c: c.name)(test)


def test_all_that_the_studies_used_is_there():
    assert set(collections.COLLECTIONS) >= {
        "radiography", "v7-covid", "cohen", "mendeley-covid", "kermany", "ozturk",
    }  # fmt: skip
    named = " ".join(c.studies or "" for c in ALL)
    assert all(re.search(rf"\b{study}\b", named) for study in "ABCD")


@each
def test_a_name_can_be_registered_and_the_layout_exists(collection):
    registry.check_name(collection.name)
    assert collection.layout in datasets.LAYOUTS
    assert collections.get(collection.name) is collection


@each
def test_nothing_that_people_need_is_empty(collection):
    for text in (collection.title, collection.what, collection.citation, collection.modality):
        assert text.strip() == text
        assert text
    assert collection.classes
    assert all(note.endswith(".") for note in (collection.what, *collection.notes))
    assert re.search(r"doi 10\.\d{4,}/|arXiv:\d{4}\.\d{5}|https://", collection.citation)


@each
def test_addresses_are_encrypted_and_of_the_publishers(collection):
    addresses = [collection.home, collection.how.address]
    hosts = {urlsplit(address).hostname for address in addresses}
    assert all(address.startswith("https://") for address in addresses)
    assert hosts <= {"github.com", "data.mendeley.com", "www.kaggle.com", "darwin.v7labs.com"}


@each
def test_classes_with_all_their_counts_add_up_to_the_images(collection):
    counts = list(collection.classes.values())
    if collection.images and all(counts):
        assert sum(counts) == collection.images


@each
def test_how_it_is_had_is_whole(collection):
    how = collection.how
    if isinstance(how, collections.Kaggle):
        assert re.fullmatch(r"[\w-]+/[\w-]+", how.handle)
    elif isinstance(how, collections.Archive):
        assert how.suffix in archives.SUFFIXES
        assert how.checksum is None or re.fullmatch(
            r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", how.checksum
        )
    else:
        assert how.commands
        assert how.result


@each
def test_collections_that_notes_point_to_exist(collection):
    for note in collection.notes:
        words = set(re.findall(r"`([\w-]+)`", note))
        assert words <= set(collections.COLLECTIONS)


def test_an_unknown_name_is_answered_with_those_that_exist():
    with pytest.raises(DatasetError, match=r"collection 'nothing'\. Choose one of radiography, "):
        collections.get("nothing")
