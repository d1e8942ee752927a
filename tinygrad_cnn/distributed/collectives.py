"""Collectives: functions that all ranks call together, in the same order, to exchange tensors and objects."""

from __future__ import annotations

import pickle
from enum import Enum
from typing import Any

import numpy as np

from tinygrad_cnn.distributed.group import ProcessGroup, the_group
from tinygrad_cnn.support.dtypes import float32
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class ReduceOp(Enum):
    """How tensors are combined: ``AVG`` is their sum, divided by the number of ranks."""

    SUM = "SUM"
    AVG = "AVG"
    PRODUCT = "PROD"
    MIN = "MIN"
    MAX = "MAX"


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: None = None, async_op: bool = False) -> None:
    """Replace a tensor, on all ranks, by the sum of all ranks' tensors; ``op`` is another way to combine them.

    >>> import tinygrad_cnn as tg
    >>> tg.distributed.init_process_group()
    >>> x = tg.ones(2)
    >>> tg.distributed.all_reduce(x)  # with 4 ranks: tensor([4., 4.])
    >>> x
    tensor([1., 1.])
    >>> tg.distributed.destroy_process_group()
    """
    ranks = _checked("all_reduce", tensor, group, async_op)
    if not isinstance(op, ReduceOp):
        raise TypeError(f"all_reduce: op is {op!r:.60}; wanted one of ReduceOp")
    if ranks.size > 1:
        array = _contiguous(tensor)
        reduce_array(array, op)
        _put(tensor, array, "all_reduce")


def broadcast(tensor: Tensor, src: int = 0, group: None = None, async_op: bool = False) -> None:
    """Replace a tensor, on all ranks, by that of rank ``src``. Shape and type must be the same on all ranks."""
    ranks = _checked("broadcast", tensor, group, async_op)
    _check_rank("broadcast", "src", src, ranks)
    if ranks.size > 1:
        array = _contiguous(tensor)
        broadcast_array(array, src)
        _put(tensor, array, "broadcast")


def all_gather(tensor_list: list[Tensor], tensor: Tensor, group: None = None, async_op: bool = False) -> None:
    """Fill a list of tensors, one for each rank, with those of all ranks. They all have one shape and type."""
    ranks = _checked("all_gather", tensor, group, async_op)
    if len(tensor_list) != ranks.size:
        raise ValueError(
            f"all_gather: the list has {len(tensor_list)} tensors; wanted one for each of {ranks.size} ranks"
        )
    for place in tensor_list:
        if place.shape != tensor.shape or place.dtype != tensor.dtype:
            raise ValueError(
                f"all_gather: the list has a tensor of shape {place.shape} and type {place.dtype}; wanted "
                f"{tensor.shape} and {tensor.dtype}, those of the tensor that is given"
            )
    for place, array in zip(tensor_list, gather_arrays(_contiguous(tensor)), strict=True):
        _put(place, array, "all_gather")


def barrier(group: None = None, async_op: bool = False, device_ids: Any = None) -> None:
    """Wait until all ranks have come here."""
    _want_sync("barrier", async_op)
    ranks = the_group("barrier", group)
    if ranks.monitor is not None:
        ranks.monitor.wait(ranks.comm.Ibarrier(), "barrier")


def all_gather_object(object_list: list[Any], obj: Any, group: None = None) -> None:
    """Fill a list, which has a place for each rank, with an object of each rank. Objects are pickled."""
    ranks = the_group("all_gather_object", group)
    if len(object_list) != ranks.size:
        raise ValueError(f"all_gather_object: the list has {len(object_list)} places; wanted {ranks.size}")
    object_list[:] = [broadcast_object(obj if rank == ranks.rank else None, rank) for rank in range(ranks.size)]


def broadcast_object_list(object_list: list[Any], src: int = 0, group: None = None, device: Any = None) -> None:
    """Replace the objects of a list, on all ranks, by those of rank ``src``. Objects are pickled."""
    ranks = the_group("broadcast_object_list", group)
    _check_rank("broadcast_object_list", "src", src, ranks)
    object_list[:] = broadcast_object(list(object_list), src)


# --- of arrays, for the package itself; the group is that of all ranks, and without a group they do nothing ---


def reduce_array(array: Array, op: ReduceOp = ReduceOp.SUM) -> None:
    """Combine a contiguous array with those of the other ranks, in place."""
    ranks = the_group("all_reduce")
    if ranks.monitor is None:
        return
    from mpi4py import MPI

    kind = MPI.SUM if op is ReduceOp.AVG else getattr(MPI, op.value)
    request = ranks.comm.Iallreduce(MPI.IN_PLACE, array, kind)
    ranks.monitor.wait(request, f"all_reduce of {array.dtype} {array.shape}")
    if op is ReduceOp.AVG:
        (np.divide if array.dtype.kind == "f" else np.floor_divide)(array, ranks.size, out=array)


def broadcast_array(array: Array, src: int = 0) -> None:
    """Replace a contiguous array by that of rank ``src``, in place."""
    ranks = the_group("broadcast")
    if ranks.monitor is not None:
        ranks.monitor.wait(ranks.comm.Ibcast(_as_bytes(array), src), f"broadcast of {array.dtype} {array.shape}")


def gather_arrays(array: Array) -> Array:
    """Return the arrays of all ranks, of one shape and type, as one with a dimension of ranks in front."""
    ranks = the_group("all_gather")
    gathered = np.empty((ranks.size, *array.shape), array.dtype)
    if ranks.monitor is None:
        gathered[0] = array
        return gathered
    request = ranks.comm.Iallgather(_as_bytes(array), _as_bytes(gathered))
    ranks.monitor.wait(request, f"all_gather of {array.dtype} {array.shape}")
    return gathered


def broadcast_object(value: Any, src: int = 0) -> Any:
    """Return an object of rank ``src``, on all ranks."""
    ranks = the_group("broadcast_object_list")
    if ranks.size == 1:
        return value
    data = np.frombuffer(pickle.dumps(value), np.uint8).copy() if ranks.rank == src else np.empty(0, np.uint8)
    length = np.array([data.size], np.int64)
    broadcast_array(length, src)
    if ranks.rank != src:
        data = np.empty(int(length[0]), np.uint8)
    broadcast_array(data, src)
    return pickle.loads(data.tobytes()) if ranks.rank != src else value


# --- checks ---


def _as_bytes(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8)


def _contiguous(tensor: Tensor) -> Array:
    """Return a contiguous copy of a tensor's array, in a type that MPI adds up."""
    array = np.ascontiguousarray(tensor.array).reshape(tensor.shape)
    return array.astype(float32) if array.dtype == np.float16 else array.copy()


def _put(tensor: Tensor, array: Array, writer: str) -> None:
    tensor.array[...] = array
    mark_written(tensor.array, writer)


def _checked(name: str, tensor: Any, group: None, async_op: bool) -> ProcessGroup:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: wanted a tensor, got {type(tensor).__name__}")
    if tensor.requires_grad and tensor.node is not None:
        raise RuntimeError(f"{name}: the tensor is part of a recorded graph; wanted tensor.detach()")
    _want_sync(name, async_op)
    return the_group(name, group)


def _want_sync(name: str, async_op: bool) -> None:
    if async_op:
        raise ValueError(f"{name}: async_op is True; wanted False: the function returns when all ranks are done")


def _check_rank(name: str, argument: str, rank: int, ranks: ProcessGroup) -> None:
    if not isinstance(rank, int) or not 0 <= rank < ranks.size:
        raise ValueError(f"{name}: {argument} is {rank!r}; wanted a rank from 0 to {ranks.size - 1}")
