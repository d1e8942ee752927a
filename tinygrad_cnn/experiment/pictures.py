"""The pictures of a run, and the report that contains them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.sources import Source
from tinygrad_cnn.experiment import plots
from tinygrad_cnn.experiment.config import Config
from tinygrad_cnn.experiment.evaluation import Evaluation
from tinygrad_cnn.experiment.folder import RunFolder
from tinygrad_cnn.experiment.report import write_report
from tinygrad_cnn.inspection.summary import summary
from tinygrad_cnn.ops import relu
from tinygrad_cnn.training.recorders import HistogramRecorder, StepRecorder
from tinygrad_cnn.training.trainer import Trainer


def draw_pictures(
    folder: RunFolder,
    config: Config,
    source: Source,
    trainer: Trainer,
    evaluation: Evaluation,
    metrics: dict[str, Any],
    facts: dict[str, str],
) -> None:
    """Draw every picture of a run into its folder, and write ``report.html``."""
    history, model, names = trainer.history, trainer.model, source.train.classes
    steps = next(callback for callback in trainer.callbacks if isinstance(callback, StepRecorder))
    shapes = next(callback for callback in trainer.callbacks if isinstance(callback, HistogramRecorder))
    activation = relu if config.model == "lenet" else None
    layers = summary(model, evaluation.images.shape[1:])
    pictures: list[tuple[str, str, Callable[[Path], None]]] = [
        ("losses", "Loss of each step", lambda p: plots.plot_losses(history, p, steps.losses)),
        ("accuracies", "Accuracy in each epoch", lambda p: plots.plot_accuracies(history, p)),
        ("confusion", "Confusion matrix", lambda p: plots.plot_confusion(evaluation.confusion, names, p)),
        (
            "mistakes",
            "The mistakes in which the model was most confident",
            lambda p: plots.plot_mistakes(evaluation.images, evaluation.labels, evaluation.probabilities, names, p),
        ),
        ("architecture", "The network", lambda p: plots.plot_architecture(layers, p)),
        ("filters", "Filters of the first convolution", lambda p: plots.plot_filters(model, p)),
        (
            "feature-maps",
            "One image on its way through the network",
            lambda p: plots.plot_feature_maps(model, from_numpy(evaluation.images[:1]), p, activation),
        ),
        (
            "samples",
            "Images of the training file",
            lambda p: plots.plot_samples(source.train.images, source.train.labels, names, p),
        ),
        ("seconds", "Time of each epoch", lambda p: plots.plot_seconds(history, p)),
        (
            "learning-rates",
            "Learning rate of each step",
            lambda p: plots.plot_learning_rates(history, p, steps.rates),
        ),
        (
            "histograms",
            "Weights and gradients by layer and epoch",
            lambda p: plots.plot_histograms(shapes.weights, shapes.gradients, p),
        ),
    ]
    with plots.footnote("SYNTHETIC digits, drawn by the program: not MNIST" if source.synthetic else ""):
        for name, _, plot in pictures:
            plot(folder.file(f"{name}.png"))
    write_report(
        folder.file("report.html"),
        f"{layers.model} on {metrics['dataset']}",
        metrics=metrics,
        classes=names,
        config=config.to_ini(),
        summary=str(layers),
        history=[epoch.row() for epoch in history.epochs],
        pictures=[(caption, folder.file(f"{name}.png")) for name, caption, _ in pictures],
        provenance=facts,
        warnings=[metrics["overfitting"]] if metrics["overfitting"] else [],
    )
