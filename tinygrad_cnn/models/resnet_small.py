"""Residual networks for images of 32 x 32 pixels, such as CIFAR's."""

from __future__ import annotations

from tinygrad_cnn import nn
from tinygrad_cnn.models.resnet import BasicBlock
from tinygrad_cnn.nn import init
from tinygrad_cnn.tensor import Tensor

__all__ = ["SmallResNet", "resnet20"]


class SmallResNet(nn.Module):
    """Three stages of ``blocks`` residual blocks with 16, 32 and 64 channels, (N, in_channels, 32, 32) to scores.

    6 ``blocks`` + 2 layers. Images of 28 x 28 pixels fit as they are. Where a stage begins with more channels, a
    1 x 1 convolution with batch normalisation adapts the input, as in torchvision's networks; names are as there
    too (conv1, bn1, layer1 to layer3, fc). Source: He, Zhang, Ren and Sun, "Deep residual learning for image
    recognition" (2016), section 4.2.

    >>> import tinygrad_cnn as tg
    >>> tg.models.SmallResNet(blocks=1)(tg.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """

    def __init__(self, blocks: int, num_classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(blocks, 16, 16, 1)
        self.layer2 = _stage(blocks, 16, 32, 2)
        self.layer3 = _stage(blocks, 32, 64, 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of the classes."""
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result


def _stage(blocks: int, inplanes: int, planes: int, stride: int) -> nn.Sequential:
    rest = (BasicBlock(planes, planes) for _ in range(blocks - 1))
    return nn.Sequential(BasicBlock(inplanes, planes, stride), *rest)


def resnet20(num_classes: int = 10, in_channels: int = 3) -> SmallResNet:
    """Return a network of 20 layers and, for ten classes of RGB images, 272,474 parameters; see `SmallResNet`."""
    return SmallResNet(3, num_classes, in_channels)
