"""Every recipe, one epoch on the demonstration data: trained, scored, explained, kept."""

import numpy as np
import pytest

from cxrcore import datasets, explanations, images, pixels, store, training
from cxrcore.datasets import demo
from cxrcore.models import RECIPES
from tests.helpers.recipes import HERE

# All but one that is another one with a higher learning rate.
TRAINED = [name for name in HERE if name != "binary-l2-lr01"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return demo.make(tmp_path_factory.mktemp("demo") / "demo", patients=5, size=128)


@pytest.fixture
def spec(folder, request):
    recipe = RECIPES[request.param]
    options = {"classes": demo.CLASSES[:2]} if recipe.n_classes == 2 else None
    dataset = datasets.load(folder, options=options)
    changes = {"image_size": max(48, recipe.architecture.min_size), "epochs": 1, "batch_size": 8}
    changes |= {"weights": "random", "max_brisque": None}
    return training.plan(recipe.override(**changes), dataset)


@pytest.mark.slow
@pytest.mark.usefixtures("short_trunks")
@pytest.mark.parametrize("spec", TRAINED, indirect=True)
def test_it_trains_is_scored_explains_and_is_kept(spec, folder, monkeypatch):
    import keras

    run = training.train(spec)
    assert run.epochs_run == 1
    assert run.recipe == spec.recipe
    test = run.metrics["test"]
    assert np.sum(test.confusion) == test.n == run.split_counts["test"]
    assert 0 <= test.accuracy <= 1
    assert [c.name for c in test.classes] == list(spec.classes)

    model = keras.models.load_model(run.model_path(), compile=False, safe_mode=True)
    row = run.predictions().iloc[0]
    dataset = datasets.load(folder, options=spec.options)
    gray = images.decode(dataset.path_of(row["image_id"]))
    mask = None
    if spec.recipe.region != "none":
        from cxrcore.datasets import masks

        mask = masks.read(dataset.mask_of(row["image_id"]), gray.shape)
    seen = pixels.prepare_one(
        gray, mask, pixels.Preparation(spec.recipe.image_size, spec.recipe.region)
    )
    shares, maps, *_ = explanations.explain_all(model, seen, ("saliency", "grad-cam"))
    expected = row[[f"p_{name}" for name in spec.classes]].to_numpy(np.float32)
    np.testing.assert_allclose(shares, expected, atol=2e-3)
    for heat in maps.values():
        assert heat.shape == seen.shape
        assert np.isfinite(heat).all()
    assert maps["saliency"].max() > 0

    monkeypatch.setattr(training.session, "_train", None)  # it must not be asked again
    assert training.train(spec) == run
    assert store.exists(spec.run_id)
