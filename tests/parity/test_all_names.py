"""Every name of PyTorch's namespaces is here, or its message says why not and what to use."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

import pytest

from tinygrad_cnn.compat import old_methods
from tinygrad_cnn.compat.namespaces import is_namespace, sources
from tinygrad_cnn.support.missing_names import advice
from tinygrad_cnn.tensor import Tensor

torch = pytest.importorskip("torch")

NAMESPACES = """
torch torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.parametrizations torch.optim
torch.nn.utils.parametrize torch.optim.lr_scheduler torch.optim.swa_utils torch.utils.data torch.autograd
torch.distributions torch.linalg torch.special
""".split()

INSIDE = set(  # of PyTorch itself, which no script uses
    """
    AVG AliasDb BenchmarkConfig BenchmarkExecutionStats BufferDict CallStack Capsule CompleteArgumentSpec
    ConcreteModuleTypeBuilder DeepCopyMemoTable DispatchKeySet ErrorReport ExcludeDispatchKeyGuard ExecutionPlan
    FatalError FileCheck GraphExecutorState IODescriptor LockingLogger LoggerBase NoopLogger OperatorInfo
    PRIVATE_OPS SUM StaticModule Tag ThroughputBenchmark TracingState USE_GLOBAL_DEPS USE_RTLD_GLOBAL_WITH_LIBTORCH
    choose_qparams_optimized classes classproperty compiled_with_cxx11_abi cpp get_file_path has_mkl has_openmp
    is_vulkan_available jagged prepare_multiprocessing_environment torch_version GRID_SAMPLE_INTERPOLATION_MODES
    GRID_SAMPLE_PADDING_MODES ScalingType SwizzleType assert_int_or_pair boolean_dispatch bind copy_method_params
    EPOCH_DEPRECATION_WARNING anomaly_mode BroadcastingList1 BroadcastingList2 BroadcastingList3 DType
    F JITException TYPE_CHECKING
    reproducibility_notes tf32_notes common_notes common_args multi_dim_common get_swap_module_params_on_conversion
    is_opaque_reference_type is_traceable_wrapper_subclass transfer_parametrizations_and_params OpaqueBase
    """.split()
)


def is_imported(value: object) -> bool:
    """Return whether a namespace has a value for its own use: of the standard library, or PyTorch's own modules."""
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] != "torch" or value is torch
    home = str(getattr(value, "__module__", "torch"))
    return home.partition(".")[0] not in ("torch", "builtins") or value is torch.Tensor


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_name_is_here_or_a_message_says_what_to_use(namespace: str) -> None:
    theirs = import_module(namespace)
    ours = {name for source in sources(namespace) or () for name in dir(import_module(source))}
    silent = []
    for name, value in inspect.getmembers(theirs):
        known = name.startswith("_") or name in ours or is_namespace(f"{namespace}.{name}") or name in INSIDE
        if not known and not is_imported(value) and not advice(f"{namespace}.{name}", ours):
            silent.append(name)
    assert silent == []


def test_a_method_is_here_or_a_message_says_what_to_use() -> None:
    missing = [name for name in dir(torch.Tensor) if not name.startswith("_") and not hasattr(Tensor, name)]
    missing = [name for name in missing if not hasattr(old_methods, name)]
    assert [name for name in missing if not advice(f"torch.Tensor.{name}", dir(Tensor))] == []
