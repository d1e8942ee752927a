"""Numbers that are the same with every library: initial weights, pictures and texts from NumPy."""

import numpy as np
import torch


def fill(module, seed=0):
    """Give each parameter numbers of a size that suits its number of inputs; return the module."""
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        bound = 1 / np.sqrt(np.prod(p.shape[1:]) or 1)
        p.data.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(p.shape))))
    return module


def tensor(*shape, seed=0, scale=1.0):
    """Return normal random numbers of the default type."""
    drawn = np.random.default_rng(seed).standard_normal(shape) * scale
    return torch.from_numpy(drawn).to(torch.get_default_dtype())


def pictures(n, channels=1, size=12, classes=4, seed=0):
    """Return pictures of bars at places that tell their class, with noise, and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    images = rng.normal(0, 0.3, (n, channels, size, size))
    for image, label in zip(images, labels, strict=True):
        at = (label + 1) * size // (classes + 1)
        image[:, at if label % 2 else slice(None), slice(None) if label % 2 else at] += 1.0
    return torch.from_numpy(images).to(torch.get_default_dtype()), torch.from_numpy(labels)


WORDS = "emma olivia ava isabella sophia charlotte mia amelia harper evelyn abigail emily ella".split()
TEXT = "to be or not to be that is the question whether tis nobler in the mind to suffer the slings and arrows"
