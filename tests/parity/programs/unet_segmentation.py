"""A small U-net: down, up, skip connections by cat; a Dice loss beside the cross-entropy; averages of weights."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, pictures

torch.set_default_dtype(torch.float64)


class DoubleConv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(2, out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.InstanceNorm2d(out_channels, affine=True),
            nn.ELU(),
        )

    def forward(self, x):
        return self.double_conv(x)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inc = DoubleConv(1, 4)
        self.down = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 8))
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.up2 = nn.ConvTranspose2d(8, 4, kernel_size=2, stride=2)
        self.conv = DoubleConv(16, 4)
        self.outc = nn.Conv2d(4, 2, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down(x1)
        a, b = self.up(x2), self.up2(x2)
        diffY = x1.size()[2] - a.size()[2]
        a = F.pad(a, [diffY // 2, diffY - diffY // 2, 0, 0])
        return self.outc(self.conv(torch.cat([x1, a, b], dim=1)))


def dice_loss(input, target, epsilon=1e-6):
    inter = 2 * (input * target).sum(dim=(-1, -2))
    sets_sum = input.sum(dim=(-1, -2)) + target.sum(dim=(-1, -2))
    sets_sum = torch.where(sets_sum == 0, inter, sets_sum)
    return 1 - ((inter + epsilon) / (sets_sum + epsilon)).mean()


images, _ = pictures(16)
masks = (images[:, 0] > 0.5).long()
model = fill(UNet())
ema = copy.deepcopy(model)
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=0)
weight = torch.tensor([0.4, 1.2])
accumulate = 2
for step in range(8):
    batch, target = images[step % 4 :: 4], masks[step % 4 :: 4]
    logits = model(batch)
    one_hot = F.one_hot(target, 2).permute(0, 3, 1, 2).double()
    loss = F.cross_entropy(logits, target, weight=weight) + dice_loss(F.softmax(logits, dim=1), one_hot)
    (loss / accumulate).backward()
    if (step + 1) % accumulate == 0:
        grad_norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step(loss.item())
        with torch.no_grad():
            for averaged, p in zip(ema.parameters(), model.parameters()):
                averaged.mul_(0.9).add_(p, alpha=0.1)
        print(step, loss.item(), grad_norm.item(), optimizer.param_groups[0]["lr"])
with torch.no_grad():
    iou = ((ema(images).argmax(1) == 1) & (masks == 1)).sum() / ((ema(images).argmax(1) == 1) | (masks == 1)).sum()
print(iou.item())
