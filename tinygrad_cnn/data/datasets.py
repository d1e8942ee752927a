"""The datasets by name, as in torchvision: ``datasets.MNIST``."""

from tinygrad_cnn.data.cifar import CIFAR10, CIFAR100
from tinygrad_cnn.data.fake import FakeData
from tinygrad_cnn.data.folder import DatasetFolder, ImageFolder
from tinygrad_cnn.data.mnist import MNIST
from tinygrad_cnn.data.mnist_variants import KMNIST, EMNISTDigits, FashionMNIST
from tinygrad_cnn.data.synthetic import SyntheticDigits
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "DatasetFolder",
    "EMNISTDigits",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "SyntheticDigits",
]

explain_calls(globals())
explain_missing_names("torchvision.datasets", __name__)
