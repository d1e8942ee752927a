"""Learning rates by epoch under many schedules, alone and one after the other, and groups with rates of their own."""

import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    ReduceLROnPlateau,
    SequentialLR,
)

torch.set_default_dtype(torch.float64)
makers = {
    "step": lambda o: lr_scheduler.StepLR(o, step_size=3, gamma=0.5),
    "multi": lambda o: MultiStepLR(o, milestones=[2, 5], gamma=0.1),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=6, eta_min=0.001),
    "lambda": lambda o: LambdaLR(o, lr_lambda=[lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=0.5, total_iters=4),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, max_lr=[0.1, 0.2], total_steps=8),
    "warm up": lambda o: SequentialLR(
        o, [LinearLR(o, 0.1, total_iters=3), CosineAnnealingLR(o, T_max=5)], milestones=[3]
    ),
}
for name, make in makers.items():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    for p in model.parameters():
        nn.init.constant_(p, 0.2)
    optimizer = optim.SGD(
        [{"params": model[0].parameters(), "lr": 0.05}, {"params": model[2].parameters()}], lr=0.1, momentum=0.5
    )
    scheduler = make(optimizer)
    x, y = torch.linspace(-1, 1, 12).view(4, 3), torch.linspace(0, 1, 4).unsqueeze(1)
    rates = []
    for epoch in range(7):
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.append([round(group["lr"], 8) for group in optimizer.param_groups])
        scheduler.step()
    print(name, rates, scheduler.get_last_lr(), loss.item())

optimizer = optim.Adam([nn.Parameter(torch.ones(2))], lr=0.1)
scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
for loss in (1.0, 0.9, 0.95, 0.96, 0.94, 0.97, 0.98):
    scheduler.step(loss)
    print(loss, optimizer.param_groups[0]["lr"], scheduler.num_bad_epochs)
state = scheduler.state_dict()
print(state["best"], state["factor"])
