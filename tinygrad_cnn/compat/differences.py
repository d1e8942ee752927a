"""What scripts use that is here and differs from PyTorch: told by ``python -m tinygrad_cnn --check``."""

from __future__ import annotations

_RANDOM = "random numbers are NumPy's: the same seed gives other numbers than PyTorch"

NAMES = {
    "torch.Generator": _RANDOM,
    "torch.autocast": "changes nothing: everything is computed in the type of its tensors",
    "torch.amp.GradScaler": "is disabled, as PyTorch's is without CUDA",
    "torch.bfloat16": "can be named, but not be used: use torch.float32",
    "torch.cuda.amp.GradScaler": "is disabled, as PyTorch's is without CUDA",
    "torch.cuda.amp.autocast": "changes nothing: everything is computed in the type of its tensors",
    "torch.load": "reads safetensors, no pickles: convert PyTorch's files with the package safetensors",
    "torch.manual_seed": _RANDOM,
    "torch.nn.DataParallel": "calls the module itself: there is one device",
    "torch.save": "writes safetensors, which PyTorch reads with safetensors.torch.load_file",
    "torch.utils.checkpoint.checkpoint": "calls the function itself: no memory is saved",
}

ARGUMENTS = {
    "torch.utils.data.DataLoader(num_workers=)": "is ignored: batches are made in this process",
    "torch.utils.data.DataLoader(pin_memory=)": "is ignored: there is one device",
}
