"""Word vectors: from a bag of words by logistic regression, from n-grams, and from the words around."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from _numbers import TEXT, fill

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
data = [
    ("me gusta comer en la cafeteria".split(), "SPANISH"),
    ("Give it to me".split(), "ENGLISH"),
    ("No creo que sea una buena idea".split(), "SPANISH"),
    ("No it is not a good idea to get lost at sea".split(), "ENGLISH"),
]
word_to_ix = {}
for sent, _ in data:
    for word in sent:
        if word not in word_to_ix:
            word_to_ix[word] = len(word_to_ix)
label_to_ix = {"SPANISH": 0, "ENGLISH": 1}


class BoWClassifier(nn.Module):
    def __init__(self, num_labels, vocab_size):
        super().__init__()
        self.linear = nn.Linear(vocab_size, num_labels)

    def forward(self, bow_vec):
        return F.log_softmax(self.linear(bow_vec), dim=1)


def make_bow_vector(sentence, word_to_ix):
    vec = torch.zeros(len(word_to_ix))
    for word in sentence:
        vec[word_to_ix[word]] += 1
    return vec.view(1, -1)


model = fill(BoWClassifier(2, len(word_to_ix)))
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for instance, label in data:
        model.zero_grad()
        bow_vec = make_bow_vector(instance, word_to_ix)
        target = torch.LongTensor([label_to_ix[label]])
        loss = loss_function(model(bow_vec), target)
        loss.backward()
        optimizer.step()
    print(epoch, loss)
print(next(model.parameters())[:, word_to_ix["creo"]])

CONTEXT_SIZE = 2
words = TEXT.split()
ngrams = [([words[i - j - 1] for j in range(CONTEXT_SIZE)], words[i]) for i in range(CONTEXT_SIZE, len(words))]
vocab = sorted(set(words))
word_to_ix = {word: i for i, word in enumerate(vocab)}


class NGramLanguageModeler(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 16)
        self.linear2 = nn.Linear(16, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        out = F.relu(self.linear1(embeds))
        out = self.linear2(out)
        return F.log_softmax(out, dim=1)


losses = []
model = fill(NGramLanguageModeler(len(vocab), 6, CONTEXT_SIZE), seed=1)
optimizer = optim.SGD(model.parameters(), lr=0.05)
for epoch in range(4):
    total_loss = 0
    for context, target in ngrams:
        context_idxs = torch.tensor([word_to_ix[w] for w in context], dtype=torch.long)
        model.zero_grad()
        log_probs = model(context_idxs)
        loss = loss_function(log_probs, torch.tensor([word_to_ix[target]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    losses.append(total_loss)
print(losses)
print(model.embeddings.weight[word_to_ix["be"]])


class CBOW(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(len(vocab), 6)
        self.out = nn.Linear(6, len(vocab))

    def forward(self, around):
        return self.out(self.embeddings(around).sum(dim=1))


cbow = fill(CBOW(), seed=2)
around = torch.stack(
    [torch.tensor([word_to_ix[words[i + j]] for j in (-2, -1, 1, 2)]) for i in range(2, len(words) - 2)]
)
middle = torch.tensor([word_to_ix[w] for w in words[2:-2]])
optimizer = optim.Adam(cbow.parameters(), lr=0.05)
for epoch in range(10):
    optimizer.zero_grad()
    loss = F.cross_entropy(cbow(around), middle)
    loss.backward()
    optimizer.step()
    if epoch % 3 == 0:
        print(epoch, loss.item(), (cbow(around).argmax(1) == middle).float().mean().item())
