"""A language model of characters: it predicts the next from the last sixteen, and then continues a text.

After Bengio et al., "A neural probabilistic language model" (2003): each character has an embedding, which is
learnt like all weights. The text is Python's own help on the language.
"""

from __future__ import annotations

import pydoc_data.topics
import re

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.support.program import program

SEEN, STEPS, BATCH = 16, 3000, 128


class Writer(nn.Module):
    """Maps sixteen characters (N, 16) to the logits of the next."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(characters, 16)
        self.layers = nn.Sequential(nn.Linear(SEEN * 16, 256), nn.ReLU(), nn.Linear(256, characters))

    def forward(self, context: tg.Tensor) -> tg.Tensor:
        """Return the logits (N, characters)."""
        logits: tg.Tensor = self.layers(self.vectors(context).flatten(1))
        return logits


def write(model: Writer, alphabet: str, beginning: str, length: int) -> str:
    """Continue a text: draw each character with the probability that the model gives it."""
    text = beginning
    with tg.no_grad():
        for _ in range(length):
            context = tg.tensor([[alphabet.index(c) for c in text[-SEEN:]]])
            text += alphabet[int(tg.multinomial(tg.softmax(model(context)[0] / 0.6, 0), 1))]
    return text


def main() -> None:
    """Train the model on Python's help, and let it write."""
    tg.manual_seed(0)
    topics = " ".join(pydoc_data.topics.topics.values())
    text = re.sub(r"\s+", " ", re.sub(r"[^a-z .,]", " ", topics.lower()))
    alphabet = "".join(sorted(set(text)))
    codes = tg.tensor([alphabet.index(c) for c in text])
    windows = codes.unfold(0, SEEN + 1, 1)
    print(f"{len(text):,} characters, {len(alphabet)} distinct")

    model = Writer(len(alphabet))
    optimizer = optim.Adam(model.parameters(), lr=0.003)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    mean = 0.0
    for step in range(1, STEPS + 1):
        batch = windows[tg.randint(0, len(windows), (BATCH,))]
        loss = nn.functional.cross_entropy(model(batch[:, :-1]), batch[:, -1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        mean += loss.item() / 500
        if step % 500 == 0:
            print(f"step {step}   loss {mean:.3f}")
            mean = 0.0
    print(write(model, alphabet, "a function is an ", 300))


if __name__ == "__main__":
    program(main, __doc__)
