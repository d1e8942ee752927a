"""What Tensor is made of: operations as methods, conversions, in-place writes, NumPy's protocol."""
