"""cxrcore: prepare chest X-ray datasets, train, evaluate, compare and explain classifiers.

Importing this package imports neither TensorFlow nor Streamlit; the modules
that need TensorFlow import it inside the functions that use it.
"""

__version__ = "0.4.0"
