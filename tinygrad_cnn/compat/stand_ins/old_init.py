"""Older names of ``torch.nn.init`` and ``torch.nn.utils``, without the last underscore."""

from tinygrad_cnn.nn import init, utils

constant = init.constant_
dirac = init.dirac_
eye = init.eye_
kaiming_normal = init.kaiming_normal_
kaiming_uniform = init.kaiming_uniform_
normal = init.normal_
orthogonal = init.orthogonal_
sparse = init.sparse_
uniform = init.uniform_
xavier_normal = init.xavier_normal_
xavier_uniform = init.xavier_uniform_

clip_grad_norm = utils.clip_grad_norm_
