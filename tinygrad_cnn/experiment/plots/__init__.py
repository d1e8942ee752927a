"""Pictures of data, of training, and of models: each function writes one PNG, whole or not at all."""

from tinygrad_cnn.experiment.plots.curves import (
    plot_accuracies,
    plot_finder,
    plot_learning_rates,
    plot_losses,
    plot_metric,
    plot_runs,
    plot_seconds,
)
from tinygrad_cnn.experiment.plots.digits import plot_confusion, plot_mistakes, plot_samples
from tinygrad_cnn.experiment.plots.histograms import plot_histograms
from tinygrad_cnn.experiment.plots.network import plot_architecture, plot_feature_maps, plot_filters
from tinygrad_cnn.experiment.plots.style import footnote

__all__ = [
    "footnote",
    "plot_accuracies",
    "plot_architecture",
    "plot_confusion",
    "plot_feature_maps",
    "plot_filters",
    "plot_finder",
    "plot_histograms",
    "plot_learning_rates",
    "plot_losses",
    "plot_metric",
    "plot_mistakes",
    "plot_runs",
    "plot_samples",
    "plot_seconds",
]
