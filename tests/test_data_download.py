"""Downloads: the right file or none, from whichever mirror has it, and what went wrong at the others."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinygrad_cnn.data import download, download_mnist
from tinygrad_cnn.data.download import MNIST_SHA256, fetch

NAME = "digits.gz"
CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves each way for a mirror to behave, or not, under a folder of its own."""

    asked: list[str]
    released: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.path)
        getattr(self, self.path.split("/")[1], self.missing)()

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def good(self) -> None:
        self.send(CONTENT)

    def unannounced(self) -> None:
        self.send(CONTENT, **{"Content-Length": ""})

    def truncated(self) -> None:
        self.send(CONTENT[:-1], **{"Content-Length": str(len(CONTENT))})

    def cut(self) -> None:
        self.send(CONTENT[:-1], **{"Content-Length": ""})

    def corrupt(self) -> None:
        self.send(CONTENT[:-1] + b"x")

    def missing(self) -> None:
        self.send(b"no such file", 404)

    def broken(self) -> None:
        self.send(b"out of order", 500)

    def login(self) -> None:
        self.send(b"<!DOCTYPE html><title>Welcome to our network</title>")

    def moved(self) -> None:
        self.send(b"", 302, Location=f"/good/{NAME}")

    def circle(self) -> None:
        self.send(b"", 302, Location=self.path)

    def escaped(self) -> None:
        self.send(b"", 302, Location=Path(__file__).as_uri())

    def ftp(self) -> None:
        self.send(b"", 302, Location=f"ftp://127.0.0.1:1/{NAME}")

    def hang(self) -> None:
        self.released.wait(20)

    def stall(self) -> None:
        self.send(CONTENT[:1000], **{"Content-Length": str(len(CONTENT))})
        self.wfile.flush()
        self.released.wait(20)

    def drip(self) -> None:
        """Never silent for long, and never done."""
        self.send(b"", **{"Content-Length": str(len(CONTENT))})
        while not self.released.wait(0.02):
            self.wfile.write(b"x")

    def huge(self) -> None:
        self.send(b"", **{"Content-Length": str(1 << 40)})
        self.released.wait(20)

    def garbage(self) -> None:
        self.wfile.write(b"this is not HTTP\r\n\r\n")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    Mirror.asked, Mirror.released = [], threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Mirror.released.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("way", ["good", "good/", "unannounced", "moved"])
