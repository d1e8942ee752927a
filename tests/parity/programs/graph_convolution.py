"""Graph convolutions and graph attention on a small graph, dense adjacency, weight decay, parameters by uniform_."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, tensor
from torch.nn.parameter import Parameter

torch.set_default_dtype(torch.float64)


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(torch.empty(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.empty(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        output = torch.mm(adj, support)
        return output + self.bias if self.bias is not None else output

    def __repr__(self):
        return self.__class__.__name__ + " (" + str(self.in_features) + " -> " + str(self.out_features) + ")"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass, bias=False)

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        return F.log_softmax(self.gc2(x, adj), dim=1)


class GAT(nn.Module):
    def __init__(self, nfeat, nclass):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(size=(nfeat, nclass)))
        self.a = nn.Parameter(torch.zeros(size=(2 * nclass, 1)))
        self.leakyrelu = nn.LeakyReLU(0.2)

    def forward(self, h, adj):
        Wh = torch.matmul(h, self.W)
        n = Wh.shape[1]
        e = self.leakyrelu(torch.matmul(Wh, self.a[:n, :]) + torch.matmul(Wh, self.a[n:, :]).T)
        attention = torch.where(adj > 0, e, -9e15 * torch.ones_like(e))
        return F.log_softmax(F.elu(torch.matmul(F.softmax(attention, dim=1), Wh)), dim=1)


rng = np.random.default_rng(0)
labels = torch.from_numpy(rng.integers(0, 3, 24))
edges = torch.from_numpy((rng.random((24, 24)) < 0.08) | (labels[:, None] == labels[None, :]).numpy())
adj = ((edges | edges.T) & ~torch.eye(24, dtype=torch.bool)).double() + torch.eye(24)
degree = adj.sum(1)
norm = adj / torch.sqrt(degree[:, None] * degree[None, :])
features = tensor(24, 10)
idx_train, idx_val = torch.arange(12), torch.LongTensor(range(12, 24))
for model, matrix in ((GCN(10, 8, 3), norm), (GAT(10, 3), adj)):
    fill(model)
    print(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=5e-4)
    for epoch in range(15):
        model.train()
        optimizer.zero_grad()
        output = model(features, matrix)
        loss_train = F.nll_loss(output[idx_train], labels[idx_train])
        loss_train.backward()
        optimizer.step()
        if epoch % 5 == 0:
            preds = output[idx_val].max(1)[1].type_as(labels)
            acc = preds.eq(labels[idx_val]).double().sum() / len(idx_val)
            print(f"Epoch: {epoch + 1:04d} loss: {loss_train.item():.8f} acc: {acc.item():.4f}")
