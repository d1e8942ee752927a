"""Train LeNet on MNIST: 99 % of the test digits right, in seconds, on a laptop's processor."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import MNIST, DataLoader, random_split
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.training import EarlyStopping, Trainer

BATCH_SIZE = 64


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data-dir", metavar="DIR", help="folder of the IDX files (default: $TINYGRAD_CNN_DATA, or your cache)")
    add("--output", metavar="DIR", type=Path, default="runs/lenet_mnist", help="for the weights (%(default)s)")
    add("--epochs", metavar="N", type=int, default=5, help="passes over the training images (%(default)s)")
    add("--seed", metavar="N", type=int, default=0, help="of split, initial weights and shuffling (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    tg.manual_seed(args.seed)
    train, validation = random_split(MNIST(args.data_dir, train=True, download=True), [55_000, 5_000])
    test = MNIST(args.data_dir, train=False, download=True)
    batches = DataLoader(train, BATCH_SIZE, shuffle=True, drop_last=True)

    model = LeNet()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, epochs=args.epochs, steps_per_epoch=len(batches)
    )
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, schedule, [EarlyStopping(patience=5)])
    history = trainer.fit(batches, DataLoader(validation, 1000), args.epochs, verbose=True)

    if history.ended_early:
        print(f"ended early: {history.ended_early}")
    score = trainer.evaluate(DataLoader(test, 1000))
    print(
        f"test: {score.accuracy:.2%} of {len(test):,} digits right, loss {score.loss:.4f}; {history.seconds:.1f} s"
    )
    args.output.mkdir(parents=True, exist_ok=True)
    tg.save(model.state_dict(), args.output / "model.safetensors")
    print(f"weights: {args.output / 'model.safetensors'}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"lenet_mnist: {error}")
