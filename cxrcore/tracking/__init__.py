"""Runs in MLflow and TensorBoard, through their own optional packages (docs/decisions/0042).

Neither can make a training fail; `cxrcore track` logs later what could not be logged.
"""
