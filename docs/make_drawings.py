"""Draw the pictures of the pages that explain: what the package is made of, and what its first ideas look like.

``python docs/make_drawings.py`` writes docs/pictures/NAME.svg for each; the numbers in them are computed.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.nn import functional as F

PICTURES = Path(__file__).resolve().with_name("pictures")
CSS = """
svg { --ink: #222; --quiet: #5c5c5c; --paper: #fff; --card: #eef3f8; --leaf: #f6f1e4; --line: #8a949e;
  --blue: #0072B2; --red: #c2410c; font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { svg { --ink: #e8e8e8; --quiet: #a9a9a9; --paper: #16181b; --card: #232b33;
  --leaf: #2d291e; --line: #76808a; --blue: #56B4E9; --red: #ff9a5c; } }
text { fill: var(--ink); text-anchor: middle; } .left { text-anchor: start; } .quiet { fill: var(--quiet);
  font-size: 11.5px; } .name { font-weight: 650; } .code { font: 12px ui-monospace, monospace; }
.paper { fill: var(--paper); } .card { fill: var(--card); stroke: var(--line); } .leaf { fill: var(--leaf);
  stroke: var(--line); } .blue { fill: var(--blue); stroke: none; } .forward, .back, .line { fill: none;
  stroke-width: 1.8; } .line { stroke: var(--line); } .forward { stroke: var(--blue); } .back { stroke: var(--red);
  stroke-dasharray: 5 3; } .tip-forward { fill: var(--blue); } .tip-back { fill: var(--red); }
.chosen { fill: none; stroke: var(--red); stroke-width: 2.5; } text.blue { fill: var(--blue); }
text.red { fill: var(--red); }
"""


class Drawing:
    """A picture of boxes, arrows and words, which is light or dark as the reader's system is."""

    def __init__(self, width: int, height: int, label: str) -> None:
        self.size, self.label = (width, height), label
        self.parts: list[str] = [f'<rect class="paper" width="{width}" height="{height}"/>']

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        """Write words around x, or from x on if the kind is "left"."""
        self.parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, *lines: str, kind: str = "card") -> None:
        """Draw a box with a name, and below it lines in small letters."""
        self.parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        )
        top = y + height / 2 - 8.5 * (len(lines) - 1) + 4.5
        for i, line in enumerate(lines):
            self.text(x + width / 2, top + 17 * i, line, "quiet" if i else "name")

    def arrow(self, kind: str, *points: tuple[float, float]) -> None:
        """Draw an arrow through points: "forward" or "back"."""
        way = " L".join(f"{x:g} {y:g}" for x, y in points)
        self.parts.append(f'<path class="{kind}" d="M{way}" marker-end="url(#{kind})"/>')

    def path(self, kind: str, points: list[tuple[float, float]]) -> None:
        """Draw a line through points."""
        self.parts.append(f'<path class="{kind}" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>')

    def svg(self) -> str:
        """Return the picture as a file."""
        width, height = self.size
        tips = "".join(
            f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
            f'orient="auto"><path class="tip-{kind}" d="M0 0L8 4L0 8z"/></marker>'
            for kind in ("forward", "back")
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="{escape(self.label)}">'
            f"<style>{CSS}</style><defs>{tips}</defs>\n" + "\n".join(self.parts) + "\n</svg>\n"
        )


