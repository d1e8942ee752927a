"""A script for PyTorch as torchrun starts it: DistributedDataParallel, DistributedSampler, collectives, one print.

``spawned`` as its argument has torch.multiprocessing call the same function.
"""

import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
import torch.optim as optim
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net1 = nn.Linear(10, 10)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(10, 5)

    def forward(self, x):
        return self.net2(self.relu(self.net1(x)))


def train(rank, epochs):
    dist.init_process_group(backend="gloo" if dist.is_gloo_available() else "mpi")
    size = dist.get_world_size()
    assert rank == dist.get_rank() == int(os.environ["RANK"])
    assert dist.is_available()
    assert dist.is_initialized()
    model = ToyModel()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):  # those of rank 0 count
            values = torch.sin(torch.arange(parameter.numel()) * 1.7 + i + rank) / 3
            parameter.copy_(values.reshape(parameter.shape))
    ddp_model = DDP(model, find_unused_parameters=True)
    inputs = torch.cos(torch.arange(480.0)).reshape(48, 10)
    data = TensorDataset(inputs, torch.arange(48) % 5)
    sampler = DistributedSampler(data, shuffle=False)
    loader = DataLoader(data, batch_size=4, sampler=sampler)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.SGD(ddp_model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        total = torch.zeros(1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_fn(ddp_model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        dist.all_reduce(total, op=dist.ReduceOp.SUM)
        gathered = [torch.zeros(1) for _ in range(size)]
        dist.all_gather(gathered, model.net2.bias.detach()[:1].clone())
        assert all(torch.equal(part, gathered[0]) for part in gathered)
        dist.barrier()
        if rank == 0:
            print(f"{total.item() / len(loader) / size:.5f}", flush=True)
    assert next(iter(ddp_model.state_dict())) == "module.net1.weight"
    dist.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1:] == ["spawned"]:
        mp.spawn(train, args=(6,), nprocs=2, join=True)
    else:
        train(int(os.environ["LOCAL_RANK"]), 6)
