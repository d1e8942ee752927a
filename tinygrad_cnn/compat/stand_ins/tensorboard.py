"""``torch.utils.tensorboard``: the writer of the package tensorboardX, which has PyTorch's arguments."""

try:
    from tensorboardX import SummaryWriter
except ImportError:
    raise ImportError(
        "torch.utils.tensorboard: wanted the package tensorboardX: pip install 'tinygrad_cnn[tensorboard]'"
    ) from None

__all__ = ["SummaryWriter"]
