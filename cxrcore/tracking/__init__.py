"""Runs in MLflow and TensorBoard, through their own packages, which are optional.

Neither can make a training fail; `cxrcore track` logs later what could not be logged.
"""
