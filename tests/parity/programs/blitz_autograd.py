"""What autograd gives: gradients, vector-Jacobian products, grad_fn, detach, hooks."""

import torch

torch.set_default_dtype(torch.float64)
a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
external_grad = torch.tensor([1.0, 1.0])
Q.backward(gradient=external_grad)
print(9 * a**2 == a.grad)
print(-2 * b == b.grad)
x = torch.rand(5, 5)
z = torch.rand((5, 5), requires_grad=True)
print(f"Does `x + x` require gradients?: {(x + x).requires_grad}")
print(f"Does `x + z` require gradients?: {(x + z).requires_grad}")

x = torch.ones(5)
y = torch.zeros(3)
w = torch.linspace(-1, 1, 15).view(5, 3).requires_grad_()
b = torch.linspace(0, 1, 3).requires_grad_(True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print(z.grad_fn is None, loss.grad_fn is None, w.is_leaf, z.is_leaf)
loss.backward()
print(w.grad)
print(b.grad)
with torch.no_grad():
    z = torch.matmul(x, w) + b
print(z.requires_grad, (torch.matmul(x, w) + b).detach().requires_grad)
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")
inp.grad.zero_()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nCall after zeroing gradients\n{inp.grad}")

x = torch.tensor([0.5, -1.5, 2.0], requires_grad=True)
y = x * 2
while y.data.norm() < 1000:
    y = y * 2
handle = y.register_hook(lambda grad: grad * 0.5)
y.retain_grad()
y.backward(torch.tensor([0.1, 1.0, 0.0001]))
print(x.grad, y.grad)
handle.remove()
x = torch.tensor(1.5, requires_grad=True)
(first,) = torch.autograd.grad(torch.sin(x) * x, x, create_graph=True)
(second,) = torch.autograd.grad(first, x, create_graph=True)
(third,) = torch.autograd.grad(second, x)
print(first.item(), second.item(), third.item())
print(torch.autograd.functional.jacobian(lambda v: v.exp() * v.sum(), torch.tensor([0.1, 0.2])))
print(torch.autograd.functional.hessian(lambda v: (v**3).sum() * v[0], torch.tensor([0.1, 0.2])))
