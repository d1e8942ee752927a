"""The page of examples/draw_digit.py in a real browser. Needs the extra [browser], Chromium and MNIST."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import draw_digit
import numpy as np
import pytest

from tinygrad_cnn.data import MNIST

sync_api = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
morphology = pytest.importorskip("skimage.morphology", exc_type=ImportError)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
if BROWSER is None:
    pytest.skip("there is no Chromium", allow_module_level=True)

Stroke = list[tuple[float, float]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a network that was trained for it."""
    server = draw_digit.Server(draw_digit.open_recognizer(tmp_path_factory.mktemp("runs")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1100, "height": 1300})
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda line: trouble.append(line.text) if line.type == "error" else None)
    page.goto(url)
    yield page
    page.close()
    assert trouble == []


def draw(page: Any, strokes: list[Stroke]) -> None:
    """Draw strokes, in parts of the drawing area's width, with the mouse."""
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


def answer(page: Any) -> str:
    """What the page says once it is done asking."""
    return str(page.wait_for_selector("body[data-asking=no]:not([data-answer=''])").get_attribute("data-answer"))


def strokes_of(image: np.ndarray) -> list[Stroke]:
    """The strokes that a digit was written with, as far as can be told: lines along the middle of its ink."""
    left = {(int(y), int(x)) for y, x in np.argwhere(morphology.skeletonize(image > 90))}
    whole = frozenset(left)

    def near(pixel: tuple[int, int], among: Any) -> list[tuple[int, int]]:
        y, x = pixel
        beside = [(y, x + 1), (y + 1, x), (y, x - 1), (y - 1, x)]
        across = [(y + 1, x + 1), (y + 1, x - 1), (y - 1, x - 1), (y - 1, x + 1)]
        return [p for p in beside + across if p in among]

    strokes = []
    while left:
        pixel = min(left, key=lambda p: (len(near(p, left)), p))  # an end of a line, if there is one
        path = [*[p for p in near(pixel, whole) if p not in left][:1], pixel]
        left.remove(pixel)
        while ahead := near(pixel, left):
            pixel = ahead[0]
            left.remove(pixel)
            path.append(pixel)
        path += [p for p in near(pixel, whole) if p not in path[-2:]][:1]
        strokes.append([((x + 0.5) / 28, (y + 0.5) / 28) for y, x in path])
    return strokes


def test_strokes_of_real_digits_are_recognized(page: Any) -> None:
    """The first ten of each digit of MNIST's test file, drawn with the mouse: at least 95 of 100 are read right."""
    digits = MNIST(train=False, download=True)
    right = 0
    for label in range(10):
        for i in np.flatnonzero(digits.labels == label)[:10]:
            draw(page, strokes_of(digits.images[i]))
            right += answer(page) == str(label)
            page.click("#clear")
    print(f"{right} of 100 right")
    assert right >= 95


ONE: list[Stroke] = [[(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)]]


def test_undo_and_clear_take_strokes_back(page: Any) -> None:
    draw(page, ONE)
    assert answer(page) == "1"
    draw(page, [[(0.3, 0.3), (0.7, 0.3)]])
    page.keyboard.press("Control+z")
    assert answer(page) == "1"
    page.click("#clear")
    page.wait_for_selector("body[data-asking=no][data-answer='']")
    assert page.is_disabled("#undo")


def test_the_keyboard_draws(page: Any) -> None:
    page.focus("#pad")
    for key in ["ArrowUp"] * 12 + ["Space"] + ["ArrowDown"] * 24 + ["Space"] + ["ArrowRight"] * 5:
        page.keyboard.press(key)
    assert answer(page) == "1"
    page.keyboard.press("Delete")
    page.wait_for_selector("body[data-asking=no][data-answer='']")


def test_a_finger_draws(browser: Any, url: str) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone.goto(url)
    box = phone.locator("#pad").bounding_box()
    touch = phone.context.new_cdp_session(phone)
    x, y = box["x"] + box["width"] / 2, box["y"] + 0.2 * box["height"]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 21):
        at = {"x": x, "y": y + 0.03 * step * box["height"]}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert answer(phone) == "1"
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert phone.evaluate("scrollY") == 0
    phone.close()
