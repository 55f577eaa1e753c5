"""Masks of a whole dataset: kept by content, resumed, corrected, compared with its own."""

from pathlib import Path

import numpy as np
import pytest

from cxrcore import images, lungs, settings
from cxrcore.datasets import masks
from cxrcore.errors import DatasetError, ImageError
from cxrcore.lungs import corrections, estimates


def ids(dataset) -> list[str]:
    return list(dataset.table["image_id"])


def test_every_film_has_a_mask_or_a_reason(unmasked):
    assert lungs.load(unmasked) is None
    found = lungs.estimate(unmasked)
    assert list(found.table["image_id"]) == ids(unmasked)
    assert found.network == lungs.DIGEST
    (blank,) = found.refused.to_dict("records")
    assert "frontal chest film" in blank["reason"]
    assert lungs.refused_by_class(unmasked, found).to_dict() == {"Normal": 1}
    assert lungs.summary(unmasked, found) == (
        "8 of 9 films have a mask of their lungs. No mask: Normal 1."
    )
    for row in found.table.dropna(subset="file").itertuples():
        gray = images.decode(unmasked.path_of(row.image_id))
        wanted = lungs.segment(gray)
        np.testing.assert_array_equal(images.decode(Path(row.file)) > 0, wanted.mask > 0)
        assert row.confidence == pytest.approx(wanted.confidence, abs=1e-4)
        assert row.right == pytest.approx(np.mean(wanted.mask == 1), abs=1e-4)
        assert row.left == pytest.approx(np.mean(wanted.mask == 2), abs=1e-4)
        assert np.isnan(row.dice)


def test_a_film_is_done_once_whatever_dataset_it_is_in(unmasked, simulated, watch_images):
    read = watch_images(estimates, "read_gray")
    first = lungs.estimate(simulated)
    assert sorted(read) == sorted(ids(simulated))
    read.clear()
    assert lungs.estimate(simulated).table.equals(first.table)
    second = lungs.estimate(unmasked)
    assert len(read) == 1  # the blank one, which the other dataset does not have
    shared = second.table.set_index("image_id").loc[ids(simulated)]
    assert list(shared["file"]) == list(first.table["file"])


def test_what_was_done_before_an_interruption_is_kept(simulated, watch_images, monkeypatch):
    """As after kill -9: no line of ours runs when the work ends."""
    read = watch_images(estimates, "read_gray")
    monkeypatch.setattr(estimates, "_CHUNK", 3)

    class Killed(BaseException):
        pass

    def killed(progress):
        if progress.done >= 3:
            raise Killed

    with pytest.raises(Killed):
        lungs.estimate(simulated, report=killed)
    assert len(read) == 3
    assert lungs.load(simulated) is None
    lungs.estimate(simulated)
    assert len(read) == len(simulated.table)


def test_estimates_are_compared_with_the_masks_of_the_dataset(simulated):
    found = lungs.estimate(simulated).table
    for row in found.itertuples():
        shape = images.decode(simulated.path_of(row.image_id)).shape
        own = masks.read(simulated.mask_of(row.image_id), shape)
        mask = images.decode(Path(row.file)) > 0
        union = np.count_nonzero(own | mask)
        jaccard = np.count_nonzero(own & mask) / union
        assert row.dice == pytest.approx(2 * jaccard / (1 + jaccard))


def test_damaged_verdicts_and_tables_are_made_again(simulated):
    first = lungs.estimate(simulated).table
    folder = settings.data_dir() / "lungs" / lungs.DIGEST
    (table,) = folder.glob("*.parquet")
    table.write_bytes(b"cut")
    next(folder.glob("*/*.json")).write_text("{")
    assert lungs.load(simulated) is None
    assert lungs.estimate(simulated).table.equals(first)


def test_a_lost_disk_is_no_dataset_of_refused_films(unmasked):
    for path in unmasked.root.rglob("*.png"):
        path.unlink()
    with pytest.raises(DatasetError, match="are gone from"):
        lungs.estimate(unmasked)


def test_people_correct_single_films(unmasked):
    before = lungs.estimate(unmasked)
    first, second = ids(unmasked)[:2]
    drawn = np.zeros((192, 192), bool)
    drawn[40:150, 30:90] = True
    stamp = lungs.stamp()
    lungs.correct({first: drawn, second: None})
    assert lungs.stamp() != stamp
    found = lungs.load(unmasked).table.set_index("image_id")
    np.testing.assert_array_equal(
        images.read_mask(Path(found.at[first, "file"]), (192, 192)), drawn
    )
    assert found.at[second, "reason"] == corrections.LEFT_OUT
    assert found["corrected"].sum() == 2
    lungs.restore([first, second])
    assert lungs.load(unmasked).table.equals(before.table)


@pytest.mark.parametrize("wrong", [np.zeros((9, 9), bool), np.ones((9, 9), np.uint8)])
def test_a_correction_without_lungs_is_refused(wrong):
    with pytest.raises(ImageError, match="at least one pixel inside"):
        lungs.correct({"0" * 32: wrong})
    assert corrections.known() == {}
