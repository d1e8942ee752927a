"""Several processes that train together, under the names of `torch.distributed`: MPI does the work.

``mpiexec -n 4 python train.py`` starts them; the extra ``[mpi]`` brings mpi4py and MPICH.
`tinygrad_cnn.nn.parallel.DistributedDataParallel` averages gradients for scripts, and `Trainer` does so by itself.
"""

from tinygrad_cnn.distributed.collectives import (
    ReduceOp,
    all_gather,
    all_gather_object,
    all_reduce,
    barrier,
    broadcast,
    broadcast_object_list,
)
from tinygrad_cnn.distributed.group import (
    destroy_process_group,
    get_backend,
    get_rank,
    get_world_size,
    init_process_group,
    is_available,
    is_initialized,
)
from tinygrad_cnn.support.missing_names import explain_missing_names

__all__ = [
    "ReduceOp",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]

explain_missing_names("torch.distributed", __name__)
