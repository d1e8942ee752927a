"""The server of examples/draw_digit.py: what it answers, and what it refuses. tests/browser has the page."""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import draw_digit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.experiment import Config
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.storage.atomic_files import locked
from tinygrad_cnn.storage.safetensors import save

BINARY = {"Content-Type": "application/octet-stream"}
DRAWING = np.pad(np.full((60, 20), 255, np.uint8), ((40, 40), (60, 60))).tobytes()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    about = {"dataset": "mnist", "test_accuracy": 0.99, "synthetic": False, "doubt": 0.9, "folder": "runs/x"}
    server = draw_digit.Server([draw_digit.Recognizer(LeNet(), about)])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def recognize(port: int, body: bytes = DRAWING, **headers: str) -> tuple[HTTPResponse, bytes]:
    return ask(port, "POST", "/recognize", body, **{"Content_Type": BINARY["Content-Type"], **headers})


def test_a_drawing_is_answered_with_what_happened_inside(port: int) -> None:
    response, content = recognize(port)
    (found,) = json.loads(content)
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
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
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


def test_two_hundred_requests_at_once_are_answered_in_seconds(port: int) -> None:
    began, answers = time.monotonic(), []
    threads = [threading.Thread(target=lambda: answers.append(ask(port, "GET", "/")[0].status)) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 200
    assert time.monotonic() - began < 20


@pytest.fixture
def hasty() -> Iterator[draw_digit.Server]:
    """A server that gives a request half a second."""
    server = draw_digit.Server([draw_digit.Recognizer(LeNet(), {})], seconds=0.5)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


HEAD = b"POST /recognize HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/octet-stream\r\n"


@pytest.mark.parametrize("part", ["nothing", "request line", "header", "body", "second request"])
def test_a_request_that_comes_too_slowly_ends_its_connection(hasty: draw_digit.Server, part: str) -> None:
    head = HEAD % hasty.server_port
    beginning = {
        "nothing": b"",
        "request line": b"GET /",
        "header": head + b"X: ",
        "body": head + b"Content-Length: 19600\r\n\r\n",
        "second request": head + b"Content-Length: 19600\r\n\r\n" + DRAWING + b"GET /",
    }[part]
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", hasty.server_port), timeout=5) as connection:
        connection.sendall(beginning)
        closed = threading.Event()

        def drip() -> None:
            while part != "nothing" and not closed.wait(0.05) and time.monotonic() < began + 5:
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            while connection.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        closed.set()
        dripping.join()
    assert time.monotonic() - began < 3


def test_slow_connections_keep_nobody_waiting_for_long(
    hasty: draw_digit.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more of them than are served at once."""
    hasty._workers = threading.BoundedSemaphore(4)
    before = threading.active_count()
    slow = [socket.create_connection(("127.0.0.1", hasty.server_port), timeout=5) for _ in range(12)]
    for connection in slow:
        connection.sendall(b"G")
    time.sleep(0.1)
    assert threading.active_count() <= before + 4
    assert recognize(hasty.server_port)[0].status == 200
    for connection in slow:
        connection.close()


def test_a_thread_that_cannot_be_started_takes_no_place(
    hasty: draw_digit.Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hasty._workers = threading.BoundedSemaphore(1)
    with monkeypatch.context() as patch:

        def fail(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patch.setattr("threading.Thread.start", fail)
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", hasty.server_port), timeout=5) as connection:
                assert connection.recv(1) == b""
    assert "can't start new thread" in capsys.readouterr().err
    assert recognize(hasty.server_port)[0].status == 200


def test_a_browser_that_goes_away_makes_no_noise(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
            connection.sendall(HEAD % port + b"Content-Length: 19600\r\n\r\n" + DRAWING[:100])
            time.sleep(0.02)
    assert recognize(port)[0].status == 200
    assert capsys.readouterr() == ("", "")


def test_a_run_that_cannot_read_digits_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[model]\nmodel = lenet\n[data]\nnormalize = false\n")
    (tmp_path / "metrics.json").write_text('{"dataset": "fashion-mnist"}')
    with pytest.raises(ValueError, match="it was trained on fashion-mnist, not on digits"):
        draw_digit.load(tmp_path)


# --- the command ---


def a_run(folder: Path, **about: object) -> Path:
    """What draw_digit.py reads of a run."""
    folder.mkdir()
    (folder / "config.ini").write_text(Config().to_ini(), encoding="utf-8")
    metrics = {"dataset": "mnist", "test_accuracy": 0.99, "synthetic": False, **about}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    save(LeNet().state_dict(), folder / "model.safetensors")
    return folder


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_digit.py", *map(str, arguments)])
    draw_digit.main()


def test_the_page_is_exported_with_the_weights_of_each_run_and_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [a_run(tmp_path / "a"), a_run(tmp_path / "b<script>")]
    command(monkeypatch, *runs, "--export", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|fetch\(| src=| href=\"(?!data:,)|connect-src", page)
    assert page.count("</script>") == page.count("<script") == 3
    kept = json.loads(re.search(r"window\.kept = (.*);</script>", page)[1])  # type: ignore[index]
    assert [one["about"]["folder"] for one in kept] == ["a", "b<script>"]
    for run, one in zip(runs, kept, strict=True):
        weights = np.frombuffer(b64decode(one["weights"]), "<f4")
        saved = tg.load(run / "model.safetensors")
        wanted = [saved[name].numpy().ravel() for name in one["shapes"]]
        np.testing.assert_array_equal(weights, np.concatenate(wanted))


def test_mistakes_on_the_command_line_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=f"error: {tmp_path / 'none' / 'config.ini'}: No such file"):
        command(monkeypatch, tmp_path / "none", "--export", tmp_path / "page.html")
    fashion = a_run(tmp_path / "fashion", dataset="fashion-mnist")
    with pytest.raises(SystemExit, match="error: it was trained on fashion-mnist, not on digits"):
        command(monkeypatch, fashion, "--export", tmp_path / "page.html")
    with pytest.raises(SystemExit, match=f"error: {tmp_path / 'missing' / 'page.html'}: No such file"):
        command(monkeypatch, a_run(tmp_path / "run"), "--export", tmp_path / "missing" / "page.html")
    busy = tmp_path / "runs" / "draw_digit"
    busy.mkdir(parents=True)
    with locked(busy), pytest.raises(SystemExit, match=f"error: {busy}: another run is at work there"):
        command(monkeypatch, "--runs", tmp_path / "runs")
