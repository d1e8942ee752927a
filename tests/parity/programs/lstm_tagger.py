"""Parts of speech of sentences by an LSTM, one sentence at a time, and a whole model saved and loaded."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from _numbers import fill

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)


def prepare_sequence(seq, to_ix):
    idxs = [to_ix[w] for w in seq]
    return torch.tensor(idxs, dtype=torch.long)


training_data = [
    ("The dog ate the apple".split(), ["DET", "NN", "V", "DET", "NN"]),
    ("Everybody read that book".split(), ["NN", "V", "DET", "NN"]),
]
word_to_ix = {}
for sent, tags in training_data:
    for word in sent:
        if word not in word_to_ix:
            word_to_ix[word] = len(word_to_ix)
tag_to_ix = {"DET": 0, "NN": 1, "V": 2}


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super(LSTMTagger, self).__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        tag_scores = F.log_softmax(tag_space, dim=1)
        return tag_scores


model = fill(LSTMTagger(6, 6, len(word_to_ix), len(tag_to_ix)))
print(model)
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.3)
with torch.no_grad():
    print(model(prepare_sequence(training_data[0][0], word_to_ix)))
for epoch in range(8):
    for sentence, tags in training_data:
        model.zero_grad()
        sentence_in = prepare_sequence(sentence, word_to_ix)
        targets = prepare_sequence(tags, tag_to_ix)
        tag_scores = model(sentence_in)
        loss = loss_function(tag_scores, targets)
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
torch.save(model, "tagger.pth")
model = torch.load("tagger.pth", weights_only=False)
model.eval()
with torch.no_grad():
    print(model(prepare_sequence(training_data[1][0], word_to_ix)).exp())

lstm = fill(nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True), seed=2)
inputs = torch.sin(torch.arange(30.0)).view(2, 5, 3)
out, (hn, cn) = lstm(inputs, (torch.zeros(4, 2, 4), torch.zeros(4, 2, 4)))
packed = nn.utils.rnn.pack_padded_sequence(inputs, torch.tensor([5, 3]), batch_first=True)
out2, (hn2, _) = lstm(packed)
out2, lengths = nn.utils.rnn.pad_packed_sequence(out2, batch_first=True)
print(out.size(), out.sum().item(), hn.mean().item(), cn.std().item(), out2.sum().item(), lengths, hn2.sum().item())
