from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrcore.models import RECIPES, Plateau, Stopping
from cxrcore.training import schedule

BY_ACCURACY = Plateau(monitor="val_accuracy", factor=0.1, patience=3, mode="max")


def rates(rule: Plateau, values: list[float], first: float = 1e-3) -> list[float]:
    """The learning rate of each epoch, and of the one after the last."""
    state, found = schedule.PlateauState(), [first]
    for value in values:
        found.append(state.rate_after(rule, value, found[-1]))
    return found


def test_the_rate_falls_after_the_patience_and_again_after_as_many_epochs():
    found = rates(BY_ACCURACY, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert found == pytest.approx([1e-3] * 4 + [1e-4] * 3 + [1e-5])


def test_an_improvement_too_small_to_count_does_not_reset_the_patience():
    found = rates(BY_ACCURACY, [0.5, 0.50005, 0.50009, 0.50005])
    assert found[-1] == pytest.approx(1e-4)


@settings(deadline=None)  # the first example imports Keras
@given(
    st.lists(st.floats(0, 2, width=32), min_size=1, max_size=25),
    st.sampled_from(["min", "max"]),
    st.integers(0, 4),
)
def test_the_rate_is_what_keras_would_make_of_the_same_epochs(values, mode, patience):
    import keras

    rule = Plateau(monitor="val_loss", factor=0.5, patience=patience, mode=mode)
    reference = keras.callbacks.ReduceLROnPlateau(
        "val_loss", factor=0.5, patience=patience, mode=mode
    )
    # All that the callback asks of a model.
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=1e-3))
    reference.set_model(model)
    reference.on_train_begin()
    expected = [1e-3]
    for epoch, value in enumerate(values):
        reference.on_epoch_end(epoch, {"val_loss": value})
        expected.append(float(model.optimizer.learning_rate))
    assert rates(rule, values) == pytest.approx(expected)


def test_a_rate_is_negligible_once_it_fell_by_five_powers_of_ten():
    assert not schedule.is_negligible(1e-7, 1e-3)
    assert schedule.is_negligible(1e-8, 1e-3)
    assert schedule.is_negligible(9.9e-9, 1e-3)


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 2, width=32), min_size=1, max_size=25),
    st.sampled_from(["accuracy", "val_loss"]),
    st.sampled_from([0.0, 0.01, 0.3]),
    st.integers(1, 4),
)
def test_training_ends_where_keras_would_end_it(values, monitor, min_delta, patience):
    import keras

    rule = Stopping(monitor=monitor, min_delta=min_delta, patience=patience)
    mode = "max" if monitor == "accuracy" else "min"
    reference = keras.callbacks.EarlyStopping(monitor, min_delta, patience, mode=mode)
    model = SimpleNamespace(stop_training=False, get_weights=list)
    reference.set_model(model)
    reference.on_train_begin()
    state = schedule.StoppingState()
    for epoch, value in enumerate(values):
        reference.on_epoch_end(epoch, {monitor: value})
        ends = state.ends_after(rule, value)
        assert ends == model.stop_training
        if ends:
            return


@given(st.lists(st.integers(0, 2), min_size=3, max_size=60).map(lambda rest: [0, 1, 2, *rest]))
def test_balanced_weights_are_those_of_scikit_learn(labels):
    from sklearn.utils.class_weight import compute_class_weight

    recipe = RECIPES["cnn-plain"].override(class_weights="balanced")
    found = schedule.class_weights(recipe, np.array(labels), ["a", "b", "c"])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert list((found or dict.fromkeys(range(3), 1.0)).values()) == pytest.approx(list(expected))


def test_a_favoured_class_counts_as_often_as_asked():
    recipe = RECIPES["cnn-plain"].override(favoured_class="b", favoured_weight=4.0)
    labels = np.array([0, 1, 1, 0])
    assert schedule.class_weights(recipe, labels, ["a", "b"]) == {0: 1.0, 1: 4.0}
    assert schedule.class_weights(RECIPES["cnn-plain"], labels, ["a", "b"]) is None
