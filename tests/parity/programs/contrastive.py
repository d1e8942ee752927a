"""Pictures that belong together: a siamese network with a triplet loss, and a loss over all pairs of a batch."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, pictures, tensor

torch.set_default_dtype(torch.float64)
images, labels = pictures(48)


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.PReLU(), nn.Flatten())
        self.fc = nn.Sequential(nn.Linear(100, 16), nn.SiLU(), nn.Linear(16, 4))
        self.head = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())

    def forward_once(self, x):
        return self.fc(self.cnn(x))

    def forward(self, input1, input2):
        out = torch.cat((self.forward_once(input1), self.forward_once(input2)), 1)
        return self.head(out)


model = fill(SiameseNetwork())
optimizer = torch.optim.NAdam(model.parameters(), lr=0.01)
triplet = nn.TripletMarginLoss(margin=1.0, p=2)
same = [[j for j in range(48) if labels[j] == labels[i] and j != i] for i in range(48)]
different = [[j for j in range(48) if labels[j] != labels[i]] for i in range(48)]
for epoch in range(4):
    positive = torch.tensor([s[epoch % len(s)] for s in same])
    negative = torch.tensor([d[epoch] for d in different])
    optimizer.zero_grad()
    anchors = model.forward_once(images)
    loss_triplet = triplet(anchors, anchors[positive], anchors[negative])
    pairs = model(images, images[torch.where(torch.arange(48) % 2 == 0, positive, negative)]).squeeze()
    loss_pairs = F.binary_cross_entropy(pairs, (torch.arange(48) % 2 == 0).double())
    (loss_triplet + loss_pairs).backward()
    optimizer.step()
    print(epoch, loss_triplet.item(), loss_pairs.item(), F.pairwise_distance(anchors[:2], anchors[2:4]).tolist())


def nt_xent(z, temperature=0.5):
    z = F.normalize(z, dim=1)
    similarity = torch.matmul(z, z.T) / temperature
    n = z.shape[0] // 2
    mask = torch.eye(2 * n, dtype=torch.bool)
    similarity = similarity.masked_fill(mask, float("-inf"))
    targets = torch.cat([torch.arange(n) + n, torch.arange(n)])
    return F.cross_entropy(similarity, targets)


for epoch in range(4):
    views = torch.cat([images, images.flip(-1) + 0.1 * tensor(*images.shape, seed=epoch)])
    loss = nt_xent(model.forward_once(views))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(epoch, loss.item())
