"""News by an EmbeddingBag over offsets, with a vocabulary, a collate function and a step schedule."""

from collections import Counter, OrderedDict

import torch
from _numbers import TEXT, WORDS, fill
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data.dataset import random_split

torch.set_default_dtype(torch.float64)
words = TEXT.split()
train_iter = [(1 + i % 3, " ".join(words[i : i + 3 + i % 4] + WORDS[i % 3 :: 5])) for i in range(30)]
counts = Counter(token for _, text in train_iter for token in text.split())
vocab = OrderedDict(
    (word, i + 1) for i, (word, _) in enumerate(sorted(counts.items(), key=lambda x: (-x[1], x[0])))
)
text_pipeline = lambda x: [vocab.get(token, 0) for token in x.split()]  # noqa: E731
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def collate_batch(batch):
    label_list, text_list, offsets = [], [], [0]
    for _label, _text in batch:
        label_list.append(int(_label) - 1)
        processed_text = torch.tensor(text_pipeline(_text), dtype=torch.int64)
        text_list.append(processed_text)
        offsets.append(processed_text.size(0))
    label_list = torch.tensor(label_list, dtype=torch.int64)
    offsets = torch.tensor(offsets[:-1]).cumsum(dim=0)
    text_list = torch.cat(text_list)
    return label_list.to(device), text_list.to(device), offsets.to(device)


class TextClassificationModel(nn.Module):
    def __init__(self, vocab_size, embed_dim, num_class):
        super(TextClassificationModel, self).__init__()
        self.embedding = nn.EmbeddingBag(vocab_size, embed_dim, sparse=False)
        self.fc = nn.Linear(embed_dim, num_class)
        self.init_weights()

    def init_weights(self):
        initrange = 0.5
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.fc.weight.data.uniform_(-initrange, initrange)
        self.fc.bias.data.zero_()

    def forward(self, text, offsets):
        embedded = self.embedding(text, offsets)
        return self.fc(embedded)


def train(dataloader):
    model.train()
    total_acc, total_count = 0, 0
    for idx, (label, text, offsets) in enumerate(dataloader):
        optimizer.zero_grad()
        predicted_label = model(text, offsets)
        loss = criterion(predicted_label, label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        total_acc += (predicted_label.argmax(1) == label).sum().item()
        total_count += label.size(0)
        print(f"| {idx:5d} loss {loss.item():.9f} accuracy {total_acc / total_count:8.3f}")


def evaluate(dataloader):
    model.eval()
    total_acc, total_count = 0, 0
    with torch.no_grad():
        for label, text, offsets in dataloader:
            total_acc += (model(text, offsets).argmax(1) == label).sum().item()
            total_count += label.size(0)
    return total_acc / total_count


model = fill(TextClassificationModel(len(vocab) + 1, 8, 3)).to(device)
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
split_train_, split_valid_ = random_split(train_iter, [24, 6], generator=torch.Generator().manual_seed(0))
print(len(split_train_), len(split_valid_))
train_dataloader = DataLoader(train_iter[:24], batch_size=8, shuffle=False, collate_fn=collate_batch)
valid_dataloader = DataLoader(train_iter[24:], batch_size=8, shuffle=True, collate_fn=collate_batch)
total_accu = None
for epoch in range(1, 4):
    train(train_dataloader)
    accu_val = evaluate(valid_dataloader)
    if total_accu is not None and total_accu > accu_val:
        scheduler.step()
    else:
        total_accu = accu_val
    print("-" * 20, epoch, accu_val, optimizer.param_groups[0]["lr"])
with torch.no_grad():
    text = torch.tensor(text_pipeline("to be or not emma"))
    print(model(text, torch.tensor([0])).argmax(1).item() + 1, model(text, torch.tensor([0])))
