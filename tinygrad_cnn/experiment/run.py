"""A whole run: data, model, training and evaluation, with all results in one folder."""

from __future__ import annotations

import copy
import json
import os
import shlex
import sys
import zlib
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn import optim
from tinygrad_cnn.data import DataLoader, Subset, transforms
from tinygrad_cnn.data.kaggle import KaggleDigits, submission
from tinygrad_cnn.data.sources import Source, open_dataset
from tinygrad_cnn.distributed.group import get_world_size, init_process_group, is_initialized, started_by_mpiexec
from tinygrad_cnn.experiment.archive import archive
from tinygrad_cnn.experiment.config import Config, parse_arguments
from tinygrad_cnn.experiment.evaluation import evaluate_run, statistics_table
from tinygrad_cnn.experiment.folder import FolderCheck, RunFolder, run_folder
from tinygrad_cnn.experiment.networks import NETWORKS
from tinygrad_cnn.experiment.provenance import provenance
from tinygrad_cnn.experiment.resume import Checkpoint, check_data, config_to_resume, newest_checkpoint
from tinygrad_cnn.experiment.resume import resume as resume_from
from tinygrad_cnn.inspection.summary import summary
from tinygrad_cnn.kernels.threads import set_num_threads
from tinygrad_cnn.nn import Conv2d, CrossEntropyLoss, Linear, Module, init
from tinygrad_cnn.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, StepLR
from tinygrad_cnn.random import default_generator, manual_seed
from tinygrad_cnn.storage.safetensors import save
from tinygrad_cnn.support.program import INTERRUPTED, errors_in_one_line
from tinygrad_cnn.training import ranks
from tinygrad_cnn.training.averaging import WeightAveraging
from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.checkpoints import Checkpoints
from tinygrad_cnn.training.early_stopping import EarlyStopping
from tinygrad_cnn.training.loggers import CSVLogger, JSONLinesLogger, TensorBoardLogger
from tinygrad_cnn.training.recorders import HistogramRecorder, StepRecorder
from tinygrad_cnn.training.trainer import INTERRUPTED as BY_CTRL_C
from tinygrad_cnn.training.trainer import Trainer


class DataSplits(NamedTuple):
    """The data of a run, in three parts."""

    train: Subset  # the training images, distorted if the configuration says so
    plain: tuple[Subset, Subset, Subset]  # training, validation and test images, not distorted
    source: Source
    unlabelled: KaggleDigits | None  # Kaggle's test file


def main(argv: list[str] | None = None, description: str | None = None) -> None:
    """Run what the command line asks for."""
    config, resume = parse_arguments(argv, description)
    if started_by_mpiexec() and not is_initialized():
        init_process_group()
    if config.threads:
        set_num_threads(config.threads)
    with errors_in_one_line(ValueError, FloatingPointError):
        try:
            run(config, resume is not None)
        except KeyboardInterrupt:
            begun = Path(config.output, "config.ini").exists()
            print("ended at once" + (f"; {how_to_resume(config)}" if begun else ""))
            sys.exit(INTERRUPTED)


def how_to_resume(config: Config) -> str:
    return f"to go on: {command_to_resume(config)}"


def command_to_resume(config: Config) -> str:
    several = f"mpiexec -n {get_world_size()} " if ranks.are_several() else ""
    return f"{several}python {sys.argv[0]} --resume {shlex.quote(config.output)}"


def run(config: Config, resume: bool = False) -> dict[str, Any]:
    """Train and evaluate by a configuration, fill the run's folder, and return its metrics.

    With ``resume``, the run in the folder goes on from its newest whole checkpoint. If several ranks train, only
    the first reads and writes the folder, and prints. Raises ValueError if the run cannot go on with this
    configuration, BlockingIOError if another run is at work in the folder.
    """
    if ranks.is_first():
        with run_folder(Path(config.output)) as folder:
            return _run(config, folder, resume)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        return _run(config, None, resume)