def test_file_arrives_whole(mirror: str, tmp_path: Path, way: str) -> None:
    path = fetch(NAME, SHA256, [f"{mirror}/{way}"], tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / NAME
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == [NAME]


WRONG = {
    "truncated": f"ended after {len(CONTENT) - 1} of {len(CONTENT)} bytes",
    "cut": f"the SHA-256 is [0-9a-f]+; wanted {SHA256}",
    "corrupt": f"the SHA-256 is [0-9a-f]+; wanted {SHA256}",
    "missing": "HTTP Error 404",
    "broken": "HTTP Error 500",
    "circle": "infinite loop",
    "escaped": "not allowed",
    "ftp": "unknown url type: ftp",
    "hang": "timed out",
    "stall": "timed out",
    "huge": "larger than the [0-9]+ bytes that are accepted",
    "garbage": "this is not HTTP",
}


def seconds_for(way: str) -> float:
    """How long to wait for a mirror: a second for one that never answers, else as long as a busy machine takes."""
    return 1.0 if way in ("hang", "stall") else 60.0


@pytest.mark.parametrize("way", WRONG)
def test_bad_mirror_is_passed_over_for_the_next(mirror: str, tmp_path: Path, way: str) -> None:
    path = fetch(NAME, SHA256, [f"{mirror}/{way}", f"{mirror}/good"], tmp_path, timeout=seconds_for(way))
    assert path.read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("way", WRONG)
def test_failure_is_explained_and_leaves_nothing(mirror: str, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "folder"
    with pytest.raises(ConnectionError, match=f"{mirror}/{way}/{NAME}: .*{WRONG[way]}"):
        fetch(NAME, SHA256, [f"{mirror}/{way}"], folder, timeout=seconds_for(way))
    assert not list(tmp_path.iterdir())


def test_every_mirror_is_listed_with_the_way_to_do_it_by_hand(mirror: str, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    mirrors = [f"{mirror}/missing", closed, tmp_path.as_uri(), "nonsense", "http://[bad"]
    with pytest.raises(ConnectionError) as caught:
        fetch(NAME, SHA256, mirrors, tmp_path)
    said = str(caught.value).splitlines()
    assert said[0].startswith(f"{NAME}: ")
    for line, url, reason in zip(
        said[1:6], mirrors, ["404", "refused", "unknown url type: file", "unknown url type", "Invalid"], strict=True
    ):
        assert line.strip().startswith(f"{url}/{NAME}: ")
        assert reason in line
    assert str(tmp_path / NAME) in said[6]
    assert SHA256 in said[6]


def test_file_that_is_there_is_not_fetched_again(
    mirror: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(NAME, SHA256, [f"{mirror}/good"], tmp_path)
    first = capsys.readouterr()
    assert NAME in first.err
    assert not first.out
    fetch(NAME, SHA256, [f"{mirror}/good"], tmp_path)
    assert capsys.readouterr() == ("", "")
    assert Mirror.asked == [f"/good/{NAME}"]


def test_another_file_of_that_name_is_left_alone(mirror: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=f"{NAME} has the SHA-256 .* Remove it"):
        fetch(NAME, SHA256, [f"{mirror}/good"], tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"mine"
    assert not Mirror.asked


@pytest.mark.parametrize("way", ["good", "unannounced"])
def test_a_download_stops_at_the_accepted_size(mirror: str, tmp_path: Path, way: str) -> None:
    with pytest.raises(ConnectionError, match=f"larger than the {len(CONTENT) - 1} bytes"):
        fetch(NAME, SHA256, [f"{mirror}/{way}"], tmp_path, max_bytes=len(CONTENT) - 1)
    assert fetch(NAME, SHA256, [f"{mirror}/{way}"], tmp_path, max_bytes=len(CONTENT)).exists()


def test_no_more_time_is_taken_than_is_given(mirror: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"not complete after 0\.2 seconds"):
        fetch(NAME, SHA256, [f"{mirror}/drip"], tmp_path, max_seconds=0.2)


# --- answers without an end ---

OK = b"HTTP/1.1 200 OK\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /good/digits.gz\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MEGABYTE = bytes(1 << 20)

ENDLESS = {  # what a server sends first, and then for ever
    "dripped status line": (b"HTTP/1.1 200 ", b"O"),
    "dripped header": (OK + b"X: ", b"x"),
    "dripped body": (OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "dripped chunk size": (CHUNKED, b"0"),
    "dripped trailer": (CHUNKED + b"0\r\nX: ", b"x"),
    "dripped 100 Continue": (b"", CONTINUE),
    "dripped redirect": (MOVED + b"X: ", b"x"),
    "flood of 100 Continue": (b"", CONTINUE * 10_000),
    "flood of trailers": (CHUNKED + b"0\r\n", b"X: x\r\n" * 10_000),
}


class Endless:
    """A server on loopback that sends a beginning and then one piece after the other, for at most five seconds."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        self.beginning, self.piece, self.released = beginning, piece, threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(5)
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        pause = 0.01 if len(self.piece) < 1000 else 0
        end = time.monotonic() + 5
        try:
            connection = self.listening.accept()[0]
            connection.settimeout(5)
            with connection:
                connection.recv(1 << 16)
                connection.sendall(self.beginning)
                while not self.released.wait(pause) and time.monotonic() < end:
                    connection.sendall(self.piece)
        except OSError:
            pass

    def __enter__(self) -> str:
        self.thread.start()
        return self.address

    def __exit__(self, *_: object) -> None:
        self.released.set()
        with contextlib.suppress(OSError), socket.create_connection(self.listening.getsockname(), timeout=1):
            pass  # in case that nobody came
        self.thread.join()
        self.listening.close()


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("way", ENDLESS)
def test_an_answer_without_an_end_is_given_up_at_the_deadline(tmp_path: Path, way: str) -> None:
    began = time.monotonic()
    with Endless(*ENDLESS[way]) as address, pytest.raises(ConnectionError) as caught:
        fetch(NAME, SHA256, [f"http://{address}"], tmp_path, max_seconds=0.3, max_bytes=1 << 18)
    assert any(limit in str(caught.value) for limit in ("not complete after 0.3 seconds", "larger than the 262144"))
    assert time.monotonic() - began < 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", ENDLESS)
def test_a_proxy_has_no_more_time_than_a_mirror(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    began = time.monotonic()
    with Endless(*ENDLESS[way]) as address:
        monkeypatch.setenv("https_proxy", f"http://{address}")
        with pytest.raises(ConnectionError):
            fetch(NAME, SHA256, ["https://mirror.invalid"], tmp_path, max_seconds=0.3, max_bytes=1 << 18)
    assert time.monotonic() - began < 3


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("tls", [b"", b"\x16\x03\x03\x40\x00"])
def test_a_tls_handshake_that_never_ends_is_given_up(tmp_path: Path, tls: bytes) -> None:
    began = time.monotonic()
    with Endless(tls, tls and b"x") as address, pytest.raises(ConnectionError, match=address):
        fetch(NAME, SHA256, [f"https://{address}"], tmp_path, timeout=0.3, max_seconds=0.3)
    assert time.monotonic() - began < 3


@pytest.mark.usefixtures("no_proxy")
def test_many_addresses_have_no_more_time_than_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(socket.socket):
        def connect(self, _: object) -> None:
            time.sleep(self.gettimeout() or 0)
            raise TimeoutError("timed out")

    address = socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: address * 100)
    monkeypatch.setattr(socket, "socket", Deaf)
    began = time.monotonic()
    with pytest.raises(ConnectionError, match=r"not complete after 0\.3 seconds"):
        fetch(NAME, SHA256, ["http://127.0.0.1"], tmp_path, timeout=0.1, max_seconds=0.3)
    assert time.monotonic() - began < 3


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("status", ["302 Found", "301 Moved", "404 Not Found", "500 Broken"])
@pytest.mark.parametrize("length", [b"Content-Length: 107374182400\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_bodies_of_redirects_and_errors_are_not_read(tmp_path: Path, status: str, length: bytes) -> None:
    """They may be endless, or promise 100 GB, which cannot be had at once."""
    beginning = f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/x\r\n".encode() + length + b"\r\n"
    piece = b"100000\r\n" + MEGABYTE + b"\r\n" if b"chunked" in length else MEGABYTE
    tracemalloc.start()
    try:
        with Endless(beginning, piece) as address, pytest.raises(ConnectionError, match=f"{NAME}: .*"):
            fetch(NAME, SHA256, [f"http://{address}"], tmp_path, max_seconds=3)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("no_proxy")
def test_a_promise_of_100_gigabytes_is_refused_with_the_file_and_the_limit(tmp_path: Path) -> None:
    promise = OK + b"Content-Length: 107374182400\r\n\r\n"
    with (
        Endless(promise, MEGABYTE) as address,
        pytest.raises(ConnectionError, match=f"{NAME}: larger than the {1 << 26} bytes that are accepted"),
    ):
        fetch(NAME, SHA256, [f"http://{address}"], tmp_path)


def test_a_login_page_in_place_of_the_file_is_named(mirror: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"the SHA-256 is .*: it is an HTML page, .* a network's login page"):
        fetch(NAME, SHA256, [f"{mirror}/login"], tmp_path)


def test_folder_that_cannot_be_written_is_no_fault_of_the_mirror(mirror: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError, match="file"):
        fetch(NAME, SHA256, [f"{mirror}/good", f"{mirror}/good"], tmp_path / "file")
    assert len(Mirror.asked) == 1


def test_mnist_is_its_four_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    monkeypatch.setattr(download, "fetch", lambda *arguments: fetched.append(arguments) or tmp_path / arguments[0])
    assert download_mnist(tmp_path) == [tmp_path / name for name in MNIST_SHA256]
    assert [name for name, *_ in fetched] == [
        f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    ]
    assert all(mirror.startswith("https://") for _, _, mirrors, _ in fetched for mirror in mirrors)
