"""A siamese network: same digits close together, others apart (Hadsell, Chopra & LeCun, 2006)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms


class Pairs(Dataset):
    """Each digit with one that is the same half of the time."""

    def __init__(self, digits):
        self.digits = digits
        labels = digits.targets
        self.partner = torch.randint(0, len(digits), (len(digits),))
        for i in range(0, len(digits), 2):
            same = (labels == labels[i]).nonzero().squeeze(1)
            self.partner[i] = same[i % len(same)]

    def __len__(self):
        return len(self.digits)

    def __getitem__(self, index):
        first, a = self.digits[index]
        second, b = self.digits[int(self.partner[index])]
        return first, second, torch.tensor(float(a == b))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 4, 5, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.2)
        )
        self.fc = nn.Linear(4 * 6 * 6, 8)
        self.apply(self.init_weights)

    @staticmethod
    def init_weights(module):
        if isinstance(module, nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight)
            module.bias.data.fill_(0.01)

    def once(self, x):
        return self.fc(torch.flatten(self.conv(x), 1))

    def forward(self, a, b):
        return F.pairwise_distance(self.once(a), self.once(b))


def contrastive(distance, same, margin=2.0):
    return torch.mean(same * distance.pow(2) + (1 - same) * torch.clamp(margin - distance, min=0.0).pow(2))


def main():
    pairs = Pairs(datasets.MNIST("data", train=False, transform=transforms.ToTensor()))
    loader = DataLoader(pairs, shuffle=True, batch_size=25, num_workers=0)
    net = Siamese()
    optimizer = torch.optim.SGD(
        [{"params": net.conv.parameters(), "lr": 0.01}, {"params": net.fc.parameters()}], lr=0.02
    )
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    losses = []
    for epoch in range(3):
        for first, second, same in loader:
            optimizer.zero_grad(set_to_none=True)
            loss = contrastive(net(first, second), same)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, learning rate {scheduler.get_last_lr()[1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
