"""A process group of one process: what it gives, and what is refused. `tests/mpi` starts several."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import distributed as dist
from tinygrad_cnn.distributed.group import ProcessGroup
from tinygrad_cnn.distributed.share import Share, drawing_for, share_of
from tinygrad_cnn.nn.parallel import DistributedDataParallel
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.training import Trainer
from tinygrad_cnn.utils.data.distributed import DistributedSampler


@pytest.fixture
def group() -> Iterator[None]:
    dist.init_process_group()
    yield
    dist.destroy_process_group()


class Rank(ProcessGroup):
    """A rank of a size, without the others."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.rank, self.size = rank, size


@given(total=st.integers(1, 50), size=st.integers(1, 9))
def test_shares_are_the_whole_batch_once_and_even(total: int, size: int) -> None:
    shares = []
    with pytest.MonkeyPatch.context() as patch:
        for rank in range(size):
            patch.setattr("tinygrad_cnn.distributed.group._group", Rank(rank, size))
            shares.append(share_of(total))
    assert [i for s in shares if s.counts for i in range(total)[s.rows]] == list(range(total))
    counts = [s.samples for s in shares]
    assert max(counts) - min(counts) <= 1
    assert all(len(range(total)[s.rows]) >= 1 for s in shares), "a rank without samples takes the same steps"


DRAWS = {
    "random": lambda g, rows: g.random((rows, 3)),
    "float32": lambda g, rows: g.random((rows, 3), np.float32),
    "uniform": lambda g, rows: g.uniform(-1, 2, (rows, 2)),
    "normal": lambda g, rows: g.normal(size=rows),
    "integers": lambda g, rows: g.integers(0, 9, size=(rows, 2)),
    "standard_normal": lambda g, rows: g.standard_normal((rows, 1, 2)),
    "dropout": lambda g, rows: tg.nn.functional.dropout(tg.ones(rows, 4), 0.5).array,
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@given(total=st.integers(2, 12), size=st.integers(2, 5), seed=st.integers(0, 99))
def test_a_share_draws_its_rows_of_the_whole_batch(draw: Any, total: int, size: int, seed: int) -> None:
    tg.manual_seed(seed)
    wanted, after = draw(default_generator(), total), default_generator().random(5)
    cuts = np.linspace(0, total, min(size, total) + 1).astype(int)
    for start, stop in pairwise(cuts):
        tg.manual_seed(seed)
        with drawing_for(Share(start, stop, total)) as generator:
            np.testing.assert_array_equal(draw(default_generator(), stop - start), wanted[start:stop])
            assert not generator.has_drawn_apart
        np.testing.assert_array_equal(default_generator().random(5), after)


def test_a_group_of_one_process(group: None) -> None:
    x = tg.ones(2)
    places = [tg.zeros(2)]
    dist.all_reduce(x, dist.ReduceOp.AVG)
    dist.broadcast(x)
    dist.all_gather(places, x)
    dist.barrier()
    objects: list[Any] = [None]
    dist.all_gather_object(objects, {"a": 1})
    assert (x.tolist(), places[0].tolist(), objects) == ([1, 1], [1, 1], [{"a": 1}])
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "mpi")
    model = DistributedDataParallel(tg.nn.Linear(2, 1))
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    trainer = Trainer(model, tg.nn.MSELoss(), tg.optim.SGD(model.parameters(), 0.1), metric=None)
    trainer.fit([(tg.ones(3, 2), tg.ones(3, 1))])
    assert list(trainer.state_dict()["model"]) == ["weight", "bias"], "a checkpoint has plain names"


REFUSED = {
    "a second group": (RuntimeError, "there is a process group already", lambda: dist.init_process_group()),
    "a subgroup": (ValueError, "group is 1; wanted None", lambda: dist.barrier(group=1)),  # type: ignore[arg-type]
    "async": (ValueError, "async_op is True; wanted False", lambda: dist.all_reduce(tg.ones(1), async_op=True)),
    "an array": (TypeError, "all_reduce: wanted a tensor, got ndarray", lambda: dist.all_reduce(np.ones(1))),  # type: ignore[arg-type]
    "an op": (TypeError, "op is 'sum'; wanted one of ReduceOp", lambda: dist.all_reduce(tg.ones(1), "sum")),  # type: ignore[arg-type]
    "no rank": (ValueError, "src is 1; wanted a rank from 0 to 0", lambda: dist.broadcast(tg.ones(1), 1)),
    "a list too long": (
        ValueError,
        "the list has 2 tensors",
        lambda: dist.all_gather([tg.ones(1)] * 2, tg.ones(1)),
    ),
    "other shapes": (ValueError, r"shape \(2,\)", lambda: dist.all_gather([tg.ones(2)], tg.ones(1))),
    "a graph": (
        RuntimeError,
        "part of a recorded graph",
        lambda: dist.all_reduce(tg.ones(1, requires_grad=True) * 2),
    ),
    "no module": (TypeError, "wanted a Module, got int", lambda: DistributedDataParallel(1)),  # type: ignore[arg-type]
    "nothing to train": (
        RuntimeError,
        "no parameter of the module requires a gradient",
        lambda: DistributedDataParallel(tg.nn.ReLU()),
    ),
}


@pytest.mark.parametrize(("kind", "message", "call"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_name(group: None, kind: Any, message: str, call: Any) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_nothing_is_exchanged_without_a_group() -> None:
    with pytest.raises(ValueError, match="barrier: there is no process group; call init_process_group first"):
        dist.barrier()
    with pytest.raises(ValueError, match="backend is 'tcp'; wanted 'mpi', 'gloo', 'nccl' or None"):
        dist.init_process_group("tcp")
    with pytest.raises(ValueError, match=r"world_size is 3 .*wanted the command mpiexec -n 3 python"):
        dist.init_process_group(world_size=3, rank=0)
    assert not dist.is_initialized()


def test_torchrun_is_told_which_command_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(RuntimeError, match="mpiexec did not start this process; wanted the command mpiexec -n 4"):
        dist.init_process_group()


def test_fit_warns_where_each_process_trains_a_model_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    model = tg.nn.Linear(2, 1)
    trainer = Trainer(model, tg.nn.MSELoss(), tg.optim.SGD(model.parameters(), 0.1), metric=None)
    with pytest.warns(UserWarning, match="mpiexec started 2 processes, and each of them trains a model of its own"):
        trainer.fit([(tg.ones(3, 2), tg.ones(3, 1))])


@given(samples=st.integers(1, 40), ranks=st.integers(1, 6), drop=st.booleans(), shuffle=st.booleans())
def test_distributed_sampler_gives_every_rank_as_many(samples: int, ranks: int, drop: bool, shuffle: bool) -> None:
    parts = [DistributedSampler(range(samples), ranks, rank, shuffle, drop_last=drop) for rank in range(ranks)]
    for part in parts:
        part.set_epoch(3)
    lists = [list(part) for part in parts]
    assert {len(part) for part in lists} == {len(parts[0])}
    together = [i for row in zip(*lists, strict=True) for i in row]
    assert sorted(together[:samples]) == (list(range(samples)) if not drop else sorted(together))
    assert len(set(together[:samples])) == len(together[:samples])
