"""Draw a digit in the browser, and watch LeNet recognise it.

This serves one page, on this machine only (127.0.0.1). The weights are those of the run of lenet_mnist.py whose
folder is given; two runs are shown side by side. If none is given, it is the newest under --runs; if there is none,
a network is trained first, which takes a minute or two. With --export the page is written into one HTML file that
has the weights in it: it recognises digits by itself, without this program and without the Internet.
"""

from __future__ import annotations

import configparser
import io
import json
import socket
import sys
import threading
import time
import webbrowser
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.data import digit_from_drawing
from tinygrad_cnn.experiment import Config
from tinygrad_cnn.experiment.run import run
from tinygrad_cnn.inspection.observe import observe
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.support.program import errors_in_one_line, parser_for

SIDE = 140  # pixels of a drawing, high and wide, as the page sends it: a byte each
PAGE = Path(__file__).with_name("draw_digit_page")
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript"}
DOUBT = 0.95
"""An answer of a lower probability is shown as doubt; `python -m benchmarks.doubt` measures what that means."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SECONDS = 5.0  # the time that a connection has for each request, to its last byte
WORKERS = 128  # the number of connections that are served at once, and of others that may wait


class Recognizer:
    """A trained LeNet that recognises a drawing and shows the activations of its layers."""

    def __init__(self, model: LeNet, about: dict[str, Any]) -> None:
        self.model = model.eval()
        self.about = about
        self._lock = threading.Lock()  # the model is watched and differentiated by one request at a time

    def recognize(self, ink: np.ndarray) -> dict[str, Any]:
        """Return a drawing's probabilities, the image that the network sees, its saliency, and all activations."""
        digit = digit_from_drawing(ink)
        pixels = tg.tensor(digit[None, None], requires_grad=True)
        with self._lock:
            log_probabilities = tg.log_softmax(self.model(pixels), 1)[0]
            best = int(log_probabilities.argmax())
            (saliency,) = tg.autograd.grad(log_probabilities[best], pixels)
            layers = observe(self.model, pixels)[:-1]  # the last layer's outputs are the logits
        return {
            "probabilities": [round(p, 4) for p in log_probabilities.exp().tolist()],
            "seen": picture(digit),
            "saliency": picture(saliency.numpy()[0, 0], signed=True),
            "layers": [{"name": layer.name, "maps": maps(layer.output.array[0])} for layer in layers],
        }


def picture(values: np.ndarray, signed: bool = False) -> dict[str, Any]:
    """Return an image for the page: its width, and a whole number up to 255 for each pixel."""
    peak = float(np.abs(values).max()) or 1.0
    scaled = values / peak if signed else np.maximum(values, 0) / peak
    return {"width": values.shape[1], "pixels": np.rint(scaled * 255).astype(int).ravel().tolist()}


def maps(output: np.ndarray) -> list[dict[str, Any]]:
    """Return a layer's activations after ReLU on a common scale: an image for each channel, or a row of units."""
    planes = output if output.ndim == 3 else output[None, None]
    joined = picture(planes.reshape(1, -1))["pixels"]
    size = planes[0].size
    return [{"width": planes.shape[2], "pixels": joined[i * size : (i + 1) * size]} for i in range(planes.shape[0])]


# --- the weights ---


