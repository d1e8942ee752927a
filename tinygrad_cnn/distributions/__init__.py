"""Probability distributions, under PyTorch's names: samples, log-probabilities, entropies and divergences."""

from tinygrad_cnn.distributions.bernoulli import Bernoulli
from tinygrad_cnn.distributions.categorical import Categorical
from tinygrad_cnn.distributions.distribution import Distribution
from tinygrad_cnn.distributions.exponential import Exponential
from tinygrad_cnn.distributions.independent import Independent
from tinygrad_cnn.distributions.kl import kl_divergence, register_kl
from tinygrad_cnn.distributions.normal import Normal
from tinygrad_cnn.distributions.uniform import Uniform
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Independent",
    "Normal",
    "Uniform",
    "kl_divergence",
    "register_kl",
]

explain_calls(globals())
explain_missing_names("torch.distributions", __name__)
