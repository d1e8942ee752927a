"""Draw docs/pictures/: backward passes, a run of the README's command in a terminal, and what it and its page show.

``python docs/make_pictures.py tape`` draws the backward passes only. ``run`` and ``terminal`` train for some ten
seconds each, on MNIST. ``page`` draws a three in a browser; it needs the extra [browser] and Chromium, and
takes the newest run in ``runs/``, or trains one.
``docs/make_drawings.py`` makes the drawings that need no run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from html import escape
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.experiment.config import Config
from tinygrad_cnn.experiment.run import run
from tinygrad_cnn.inspection.explain import Explanation
from tinygrad_cnn.models import LeNet

PICTURES = Path(__file__).resolve().with_name("pictures")
OF_A_RUN = ("losses", "accuracies", "confusion", "mistakes", "filters", "feature-maps")
COLOURS = 128  # enough for a picture of a run; the files become a third as large


def small() -> Explanation:
    """The expression that docs/tape.md walks back through."""
    values = nn.Module()
    values.a, values.b = nn.Parameter(2.0), nn.Parameter(3.0)
    return tg.explain(lambda: (values.a * values.b + values.a).exp().log(), values, check=True)


def lenet() -> Explanation:
    """LeNet's loss on 32 images, each derivative held to finite differences."""
    tg.manual_seed(0)
    model, x, y = LeNet(), tg.rand(32, 1, 28, 28), tg.randint(0, 10, (32,))
    tg.cross_entropy(model(x), y).backward()  # warm, so that the times are those of a training step
    return tg.explain(lambda: tg.cross_entropy(model(x), y), model, check=True)


TAPE = {"small": small, "lenet": lenet}


def draw_tape() -> None:
    """Draw the backward passes; the path of this checkout is left out."""
    root = f"{PICTURES.parents[1]}{os.sep}"
    for name, explained in TAPE.items():
        (PICTURES / f"{name}.svg").write_text(explained().svg().replace(root, ""), encoding="utf-8")


def draw_run() -> None:
    """Train as the README's command does, and keep the pictures."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        run(Config(dataset="mnist", output=folder))
        for name in OF_A_RUN:
            picture = Image.open(Path(folder, f"{name}.png")).convert("RGB")
            picture.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


COMMAND = "examples/lenet_mnist.py"
CSS_OF_TERMINAL = """
text { font: 13px/1 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d7dae0;
  white-space: pre; }
.prompt { fill: #7fd0a8; } .best { fill: #fff; font-weight: 700; }
"""


def terminal(lines: list[str]) -> str:
    """Return a picture of a terminal with a command, the first line, and what it printed."""
    width, height = 8 * 80 + 32, 18 * len(lines) + 58
    texts = []
    for i, line in enumerate(lines):
        kind = "prompt" if i == 0 else "best" if "test accuracy" in line else "plain"
        place = f'class="{kind}" x="16" y="{18 * i + 54}" textLength="{8 * len(line)}" xml:space="preserve"'
        texts += [f"<text {place}>{escape(line)}</text>"] if line else []
    lights = "".join(
        f'<circle cx="{20 + 18 * i}" cy="18" r="5" fill="{c}"/>'
        for i, c in enumerate(("#ff6159", "#ffbd2e", "#28c941"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="A run in a terminal"><style>{CSS_OF_TERMINAL}</style>'
        f'<rect width="{width}" height="{height}" rx="10" fill="#1b1e24"/>{lights}\n'
        + "\n".join(texts)
        + "</svg>\n"
    )


def draw_terminal() -> None:
    """Draw what the README's command prints."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, PICTURES.parents[1] / COMMAND], cwd=folder, capture_output=True, text=True, check=True
        )
    lines = [f"$ python {COMMAND}", *done.stdout.rstrip().splitlines()]
    (PICTURES / "terminal.svg").write_text(terminal(lines), encoding="utf-8")


THREE = [(0.28, 0.24), (0.42, 0.14), (0.60, 0.14), (0.69, 0.26), (0.60, 0.40), (0.42, 0.47), (0.62, 0.52),
         (0.74, 0.66), (0.64, 0.84), (0.45, 0.88), (0.27, 0.76)]  # fmt: skip


def draw_page() -> None:
    """Draw a three on the page of examples/draw_digit.py with the mouse, and keep what the browser shows."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(PICTURES.parents[1] / "examples"))
    import draw_digit

    server = draw_digit.Server([draw_digit.open_recognizer(Path("runs"))])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 940})
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        box = page.locator("#pad").bounding_box()
        for i, (x, y) in enumerate(THREE):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
            if i == 0:
                page.mouse.down()
        page.mouse.up()
        page.wait_for_selector("body[data-asking=no]:not([data-answer=''])")
        page.screenshot(path=PICTURES / "draw_digit.png")
        browser.close()
    server.shutdown()
    picture = Image.open(PICTURES / "draw_digit.png").convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / "draw_digit.png", optimize=True)


PARTS = {"tape": draw_tape, "run": draw_run, "terminal": draw_terminal, "page": draw_page}

if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - PARTS.keys():
        sys.exit(f"there is no part {', '.join(unknown)}; wanted some of {', '.join(PARTS)}")
    PICTURES.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
    print(PICTURES)
