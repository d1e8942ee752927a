"""Namespaces of PyTorch that stand for what is not here: CUDA, mixed precision, parallel devices, TensorBoard."""
