"""A character-level language model: a GRU over packed names of different lengths, teacher-forced."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

NAMES = "ada alan barbara claude donald edsger frances grace john kathleen leslie niklaus tony".split()
LETTERS = ["."] + sorted(set("".join(NAMES)))
INDEX = {letter: i for i, letter in enumerate(LETTERS)}


class CharModel(nn.Module):
    def __init__(self, vocab_size, embedding_dim=6, hidden_dim=16):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.gru = nn.GRU(embedding_dim, hidden_dim, bidirectional=False)
        self.decoder = nn.Linear(hidden_dim, vocab_size)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embedding(tokens), lengths, enforce_sorted=False)
        out, hidden = self.gru(packed)
        padded, _ = pad_packed_sequence(out)
        return self.decoder(padded), hidden


def encode(name):
    return torch.tensor([INDEX[letter] for letter in f".{name}."])


def main():
    words = [encode(name) for name in NAMES]
    lengths = torch.tensor([len(word) - 1 for word in words])
    inputs = pad_sequence([word[:-1] for word in words])
    targets = pad_sequence([word[1:] for word in words], padding_value=-1)
    model = CharModel(len(LETTERS))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        logits, hidden = model(inputs, lengths)
        loss = F.cross_entropy(logits.view(-1, len(LETTERS)), targets.view(-1), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}, last states {tuple(hidden.shape)}")
    return losses


if __name__ == "__main__":
    main()
