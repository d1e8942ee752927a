"""A small network that learns from a large one: soft targets, cosine of features, by float32."""

import torch
import torch.nn as nn
import torch.optim as optim
from _numbers import fill, pictures

device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
print(f"Using {device} device")


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2),
            nn.Conv2d(8, 8, kernel_size=3, padding=1),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(nn.Linear(288, 32), nn.ReLU(), nn.Dropout(0.0), nn.Linear(32, 4))

    def forward(self, x):
        x = self.features(x)
        hidden = torch.flatten(x, 1)
        return self.classifier(hidden), nn.functional.avg_pool1d(hidden, 9)


class Light(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU())
        self.classifier = nn.Linear(72, 4)
        self.regressor = nn.Linear(72, 32)

    def forward(self, x):
        hidden = self.features(x).flatten(start_dim=1)
        return self.classifier(hidden), self.regressor(hidden)


images, labels = pictures(64)
teacher, student = fill(Deep()).to(device), fill(Light(), seed=1).to(device)
total_params = f"{sum(p.numel() for p in teacher.parameters()):,}"
print(f"Deep parameters: {total_params}")
optimizer = optim.Adam(teacher.parameters(), lr=0.001)
ce_loss = nn.CrossEntropyLoss()
for epoch in range(4):
    optimizer.zero_grad()
    loss = ce_loss(teacher(images)[0], labels)
    loss.backward()
    optimizer.step()
    print(f"Epoch {epoch + 1}, Loss: {loss.item():.6f}")
T, cosine_loss = 2, nn.CosineEmbeddingLoss()
optimizer = optim.Adam(student.parameters(), lr=0.001)
teacher.eval()
student.train()
for epoch in range(4):
    optimizer.zero_grad()
    with torch.no_grad():
        teacher_logits, teacher_hidden = teacher(images)
    student_logits, student_hidden = student(images)
    soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
    soft_prob = nn.functional.log_softmax(student_logits / T, dim=-1)
    soft_loss = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
    hidden_loss = cosine_loss(student_hidden, teacher_hidden, target=torch.ones(images.size(0)).to(device))
    kl = nn.KLDivLoss(reduction="batchmean")(soft_prob, soft_targets)
    loss = 0.25 * soft_loss + 0.5 * ce_loss(student_logits, labels) + 0.25 * hidden_loss
    loss.backward()
    optimizer.step()
    print(f"Epoch {epoch + 1}, Loss: {loss.item():.6f}, cosine {hidden_loss.item():.6f}, KL {kl.item():.6f}")
_, predicted = torch.max(student(images)[0].data, 1)
print(f"Accuracy: {100 * (predicted == labels).sum().item() / labels.size(0):.2f}%")
