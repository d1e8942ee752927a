"""The page of examples/draw_digit.py in a real browser. Needs the extra [browser] and Chromium.

Where MNIST cannot be had, the strokes of real digits are not tested, and the network is one for synthetic digits.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import draw_digit
import numpy as np
import pytest

from tinygrad_cnn.data import MNIST
from tinygrad_cnn.data.sources import open_dataset
from tinygrad_cnn.models import LeNet

sync_api = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
morphology = pytest.importorskip("skimage.morphology", exc_type=ImportError)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
if BROWSER is None:
    pytest.skip("there is no Chromium", allow_module_level=True)

Stroke = list[tuple[float, float]]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> draw_digit.Recognizer:
    """A network that was trained for the page."""
    return draw_digit.open_recognizer(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def url(recognizer: draw_digit.Recognizer) -> Iterator[str]:
    """A server with that network."""
    server = draw_digit.Server([recognizer])
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
    try:
        digits = MNIST(train=False, download=True)
    except (FileNotFoundError, ConnectionError) as error:
        pytest.skip(str(error))
    right = 0
    for label in range(10):
        for i in np.flatnonzero(digits.labels == label)[:10]:
            draw(page, strokes_of(digits.images[i]))
            right += answer(page) == str(label)
            page.click("#clear")
    print(f"{right} of 100 right")
    assert right >= 95


@pytest.fixture(scope="module")
def kept(recognizer: draw_digit.Recognizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page in one file."""
    file = tmp_path_factory.mktemp("kept") / "page.html"
    file.write_text(draw_digit.kept_page([recognizer]), encoding="utf-8")
    return file


@pytest.fixture
def kept_page(browser: Any, kept: Path) -> Iterator[Any]:
    """The page in one file, in a browser without a network."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda line: trouble.append(line.text) if line.type == "error" else None)
    page.goto(kept.as_uri())
    page.wait_for_selector("#answers .network")
    yield page
    context.close()
    assert trouble == []


def test_the_page_in_one_file_says_what_the_server_says(kept_page: Any, recognizer: draw_digit.Recognizer) -> None:
    """On 100 digits: the same answers, the same numbers up to rounding, the same pictures and activations."""
    images = open_dataset("auto").test.images[:100]
    for image in images:
        ink = np.kron(image, np.ones((5, 5), np.uint8))
        (here,) = kept_page.evaluate("ink => window.source.recognize(Uint8Array.from(ink))", ink.ravel().tolist())
        there = recognizer.recognize(ink)
        assert np.argmax(here["probabilities"]) == np.argmax(there["probabilities"])
        np.testing.assert_allclose(here["probabilities"], there["probabilities"], atol=2e-4)
        pictures = [("seen", here["seen"], there["seen"]), ("saliency", here["saliency"], there["saliency"])]
        for mine, its in zip(here["layers"], there["layers"], strict=True):
            assert mine["name"] == its["name"]
            pictures += [(mine["name"], *pair) for pair in zip(mine["maps"], its["maps"], strict=True)]
        for name, mine, its in pictures:
            assert mine["width"] == its["width"], name
            apart = np.abs(np.subtract(mine["pixels"], its["pixels"]))
            # In float64 the larger of two nearly equal numbers may be another than in float32, and so the place
            # in a pooling window that a derivative goes to.
            assert np.mean(apart > 1) <= (0.1 if name == "saliency" else 0), name


def test_the_page_in_one_file_recognises_a_drawing(kept_page: Any) -> None:
    draw(kept_page, ONE)
    assert answer(kept_page) == "1"


ONE: list[Stroke] = [[(0.5, 0.2), (0.5, 0.5), (0.5, 0.8)]]
SCRIBBLE: list[Stroke] = [
    [(0.2, 0.2), (0.8, 0.3), (0.2, 0.4), (0.8, 0.55), (0.25, 0.7), (0.75, 0.8)],
    [(0.3, 0.2), (0.3, 0.8)],
    [(0.7, 0.15), (0.2, 0.85)],
]


def test_doubt_is_shown_as_doubt(page: Any) -> None:
    """An answer is doubtful exactly if its probability is below the threshold, and reads so."""
    for strokes in (ONE, SCRIBBLE):
        draw(page, strokes)
        digit = answer(page)
        text = page.locator(".bars .best span").text_content()
        sync_api.expect(page.locator(".answer")).to_contain_text("%")
        said = page.locator(".answer").text_content()
        doubtful = float(text.removesuffix(" %")) < 100 * draw_digit.DOUBT
        assert page.get_attribute("body", "data-sure") == ("false" if doubtful else "true")
        assert said.startswith("Not sure: perhaps a" if doubtful else "This is a")
        assert f"{'an' if digit == '8' else 'a'} {digit}" in said
        page.click("#clear")
        page.wait_for_selector("body[data-asking=no][data-answer='']")
        sync_api.expect(page.locator(".answer")).not_to_contain_text("%")


def test_two_networks_answer_side_by_side(browser: Any, recognizer: draw_digit.Recognizer) -> None:
    other = draw_digit.Recognizer(LeNet(), {**recognizer.about, "folder": "runs/untrained"})
    server = draw_digit.Server([recognizer, other])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    draw(page, ONE)
    assert answer(page) == "1"
    names = page.locator(".network .name").all_text_contents()
    assert names == [recognizer.about["folder"], "runs/untrained"]
    tops = page.evaluate("[...document.querySelectorAll('.network')].map(box => box.getBoundingClientRect().top)")
    assert tops[0] == tops[1]
    assert page.locator(".layers").count() == 2
    page.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_maps_are_in_whole_rows_and_in_the_colours_of_the_scheme(
    browser: Any, kept: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(kept.as_uri())
    draw(page, ONE)
    answer(page)
    rows = page.evaluate("""[...document.querySelectorAll('.maps')].map(maps => {
        const tops = [...maps.children].map(map => map.getBoundingClientRect().top);
        return [...new Set(tops)].map(top => tops.filter(other => other === top).length); })""")
    assert all(len(set(row)) == 1 for row in rows)
    order = [page.locator(part).bounding_box()["y"] for part in ("#pad", ".answer", "#keys", ".maps >> nth=0")]
    assert width > 700 or order == sorted(order)
    corner = "canvas => canvas.getContext('2d').getImageData(0, 0, 1, 1).data[0]"
    for name in ("seen", "saliency"):
        brightness = page.locator(f".{name}").evaluate(corner)
        assert brightness < 64 if scheme == "dark" else brightness > 192
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


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