def open_recognizer(runs: Path) -> Recognizer:
    """Return a recognizer with the weights of the newest run; train one if there is none."""
    for metrics in sorted(runs.glob("*/metrics.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            return load(metrics.parent)
        except (ValueError, KeyError, TypeError, OSError, RuntimeError, configparser.Error) as error:
            print(f"skipping {metrics.parent}: {error}", file=sys.stderr)
    print(f"There is no trained LeNet in {runs}/ yet: training one.")
    folder = runs / "draw_digit"
    run(Config(epochs=5, augment="affine", pictures=False, output=str(folder)))
    return load(folder)


def load(folder: Path) -> Recognizer:
    """Return a recognizer with the weights of a run. Raises ValueError if they are not of a LeNet for digits."""
    config = configparser.ConfigParser(interpolation=None)
    config.read_string((folder / "config.ini").read_text(encoding="utf-8"))
    if (config["model"]["model"], config["data"]["normalize"]) != ("lenet", "false"):
        raise ValueError("wanted a LeNet trained without --normalize")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if metrics["dataset"] not in ("mnist", "emnist-digits", "synthetic digits"):
        raise ValueError(f"it was trained on {metrics['dataset']}, not on digits")
    model = LeNet()
    model.load_state_dict(tg.load(folder / "model.safetensors"))
    about = {name: metrics[name] for name in ("dataset", "test_accuracy", "synthetic")}
    return Recognizer(model, {**about, "doubt": DOUBT, "folder": str(folder)})


# --- the page in one file ---


def kept_page(recognizers: Sequence[Recognizer]) -> str:
    """Return the page with its style, its scripts and the weights in it. It may fetch nothing."""
    kept = json.dumps([_kept(recognizer) for recognizer in recognizers]).replace("<", "\\u003c")
    data, network, page, style = f"window.kept = {kept};", _part("network.js"), _part("page.js"), _part("style.css")
    scripts = " ".join(map(_digest, (data, network, page)))
    policy = f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {scripts}"
    html = _part("page.html")
    meta = '<meta charset="utf-8">'
    for tag, kept_tag in {
        meta: f'{meta}\n<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<link rel="stylesheet" href="style.css">': f"<style>{style}</style>",
        '<script src="server.js" type="module"></script>': f"<script>{data}</script>\n"
        f'<script type="module">{network}</script>',
        '<script src="page.js" type="module"></script>': f'<script type="module">{page}</script>',
    }.items():
        html = html.replace(tag, kept_tag)
    return html


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return what allows a style or script of this text in a page's policy."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _kept(recognizer: Recognizer) -> dict[str, Any]:
    """Return a network for network.js: what is said about it, and its weights, as float32, one after the other."""
    parameters = recognizer.model.state_dict()
    numbers = b"".join(parameter.numpy().astype("<f4").tobytes() for parameter in parameters.values())
    return {
        "about": {**recognizer.about, "folder": Path(recognizer.about["folder"]).name},
        "shapes": {name: list(parameter.shape) for name, parameter in parameters.items()},
        "weights": b64encode(numbers).decode(),
    }


# --- the server ---


class Answer(NamedTuple):
    """A response to the browser."""

    status: HTTPStatus
    kind: str
    body: bytes


class Requests(io.RawIOBase):
    """The reading end of a connection, with a deadline by which the whole request must have arrived."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.deadline = 0.0

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived. Raises TimeoutError at the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request is not complete")
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """Answers from memory: no part of a request is ever used as a path on the disk."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Read the connection with a deadline for each request."""
        super().setup()
        self.rfile.close()
        self.requests = Requests(self.connection)
        self.rfile = io.BufferedReader(self.requests)

    def handle_one_request(self) -> None:
        """Wait for a request and answer it; a request that is late ends the connection."""
        self.requests.deadline = time.monotonic() + self.server.seconds
        super().handle_one_request()

    def do_GET(self) -> None:
        """Answer with a file of the page."""
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self._send(refusal(HTTPStatus.BAD_REQUEST, "there is nothing to send here"))
        elif page := self.server.pages.get(self.path):
            self._send(Answer(HTTPStatus.OK, *page))
        else:
            self._send(refusal(HTTPStatus.NOT_FOUND, "there is no such page"))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Answer with what each network recognises in a drawing."""
        if why_not := self._refusal():
            self._send(why_not)
            return
        body = self.rfile.read(SIDE * SIDE)
        if len(body) < SIDE * SIDE:  # the browser went away
            self.close_connection = True
            return
        ink = np.frombuffer(body, np.uint8).reshape(SIDE, SIDE)
        found = [recognizer.recognize(ink) for recognizer in self.server.recognizers]
        self._send(Answer(HTTPStatus.OK, "application/json", json.dumps(found).encode()))

    def _refusal(self) -> Answer | None:
        """Return the refusal of a request that is not a drawing of ours; None if it is one."""
        if self.path != "/recognize":
            return refusal(HTTPStatus.NOT_FOUND, "drawings go to /recognize")
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            return refusal(HTTPStatus.FORBIDDEN, "only this server's own page may ask")
        if self.headers.get("Content-Type") != "application/octet-stream":
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "wanted application/octet-stream")
        if self.headers.get("Transfer-Encoding") or not (length := self.headers.get("Content-Length")):
            return refusal(HTTPStatus.LENGTH_REQUIRED, f"wanted a Content-Length of {SIDE * SIDE}")
        if length != str(SIDE * SIDE):
            return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"wanted {SIDE} x {SIDE} bytes")
        return None

    def _send(self, answer: Answer) -> None:
        if self.headers.get("Host") not in self.server.hosts:  # another site's name that resolves to this machine
            answer = refusal(HTTPStatus.FORBIDDEN, "this server answers to its own address only")
        if answer.status >= 400:
            self.close_connection = True  # the unread rest would be taken for the next request
        self.connection.settimeout(self.server.seconds)
        self.send_response(answer.status)
        for name, value in {**HEADERS, "Content-Type": answer.kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Do not log requests."""


def refusal(status: HTTPStatus, why: str) -> Answer:
    """Return an error for the browser."""
    return Answer(status, "application/json", json.dumps({"error": why}).encode())


class Server(ThreadingHTTPServer):
    """Serves the page and its networks on 127.0.0.1: connections are bounded in number, requests in time."""

    request_queue_size = WORKERS

    def __init__(self, recognizers: Sequence[Recognizer], port: int = 0, seconds: float = SECONDS) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.recognizers = recognizers
        self.seconds = seconds
        self._workers = threading.BoundedSemaphore(WORKERS)
        self.hosts = [f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"]
        self.pages = {f"/{path.name}": (TYPES[path.suffix], path.read_bytes()) for path in PAGE.iterdir()}
        self.pages["/"] = self.pages.pop("/page.html")
        self.pages["/about.json"] = ("application/json", json.dumps([r.about for r in recognizers]).encode())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, once fewer than `WORKERS` are being served."""
        self._workers.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started that would release it
            self._workers.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._workers.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not report a browser that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Open the page and serve it until Ctrl-C, or write it into a file."""
    parser = parser_for(__doc__)
    parser.add_argument("run", type=Path, nargs="*", help="the folder of a run, or of two")
    parser.add_argument("--port", type=int, default=8765, help="where to listen, 0 for any free port (8765)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder with the folders of runs (runs)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page, only print its address")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write the page, with the weights, and end")
    options = parser.parse_args()
    if len(options.run) > 2:
        parser.error(f"{len(options.run)} runs are given; wanted at most two")
    with errors_in_one_line(ValueError):
        recognizers = [load(folder) for folder in options.run] or [open_recognizer(options.runs)]
        if options.export:
            with atomic_write(options.export) as file:
                file.write(kept_page(recognizers).encode())
            print(f"{options.export} recognises digits by itself: open it in a browser")
        else:
            serve(recognizers, options.port, not options.no_browser)


def serve(recognizers: Sequence[Recognizer], port: int, opens_browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    try:
        server = Server(recognizers, port)
    except (OSError, OverflowError) as error:
        sys.exit(f"error: port {port} cannot be used ({error}); try --port 0")
    url = f"http://127.0.0.1:{server.server_port}/"
    folders = " and ".join(recognizer.about["folder"] for recognizer in recognizers)
    print(f"Weights of {folders}. Draw at {url} (Ctrl-C ends it.)", flush=True)
    if opens_browser:
        webbrowser.open(url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
