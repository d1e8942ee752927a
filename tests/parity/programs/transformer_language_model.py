"""The next word by nn.TransformerEncoder with a mask and positions of sine waves; clipped gradients, StepLR."""

import math

import torch
import torch.nn as nn
from _numbers import TEXT, fill
from torch import Tensor
from torch.nn import TransformerEncoder, TransformerEncoderLayer

torch.set_default_dtype(torch.float64)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model: int, dropout: float = 0.0, max_len: int = 50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pe[: x.size(0)]
        return self.dropout(x)


class TransformerModel(nn.Module):
    def __init__(self, ntoken: int, d_model: int, nhead: int, d_hid: int, nlayers: int, dropout: float = 0.0):
        super().__init__()
        self.model_type = "Transformer"
        self.pos_encoder = PositionalEncoding(d_model, dropout)
        encoder_layers = TransformerEncoderLayer(d_model, nhead, d_hid, dropout)
        self.transformer_encoder = TransformerEncoder(encoder_layers, nlayers, enable_nested_tensor=False)
        self.embedding = nn.Embedding(ntoken, d_model)
        self.d_model = d_model
        self.linear = nn.Linear(d_model, ntoken)

    def forward(self, src: Tensor, src_mask: Tensor = None) -> Tensor:
        src = self.embedding(src) * math.sqrt(self.d_model)
        src = self.pos_encoder(src)
        if src_mask is None:
            src_mask = nn.Transformer.generate_square_subsequent_mask(len(src))
        output = self.transformer_encoder(src, src_mask)
        return self.linear(output)


words = TEXT.split() * 3
vocab = {w: i for i, w in enumerate(sorted(set(words)))}
data = torch.tensor([vocab[w] for w in words])
batches = data[: len(data) // 4 * 4].view(4, -1).t().contiguous()
model = fill(TransformerModel(len(vocab), 8, 2, 16, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1.0, gamma=0.95)
for epoch in range(3):
    model.train()
    total_loss = 0.0
    for i in range(0, batches.size(0) - 1, 5):
        seq_len = min(5, batches.size(0) - 1 - i)
        x, y = batches[i : i + seq_len], batches[i + 1 : i + 1 + seq_len].reshape(-1)
        output = model(x)
        loss = criterion(output.view(-1, len(vocab)), y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total_loss += loss.item()
    scheduler.step()
    print(f"epoch {epoch} lr {scheduler.get_last_lr()[0]:.4f} loss {total_loss} ppl {math.exp(loss.item())}")
attention = fill(nn.MultiheadAttention(8, 2, batch_first=True), seed=3)
x = torch.cos(torch.arange(48.0)).view(2, 3, 8)
out, weights = attention(x, x, x, key_padding_mask=torch.tensor([[False, False, True], [False] * 3]))
print(out.sum().item(), weights[0])
seq2seq = fill(nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True), seed=4)
out = seq2seq(x, x.flip(1), tgt_mask=nn.Transformer.generate_square_subsequent_mask(3))
print(out.mean().item(), out.std().item())
