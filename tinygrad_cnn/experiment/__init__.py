"""The report's experiment as a program: configuration, run, pictures and report."""

from tinygrad_cnn.experiment.config import Config, ConfigError

__all__ = ["Config", "ConfigError"]
