"""The namespaces of PyTorch that scripts import from, and the modules whose public names each of them has."""

from __future__ import annotations

from tinygrad_cnn.support.missing_names import HOMES

_STAND_INS = "tinygrad_cnn.compat.stand_ins"

NAMESPACES: dict[str, tuple[str, ...]] = {
    **{namespace: (module,) for namespace, module in HOMES.items()},
    "torch": ("tinygrad_cnn", "tinygrad_cnn.compat.old_names", f"{_STAND_INS}.version"),
    "torch._utils": (),
    "torch.accelerator": (f"{_STAND_INS}.absent", f"{_STAND_INS}.accelerator"),
    "torch.amp": (f"{_STAND_INS}.amp",),
    "torch.autograd": ("tinygrad_cnn.autograd", f"{_STAND_INS}.autograd"),
    "torch.autograd.function": ("tinygrad_cnn.autograd", f"{_STAND_INS}.autograd"),
    "torch.autograd.variable": (f"{_STAND_INS}.autograd",),
    "torch.backends": (),
    "torch.backends.cuda": (f"{_STAND_INS}.backends",),
    "torch.backends.cudnn": (f"{_STAND_INS}.backends",),
    "torch.backends.mkldnn": (f"{_STAND_INS}.backends",),
    "torch.backends.mps": (f"{_STAND_INS}.absent",),
    "torch.cpu": (f"{_STAND_INS}.absent",),
    "torch.cpu.amp": (f"{_STAND_INS}.amp",),
    "torch.cuda": (f"{_STAND_INS}.absent", f"{_STAND_INS}.cuda"),
    "torch.cuda.amp": (f"{_STAND_INS}.amp",),
    "torch.distributed": (HOMES["torch.distributed"], f"{_STAND_INS}.distributed"),
    "torch.distributed.distributed_c10d": (HOMES["torch.distributed"], f"{_STAND_INS}.distributed"),
    "torch.hub": (f"{_STAND_INS}.hub",),
    "torch.functional": ("tinygrad_cnn.ops",),
    "torch.mps": (f"{_STAND_INS}.absent",),
    "torch.multiprocessing": (f"{_STAND_INS}.multiprocessing",),
    "torch.nn": ("tinygrad_cnn.nn", f"{_STAND_INS}.parallel"),
    "torch.jit": (f"{_STAND_INS}.jit",),
    "torch.nn.functional": ("tinygrad_cnn.nn.functional", f"{_STAND_INS}.old_functional"),
    "torch.nn.init": ("tinygrad_cnn.nn.init", f"{_STAND_INS}.old_init"),
    "torch.nn.modules": ("tinygrad_cnn.nn", f"{_STAND_INS}.parallel", f"{_STAND_INS}.old_nn"),
    "torch.nn.parallel": ("tinygrad_cnn.nn.parallel", f"{_STAND_INS}.parallel"),
    "torch.nn.parameter": ("tinygrad_cnn.nn.parameter",),
    "torch.nn.utils": ("tinygrad_cnn.nn.utils", f"{_STAND_INS}.old_init"),
    "torch.nn.utils.parametrizations": ("tinygrad_cnn.nn.utils.parametrizations",),
    "torch.nn.utils.parametrize": ("tinygrad_cnn.nn.utils.parametrize",),
    "torch.nn.utils.rnn": ("tinygrad_cnn.nn.utils.rnn",),
    "torch.onnx": ("tinygrad_cnn.onnx",),
    "torch.optim": ("tinygrad_cnn.optim",),
    "torch.optim.lr_scheduler": ("tinygrad_cnn.optim.lr_scheduler", f"{_STAND_INS}.old_optim"),
    "torch.optim.swa_utils": ("tinygrad_cnn.optim.swa_utils",),
    "torch.random": ("tinygrad_cnn.random", "tinygrad_cnn.compat.random_state"),
    "torch.serialization": ("tinygrad_cnn.storage.safetensors",),
    "torch.testing": (f"{_STAND_INS}.testing",),
    "torch.types": (f"{_STAND_INS}.types",),
    "torch.utils": (),
    "torch.utils.checkpoint": (f"{_STAND_INS}.checkpoint",),
    "torch.utils.dlpack": (f"{_STAND_INS}.dlpack",),
    "torch.utils.tensorboard": (f"{_STAND_INS}.tensorboard",),
    "torch.version": (f"{_STAND_INS}.version",),
    "torch.xpu": (f"{_STAND_INS}.absent",),
    "torchvision": (f"{_STAND_INS}.version",),
    "torchvision.models": ("tinygrad_cnn.models",),
    "torchvision.transforms.functional": ("tinygrad_cnn.data.transforms.functional",),
    "torchvision.transforms.v2": ("tinygrad_cnn.data.transforms.v2",),
    "torchvision.transforms.v2.functional": ("tinygrad_cnn.data.transforms.functional",),
    "torchvision.utils": ("tinygrad_cnn.data.grids",),
}

FILES = {  # PyTorch's files: scripts import their names from them, though the namespace above has them too
    "torch.distributions": "bernoulli categorical distribution exponential independent kl normal uniform",
    "torch.nn.modules": (
        "activation batchnorm container conv dropout flatten instancenorm linear loss module normalization padding "
        "pixelshuffle pooling rnn sparse transformer upsampling utils"
    ),
    "torch.nn.parallel": "data_parallel distributed",
    "torch.nn.utils": "clip_grad convert_parameters",
    "torch.optim": "adadelta adagrad adam adamax adamw lbfgs nadam optimizer radam rmsprop rprop sgd",
    "torch.utils.data": "dataloader dataset distributed sampler",
    "torchvision.models": "resnet",
    "torchvision.datasets": "cifar folder mnist vision",
}


def sources(namespace: str) -> tuple[str, ...] | None:
    """Return the modules that give a namespace its names, or None if there is no such namespace."""
    parent, _, file = namespace.rpartition(".")
    if namespace not in NAMESPACES and file in FILES.get(parent, "").split():
        return NAMESPACES[parent]
    return NAMESPACES.get(namespace)


def is_namespace(name: str) -> bool:
    """Return whether scripts can import a namespace of this name."""
    return sources(name) is not None
