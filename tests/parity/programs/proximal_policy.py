"""A policy for continuous actions: storage filled row by row, advantages backwards in time, clipped ratios."""

import os

import numpy as np
import torch
import torch.nn as nn
from _numbers import fill, tensor
from torch.distributed import destroy_process_group, init_process_group
from torch.distributions.normal import Normal
from torch.nn.parallel import DistributedDataParallel as DDP

STEPS, ENVS, SIZE, ACTIONS = 12, 3, 4, 2


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(np.array((SIZE,)).prod(), 16), nn.Tanh(), nn.Linear(16, 1))
        self.actor_mean = nn.Sequential(nn.Linear(SIZE, 16), nn.Tanh(), nn.Linear(16, np.prod((ACTIONS,))))
        self.actor_logstd = nn.Parameter(torch.zeros(1, ACTIONS))

    def act(self, x, noise=None, action=None):
        mean = self.actor_mean(x)
        spread = Normal(mean, torch.exp(self.actor_logstd.expand_as(mean)))
        if action is None:
            action = mean + noise * spread.stddev
        return action, spread.log_prob(action).sum(1), spread.entropy().sum(1), self.critic(x)


agent = fill(Agent(), 2)
parallel = int(os.environ.get("RANK", -1)) != -1
if parallel:
    init_process_group("gloo")
    agent = DDP(agent)
optimizer = torch.optim.Adam(agent.parameters(), lr=2.5e-3, eps=1e-5)
obs = torch.zeros((STEPS, ENVS) + (SIZE,))
actions = torch.zeros((STEPS, ENVS) + (ACTIONS,))
logprobs, rewards, dones, values = (torch.zeros((STEPS, ENVS)) for _ in range(4))

for update in range(2):
    next_obs, next_done = tensor(ENVS, SIZE, seed=update), torch.zeros(ENVS)
    for step in range(STEPS):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, value = agent.act(next_obs, tensor(ENVS, ACTIONS, seed=10 * update + step))
            values[step] = value.flatten()
        actions[step], logprobs[step] = action, logprob
        rewards[step] = -action.pow(2).sum(1).view(-1)
        next_obs = (0.9 * next_obs + 0.1 * action.repeat(1, 2)).clamp(-3, 3)
        next_done = torch.Tensor(np.array([step == 5, False, step == 8]).astype(float))
    with torch.no_grad():
        next_value = agent.critic(next_obs).reshape(1, -1)
        advantages, last = torch.zeros_like(rewards), 0
        for t in reversed(range(STEPS)):
            going = 1.0 - (next_done if t == STEPS - 1 else dones[t + 1])
            ahead = next_value if t == STEPS - 1 else values[t + 1]
            delta = rewards[t] + 0.99 * ahead * going - values[t]
            advantages[t] = last = delta + 0.99 * 0.95 * going * last
        returns = advantages + values
    flat = [x.reshape((-1,) + tuple(x.shape[2:])) for x in (obs, actions, logprobs, advantages, returns, values)]
    order = np.random.RandomState(update).permutation(STEPS * ENVS)
    for start in range(0, STEPS * ENVS, 12):
        b_obs, b_actions, b_logprobs, b_advantages, b_returns, b_values = (
            x[order[start : start + 12]] for x in flat
        )
        _, newlogprob, entropy, newvalue = agent.act(b_obs, action=b_actions)
        ratio = (newlogprob - b_logprobs).exp()
        with torch.no_grad():
            clipped = ((ratio - 1.0).abs() > 0.2).float().mean().item()
        b_advantages = (b_advantages - b_advantages.mean()) / (b_advantages.std() + 1e-8)
        policy_loss = torch.max(-b_advantages * ratio, -b_advantages * torch.clamp(ratio, 0.8, 1.2)).mean()
        newvalue = newvalue.view(-1)
        v_clipped = b_values + torch.clamp(newvalue - b_values, -0.2, 0.2)
        v_loss = 0.5 * torch.max((newvalue - b_returns) ** 2, (v_clipped - b_returns) ** 2).mean()
        loss = policy_loss - 0.01 * entropy.mean() + v_loss * 0.5
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
        optimizer.step()
        print(update, start, loss.item(), clipped)
    optimizer.param_groups[0]["lr"] = (1.0 - (update + 1) / 4) * 2.5e-3
    explained = 1 - np.var(flat[4].numpy() - flat[5].numpy()) / np.var(flat[4].numpy())
    print(float(explained))
if parallel:
    destroy_process_group()
