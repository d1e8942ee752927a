"""Old style: a sequence is reversed by attention with a decoder of cells, volatile variables and .data everywhere."""

import math
import random
import time

import torch
import torch.nn as nn
from _numbers import fill
from torch import optim
from torch.autograd import Variable

use_cuda = torch.cuda.is_available()
torch.manual_seed(0)
random.seed(0)
SOS, SIZE, HIDDEN = 0, 7, 10
pairs = [[random.randrange(1, SIZE) for _ in range(2 + i % 4)] for i in range(12)]


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super(EncoderRNN, self).__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)

    def forward(self, input, hidden):
        embedded = self.embedding(input).view(1, 1, -1)
        return self.gru(embedded, hidden)

    def initHidden(self):
        result = Variable(torch.zeros(1, 1, self.hidden_size))
        return result.cuda() if use_cuda else result


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, max_length=6):
        super(AttnDecoderRNN, self).__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attn = nn.Linear(hidden_size * 2, max_length)
        self.attn_combine = nn.Linear(hidden_size * 2, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, input, hidden, encoder_outputs):
        embedded = self.embedding(input).view(1, 1, -1)
        weights = nn.functional.softmax(self.attn(torch.cat((embedded[0], hidden[0]), 1)), dim=1)
        applied = torch.bmm(weights.unsqueeze(0), encoder_outputs.unsqueeze(0))
        output = self.attn_combine(torch.cat((embedded[0], applied[0]), 1)).unsqueeze(0)
        output, hidden = self.gru(nn.functional.relu(output), hidden)
        return nn.functional.log_softmax(self.out(output[0]), dim=1), hidden, weights


def variable(indexes):
    result = Variable(torch.LongTensor(indexes).view(-1, 1))
    return result.cuda() if use_cuda else result


def train(source, goal, optimizers, criterion, forcing):
    hidden = encoder.initHidden()
    for o in optimizers:
        o.zero_grad()
    outputs = Variable(torch.zeros(6, HIDDEN))
    for ei in range(source.size()[0]):
        output, hidden = encoder(source[ei], hidden)
        outputs[ei] = output[0][0]
    loss = 0
    given = Variable(torch.LongTensor([[SOS]]))
    for di in range(goal.size()[0]):
        output, hidden, attention = decoder(given, hidden, outputs)
        loss += criterion(output, goal[di])
        topv, topi = output.data.topk(1)
        given = goal[di] if forcing else Variable(torch.LongTensor([[topi[0][0].item()]]))
    loss.backward()
    for o in optimizers:
        o.step()
    return loss.data / goal.size()[0]


encoder, decoder = fill(EncoderRNN(SIZE, HIDDEN), 1), fill(AttnDecoderRNN(HIDDEN, SIZE), 2)
optimizers = [optim.SGD(m.parameters(), lr=0.05, momentum=0.5) for m in (encoder, decoder)]
criterion = nn.NLLLoss()
start = time.time()
print_loss_total = 0
for iter in range(1, 25):
    pair = pairs[iter % len(pairs)]
    loss = train(variable(pair), variable(pair[::-1]), optimizers, criterion, random.random() < 0.5)
    print_loss_total += loss
    if iter % 6 == 0:
        s = math.floor(time.time() - start)
        print("%d %.6f" % (iter, print_loss_total / 6), s < 1000)
        print_loss_total = 0
print(decoder.attn.weight.data[:2, :4])