def _run(config: Config, folder: RunFolder | None, resumed: bool) -> dict[str, Any]:
    """Run with the folder or, on a rank that is not the first, without it."""
    checkpoint = newest_checkpoint(folder.path) if folder and resumed else None
    if checkpoint is not None and folder:
        config = config_to_resume(checkpoint, folder.path, config)
    config, checkpoint, parts = _loaded(config, checkpoint)
    checksum = _checksum(parts.source)
    ranks.check_same("the digits", checksum)
    if checkpoint is not None:
        check_data(checkpoint, checksum)
    batches = training_batches(config, parts)
    trainer = make_trainer(config, Path(config.output), len(batches), checksum)
    checked = folder or RunFolder(Path(config.output))
    trainer.callbacks = (FolderCheck(checked), *trainer.callbacks)
    if resumed:
        resume_from(checkpoint, trainer, folder, config, len(batches))
    elif folder:
        archive(folder.path)
        folder.write("config.ini", config.to_ini())
        print(f"\n{summary(trainer.model, (1, 28, 28))}\n")
    _train(config, trainer, batches, parts)
    return ranks.of_first(_write_results(config, folder, parts, trainer) if folder else None)


def _train(config: Config, trainer: Trainer, batches: DataLoader, parts: DataSplits) -> None:
    if trainer.is_finished(config.epochs):
        print(f"nothing is left to train; for more epochs: {command_to_resume(config)} --epochs N")
        trainer.finish()
    else:
        trainer.fit(batches, DataLoader(parts.plain[1], 1000), config.epochs, verbose=True)
    history = trainer.history
    if history.ended_early:
        print(f"ended after {len(history)} of {config.epochs} epochs: {history.ended_early}")
    if history.ended_early == BY_CTRL_C:
        print(how_to_resume(config))


def _loaded(config: Config, checkpoint: Checkpoint | None) -> tuple[Config, Checkpoint | None, DataSplits]:
    """Seed and load the data, and return it with the configuration and the checkpoint that the first rank has.

    The first rank loads it first: if it must be downloaded, the others find it then, or fail.
    """
    parts = None
    if ranks.is_first():
        manual_seed(config.seed)
        parts = load_data(config)
        config = _with_dataset(config, parts.source)
    config, checkpoint = ranks.of_first((config, checkpoint))
    if parts is None:
        manual_seed(config.seed)
        parts = load_data(config)
    return config, checkpoint, parts


def _with_dataset(config: Config, source: Source) -> Config:
    """Return the configuration with the data set that "auto" stands for: a resumed run must use the same digits."""
    return replace(config, dataset="synthetic" if source.synthetic else source.name)


def _checksum(source: Source) -> int:
    """Return a checksum (CRC-32) of the images and labels of the training file."""
    return zlib.crc32(source.train.labels.tobytes(), zlib.crc32(source.train.images.tobytes()))


def _write_results(config: Config, folder: RunFolder, parts: DataSplits, trainer: Trainer) -> dict[str, Any]:
    """Evaluate the model, write weights, metrics and pictures into the folder, and return the metrics."""
    save(trainer.model.state_dict(), folder.file("model.safetensors"))
    print("\nevaluating the model on all images", flush=True)
    evaluation = evaluate_run(trainer, *parts.plain)
    metrics = {"dataset": parts.source.name, "synthetic": parts.source.synthetic, **evaluation.metrics}
    folder.write("metrics.json", json.dumps(metrics, indent=2) + "\n")
    if parts.unlabelled is not None:
        batches = ((images, images) for images in DataLoader(parts.unlabelled, 1000))
        folder.write("submission.csv", submission(trainer.predict(batches).argmax(1).tolist()))
    facts = provenance(config, _checksum(parts.source))
    folder.write("provenance.json", json.dumps(facts, indent=2) + "\n")
    if config.pictures:
        from tinygrad_cnn.experiment.pictures import draw_pictures

        print("drawing pictures", flush=True)
        draw_pictures(folder, config, parts.source, trainer, evaluation, metrics, facts)
    print(statistics_table(metrics))
    report = " (report.html shows it)" if config.pictures else ""
    print(f"everything is in {folder.path}{os.sep}{report}")
    return metrics


