"""Runs shown in the tools that teams use already: `mlflow`, a tracking server, and `tensorboard`.

Both are written without their packages: MLflow by its REST API, TensorBoard's files by TensorFlow.
Neither can make a training fail; what could not be logged is said, and `cxrcore track` does it later.
"""