def whole() -> Drawing:
    """Tensors, the tape, the walk back through it, layers and training."""
    d = Drawing(760, 330, "The whole: parameters and data go through layers to a loss, and the gradients come back")
    d.box(20, 60, 120, 56, "Tensor", "data: an array", kind="leaf")
    d.box(20, 150, 120, 56, "Parameter", "a tensor to learn", kind="leaf")
    d.box(200, 60, 150, 146, "layers", "nn.Conv2d, nn.Linear", "call operations:", "conv2d, relu, matmul")
    d.box(410, 60, 130, 56, "loss", "one number")
    d.box(410, 150, 130, 56, "the tape", "a node for each call")
    d.box(610, 150, 130, 56, "the walk", "loss.backward()")
    d.box(200, 252, 340, 56, "training: optimizer.step()", "moves each parameter against its gradient")
    d.arrow("forward", (140, 88), (200, 88))
    d.arrow("forward", (140, 178), (200, 178))
    d.arrow("forward", (350, 88), (410, 88))
    d.arrow("forward", (350, 178), (410, 178))
    d.text(380, 169, "recorded", "quiet")
    d.arrow("back", (540, 88), (675, 88), (675, 150))
    d.arrow("back", (610, 178), (540, 178))
    d.text(575, 169, "newest first", "quiet")
    d.arrow("back", (675, 206), (675, 280), (540, 280))
    d.text(620, 272, ".grad", "code")
    d.arrow("forward", (200, 280), (80, 280), (80, 206))
    d.text(380, 30, "forward: values are computed, and operations recorded (solid)", "blue")
    d.text(380, 48, "backward: gradients go from the loss to the parameters (dashed)", "red")
    return d


def node() -> Drawing:
    """The graph of a * b + a: nodes, edges, and the gradient that each edge takes on."""
    a, b = tg.tensor(2.0, requires_grad=True), tg.tensor(3.0, requires_grad=True)
    out = a * b + a
    out.backward()
    d = Drawing(
        640, 270, "The graph of a * b + a: two leaves, two nodes, and the gradients on the edges between them"
    )
    d.box(20, 40, 110, 56, "a = 2", f"a.grad = {a.grad.item():g}", kind="leaf")
    d.box(20, 170, 110, 56, "b = 3", f"b.grad = {b.grad.item():g}", kind="leaf")
    d.box(245, 150, 150, 76, "<mul>", "result 6", "keeps a = 2 and b = 3")
    d.box(490, 65, 130, 76, "<add>", f"result {out.item():g}", "keeps nothing")
    d.arrow("back", (490, 82), (130, 60))
    d.text(320, 62, "1", "red")
    d.arrow("back", (490, 122), (395, 170))
    d.text(450, 162, "1", "red")
    d.arrow("back", (245, 172), (100, 96))
    d.text(140, 150, "1 · b = 3", "red")
    d.arrow("back", (245, 205), (130, 205))
    d.text(188, 222, "1 · a = 2", "red")
    d.text(515, 48, "gradient 1: backward begins here", "red")
    d.text(320, 258, "Each edge takes the gradient of the result to an input. At a, 1 and 3 are added.", "quiet")
    return d


def grid(d: Drawing, x: float, y: float, rows: list[list[float]], kind: str = "leaf") -> None:
    """Draw a table of numbers in cells of 32."""
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            d.box(x + 32 * j, y + 32 * i, 32, 32, kind=kind)
            d.text(x + 32 * j + 16, y + 32 * i + 21, f"{value:g}")


def convolution() -> Drawing:
    """A kernel on its way over an image: each result is a sum of products."""
    image = tg.tensor([[0.0, 0, 1, 0, 0]] * 4)
    kernel = tg.tensor([[-1.0, 1.0]] * 2)
    result = F.conv2d(image[None, None], kernel[None, None])[0, 0]
    d = Drawing(
        640, 210, "A convolution: a kernel of 2 x 2 is laid on each place of an image; its products are added"
    )
    for x, title, table in (
        (20, "image, 4 x 5", image),
        (260, "kernel, 2 x 2", kernel),
        (430, "result, 3 x 4", result),
    ):
        d.text(x, 24, title, "left name")
        grid(d, x, 38, table.tolist(), "card" if table is result else "leaf")
    d.text(218, 80, "∗")
    d.text(378, 80, "=")
    d.parts.append('<rect class="chosen" x="52" y="70" width="64" height="64" rx="4"/>')
    d.parts.append('<rect class="chosen" x="462" y="70" width="32" height="32" rx="4"/>')
    d.text(
        320, 196, "marked: 0·(−1) + 1·1 + 0·(−1) + 1·1 = 2: the kernel finds the left edge of the stroke", "quiet"
    )
    return d