def load_data(config: Config) -> DataSplits:
    """Open the data set and divide it: shuffled, then cut by the ratios, or tested on the official test file."""
    source = open_dataset(config.dataset, config.data_dir, config.one_hot)
    samples = config.samples or len(source.train)
    if samples > len(source.train):
        raise ValueError(f"samples is {samples}; wanted at most the {len(source.train)} of the training file")
    order = default_generator().permutation(len(source.train))[:samples]
    first, second = round(samples * config.train_ratio), round(samples * (config.train_ratio + config.val_ratio))
    train, validation, test = order[:first], order[first:second], order[second:]
    plain, distorted, official = (copy.copy(d) for d in (source.train, source.train, source.test))
    last = [normalization(source)] if config.normalize else []
    plain.transform = official.transform = transforms.Compose(last) if last else None
    distortions = [*augmentation(config.augment), *last]
    distorted.transform = transforms.Compose(distortions) if distortions else None
    tested = Subset(official, np.arange(len(official))) if config.official_test else Subset(plain, test)
    three = Subset(plain, train), Subset(plain, validation), tested
    unlabelled = official if isinstance(official, KaggleDigits) else None
    parts = DataSplits(Subset(distorted, train), three, source, unlabelled)
    for name, part in zip(("training", "validation", "test"), parts.plain, strict=True):
        if not len(part):
            raise ValueError(
                f"nothing is left for the {name} set: samples {samples}, ratios {config.train_ratio:g}, "
                f"{config.val_ratio:g}"
            )
    print(f"{source.name}: {len(train):,} training, {len(validation):,} validation, {len(tested):,} test images")
    return parts


def training_batches(config: Config, parts: DataSplits) -> DataLoader:
    """Return the batches to train on; where images are distorted, a thread does so ahead of the training step."""
    size, ahead = min(config.batch_size, len(parts.train)), int(config.augment != "none")
    return DataLoader(parts.train, size, shuffle=True, drop_last=True, num_workers=ahead)


def augmentation(name: str) -> list[Any]:
    """Return the distortions of that name; the affine ones are the best that were found for LeNet on MNIST."""
    if name == "slight":
        return [transforms.RandomAffine(10, translate=(1 / 28, 1 / 28), scale=(0.9, 1.1))]
    if name == "affine":
        return [transforms.RandomAffine(12, translate=(2 / 28, 2 / 28), scale=(0.88, 1.12), shear=11.5)]
    if name == "cutout":
        return [*augmentation("affine"), transforms.RandomErasing(0.5, scale=(0.02, 0.1))]
    return [transforms.ElasticTransform(alpha=34.0, sigma=4.0)] if name == "elastic" else []


def normalization(source: Source) -> Any:
    pixels = source.train.images / np.float32(255)
    return transforms.Normalize([float(pixels.mean())], [float(pixels.std())])


def make_trainer(config: Config, folder: Path, steps: int, checksum: int = 0) -> Trainer:
    """Return the trainer that a configuration describes, with ``steps`` steps in an epoch.

    Its checkpoints hold the configuration, and the checksum of the data.
    """
    model = NETWORKS[config.model]()
    if config.initialization == "kaiming":
        model.apply(_kaiming)
    optimizer = make_optimizer(config, model)
    extra = {"settings": asdict(config), "data": checksum}
    callbacks: list[Callback] = [
        StepRecorder(),
        HistogramRecorder(),
        EarlyStopping(config.early_stop_patience, config.early_stop_min_delta),
        CSVLogger(folder / "history.csv"),
        JSONLinesLogger(folder / "history.jsonl"),
        Checkpoints(folder, seconds=config.checkpoint_seconds, extra=extra),
    ]
    if config.tensorboard:
        callbacks.append(TensorBoardLogger(folder / "tensorboard"))
    if config.average:
        callbacks.insert(1, WeightAveraging(model, config.average))
    clip = config.clip_gradient or None
    loss = CrossEntropyLoss(label_smoothing=config.label_smoothing)
    rates = schedule(config, optimizer, steps)
    return Trainer(model, loss, optimizer, rates, callbacks, clip, compile=config.compile)


def make_optimizer(config: Config, model: Module) -> optim.Optimizer:
    """Return the optimizer of a configuration."""
    if config.optimizer == "adam":
        return optim.Adam(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    return optim.SGD(
        model.parameters(),
        config.learning_rate,
        config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.nesterov and config.momentum > 0,  # Nesterov's look-ahead needs a momentum
    )


def _kaiming(module: Module) -> None:
    """Initialize a layer as He et al. (2015) propose for ReLU, with biases of 0."""
    if isinstance(module, (Conv2d, Linear)):
        init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            init.zeros_(module.bias)


def schedule(config: Config, optimizer: optim.Optimizer, steps: int) -> LRScheduler | None:
    """Return the schedule of a configuration, which steps after every batch."""
    if config.schedule == "one-cycle":
        return OneCycleLR(optimizer, config.learning_rate, epochs=config.epochs, steps_per_epoch=steps)
    if config.schedule == "cosine":
        return CosineAnnealingLR(optimizer, T_max=config.epochs * steps)
    if config.schedule == "step":
        return StepLR(optimizer, step_size=max(1, config.epochs * steps // 3), gamma=0.1)
    return None
