"""A tagger with scores for pairs of tags: all paths summed by a recursion, the best one found by another."""

import torch
import torch.nn as nn
from _numbers import WORDS, fill, tensor

torch.set_default_dtype(torch.float64)
TAGS = {"vowel": 0, "consonant": 1, "start": 2, "stop": 3}


def log_sum_exp(scores):
    largest = scores[0, scores.max(1)[1].item()]
    return largest + torch.log(torch.sum(torch.exp(scores - largest.view(1, -1).expand(1, scores.size()[1]))))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(26, 6)
        self.lstm = nn.LSTM(6, 5, bidirectional=True)
        self.scores = nn.Linear(10, len(TAGS))
        self.pairs = nn.Parameter(torch.zeros(len(TAGS), len(TAGS)))

    def forbid(self):
        self.pairs.data.copy_(tensor(len(TAGS), len(TAGS), seed=3))
        self.pairs.data[TAGS["start"], :] = -10000.0
        self.pairs.data[:, TAGS["stop"]] = -10000.0

    def of_letters(self, word):
        out, _ = self.lstm(self.letters(word).view(len(word), 1, -1))
        return self.scores(out.view(len(word), -1))

    def all_paths(self, feats):
        sums = torch.full((1, len(TAGS)), -10000.0)
        sums[0][TAGS["start"]] = 0.0
        for feat in feats:
            ahead = []
            for tag in range(len(TAGS)):
                emitted = feat[tag].view(1, -1).expand(1, len(TAGS))
                ahead.append(log_sum_exp(sums + self.pairs[tag].view(1, -1) + emitted).view(1))
            sums = torch.cat(ahead).view(1, -1)
        return log_sum_exp(sums + self.pairs[TAGS["stop"]])

    def one_path(self, feats, tags):
        score = torch.zeros(1)
        tags = torch.cat([torch.tensor([TAGS["start"]], dtype=torch.long), tags])
        for i, feat in enumerate(feats):
            score = score + self.pairs[tags[i + 1], tags[i]] + feat[tags[i + 1]]
        return score + self.pairs[TAGS["stop"], tags[-1]]

    def forward(self, word):
        feats = self.of_letters(word)
        best = torch.full((len(TAGS),), -10000.0)
        best[TAGS["start"]] = 0
        back = []
        for feat in feats:
            values, places = (best.unsqueeze(0) + self.pairs).max(dim=1)
            best = values + feat
            back.append(places.tolist())
        score, tag = (best + self.pairs[TAGS["stop"]]).max(0)
        path = [tag.item()]
        for places in reversed(back):
            path.append(places[path[-1]])
        return score, path[-2::-1]


model = fill(Tagger())
model.forbid()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=1e-4)
words = [torch.tensor([ord(c) - ord("a") for c in word], dtype=torch.long) for word in WORDS[:4]]
truths = [torch.tensor([TAGS["vowel" if c in "aeiou" else "consonant"] for c in word]) for word in WORDS[:4]]
for epoch in range(3):
    for word, tags in zip(words, truths):
        model.zero_grad()
        feats = model.of_letters(word)
        loss = model.all_paths(feats) - model.one_path(feats, tags)
        loss.backward()
        optimizer.step()
    print(epoch, loss.item(), model.pairs.grad.abs().clamp(max=10).sum().item())
with torch.no_grad():
    for word in words:
        score, path = model(word)
        print(score.item(), path)
