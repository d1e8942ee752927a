"""Names to languages, letter by letter: a recurrent cell of linear layers, one-hot letters, updates by hand."""

import string
import unicodedata

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill

torch.set_default_dtype(torch.float64)
allowed_characters = string.ascii_letters + " .,;'" + "_"
n_letters = len(allowed_characters)


def unicodeToAscii(s):
    return "".join(
        c for c in unicodedata.normalize("NFD", s) if unicodedata.category(c) != "Mn" and c in allowed_characters
    )


print(f"converting 'Ślusàrski' to {unicodeToAscii('Ślusàrski')}")
category_lines = {
    "Italian": ["Abandonato", "Abatangelo", "Rossi", "Bianchi"],
    "Polish": ["Ślusàrski", "Nowak", "Wiśniewski", "Zieliński"],
    "English": ["Smith", "Jones", "Abbott", "Taylor"],
}
all_categories = list(category_lines)


def letterToIndex(letter):
    if letter not in allowed_characters:
        return allowed_characters.find("_")
    return allowed_characters.find(letter)


def lineToTensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][letterToIndex(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        hidden = F.tanh(self.i2h(input) + self.h2h(hidden))
        output = self.h2o(hidden)
        output = self.softmax(output)
        return output, hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


rnn = fill(RNN(n_letters, 16, len(all_categories)))
criterion = nn.NLLLoss()
learning_rate = 0.1


def categoryFromOutput(output):
    top_n, top_i = output.topk(1)
    category_i = top_i[0].item()
    return all_categories[category_i], category_i


def train(category_tensor, line_tensor):
    hidden = rnn.initHidden()
    rnn.zero_grad()
    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)
    loss = criterion(output, category_tensor)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return output, loss.item()


current_loss = 0
for step in range(24):
    category = all_categories[step % 3]
    line = unicodeToAscii(category_lines[category][(step // 3) % 4])
    category_tensor = torch.tensor([all_categories.index(category)], dtype=torch.long)
    output, loss = train(category_tensor, lineToTensor(line))
    current_loss += loss
    if step % 4 == 3:
        guess, guess_i = categoryFromOutput(output)
        print("%d %.8f %s / %s %s" % (step, current_loss / 4, line, guess, "✓" if guess == category else "✗"))
        current_loss = 0
confusion = torch.zeros(3, 3)
with torch.no_grad():
    for row, category in enumerate(all_categories):
        for name in category_lines[category]:
            hidden = rnn.initHidden()
            for letter in lineToTensor(unicodeToAscii(name)):
                output, hidden = rnn(letter, hidden)
            confusion[row][categoryFromOutput(output)[1]] += 1
for i in range(3):
    denom = confusion[i].sum()
    if denom > 0:
        confusion[i] = confusion[i] / denom
print(confusion)
