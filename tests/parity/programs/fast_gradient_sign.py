"""Adversarial pictures: the gradient of the input, its sign, and accuracy for each size of the change."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, pictures

torch.set_default_dtype(torch.float64)
epsilons = [0, 0.1, 0.2, 0.4]
images, labels = pictures(80)
model = fill(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 4)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(15):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
print(loss.item())


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = data_grad.sign()
    perturbed_image = image + epsilon * sign_data_grad
    return torch.clamp(perturbed_image, -1, 2)


def test(model, epsilon):
    correct = 0
    total = 0.0
    for data, target in zip(images[:20].split(1), labels[:20].split(1)):
        data.requires_grad = True
        output = model(data)
        init_pred = output.max(1, keepdim=True)[1]
        if init_pred.item() != target.item():
            continue
        loss = F.nll_loss(F.log_softmax(output, dim=1), target)
        model.zero_grad()
        loss.backward()
        data_grad = data.grad.data
        perturbed_data = fgsm_attack(data, epsilon, data_grad)
        output = model(perturbed_data)
        total += F.cross_entropy(output, target).item()
        if output.max(1, keepdim=True)[1].item() == target.item():
            correct += 1
    print(f"Epsilon: {epsilon}\tTest Accuracy = {correct} / 20 = {correct / 20}, loss {total}")


model.eval()
for eps in epsilons:
    test(model, eps)
