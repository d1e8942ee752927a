"""Residual networks, with torchvision's names: a state_dict of its resnet18, resnet34 or resnet50 fits."""

from __future__ import annotations

from tinygrad_cnn import nn
from tinygrad_cnn.tensor import Tensor

__all__ = ["BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34", "resnet50"]


class _Block(nn.Module):
    """Adds what its layers compute to their input, which a 1 x 1 convolution brings to the same shape if needed."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        out = planes * self.expansion
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inplanes != out:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def residual(self, x: Tensor) -> Tensor:
        """Return what is added to the input."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(residual(x) + x)."""
        identity = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(self.residual(x) + identity)
        return result


class BasicBlock(_Block):
    """Two 3 x 3 convolutions."""

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__(inplanes, planes, stride)
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)

    def residual(self, x: Tensor) -> Tensor:
        """Return what is added to the input."""
        result: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return result


class Bottleneck(_Block):
    """A 3 x 3 convolution between two 1 x 1 ones, of which the second widens four times."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__(inplanes, planes, stride)
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)

    def residual(self, x: Tensor) -> Tensor:
        """Return what is added to the input."""
        x = self.relu(self.bn1(self.conv1(x)))
        result: Tensor = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(x)))))
        return result


Block = type[BasicBlock] | type[Bottleneck]


class ResNet(nn.Module):
    """A network of four stages of residual blocks, for images (N, 3, H, W). It returns scores (N, num_classes).

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2016), with torchvision's
    initialisation.

    >>> import tinygrad_cnn as tg
    >>> model = tg.models.ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    >>> model(tg.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """

    def __init__(self, block: Block, layers: list[int], num_classes: int = 1000) -> None:
        super().__init__()
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 64, layers[0], 1)
        self.layer2 = self._make_layer(block, 128, layers[1], 2)
        self.layer3 = self._make_layer(block, 256, layers[2], 2)
        self.layer4 = self._make_layer(block, 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _make_layer(self, block: Block, planes: int, count: int, stride: int) -> nn.Sequential:
        blocks = []
        for i in range(count):
            blocks.append(block(self.inplanes, planes, stride if i == 0 else 1))
            self.inplanes = planes * block.expansion
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of the classes."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        result: Tensor = self.fc(self.avgpool(x).flatten(1))
        return result


def resnet18(*, weights: None = None, pretrained: bool = False, num_classes: int = 1000) -> ResNet:
    """Return a network of 18 layers; see `ResNet`. Raises ValueError if trained weights are asked for.

    >>> import tinygrad_cnn as tg
    >>> sum(p.numel() for p in tg.models.resnet18().parameters())
    11689512
    """
    return _build("resnet18", BasicBlock, [2, 2, 2, 2], num_classes, weights or pretrained)


def resnet34(*, weights: None = None, pretrained: bool = False, num_classes: int = 1000) -> ResNet:
    """Return a network of 34 layers; see `ResNet`. Raises ValueError if trained weights are asked for."""
    return _build("resnet34", BasicBlock, [3, 4, 6, 3], num_classes, weights or pretrained)


def resnet50(*, weights: None = None, pretrained: bool = False, num_classes: int = 1000) -> ResNet:
    """Return a network of 50 layers; see `ResNet`. Raises ValueError if trained weights are asked for."""
    return _build("resnet50", Bottleneck, [3, 4, 6, 3], num_classes, weights or pretrained)


def _build(name: str, block: Block, layers: list[int], num_classes: int, trained: object) -> ResNet:
    if trained:
        raise ValueError(
            f"{name}: weights are not downloaded; save them with safetensors in PyTorch, build the network without "
            "weights, and give it load_state_dict(torch.load(file))"
        )
    return ResNet(block, layers, num_classes)