def cross_entropy() -> Drawing:
    """Scores, the probabilities that softmax makes of them, and the loss for each class that could be right."""
    scores = tg.tensor([2.0, 0.5, -1.0])
    chances = scores.softmax(0).tolist()
    losses = [F.cross_entropy(scores[None], tg.tensor([i])).item() for i in range(3)]
    d = Drawing(
        640, 200, "Cross-entropy: three scores, their probabilities by softmax, and the loss for each class"
    )
    for x, title in ((110, "score"), (270, "probability: softmax"), (510, "loss, if this class is right: −log p")):
        d.text(x, 26, title, "name")
    for i, (score, chance, loss) in enumerate(zip(scores.tolist(), chances, losses, strict=True)):
        y = 44 + 46 * i
        d.text(30, y + 18, f"class {i}", "quiet")
        d.text(110, y + 18, f"{score:g}", "code")
        d.box(200, y + 4, 140, 20, kind="leaf")
        d.box(200, y + 4, 140 * chance, 20, kind="blue")
        d.text(372, y + 19, f"{chance:.3f}", "code")
        d.box(440, y + 4, 140 * loss / max(losses), 20, kind="card")
        d.text(610, y + 19, f"{loss:.3f}", "code")
    d.text(320, 192, "the more probable the right class, the smaller the loss", "quiet")
    return d


def way_down(momentum: float) -> list[tuple[float, float]]:
    """Return the places of 16 steps of SGD down a narrow valley."""
    place = nn.Parameter(tg.tensor([-9.0, 1.6]))
    optimizer = optim.SGD([place], lr=0.09, momentum=momentum)
    places = []
    for _ in range(17):
        places.append((place[0].item(), place[1].item()))
        optimizer.zero_grad()
        (0.5 * (0.3 * place[0] ** 2 + 15 * place[1] ** 2)).backward()
        optimizer.step()
    return places


def momentum() -> Drawing:
    """Gradient descent in a narrow valley, without momentum and with it."""
    d = Drawing(640, 252, "Sixteen steps down a narrow valley, without momentum and with it")
    for top, rate, words in ((18, 0.0, "without momentum"), (140, 0.7, "with momentum 0.7")):
        x, y = 480, top + 60
        for size in (0.35, 0.65, 1.0):
            turn = [i * math.pi / 40 for i in range(81)]
            d.path(
                "line",
                [
                    (x + 440 * size * math.cos(t), y + 42 * size * math.sin(t))
                    for t in turn
                    if math.cos(t) < 0.34 / size
                ],
            )
        places = way_down(rate)
        d.path("forward", [(x + 46 * a, y + 22 * b) for a, b in places])
        for a, b in places:
            d.parts.append(f'<circle class="blue" cx="{x + 46 * a:.1f}" cy="{y + 22 * b:.1f}" r="3.2"/>')
        left = math.hypot(*places[-1])
        d.text(20, top + 6, f"{words}: {left:.1f} from the lowest point", "left name")
    return d


def design() -> Drawing:
    """The floors of the package: each uses only what lies below it."""
    floors = [
        ("experiment, training", "a run with data, model, checkpoints, pictures and a report"),
        ("inspection, optim, data, models", "looking inside; optimizers, data sets, LeNet"),
        ("nn", "modules, layers, losses"),
        ("tensor, methods, creation, autograd", "what a user holds in the hand"),
        ("ops", "the calculus: each operation beside its derivatives"),
        ("tape", "records operations, and walks back through them"),
        ("kernels", "functions of arrays: reference, NumPy, compiled"),
    ]
    d = Drawing(640, 60 + 52 * len(floors), "The floors of the package, the highest first")
    for i, (rooms, words) in enumerate(floors):
        d.box(
            20, 20 + 52 * i, 560, 44, rooms, words, kind="leaf" if rooms in ("ops", "tape", "kernels") else "card"
        )
    d.arrow("forward", (608, 20), (608, 20 + 52 * len(floors) - 8))
    d.text(
        320, 44 + 52 * len(floors), "imports go downward only; the calculus itself is in the three lowest", "quiet"
    )
    return d


DRAWINGS = {
    "whole": whole,
    "node": node,
    "convolution": convolution,
    "cross-entropy": cross_entropy,
    "momentum": momentum,
    "design": design,
}

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (PICTURES / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
    print(PICTURES)
