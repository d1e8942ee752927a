"""Why names of PyTorch are left out, and what to use: a name stands for all that lies below it."""

from __future__ import annotations

PAGE = "docs/pytorch.md"

_COMPLEX = "complex numbers are not supported; keep real and imaginary part in two tensors"
_QUANTISED = "quantised numbers are not supported; compute in float32"
_SPARSE = "sparse tensors are not supported; use a dense tensor, or index_add and scatter_add"
_SCRIPT = "TorchScript is not supported; call the model itself, or export it with tinygrad_cnn.onnx.export"
_FUNC = "function transforms are not supported; use torch.autograd.functional, or a loop"
_THREE = "convolutions and pooling are of one and two dimensions; fold the third into the batch"
_PROCESSES = "training runs in one process; raise the batch size, or torch.set_num_threads"
_SYMBOLIC = "models are not taken apart as graphs; use tinygrad_cnn.summary, explain or onnx.export"
_VISION = "the models that are here are resnet18, resnet34 and resnet50; write the layers of others out"
_WEIGHTS = "weights are not downloaded; save them with safetensors in PyTorch, and torch.load the file here"
_STORAGE = "tensors have no storage object; torch.Tensor.numpy() shares the memory"
_CUDA = "there is no CUDA here; leave the call out, or ask torch.cuda.is_available() before"

REASONS = {
    "torch.Tensor.bfloat16": "bfloat16 is not supported; use float32",
    "torch.Tensor.cfloat": _COMPLEX,
    "torch.Tensor.coalesce": _SPARSE,
    "torch.Tensor.conj": _COMPLEX,
    "torch.Tensor.cuda": _CUDA,
    "torch.Tensor.dequantize": _QUANTISED,
    "torch.Tensor.imag": _COMPLEX,
    "torch.Tensor.is_shared": _PROCESSES,
    "torch.Tensor.names": "named dimensions are not supported; use positions",
    "torch.Tensor.pin_memory": "there is no other device to copy to; leave the call out",
    "torch.Tensor.real": _COMPLEX,
    "torch.Tensor.refine_names": "named dimensions are not supported; use positions",
    "torch.Tensor.share_memory_": _PROCESSES,
    "torch.Tensor.storage": _STORAGE,
    "torch.Tensor.to_dense": _SPARSE,
    "torch.Tensor.to_mkldnn": "tensors have one layout for the user; leave the call out",
    "torch.Tensor.to_sparse": _SPARSE,
    "torch.Tensor.untyped_storage": _STORAGE,
    "torch.Tensor.xpu": "there is one device, the CPU; leave the call out",
    "torch.ao": _QUANTISED,
    "torch.angle": _COMPLEX,
    "torch.autograd.forward_ad": "there is no forward mode; use torch.autograd.functional.jvp",
    "torch.autograd.graph": "saved tensors cannot be replaced; use torch.utils.checkpoint or smaller batches",
    "torch.autograd.profiler": "use tinygrad_cnn.profile(model, inputs)",
    "torch.bfloat16": "bfloat16 is not supported; use float32",
    "torch.complex": _COMPLEX,
    "torch.complex128": _COMPLEX,
    "torch.complex64": _COMPLEX,
    "torch.cond": "write an if: every step is recorded as it runs",
    "torch.conj": _COMPLEX,
    "torch.cuda": _CUDA,
    "torch.distributed": _PROCESSES,
    "torch.export": _SYMBOLIC,
    "torch.fft": "use numpy.fft on detached tensors",
    "torch.func": _FUNC,
    "torch.futures": _PROCESSES,
    "torch.fx": _SYMBOLIC,
    "torch.hub": _WEIGHTS,
    "torch.imag": _COMPLEX,
    "torch.istft": _COMPLEX,
    "torch.jit": _SCRIPT,
    "torch.linalg.eig": "complex numbers are not supported; torch.linalg.eigh is for symmetric matrices",
    "torch.linalg.eigvals": "complex numbers are not supported; torch.linalg.eigvalsh is for symmetric matrices",
    "torch.library": "use tinygrad_cnn.autograd.operation, or torch.autograd.Function",
    "torch.masked": "masked tensors are not supported; use torch.where and masked_fill",
    "torch.multiprocessing": _PROCESSES,
    "torch.nested": "nested tensors are not supported; pad to one length and use a mask",
    "torch.nn.AdaptiveAvgPool3d": _THREE,
    "torch.nn.AdaptiveMaxPool3d": _THREE,
    "torch.nn.AvgPool3d": _THREE,
    "torch.nn.BatchNorm3d": _THREE,
    "torch.nn.Conv3d": _THREE,
    "torch.nn.ConvTranspose3d": _THREE,
    "torch.nn.InstanceNorm3d": _THREE,
    "torch.nn.MaxPool3d": _THREE,
    "torch.nn.MaxUnpool3d": _THREE,
    "torch.nn.Module.share_memory": _PROCESSES,
    "torch.nn.SyncBatchNorm": "training runs in one process; use torch.nn.BatchNorm2d",
    "torch.nn.attention": "use torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.avg_pool3d": _THREE,
    "torch.nn.functional.conv3d": _THREE,
    "torch.nn.functional.max_pool3d": _THREE,
    "torch.nn.parallel.DistributedDataParallel": _PROCESSES,
    "torch.nn.quantized": _QUANTISED,
    "torch.nn.utils.parametrizations.orthogonal": (
        "compute the weight in forward, for example with torch.linalg.qr, and use it with torch.nn.functional"
    ),
    "torch.nn.utils.prune": "use masked_fill on the weights under torch.no_grad()",
    "torch.ops": "custom operators are not looked up by name; use tinygrad_cnn.autograd.operation",
    "torch.optim.SparseAdam": "sparse gradients are not supported; use torch.optim.Adam",
    "torch.overrides": "tensors are not dispatched to other classes",
    "torch.polar": _COMPLEX,
    "torch.profiler": "use tinygrad_cnn.profile(model, inputs)",
    "torch.qint8": _QUANTISED,
    "torch.quantization": _QUANTISED,
    "torch.quantize_per_tensor": _QUANTISED,
    "torch.quint8": _QUANTISED,
    "torch.real": _COMPLEX,
    "torch.smm": _SPARSE,
    "torch.sparse": _SPARSE,
    "torch.sparse_coo_tensor": _SPARSE,
    "torch.sparse_csr_tensor": _SPARSE,
    "torch.sspaddmm": _SPARSE,
    "torch.stft": _COMPLEX,
    "torch.utils.benchmark": "use timeit, or tinygrad_cnn.profile",
    "torch.utils.cpp_extension": "use tinygrad_cnn.autograd.operation, with any function of arrays",
    "torch.utils.data.DistributedSampler": _PROCESSES,
    "torch.utils.mobile_optimizer": _SCRIPT,
    "torch.utils.model_zoo": _WEIGHTS,
    "torch.view_as_complex": _COMPLEX,
    "torch.view_as_real": _COMPLEX,
    "torch.vmap": _FUNC,
    "torchvision.io": "images are not decoded; use PIL.Image and torchvision.transforms.ToTensor",
    "torchvision.models": _VISION,
    "torchvision.ops": "write operations on boxes with tensors",
}
