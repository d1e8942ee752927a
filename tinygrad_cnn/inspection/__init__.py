"""Inspection: a summary of a model, a profile of its operations, and an explanation of its backward pass."""

from tinygrad_cnn.inspection.explain import explain
from tinygrad_cnn.inspection.profile import profile
from tinygrad_cnn.inspection.summary import summary
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = ["explain", "profile", "summary"]

explain_calls(globals())
