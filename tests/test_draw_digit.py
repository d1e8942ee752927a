"""The server of examples/draw_digit.py: what it answers, and what it refuses. tests/browser has the page."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import draw_digit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cnn.models import LeNet

BINARY = {"Content-Type": "application/octet-stream"}
DRAWING = np.pad(np.full((60, 20), 255, np.uint8), ((40, 40), (60, 60))).tobytes()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    about = {"dataset": "mnist", "test_accuracy": 0.99, "synthetic": False, "folder": "runs/x"}
    server = draw_digit.Server(draw_digit.Recognizer(LeNet(), about))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def recognize(port: int, body: bytes = DRAWING, **headers: str) -> tuple[HTTPResponse, bytes]:
    return ask(port, "POST", "/recognize", body, **{"Content_Type": BINARY["Content-Type"], **headers})


def test_a_drawing_is_answered_with_what_happened_inside(port: int) -> None:
    response, content = recognize(port)
    found = json.loads(content)
    assert response.status == 200
    assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert [len(found[name]["pixels"]) for name in ("seen", "saliency")] == [784, 784]
    shapes = [(layer["name"], len(layer["maps"]), len(layer["maps"][0]["pixels"])) for layer in found["layers"]]
    convolutions = [("conv1", 6, 576), ("pool", 6, 144), ("conv2", 16, 64), ("pool", 16, 16)]
    assert shapes == [*convolutions, ("fc1", 1, 120), ("fc2", 1, 84)]


def test_the_page_and_its_parts_are_served_and_may_fetch_nothing_else(port: int) -> None:
    for path, kind in [("/", "text/html"), ("/page.js", "text/javascript"), ("/style.css", "text/css")]:
        response, content = ask(port, "GET", path)
        assert response.status == 200
        assert str(response.getheader("Content-Type")).startswith(kind)
        assert "default-src 'none'" in str(response.getheader("Content-Security-Policy"))
        assert b"http://" not in content
        assert b"https://" not in content


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, {"Host": "evil.example:80"}, DRAWING),
        (403, {"Origin": "https://evil.example"}, DRAWING),
        (413, {}, DRAWING + b"x"),
        (413, {}, b""),
        (415, {"Content_Type": "text/plain"}, DRAWING),
        (411, {"Transfer_Encoding": "chunked"}, DRAWING),
    ],
)
def test_other_requests_are_refused(port: int, status: int, headers: dict[str, str], body: bytes) -> None:
    response, content = recognize(port, body, **headers)
    assert response.status == status
    assert "error" in json.loads(content)


@pytest.mark.parametrize("path", ["/../draw_digit.py", "/page.html", "/%2e%2e/x", "//etc/hosts", "/page.js?x", "*"])
def test_no_path_reaches_the_disk(port: int, path: str) -> None:
    assert ask(port, "GET", path)[0].status == 404


@given(st.binary(max_size=300))
@settings(max_examples=30)
def test_noise_does_not_stop_the_server(port: int, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(noise + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert recognize(port)[0].status == 200


def test_many_may_draw_at_once(port: int) -> None:
    alone, together = recognize(port)[1], []
    threads = [threading.Thread(target=lambda: together.append(recognize(port)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [alone] * 8


def test_a_run_that_cannot_read_digits_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[model]\nmodel = lenet\n[data]\nnormalize = false\n")
    (tmp_path / "metrics.json").write_text('{"dataset": "fashion-mnist"}')
    with pytest.raises(ValueError, match="it was trained on fashion-mnist, not on digits"):
        draw_digit.load(tmp_path)
