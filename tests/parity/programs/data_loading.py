"""A dataset of one's own with samples that are dicts, transforms as classes, and a function that makes batches."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.set_default_dtype(torch.float64)


class FaceLandmarksDataset(Dataset):
    """Pictures with points on them."""

    def __init__(self, n, transform=None):
        rng = np.random.default_rng(0)
        self.images = rng.random((n, 10, 12, 3))
        self.landmarks = rng.random((n, 4, 2)) * 10
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        sample = {"image": self.images[idx], "landmarks": self.landmarks[idx]}
        if self.transform:
            sample = self.transform(sample)
        return sample


class Crop:
    def __init__(self, output_size):
        assert isinstance(output_size, (int, tuple))
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else output_size

    def __call__(self, sample):
        image, landmarks = sample["image"], sample["landmarks"]
        h, w = image.shape[:2]
        new_h, new_w = self.output_size
        top, left = (h - new_h) // 2, (w - new_w) // 2
        image = image[top : top + new_h, left : left + new_w]
        return {"image": image, "landmarks": landmarks - [left, top]}


class ToTensor:
    def __call__(self, sample):
        image, landmarks = sample["image"], sample["landmarks"]
        image = image.transpose((2, 0, 1))
        return {"image": torch.from_numpy(image.copy()), "landmarks": torch.from_numpy(landmarks)}


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, sample):
        for t in self.transforms:
            sample = t(sample)
        return sample


def collate(samples):
    images = torch.stack([s["image"] for s in samples])
    return images, torch.stack([s["landmarks"] for s in samples]).flatten(1)


dataset = FaceLandmarksDataset(22, transform=Compose([Crop(8), ToTensor()]))
for i in range(len(dataset)):
    sample = dataset[i]
    print(i, sample["image"].size(), sample["landmarks"].size(), sample["landmarks"].mean().item())
    if i == 2:
        break
dataloader = DataLoader(dataset, batch_size=4, shuffle=False, num_workers=0, collate_fn=collate)
model = nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.Tanh(), nn.Linear(16, 8))
for k, p in enumerate(model.parameters()):
    p.data = torch.sin(torch.arange(p.numel()) * 0.7 + k).reshape(p.shape) / 14
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
for epoch in range(3):
    for i_batch, (images, landmarks) in enumerate(dataloader):
        loss = nn.functional.l1_loss(model(images), landmarks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, i_batch, images.shape, loss.item())
