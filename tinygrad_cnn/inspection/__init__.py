"""Looking inside: what a model is made of, where its time goes, and how a gradient goes back through it."""

from tinygrad_cnn.inspection.explain import explain
from tinygrad_cnn.inspection.profile import profile
from tinygrad_cnn.inspection.summary import summary

__all__ = ["explain", "profile", "summary"]
