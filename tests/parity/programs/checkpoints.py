"""Save and go on: state dicts of model and optimizer, frozen layers, weights for another model with strict=False."""

import copy
import os
import random
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from _numbers import fill, tensor

torch.set_default_dtype(torch.float64)


def set_seed(seed=42):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


class Net(nn.Module):
    def __init__(self, outputs=3):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.classifier = nn.Linear(8, outputs)

    def forward(self, x):
        return self.classifier(self.features(x))


def train(model, optimizer, steps, y):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss


set_seed()
x, y = tensor(20, 6), torch.arange(20) % 3
model = fill(Net())
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
print("Model's state_dict:")
for param_tensor in model.state_dict():
    print(param_tensor, "\t", model.state_dict()[param_tensor].size())
print("Optimizer's state_dict:", [name for name in optimizer.state_dict()])
loss = train(model, optimizer, 5, y)
print(loss.item())
path = os.path.join(tempfile.mkdtemp(), "model.pt")
torch.save(
    {
        "epoch": 5,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": loss.item(),
        "history": [0.5, 0.25],
        "betas": (0.9, 0.999),
    },
    path,
)
direct = train(copy.deepcopy(model), optim.SGD(model.parameters(), lr=0.1), 0 + 1, y)
model2 = Net()
optimizer2 = optim.SGD(model2.parameters(), lr=0.5, momentum=0.1)
checkpoint = torch.load(path, map_location=torch.device("cpu"))
model2.load_state_dict(checkpoint["model_state_dict"])
optimizer2.load_state_dict(checkpoint["optimizer_state_dict"])
print(checkpoint["epoch"], checkpoint["loss"], checkpoint["history"], checkpoint["betas"], direct.item())
print(optimizer2.param_groups[0]["lr"], optimizer2.param_groups[0]["momentum"])
print(train(model, optimizer, 5, y).item(), train(model2, optimizer2, 5, y).item())

other = fill(Net(outputs=5), seed=3)
pretrained = {k: v for k, v in model.state_dict().items() if not k.startswith("classifier")}
print(other.load_state_dict(pretrained, strict=False))
for param in other.features.parameters():
    param.requires_grad = False
other.classifier = nn.Linear(other.classifier.in_features, 4)
fill(other.classifier, seed=4)
trained = [p for p in other.parameters() if p.requires_grad]
print(len(trained), sum(p.numel() for p in trained))
print(
    train(
        other, optim.Adam(filter(lambda p: p.requires_grad, other.parameters()), lr=0.05), 8, torch.arange(20) % 4
    )
)
best_model_wts = copy.deepcopy(other.state_dict())
print(sum(v.double().sum() for v in best_model_wts.values()).item())
other.eval()
with torch.inference_mode():
    print(other(x).softmax(-1).max(dim=-1).values.mean().item())
try:
    model.load_state_dict({"features.0.weight": torch.ones(1)})
except RuntimeError as error:
    print(type(error).__name__)
