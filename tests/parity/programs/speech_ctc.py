"""A bidirectional GRU over frames with the CTC loss, packed sequences, a one-cycle schedule and greedy decoding."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from _numbers import fill, tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.set_default_dtype(torch.float64)
CHARS = " etaoin"


class Utterances(Dataset):
    def __init__(self, n):
        self.texts = [
            CHARS[1 + i % 6] + CHARS[1 + (2 * i) % 6] * (1 + i % 2) + CHARS[1 + (i + 3) % 6] for i in range(n)
        ]

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, idx):
        label = torch.LongTensor([CHARS.index(c) for c in self.texts[idx]])
        frames = F.one_hot(label, len(CHARS)).to(torch.get_default_dtype()).repeat_interleave(4, dim=0)
        return frames + tensor(*frames.shape, seed=idx, scale=0.1), label


def collate(batch):
    batch = sorted(batch, key=lambda pair: pair[0].size(0), reverse=True)
    frames, labels = zip(*batch)
    lengths = [f.shape[0] for f in frames]
    return (
        pad_sequence(frames, batch_first=True),
        pad_sequence(labels, batch_first=True),
        lengths,
        [len(x) for x in labels],
    )


class Recognizer(nn.Module):
    def __init__(self, n_class, n_hidden=8):
        super().__init__()
        self.norm = nn.LayerNorm(n_class)
        self.conv = nn.Conv1d(n_class, n_hidden, 3, padding=1)
        self.rnn = nn.GRU(n_hidden, n_hidden, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * n_hidden, n_class)

    def forward(self, x, lengths):
        x = F.gelu(self.conv(self.norm(x).transpose(1, 2))).transpose(1, 2)
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        out, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return F.log_softmax(self.fc(out), dim=2)


def greedy(output):
    best = output.argmax(dim=-1)
    return ["".join(CHARS[c] for c in torch.unique_consecutive(row).tolist() if c != 0) for row in best]


loader = DataLoader(Utterances(8), batch_size=4, shuffle=False, collate_fn=collate)
model = fill(Recognizer(len(CHARS)))
print("Num Model Parameters", sum(param.nelement() for param in model.parameters()))
criterion = nn.CTCLoss(blank=0, zero_infinity=True)
optimizer = optim.AdamW(model.parameters(), 0.02)
scheduler = optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=0.02, steps_per_epoch=len(loader), epochs=4, anneal_strategy="linear"
)
for epoch in range(4):
    for batch_idx, (spectrograms, labels, input_lengths, label_lengths) in enumerate(loader):
        optimizer.zero_grad()
        output = model(spectrograms, input_lengths)
        loss = criterion(output.transpose(0, 1), labels, torch.tensor(input_lengths), torch.tensor(label_lengths))
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
        optimizer.step()
        print(f"{epoch} {batch_idx} {loss.item():.9f} {grad_norm:.9f} {scheduler.get_last_lr()[0]:.6f}")
        scheduler.step()
model.eval()
with torch.inference_mode():
    for spectrograms, labels, input_lengths, _ in loader:
        print(greedy(model(spectrograms, input_lengths)))
