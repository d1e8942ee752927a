"""Train LeNet for an epoch, export it to an ONNX file, and compare ONNX Runtime's outputs with the model's.

Needs the packages onnx and onnxruntime: pip install ".[onnx]" onnxruntime
"""

from __future__ import annotations

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.data.sources import open_dataset
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.support.program import program
from tinygrad_cnn.training import Trainer

FILE = "lenet.onnx"


def main() -> None:
    """Train, export, and compare."""
    import onnxruntime

    tg.manual_seed(0)
    source = open_dataset("auto")
    model = LeNet()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    Trainer(model, nn.CrossEntropyLoss(), optimizer).fit(DataLoader(source.train, 64, shuffle=True), verbose=True)

    tg.onnx.export(model, tg.rand(2, 1, 28, 28), FILE)  # for batches of any length
    session = onnxruntime.InferenceSession(FILE, providers=["CPUExecutionProvider"])
    print(f"\n{FILE} takes {[(x.name, x.shape) for x in session.get_inputs()]}")

    differences, ours, theirs = [], 0, 0
    for images, labels in DataLoader(source.test, 1000):
        with tg.no_grad():
            here = model(images).numpy()
        (there,) = session.run(None, {"input": images.numpy()})
        differences.append(np.abs(here - there).max() / np.abs(here).max())
        ours += (here.argmax(1) == labels.numpy()).sum()
        theirs += (there.argmax(1) == labels.numpy()).sum()
    print(f"of {len(source.test):,} {source.name} test images, {ours:,} are right here, {theirs:,} in ONNX Runtime")
    print(f"the logits differ by at most {max(differences):.1e} of the largest")


if __name__ == "__main__":
    program(main, __doc__)
