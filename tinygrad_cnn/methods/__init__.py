"""The base classes of Tensor: operations as methods, conversions, in-place methods, and NumPy's protocols."""
