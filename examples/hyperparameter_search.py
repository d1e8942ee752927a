"""A search for a learning rate and a width with Optuna, which gives up what does not promise much. Needs optuna."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, SyntheticDigits
from tinygrad_cnn.support.program import program
from tinygrad_cnn.training import Callback, Trainer
from tinygrad_cnn.training.history import Epoch

if TYPE_CHECKING:
    import optuna

TRIALS, EPOCHS = 12, 10


class Pruning(Callback):
    """Reports the validation loss of each epoch to a trial, and ends training where Optuna gives the trial up."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def on_epoch_end(self, trainer: Any, epoch: Epoch) -> str | None:
        """Return why training should end, or None."""
        self.trial.report(epoch.validation.loss, epoch.number)
        return "pruned" if self.trial.should_prune() else None


def train(trial: optuna.Trial) -> float:
    """Return the validation loss of a model with the numbers that a trial suggests."""
    import optuna

    tg.manual_seed(0)
    width = trial.suggest_int("width", 8, 64, log=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))
    optimizer = optim.SGD(model.parameters(), lr=trial.suggest_float("lr", 1e-3, 3.0, log=True), momentum=0.9)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[Pruning(trial)])
    try:
        history = trainer.fit(
            DataLoader(SyntheticDigits(True, 1000), 50, shuffle=True),
            DataLoader(SyntheticDigits(False, 300), 300),
            EPOCHS,
        )
    except FloatingPointError:  # the learning rate is so high that the loss is no number
        raise optuna.TrialPruned from None
    if history.ended_early == "pruned":
        raise optuna.TrialPruned
    return float(history.epochs[-1].validation.loss)


def main() -> None:
    """Search, and print the trials and the best of them."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(
        sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=3)
    )
    study.optimize(train, TRIALS)
    for trial in study.trials:
        epochs = len(trial.intermediate_values)
        outcome = f"loss {trial.value:.4f}" if trial.state.name == "COMPLETE" else f"given up after {epochs} epochs"
        print(f"lr {trial.params['lr']:7.4f}   width {trial.params['width']:3}   {outcome}")
    print(f"best: {study.best_params}")


if __name__ == "__main__":
    program(main, __doc__)
