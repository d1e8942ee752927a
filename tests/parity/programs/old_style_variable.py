"""A script as they were before PyTorch 0.4: Variables, old constructors, loss.data, volatile."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable

torch.manual_seed(1)
cuda = torch.cuda.is_available()
Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
x_values = [i for i in range(11)]
x_train = np.array(x_values, dtype=np.float32).reshape(-1, 1)
y_train = np.array([2 * i + 1 for i in x_values], dtype=np.float32).reshape(-1, 1)


class LinearRegressionModel(nn.Module):
    def __init__(self, input_dim, output_dim):
        super(LinearRegressionModel, self).__init__()
        self.linear = nn.Linear(input_dim, output_dim)

    def forward(self, x):
        out = self.linear(x)
        return out


model = LinearRegressionModel(1, 1)
model.linear.weight.data.fill_(0.5)
model.linear.bias.data.zero_()
if cuda:
    model.cuda()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(20):
    inputs = Variable(torch.from_numpy(x_train))
    labels = Variable(torch.from_numpy(y_train))
    optimizer.zero_grad()
    outputs = model(inputs)
    loss = criterion(outputs, labels)
    loss.backward()
    optimizer.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch}, loss {loss.data.item()}")
predicted = model(Variable(torch.from_numpy(x_train).type(Tensor), volatile=True)).data.numpy()
print("%.6f %.6f" % (predicted[0, 0], predicted[-1, 0]))

x_data = Variable(torch.Tensor([[1.0], [2.0], [3.0], [4.0]]))
y_data = Variable(torch.Tensor([[0.0], [0.0], [1.0], [1.0]]))
w = Variable(torch.Tensor([1.0]), requires_grad=True)
for epoch in range(3):
    for x_val, y_val in zip([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]):
        cost = (x_val * w - y_val) * (x_val * w - y_val)
        cost.backward()
        print("\tgrad: ", x_val, y_val, w.grad.data[0])
        w.data = w.data - 0.01 * w.grad.data
        w.grad.data.zero_()
    print("progress:", epoch, cost.data[0])
h = Variable(torch.zeros(2, 3))
h = F.sigmoid(h + Variable(torch.ones(2, 3), requires_grad=True))
print(h.mean().data.numpy(), torch.LongTensor([1, 2]).size(), torch.Tensor(2, 3).size(), isinstance(h, Variable))
print(F.nll_loss(F.log_softmax(x_data.expand(4, 2), 1), y_data.long().view(-1)).data)
