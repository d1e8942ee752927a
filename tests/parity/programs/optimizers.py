"""One problem, many optimizers, by float32: what each makes of the same gradients."""

import torch
from torch import nn, optim

optimizers = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.05, betas=(0.8, 0.99), eps=1e-7),
    "AMSGrad": lambda p: optim.Adam(p, lr=0.05, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.05, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, alpha=0.9, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0, rho=0.8),
    "NAdam": lambda p: optim.NAdam(p, lr=0.02),
}
x = torch.linspace(-2, 2, 24).view(8, 3)
y = torch.stack([x.sum(1).sin(), x.prod(1)], dim=-1)
for name, make in optimizers.items():
    net = nn.Sequential(nn.Linear(3, 5), nn.Hardtanh(), nn.Linear(5, 2))
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            p.copy_(torch.linspace(-0.5, 0.5, p.numel()).view_as(p) * (-1) ** k)
    optimizer = make(net.parameters())

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(8)]
    print(name, *(f"{loss:.7f}" for loss in losses))
    print(optimizer.__class__.__name__, len(optimizer.state), optimizer.param_groups[0]["lr"])
