"""TFLite files: whole numbers in and out, and operations that would reach beyond the network."""

import flatbuffers
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from cxrcore.errors import ModelError
from cxrcore.foreign import Interface, runtimes
from tests.helpers import model_files


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")  # of TensorFlow
def test_a_quantised_network_answers_nearly_what_it_answered_before(tmp_path):
    network = model_files.network()
    films = np.random.default_rng(1).uniform(0, 255, (4, 48, 48)).astype(np.float32)
    films[:, 16:32] += 60
    interface = Interface(format="tflite", size=48, channels=3, layout="NHWC", range="0..1", outputs="probabilities")  # fmt: skip
    batch = interface.batch(films.clip(0, 255))
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([film[None]] for film in batch)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    (tmp_path / "net.tflite").write_bytes(converter.convert())
    found = runtimes.opened("tflite", tmp_path / "net.tflite")
    assert found.signature.shape[1:] == (48, 48, 3)
    assert not found.signature.integer  # its numbers stand for 0..1
    assert np.abs(found.run(batch) - np.asarray(network(batch))).max() < 0.02


@pytest.mark.parametrize("name", [b"FlexReadFile", b"MyOperation"])
def test_operations_that_are_not_of_tflite_are_refused(tmp_path, name):
    code = schema.OperatorCodeT()
    code.customCode, code.builtinCode = name, schema.BuiltinOperator.CUSTOM
    model = schema.ModelT()
    model.version, model.operatorCodes = 3, [code]
    builder = flatbuffers.Builder(64)
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "net.tflite").write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelError, match=f"needs the operation '{name.decode()}'"):
        runtimes.opened("tflite", tmp_path / "net.tflite")


def test_what_is_no_tflite_file_is_refused(tmp_path):
    (tmp_path / "net.tflite").write_bytes(b"x" * 100)
    with pytest.raises(ModelError, match="no TFLite file"):
        runtimes.opened("tflite", tmp_path / "net.tflite")
