"""A network whose depth changes from step to step and whose layer is used several times."""

import random

import torch
import torch.nn as nn
from _numbers import fill, tensor

torch.set_default_dtype(torch.float64)


class DynamicNet(nn.Module):
    def __init__(self, D_in, H, D_out):
        super().__init__()
        self.input_linear = nn.Linear(D_in, H)
        self.middle_linear = nn.Linear(H, H)
        self.output_linear = nn.Linear(H, D_out)

    def forward(self, x):
        h_relu = self.input_linear(x).clamp(min=0)
        for _ in range(random.randint(0, 3)):
            h_relu = self.middle_linear(h_relu).clamp(min=0)
        return self.output_linear(h_relu)


random.seed(3)
N, D_in, H, D_out = 16, 20, 10, 4
x, y = tensor(N, D_in), tensor(N, D_out, seed=1)
model = fill(DynamicNet(D_in, H, D_out))
print(model)
criterion = nn.MSELoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
for t in range(60):
    y_pred = model(x)
    loss = criterion(y_pred, y)
    if t % 10 == 9:
        print(t, loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
