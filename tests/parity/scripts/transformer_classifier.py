"""A small transformer that classifies padded sequences: does a token appear more often than another?"""

import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=50):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Classifier(nn.Module):
    def __init__(self, vocab_size=6, d_model=8, nhead=2, num_layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, d_model, padding_idx=0)
        self.position = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.attention = nn.MultiheadAttention(d_model, nhead, batch_first=True)
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, 2)

    def forward(self, tokens):
        padding = tokens == 0
        x = self.encoder(self.position(self.embed(tokens)), src_key_padding_mask=padding)
        attended, weights = self.attention(x, x, x, key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1)
        pooled = (self.norm(attended) * kept).sum(1) / kept.sum(1)
        return self.head(pooled), weights


def main():
    tokens = torch.randint(1, 6, (60, 9))
    lengths = torch.randint(4, 10, (60,))
    tokens[torch.arange(9) >= lengths.unsqueeze(1)] = 0
    labels = ((tokens == 1).sum(1) > (tokens == 2).sum(1)).long()
    loader = DataLoader(TensorDataset(tokens, labels), batch_size=15, shuffle=True)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    losses = []
    for epoch in range(5):
        model.train()
        for x, y in loader:
            logits, _ = model(x)
            loss = criterion(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses[-4:]) / 4:.4f}")
    return losses


if __name__ == "__main__":
    main()
