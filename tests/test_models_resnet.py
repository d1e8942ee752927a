"""Residual networks have the sizes and names of torchvision's, and learn."""

from __future__ import annotations

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.models import BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50

PARAMETERS = {resnet18: 11_689_512, resnet34: 21_797_672, resnet50: 25_557_032}  # as torchvision documents them


@pytest.mark.parametrize("build", PARAMETERS)
def test_parameters_are_as_many_as_torchvision_documents(build: type[ResNet]) -> None:
    assert sum(p.numel() for p in build().parameters()) == PARAMETERS[build]


def test_the_state_has_the_names_of_torchvision() -> None:
    names = list(ResNet(Bottleneck, [1, 2, 1, 1], num_classes=3).state_dict())
    for name in (
        "conv1.weight",
        "bn1.num_batches_tracked",
        "layer1.0.conv3.weight",
        "layer1.0.downsample.0.weight",
        "layer2.0.downsample.1.running_var",
        "layer2.1.bn3.bias",
        "fc.bias",
    ):
        assert name in names
    assert "layer2.1.downsample.0.weight" not in names


@pytest.mark.parametrize("block", [BasicBlock(3, 2, 2), BasicBlock(4, 4), Bottleneck(3, 2, 2), Bottleneck(8, 2)])
def test_a_block_adds_to_its_input_and_reaches_every_parameter(block: BasicBlock | Bottleneck) -> None:
    x = tg.randn(2, block.conv1.in_channels, 6, 6)
    plain = x if block.downsample is None else block.downsample(x)
    assert tg.allclose(block(x), tg.relu(block.residual(x) + plain), atol=1e-5)
    block(x).sum().backward()
    assert all(p.grad is not None for p in block.parameters())


def test_trained_weights_are_refused_with_what_to_do() -> None:
    for options in ({"weights": "DEFAULT"}, {"pretrained": True}):
        with pytest.raises(ValueError, match="resnet18: weights are not downloaded; save them with safetensors"):
            resnet18(**options)  # type: ignore[arg-type]
