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
    "torch.nn.attention": "use torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.avg_pool3d": _THREE,
    "torch.nn.functional.conv3d": _THREE,
    "torch.nn.functional.max_pool3d": _THREE,
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
    "torch.utils.mobile_optimizer": _SCRIPT,
    "torch.utils.model_zoo": _WEIGHTS,
    "torch.view_as_complex": _COMPLEX,
    "torch.view_as_real": _COMPLEX,
    "torch.vmap": _FUNC,
    "torchvision.io": "images are not decoded; use PIL.Image and torchvision.transforms.ToTensor",
    "torchvision.models": _VISION,
    "torchvision.ops": "write operations on boxes with tensors",
}

_INNER = "it is an inner part of PyTorch; use the functions and layers of torch and torch.nn"
_NARROW = "the number types are bool, int8 to int64, uint8, float16, float32 and float64"
_DISTRIBUTIONS = (
    "the distributions here are Normal, Uniform, Exponential, Bernoulli, Categorical and Independent; compute "
    "log_prob and samples of others from their formula"
)
_SCIPY = "use scipy.special on detached numbers, with a torch.autograd.Function for the derivative"
_LU = "use torch.linalg.solve, inv, det or slogdet, which factor the matrix themselves"
_WINDOWS = "use torch.from_numpy(numpy.hanning(n)), or numpy's other windows"

