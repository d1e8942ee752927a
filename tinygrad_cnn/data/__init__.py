"""Data: datasets, the files they come from, and batches of them."""

from tinygrad_cnn.data import datasets, transforms
from tinygrad_cnn.data.collate import default_collate, default_convert
from tinygrad_cnn.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
)
from tinygrad_cnn.data.distributed import DistributedSampler
from tinygrad_cnn.data.download import download_mnist
from tinygrad_cnn.data.drawing import digit_from_drawing
from tinygrad_cnn.data.idx import read_idx, write_idx
from tinygrad_cnn.data.kaggle import KaggleDigits
from tinygrad_cnn.data.loader import DataLoader, get_worker_info
from tinygrad_cnn.data.mnist import MNIST
from tinygrad_cnn.data.mnist_variants import KMNIST, EMNISTDigits, FashionMNIST
from tinygrad_cnn.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tinygrad_cnn.data.split import random_split
from tinygrad_cnn.data.synthetic import SyntheticDigits
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "KMNIST",
    "MNIST",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "EMNISTDigits",
    "FashionMNIST",
    "IterableDataset",
    "KaggleDigits",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "SyntheticDigits",
    "TensorDataset",
    "WeightedRandomSampler",
    "datasets",
    "default_collate",
    "default_convert",
    "digit_from_drawing",
    "download_mnist",
    "get_worker_info",
    "random_split",
    "read_idx",
    "transforms",
    "write_idx",
]

explain_calls(globals())
explain_missing_names("torch.utils.data", __name__)
