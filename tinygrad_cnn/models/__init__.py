"""Models that are ready to train."""

from tinygrad_cnn.models.lenet import LeNet
from tinygrad_cnn.models.lenet5 import LeNet5
from tinygrad_cnn.models.references import DuanCNN, PorpigliaLeNet, SalmonMLP
from tinygrad_cnn.models.resnet import BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50
from tinygrad_cnn.models.resnet_small import SmallResNet, resnet20
from tinygrad_cnn.models.small_cnn import SmallCNN
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "DuanCNN",
    "LeNet",
    "LeNet5",
    "PorpigliaLeNet",
    "ResNet",
    "SalmonMLP",
    "SmallCNN",
    "SmallResNet",
    "resnet18",
    "resnet20",
    "resnet34",
    "resnet50",
]

explain_calls(globals())
