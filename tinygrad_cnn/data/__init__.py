"""Data: datasets, the files they come from, and batches of them."""

from tinygrad_cnn.data import datasets, transforms
from tinygrad_cnn.data.dataset import Dataset, Subset, TensorDataset, random_split
from tinygrad_cnn.data.download import download_mnist
from tinygrad_cnn.data.drawing import digit_from_drawing
from tinygrad_cnn.data.idx import read_idx, write_idx
from tinygrad_cnn.data.loader import DataLoader
from tinygrad_cnn.data.mnist import MNIST
from tinygrad_cnn.data.mnist_variants import KMNIST, EMNISTDigits, FashionMNIST
from tinygrad_cnn.data.synthetic import SyntheticDigits
from tinygrad_cnn.support.missing_names import explain_missing_names

__all__ = [
    "KMNIST",
    "MNIST",
    "DataLoader",
    "Dataset",
    "EMNISTDigits",
    "FashionMNIST",
    "Subset",
    "SyntheticDigits",
    "TensorDataset",
    "datasets",
    "digit_from_drawing",
    "download_mnist",
    "random_split",
    "read_idx",
    "transforms",
    "write_idx",
]

explain_missing_names("torch.utils.data", __name__)
