"""From matrices to nn.Module, optim and DataLoader, a piece at a time."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from _numbers import pictures
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.set_default_dtype(torch.float64)
images, labels = pictures(160)
x_train, y_train = images[:128].reshape(128, -1), labels[:128]
x_valid, y_valid = images[128:].reshape(32, -1), labels[128:]
n, c = x_train.shape
print(x_train.shape, y_train.min(), y_train.max())

weights = torch.from_numpy(np.random.default_rng(0).standard_normal((144, 4))) / math.sqrt(144)
weights.requires_grad_()
bias = torch.zeros(4, requires_grad=True)


def log_softmax(x):
    return x - x.exp().sum(-1).log().unsqueeze(-1)


def model(xb):
    return log_softmax(xb @ weights + bias)


def nll(input, target):
    return -input[range(target.shape[0]), target].mean()


def accuracy(out, yb):
    preds = torch.argmax(out, dim=1)
    return (preds == yb).float().mean()


bs = 32
for epoch in range(2):
    for i in range((n - 1) // bs + 1):
        start_i = i * bs
        end_i = start_i + bs
        xb, yb = x_train[start_i:end_i], y_train[start_i:end_i]
        loss = nll(model(xb), yb)
        loss.backward()
        with torch.no_grad():
            weights -= weights.grad * 0.5
            bias -= bias.grad * 0.5
            weights.grad.zero_()
            bias.grad.zero_()
    print(epoch, nll(model(x_valid), y_valid), accuracy(model(x_valid), y_valid))


class Mnist_Logistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.linspace(-1, 1, 144 * 4).view(144, 4) / math.sqrt(144))
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, xb):
        return xb @ self.weights + self.bias


class Lambda(nn.Module):
    def __init__(self, func):
        super().__init__()
        self.func = func

    def forward(self, x):
        return self.func(x)


def preprocess(x, y):
    return x.view(-1, 1, 12, 12), y


class WrappedDataLoader:
    def __init__(self, dl, func):
        self.dl = dl
        self.func = func

    def __len__(self):
        return len(self.dl)

    def __iter__(self):
        for b in self.dl:
            yield (self.func(*b))


def loss_batch(model, loss_func, xb, yb, opt=None):
    loss = loss_func(model(xb), yb)
    if opt is not None:
        loss.backward()
        opt.step()
        opt.zero_grad()
    return loss.item(), len(xb)


def fit(epochs, model, loss_func, opt, train_dl, valid_dl):
    for epoch in range(epochs):
        model.train()
        for xb, yb in train_dl:
            loss_batch(model, loss_func, xb, yb, opt)
        model.eval()
        with torch.no_grad():
            losses, nums = zip(*[loss_batch(model, loss_func, xb, yb) for xb, yb in valid_dl])
        val_loss = np.sum(np.multiply(losses, nums)) / np.sum(nums)
        print(epoch, val_loss)


train_ds = TensorDataset(x_train, y_train)
valid_ds = TensorDataset(x_valid, y_valid)
train_dl, valid_dl = DataLoader(train_ds, batch_size=bs), DataLoader(valid_ds, batch_size=bs * 2)
logistic = Mnist_Logistic()
fit(2, logistic, F.cross_entropy, optim.SGD(logistic.parameters(), lr=0.5), train_dl, valid_dl)

cnn = nn.Sequential(
    nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 8, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 4, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    Lambda(lambda x: x.view(x.size(0), -1)),
)
for p in cnn.parameters():
    p.data = torch.cos(torch.arange(p.numel()) * 1.7).view(p.shape) / math.sqrt(p[0].numel())
opt = optim.SGD(cnn.parameters(), lr=0.2, momentum=0.9)
fit(2, cnn, F.cross_entropy, opt, WrappedDataLoader(train_dl, preprocess), WrappedDataLoader(valid_dl, preprocess))
