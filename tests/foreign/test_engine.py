"""Networks of ONNX files in a process of their own; hostile ones end there."""

import numpy as np
import pytest

from cxrcore import explanations, foreign
from cxrcore.errors import ExplainError, ModelError
from cxrcore.foreign import Engine, Interface, keras_file, runtimes
from tests.helpers import model_files

onnx = pytest.importorskip("onnx", reason="requirements-import.txt is not installed")
pytest.importorskip("onnxruntime", reason="requirements-import.txt is not installed")

SIDE = model_files.SIDE
INTERFACE = Interface(format="onnx", size=SIDE, channels=3, layout="NCHW", range="0..1", outputs="probabilities")  # fmt: skip


@pytest.fixture
def films():
    return np.random.default_rng(3).uniform(0, 255, (5, SIDE, SIDE)).astype(np.float32)


def expected(films):
    """The probabilities by NumPy alone."""
    logits = (films / 255).mean(axis=2) @ (model_files.bands().T / 4)
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", ["n", 2])
def test_a_network_answers_as_its_formula(tmp_path, films, count):
    engine = Engine(model_files.onnx(tmp_path / "net.onnx", films=count), "onnx")
    signature = engine.signature()
    assert signature.classes == 3
    assert signature.shape == (None if count == "n" else 2, 3, SIDE, SIDE)
    found = engine.outputs(films, INTERFACE)
    engine.close()
    assert np.abs(found - expected(films)).max() < 1e-6


def test_as_a_keras_model_it_is_explained_by_its_answers(tmp_path, films):
    path = model_files.onnx(tmp_path / "net.onnx")
    model = foreign.network(Engine(path, "onnx"), INTERFACE, 3)
    gray = films.round().astype(np.uint8)
    shares, embeddings = explanations.predict(model, gray)
    assert np.abs(shares - expected(gray.astype(np.float32))).max() < 1e-6
    assert embeddings.shape == (5, 0)
    assert explanations.layers(model) == ()
    assert explanations.explain(model, gray[0], "rise").max() > 0
    for method in ("grad-cam", "saliency", "integrated-gradients", "score-cam"):
        with pytest.raises(ExplainError, match="needs the layers of a Keras network"):
            explanations.explain(model, gray[0], method)
    # The process died: the next question starts another.
    foreign.engine_of(model).close()
    assert np.abs(explanations.predict(model, gray)[0] - shares).max() < 1e-6
    foreign.engine_of(model).close()


def test_a_map_of_logits_is_that_of_the_same_network_in_keras(tmp_path, films):
    path = model_files.onnx(tmp_path / "net.onnx", softmax=False)
    interface = INTERFACE.model_copy(update={"outputs": "logits"})
    model = foreign.network(Engine(path, "onnx"), interface, 3)
    same = keras_file.adapted(model_files.network(softmax=False), interface)
    maps = [explanations.explain(each, films[0], "occlusion", 1) for each in (model, same)]
    foreign.engine_of(model).close()
    assert maps[1].max() > 1e-4
    assert np.abs(maps[0] - maps[1]).max() < 1e-6


def endless():
    """A loop whose condition stays true."""
    helper, proto = onnx.helper, onnx.TensorProto
    flag = helper.make_tensor_value_info("go", proto.BOOL, [])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Identity", ["state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", proto.INT64, []),
            flag,
            helper.make_tensor_value_info("state", proto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("again", proto.BOOL, []),
            helper.make_tensor_value_info("next", proto.FLOAT, None),
        ],
    )
    true = helper.make_tensor("true", proto.BOOL, [], [True])
    return [
        helper.make_node("Constant", [], ["yes"], value=true),
        helper.make_node("Loop", ["", "yes", "image"], ["seen"], body=body),
    ]


def test_a_graph_that_never_ends_is_stopped(tmp_path, films):
    path = model_files.onnx(tmp_path / "loop.onnx", nodes=endless())
    engine = Engine(path, "onnx", seconds=0.2)
    with pytest.raises(ModelError, match=r"did not answer in 0\.4 s and was stopped"):
        engine.outputs(films[:1], INTERFACE)
    # Also where TensorFlow stands in between.
    model = foreign.network(Engine(path, "onnx", seconds=0.2), INTERFACE, 3)
    with pytest.raises(ModelError, match="did not answer"):
        explanations.predict(model, films.astype(np.uint8))


def test_a_graph_that_wants_more_memory_than_is_allowed_fails_alone(tmp_path, films):
    helper = onnx.helper
    shape = onnx.numpy_helper.from_array(np.array([200_000, 200_000]), "shape")
    nodes = [
        helper.make_node("Constant", [], ["sides"], value=shape),
        helper.make_node("ConstantOfShape", ["sides"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["one"], keepdims=0),
        helper.make_node("Add", ["image", "one"], ["seen"]),
    ]
    engine = Engine(model_files.onnx(tmp_path / "bomb.onnx", nodes=nodes), "onnx")
    with pytest.raises(ModelError, match=r"bomb\.onnx"):
        engine.outputs(films[:1], INTERFACE)
    engine.close()


@pytest.mark.parametrize("place", ["/etc/hostname", "../secret.bin", "beside.bin"])
@pytest.mark.parametrize("where", ["initializer", "attribute"])
def test_weights_outside_of_the_file_are_not_read(tmp_path, place, where):
    (tmp_path / "beside.bin").write_bytes(bytes(SIDE * 3 * 4))
    model = onnx.load(model_files.onnx(tmp_path / "net.onnx"))
    tensor = model.graph.initializer[0]
    if where == "attribute":
        node = onnx.helper.make_node("Constant", [], ["other"], value=tensor)
        model.graph.node.insert(0, node)
        tensor = model.graph.node[0].attribute[0].t
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value=place)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="refers to other files"):
        runtimes.opened("onnx", tmp_path / "net.onnx")


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x80\x04]\x94." * 9)  # a pickle
    with pytest.raises(ModelError, match=r"net\.onnx: The network cannot be computed"):
        Engine(tmp_path / "net.onnx", "onnx").signature()
