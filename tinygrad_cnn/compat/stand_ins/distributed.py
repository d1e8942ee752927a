"""``torch.distributed`` as a script finds it that asks whether it runs in several processes: it does not."""

from __future__ import annotations

from tinygrad_cnn.compat.refused import refused


def is_available() -> bool:
    """Return False: training runs in one process."""
    return False


def is_initialized() -> bool:
    """Return False: training runs in one process."""
    return False


def is_torchelastic_launched() -> bool:
    """Return False: training runs in one process."""
    return False


init_process_group = refused("torch.distributed.init_process_group")
destroy_process_group = refused("torch.distributed.destroy_process_group")
get_rank = refused("torch.distributed.get_rank")
get_world_size = refused("torch.distributed.get_world_size")
barrier = refused("torch.distributed.barrier")
all_reduce = refused("torch.distributed.all_reduce")
all_gather = refused("torch.distributed.all_gather")
broadcast = refused("torch.distributed.broadcast")
ReduceOp = refused("torch.distributed.ReduceOp")
