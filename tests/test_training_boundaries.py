"""What users hand to training and can be wrong with it: each is refused by name, before anything changes.

One table for each boundary: constructors, loaders, batches and outputs, callbacks; states have a file of their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tinygrad_cnn as tg
from tests.support.training_cases import DATASET, POINTS, Passes, X, Y, generator, pairs, trainer, weights
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.optim.lr_scheduler import StepLR
from tinygrad_cnn.training import Callback, Checkpoints, CSVLogger, EarlyStopping, LearningRateFinder, Trainer

# --- constructors ---

MODEL = nn.Linear(2, 2)
SGD = optim.SGD(MODEL.parameters())
OTHER = optim.SGD(nn.Linear(2, 2).parameters())


def parts(**changes: Any) -> Callable[[], Any]:
    return lambda: Trainer(**{"model": MODEL, "loss": nn.CrossEntropyLoss(), "optimizer": SGD, **changes})


CONSTRUCTORS: dict[str, tuple[Callable[[], Any], str]] = {
    "model": (parts(model=lambda x: x), "Trainer: model is a function; wanted a Module"),
    "loss": (parts(loss="cross_entropy"), "Trainer: loss is a str; wanted a function"),
    "optimizer": (parts(optimizer=optim.SGD), "Trainer: optimizer is a type; wanted an Optimizer"),
    "optimizer of others": (parts(optimizer=OTHER), "Trainer: the optimizer has none of the model's parameters"),
    "schedules": (
        parts(scheduler=[StepLR(SGD, 1), StepLR(SGD, 2)]),
        "Trainer: scheduler is a list; wanted one schedule, or None; SequentialLR follows one after the other",
    ),
    "schedule": (parts(scheduler=0.1), "Trainer: scheduler is a float; wanted one schedule, or None"),
    "schedule of others": (parts(scheduler=StepLR(OTHER, 1)), "Trainer: the schedule is of another optimizer"),
    "callback": (parts(callbacks=EarlyStopping()), "Trainer: callbacks is a EarlyStopping; wanted a list"),
    "callback's class": (
        parts(callbacks=[EarlyStopping]),
        r"Trainer: one of the callbacks is EarlyStopping, which is no Callback; EarlyStopping\(\) makes one",
    ),
    "no callback": (parts(callbacks=[print]), "Trainer: one of the callbacks is builtin_function_or_method"),
    "clip": (parts(clip_gradient="1"), "Trainer: clip_gradient is 1; wanted a norm above 0"),
    "patience": (lambda: EarlyStopping("5"), "EarlyStopping: patience is '5'.*; wanted at least 1"),
    "patience, not whole": (lambda: EarlyStopping(2.5), "EarlyStopping: patience is 2.5"),
    "patience, a truth": (lambda: EarlyStopping(True), "EarlyStopping: patience is True"),
    "min_delta": (lambda: EarlyStopping(min_delta="a"), "EarlyStopping: .*min_delta is 'a'"),
    "monitor": (lambda: EarlyStopping(monitor=1), "EarlyStopping: monitor is 1; wanted the name of a column"),
    "monitor, no mode": (
        lambda: EarlyStopping(monitor="val_size"),
        "EarlyStopping: the name 'val_size' does not tell whether low or high is best; wanted mode='min' or",
    ),
    "monitor, two modes": (lambda: EarlyStopping(monitor="val_accuracy_loss"), "does not tell whether low or high"),
    "keep": (lambda: Checkpoints(Path(), keep=0), "Checkpoints: keep is 0; wanted an integer of at least 1"),
    "seconds": (lambda: Checkpoints(Path(), seconds=-1), "Checkpoints: seconds is -1"),
    "no seconds": (lambda: Checkpoints(Path(), seconds=None), "Checkpoints: seconds is None"),
    "rates": (lambda: LearningRateFinder("a"), "LearningRateFinder: rates 'a' to 10.0"),
    "endless rates": (lambda: LearningRateFinder(most=float("inf")), "wanted 0 < least < most"),
    "steps": (lambda: LearningRateFinder(steps=10.5), "in 10.5 steps"),
}


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_constructors(case: str) -> None:
    make, message = CONSTRUCTORS[case]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_the_mode_is_inferred_from_the_name() -> None:
    """Without it, the worst weights were kept of what is better the higher it is."""
    for name, mode in {"val_loss": "min", "train_loss": "min", "val_mean_error": "min", "val_mse": "min"}.items():
        assert EarlyStopping(monitor=name).mode == mode
    for name in ("val_accuracy", "train_accuracy", "val_f1", "val_top5_accuracy", "val_macro_recall"):
        assert EarlyStopping(monitor=name).mode == "max"
    assert EarlyStopping(monitor="val_accuracy", mode="min").mode == "min"
    kept = EarlyStopping(patience=9, monitor="val_accuracy")
    run = trainer(callbacks=[kept])
    history = run.fit(pairs(), pairs(), epochs=6)
    assert kept.best == -max(epoch.validation.accuracy for epoch in history.epochs)
    assert run.evaluate(pairs()).accuracy == -kept.best


# --- what is given to fit, evaluate, predict and the finder ---

LOADERS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "the batches are a NoneType; wanted a DataLoader"),
    "a tensor": (X, "the batches are a Tensor"),
    "an array": ([POINTS], r"batch 1 is a numpy.ndarray; wanted \(inputs, targets\)"),
    "a dataset": (DATASET, "the batches are a TensorDataset; .*put a dataset into a DataLoader"),
    "a function": (generator, "the batches are a function; .*call the function"),
    "a string": ("train", "the batches are a str"),
    "no batch": ([], "the list has no batches"),
    "no full batch": (DataLoader(DATASET, 99, drop_last=True), "the DataLoader has no batches"),
    "three parts": ([(X, Y, Y)], r"batch 1 has 3 parts; wanted two, \(inputs, targets\)"),
    "one part": ([(X,)], "batch 1 has 1 parts"),
    "a later batch": ([*pairs(), (X, Y, Y)], "batch 4 has 3 parts"),
    "inputs alone": (DataLoader(TensorDataset(X), 4), "batch 1 has 1 parts"),
    "a dict": ([{"x": X, "y": Y}], "batch 1 is a dict"),
    "arrays": ([(POINTS, Y)], r"batch 1: the inputs are a numpy.ndarray; wanted a tensor; tensor\(...\) makes one"),
    "a number": ([(X, 3)], "batch 1: the targets are a int"),
    "single samples": ([(X[0], Y[0])], "batch 1: the targets have no dimension"),
    "other lengths": ([(X, Y[:5])], "batch 1 has 12 inputs and 5 targets"),
    "no sample": ([(X[:0], Y[:0])], "batch 1 has 0 inputs and 0 targets"),
}
USES: dict[str, Callable[[Trainer, Any], Any]] = {
    "fit": lambda run, loader: run.fit(loader),
    "validation": lambda run, loader: run.fit(pairs(), loader),
    "evaluate": lambda run, loader: run.evaluate(loader),
    "predict": lambda run, loader: run.predict(loader),
    "LearningRateFinder.run": lambda run, loader: LearningRateFinder().run(run, loader),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("case", LOADERS)
def test_loaders(case: str, use: str) -> None:
    loader, message = LOADERS[case]
    if use == "validation" and loader is None:
        return
    run = trainer()
    before = weights(run)
    with pytest.raises((TypeError, ValueError), match=f"^(fit: )?({use}|train|evaluate): {message}"):
        USES[use](run, loader)
    if use != "validation" or not isinstance(loader, DataLoader):  # whose batches are seen when they are read
        assert weights(run) == before
    assert len(run.history) == 0


def test_a_generator_is_read_once_and_says_so() -> None:
    run = trainer()
    before = weights(run)
    for call in (lambda: run.fit(generator(), epochs=2), lambda: run.fit(pairs(), generator(), epochs=2)):
        with pytest.raises(ValueError, match="a generator gives its batches once, and they are wanted 2 times"):
            call()
    assert weights(run) == before
    run.fit(generator(), generator())
    assert weights(run) != before
    used_up = generator()
    list(used_up)
    for use, call in USES.items():
        if use not in ("validation", "LearningRateFinder.run"):
            with pytest.raises(ValueError, match="the generator gave no batch"):
                call(trainer(), used_up)


@pytest.mark.parametrize(
    "loader", [pairs(), tuple(pairs()), Passes(), DataLoader(DATASET, 4), [list(p) for p in pairs()]]
)
def test_any_loader_trains_to_the_same_bits(loader: Any) -> None:
    run, other = trainer(), trainer()
    run.fit(loader, loader, epochs=2)
    other.fit(DataLoader(DATASET, 4), DataLoader(DATASET, 4), epochs=2)
    assert weights(run) == weights(other)
    assert [(e.train, e.validation) for e in run.history.epochs] == [
        (e.train, e.validation) for e in other.history.epochs
    ]
    assert run.predict(loader).tolist() == other.predict(DataLoader(DATASET, 4)).tolist()


@pytest.mark.parametrize("epochs", [0, -1, 2.5, "3", None])
def test_epochs(epochs: Any) -> None:
    with pytest.raises(ValueError, match=r"fit: epochs is .*; wanted at least 1, a whole number"):
        trainer().fit(pairs(), epochs=epochs)


def test_to_fit_again_after_early_stopping_says_that_nothing_is_trained() -> None:
    run = trainer(callbacks=[EarlyStopping(1, 100.0)])
    run.fit(pairs(), pairs(), epochs=9)
    before = weights(run)
    with pytest.warns(UserWarning, match=r"fit: training ended early after epoch 2 \(no improvement of val_loss"):
        run.fit(pairs(), pairs(), epochs=9)
    assert (len(run.history), weights(run)) == (2, before)
    run.history.ended_early = None  # as the warning says
    run.fit(pairs(), pairs(), epochs=9)
    assert len(run.history) == 3


def test_to_fit_again_for_as_many_epochs_says_that_nothing_is_trained() -> None:
    run = trainer()
    run.fit(pairs(), epochs=3)
    with pytest.warns(UserWarning, match=r"fit: epochs is 2, and there have been 3 already, so nothing is trained"):
        run.fit(pairs(), epochs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.fit(pairs(), epochs=4)
    assert len(run.history) == 4


# --- outputs and losses ---


class Model(nn.Module):
    """Gives its outputs in some form."""

    def __init__(self, form: Callable[[tg.Tensor], Any]) -> None:
        super().__init__()
        self.linear, self.form = nn.Linear(2, 2), form

    def forward(self, input: tg.Tensor) -> Any:
        return self.form(self.linear(input))


def mean(outputs: Any, targets: tg.Tensor) -> tg.Tensor:
    return (outputs[0] if isinstance(outputs, tuple) else outputs).mean()


OUTPUTS: dict[str, tuple[Callable[[tg.Tensor], Any], Any, str]] = {
    "one output": (
        lambda out: out[:, :1],
        mean,
        r"accuracy: the outputs have shape \(4, 1\); wanted a score for each",
    ),
    "no classes": (lambda out: out[:, 0], mean, r"accuracy: the outputs have shape \(4,\); .*metric=None"),
    "a tuple": (lambda out: (out, out), mean, "accuracy: the outputs are a tuple; wanted a tensor .*metric=None"),
    "positions": (
        lambda out: out[:, :, None].repeat(1, 1, 3),
        mean,
        r"accuracy: the targets are int64 \(4,\), the outputs \(4, 2, 3\); wanted class indices \(4, 3\)",
    ),
    "losses": (
        lambda out: out,
        nn.CrossEntropyLoss(reduction="none"),
        r"fit: the loss has shape \(4,\); wanted one",
    ),
    "a float": (lambda out: out, lambda out, y: 0.5, "fit: the loss is a float; wanted a tensor of one number"),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_and_losses_that_cannot_be_used(case: str) -> None:
    form, loss, message = OUTPUTS[case]
    run = trainer(Model(form), loss)
    before = weights(run)
    with pytest.raises((TypeError, ValueError), match=message):
        run.fit(pairs())
    with pytest.raises((TypeError, ValueError), match=message.replace("fit: ", "evaluate: ")):
        run.evaluate(pairs())
    assert weights(run) == before
    assert all(p.grad is None for p in run.model.parameters())


@pytest.mark.parametrize(
    "targets", [Y.float(), Y[:, None], tg.ones(12, 3)], ids=["floats", "a column", "other width"]
)
def test_targets_that_are_no_classes(targets: tg.Tensor) -> None:
    run = trainer(loss=mean)
    before = weights(run)
    with pytest.raises(ValueError, match=r"accuracy: the targets are .*wanted class indices \(12,\), or scores"):
        run.fit([(X, targets)])
    assert weights(run) == before


FORMS: dict[str, tuple[Callable[[tg.Tensor], Any], Callable[[Any, tg.Tensor], tg.Tensor]]] = {
    "(N,)": (lambda out: out[:, 0], lambda out, y: nn.functional.mse_loss(out, y.float())),
    "(N, 1)": (lambda out: out[:, :1], lambda out, y: nn.functional.mse_loss(out, y.float()[:, None])),
    "a tuple": (lambda out: (out, out * 2), lambda out, y: nn.functional.cross_entropy(out[0] + out[1], y)),
    "a dict": (lambda out: {"logits": out}, lambda out, y: nn.functional.cross_entropy(out["logits"], y)),
}


@pytest.mark.parametrize("case", FORMS)
def test_outputs_of_any_form_train_without_the_accuracy(case: str) -> None:
    form, loss = FORMS[case]
    run = trainer(Model(form), loss, metric=None)
    history = run.fit(pairs(), pairs(), epochs=5)
    assert history.epochs[-1].train.loss < history.epochs[0].train.loss
    assert history.epochs[-1].validation.metrics == {}
    if not case.startswith("("):
        with pytest.raises(TypeError, match=r"predict: the model's output is a (tuple|dict); wanted a tensor"):
            run.predict(pairs())


def test_outputs_for_each_pixel_have_an_accuracy() -> None:
    tg.manual_seed(0)
    images = tg.rand(6, 1, 4, 4)
    classes = (images[:, 0] > 0.5).long()
    run = trainer(nn.Conv2d(1, 2, 1), nn.CrossEntropyLoss())
    run.optimizer.param_groups[0]["lr"] = 1.0
    history = run.fit([(images, classes)], [(images, classes)], epochs=60)
    guesses = run.predict([(images, classes)]).argmax(1)
    assert history.epochs[-1].validation.accuracy == pytest.approx((guesses == classes).float().mean().item())
    assert history.epochs[-1].validation.accuracy > 0.9


# --- callbacks ---


def test_what_early_stopping_watches_is_checked_before_training() -> None:
    stopper = EarlyStopping(monitor="val_acuracy", mode="max")
    run = trainer(callbacks=[stopper])
    before = weights(run)
    columns = "train_loss, train_accuracy, val_loss, val_accuracy; did you mean 'val_accuracy'"
    with pytest.raises(
        ValueError, match=f"EarlyStopping: there is no val_acuracy in the history; it has {columns}"
    ):
        run.fit(pairs(), pairs())
    stopper.monitor = "val_accuracy"
    with pytest.raises(ValueError, match=r"there is no val_accuracy to watch; give fit\(\) a validation set"):
        run.fit(pairs())
    assert weights(run) == before


@pytest.mark.parametrize("reason", [True, 3, ["enough"]])
def test_a_callback_returns_a_reason_or_none(reason: Any) -> None:
    class Odd(Callback):
        def on_epoch_end(self, trainer: Any, epoch: Any) -> Any:
            return reason

    with pytest.raises(TypeError, match=r"fit: Odd.on_epoch_end returned .*; wanted the reason"):
        trainer(callbacks=[Odd()]).fit(pairs())


def test_paths_may_be_strings_and_folders_are_made(tmp_path: Path) -> None:
    watchers = [Checkpoints(f"{tmp_path}/new/folder"), CSVLogger(f"{tmp_path}/history.csv")]
    trainer(callbacks=watchers).fit(pairs())
    assert Checkpoints.saved(tmp_path / "new" / "folder")
    assert (tmp_path / "history.csv").exists()