PATTERNS = (  # of names, for those that are many of a kind; the first that matches the whole name counts
    (r".*[Qq]uant.*|.*\.q_\w+|.*\.(qscheme|int_repr|per_(tensor|channel)_\w+)|torch\.q\w*int\w+", _QUANTISED),
    (r"torch\.Q\w+Storage", _QUANTISED),
    (r"torch\.nn\.(qat|intrinsic)", _QUANTISED),
    (r".*sparse.*|torch\.(Tensor\.)?(c?col|c?row)_indices\w*|torch\.(hspmm|hsmm|dsmm|saddmm|spmm)", _SPARSE),
    (r"torch\.(indices|values)_copy|torch\.Tensor\.(indices|values|dense_dim|is_coalesced)", _SPARSE),
    (r"torch\.(Tensor\.)?(\w*Storage\w*|set_|resize\w*|as_strided\w*|\w*_strided)", _STORAGE),
    (r"torch\.(Tensor\.)?(cdouble|cfloat|chalf|complex32|i?stft|H|mH|adjoint|conj_physical_?|angle)", _COMPLEX),
    (r"torch\.(Tensor\.)?(is_conj|resolve_conj|is_neg|resolve_neg|view_as_\w+)", _COMPLEX),
    (r"torch\.(u?int[1-7]|bits\w+|bit|float[48]_\w+|uint(16|32|64))", _NARROW),
    (r"torch\.(cudnn|miopen|mkldnn|fbgemm|native|batch_norm|fused|profiler|autocast)_\w+", _INNER),
    (r"torch\.(\w+_cell|rnn_\w+|gru|lstm|convolution|constant_pad_nd|grid_sampler\w*)", _INNER),
    (r"torch\.(nuclear_norm|frobenius_norm|norm_except_dim|affine_grid_generator|embedding_renorm_)", _INNER),
    (r"torch\.(sym_\w+|Sym\w+|while_loop|cond|export\w*|compiler\w*|get_device_module|monitor)", _SYMBOLIC),
    (r"torch\.(parse_\w+|import_ir\w+|merge_type\w+|unify_type\w+|\w*Type|\w*Script\w*|fork|wait)", _SCRIPT),
    (r"torch\.(Graph|Node|Value|Block|Code|Use|Argument\w*|\w*IValue|CompilationUnit|Future)", _SCRIPT),
    (r"torch\.(\w+_copy|unsafe_\w+)", "use the function without _copy or unsafe_, and clone() its result"),
    (r"torch\.Tensor\.unsafe_\w+", "use the method without unsafe_"),
    (r"torch\.(nn\.)?(functional\.)?\w+3d(_with_indices)?|torch\.nn\.Lazy\w+3d", _THREE),
    (r"torch\.nn\.functional\.\w+_with_indices", "use the function without _with_indices, and return_indices=True"),
    (r"torch\.nn\.(functional\.)?[Ff]ractional\w+", "use max_pool2d or adaptive_max_pool2d"),
    (r"torch\.nn\.functional\.\w*(scaled|grouped)_mm", _INNER),
    (r"torch\.nn\.functional\.multi_head_attention_forward", "use torch.nn.MultiheadAttention"),
    (r"torch\.nn\.utils\.(fus\w+|stateless|skip_init)", _SYMBOLIC),
    (
        r"torch\.nn\.utils\.\w*memory_format\w*|torch\.(channels_last\w*|memory_format|layout)",
        ("the package chooses the layout of memory itself; leave it out"),
    ),
    (
        r"(?i)torch\.distributions\.(\w*transform\w*|\w*(beta|gamma|binomial|multinomial|multivariate\w*|gumbel|pareto"
        r"|laplace|poisson|geometric|chi2|cauchy|dirichlet|weibull|wishart|kumaraswamy|cholesky|mises|studentt|snedecor)"
        r"|\w+_?normal|continuous_?bernoulli|relaxed_?\w+|one_?hot\w+|mixture\w*|logistic\w*|exp\w*_?family"
        r"|constraint\w*|biject_to)",
        _DISTRIBUTIONS,
    ),
    (r"torch\.special\.(\w*bessel\w*|airy_ai|\w+_polynomial_\w+|i[01]e?|gammaincc?|ndtri|zeta)", _SCIPY),
    (r"torch\.(Tensor\.)?(i0_?|i1|igammac?_?|nextafter_?|frexp)", _SCIPY),
    (r"torch\.linalg\.(lu\w*|ldl\w*|\w+_ex|householder\w*)|torch\.(Tensor\.)?(lu\w*|geqrf|or[mg]qr)", _LU),
    (r"torch\.(Tensor\.)?(triangular_solve|symeig|eig)", "use torch.linalg.solve_triangular or torch.linalg.eigh"),
    (r"torch\.(bartlett|blackman|hamming|hann|kaiser)_window|torch\.windows", _WINDOWS),
    (r"torch\.(pca|svd)_lowrank", "use torch.linalg.svd, and take its first columns"),
    (
        r"torch\.utils\.data\.\w*([Pp]ipe|Chunk|determin|valid|graph)\w*",
        "use torch.utils.data.Dataset, or a generator",
    ),
    (r"torch\.Tensor\.is_(distributed|pinned|shared|maia|mkldnn|mps|mtia|ipu|xla|xpu|vulkan|meta|nested)", _CUDA),
    (r"torch\.Tensor\.(map_|map2_|apply_)", "use operations of whole tensors, or numpy() on a detached one"),
    (
        r"torch\.Tensor\.(reinforce|volatile)",
        "it was removed from PyTorch; use torch.distributions, torch.no_grad()",
    ),
    (
        r"torch\.(nn\.functional\.)?(alpha_dropout|celu|dropout|elu|hardtanh|leaky_relu|rrelu|selu|threshold)_",
        "write torch.nn.functional.relu(x, inplace=True), or another function of this kind without _",
    ),
    (
        r"torch\.(AcceleratorError|Event|Stream|OutOfMemoryError|mtia)|torch\.Tensor\.(mtia|ipu|record_stream)",
        _CUDA,
    ),
    (r"torch\.(PyTorch\w+|from_file|package|serialization)", "use torch.save and torch.load"),
    (r"torch\.(set|get|is|clear)_autocast_\w+", "numbers are computed in their own type; leave it out"),
    (r"torch\.(feature_\w*dropout_?|nn\.(functional\.)?[Ff]eature\w+)", "use torch.nn.functional.dropout1d"),
    (
        r"torch\.(histogramdd|lobpcg|segment_reduce|quasirandom|signal|gradient)",
        "use NumPy or SciPy on detached numbers",
    ),
    (r"torch\.Tensor\.histogram", "there is torch.histogram"),
    (r"torch\.(binomial|Tensor\.(geometric_|cauchy_|log_normal_))", "draw with NumPy, and torch.from_numpy"),
    (
        r"torch\.nn\.(AdaptiveLogSoftmaxWithLoss|LinearCrossEntropy\w+|functional\.linear_cross_entropy)",
        "use torch.nn.Linear and torch.nn.functional.cross_entropy",
    ),
    (r"torch\.nn\.CrossMapLRN2d", "there is torch.nn.LocalResponseNorm"),
    (r"torch\.(nn\.functional\.)?conv_tbc", "use torch.conv1d of x.permute(1, 2, 0)"),
    (r"torch\.nn\.(common_types|factory_kwargs|RNNCellBase|Container|modules)", _INNER),
    (r"torch\.nn\.LazyInstanceNorm\dd", "use torch.nn.InstanceNorm1d or 2d, with the number of channels"),
    (r"torch\.nn\.Buffer", "use self.register_buffer(name, tensor)"),
    (r"torch\.nn\.NLLLoss2d", "there is torch.nn.NLLLoss"),
    (
        r"torch\.(\w+\.)*(has|handle)_torch_function\w*|torch\.Tensor\.(as_subclass|module_load)|torch\.Disable\w+",
        "tensors are not dispatched to other classes",
    ),
    (
        r"torch\.(Tensor\.)?(nonzero_static|narrow_copy|to_padded_tensor)",
        "use nonzero, narrow or torch.nn.functional.pad",
    ),
    (r"torch\.(Tensor\.)?split_with_sizes", "there is torch.split, which takes sizes too"),
    (r"torch\.autograd\.(Profiler\w+|profiler\w*|kineto\w*|DeviceType)", "use tinygrad_cnn.profile(model, inputs)"),
    (r"torch\.autograd\.(SavedTensor|NestedIOFunction)", "use torch.autograd.Function"),
    (r"torch\.autograd\.((is|set)_(multithreading|view_replay)\w*|enforce_\w+|is_tensor_like)", _INNER),
    (r"torch\.optim\.swap_\w+", "copy the parameters under torch.no_grad()"),
    (r"torch\.Tensor\.(is_inference|is_set_to|const_data_ptr|storage_type)", _INNER),
)
