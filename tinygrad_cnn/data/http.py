"""One HTTP exchange, redirects included, within a limit of seconds and of bytes.

Every byte that `http.client` reads, of status lines, headers, bodies and trailers, passes `_Metered.readinto`,
which holds the limits: so no part of an answer, however it is cut up, can go on for ever.
"""

from __future__ import annotations

import io
import socket
import time
from functools import partial
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib import request
from urllib.error import HTTPError

from tinygrad_cnn.support.progress_bar import ProgressBar

_CHUNK = 1 << 16
_ENVELOPE = 1 << 20
"""Bytes that headers, redirects and the like may have beyond twice the body's limit."""


def get(url: str, silence: float, max_bytes: int, max_seconds: float) -> bytes:
    """Return what an http or https URL serves.

    ``silence`` is for how many seconds the server may send nothing, ``max_seconds`` how long the whole exchange may
    take. Raises OSError, HTTPException or ValueError if there is no complete answer of status 200 to 299 within the
    limits; bodies of redirects and of errors are not read.
    """
    limits = _Limits(silence, max_bytes, max_seconds)
    try:
        wanted = request.Request(url, headers={"User-Agent": "tinygrad_cnn"})
        with _opener(limits).open(wanted, timeout=silence) as response:
            return _body(response, url, limits)
    except HTTPError as error:
        error.close()
        raise


def _body(response: HTTPResponse, url: str, limits: _Limits) -> bytes:
    announced = response.headers.get("Content-Length")
    total = int(announced) if announced else None
    if total is not None and total > limits.max_bytes:
        raise limits.too_large()
    content = bytearray()
    with ProgressBar(total=total, unit="B", unit_scale=True, desc=url.rpartition("/")[2]) as progress:
        while piece := response.read1(_CHUNK):  # read() would wait until it has all
            content += piece
            progress.update(len(piece))
            if len(content) > limits.max_bytes:
                raise limits.too_large()
    if total is not None and len(content) != total:
        raise ValueError(f"ended after {len(content)} of {total} bytes")
    return bytes(content)


class _Limits:
    """The seconds and bytes that are left of an exchange."""

    def __init__(self, silence: float, max_bytes: int, max_seconds: float) -> None:
        self.silence, self.max_bytes, self.max_seconds = silence, max_bytes, max_seconds
        self.bytes_left = 2 * max_bytes + _ENVELOPE
        self.deadline = time.monotonic() + max_seconds

    def wait(self) -> float:
        """Return for how many seconds one call may wait. Raises TimeoutError if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not complete after {self.max_seconds:g} seconds")
        return min(self.silence, left)

    def too_large(self) -> ValueError:
        """Return the error for an answer of too many bytes."""
        return ValueError(f"larger than the {self.max_bytes} bytes that are accepted")


class _Metered(io.RawIOBase):
    """The reading end of a socket, within the limits of the exchange."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: _Limits) -> None:
        self._raw, self._sock, self._limits = raw, sock, limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._limits.wait())
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            self._limits.wait()  # names the limit, if that is why
            raise
        self._limits.bytes_left -= count or 0
        if self._limits.bytes_left < 0:
            raise self._limits.too_large()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response(limits: _Limits, sock: socket.socket, *arguments: Any, **options: Any) -> HTTPResponse:
    """Return a response that reads a socket within the limits."""
    response = HTTPResponse(sock, *arguments, **options)
    response.fp = io.BufferedReader(_Metered(response.fp.detach(), sock, limits))
    return response


def _connect(limits: _Limits, address: tuple[str, int], *_: Any) -> socket.socket:
    """Return a connection to the first of a host's addresses that answers in time."""
    failure: OSError = OSError(f"{address[0]} has no address")
    for *kind, _name, place in socket.getaddrinfo(*address, 0, socket.SOCK_STREAM):
        sock = socket.socket(*kind)
        try:
            sock.settimeout(limits.wait())
            sock.connect(place)
        except OSError as error:
            sock.close()
            failure = error
            continue
        return sock
    raise failure


def _connection(kind: type[HTTPConnection], limits: _Limits, host: str, **options: Any) -> HTTPConnection:
    """Return a connection that is made, and whose answers are read, within the limits."""
    connection = kind(host, **options)
    connection.response_class = partial(_response, limits)  # type: ignore[assignment]
    connection._create_connection = partial(_connect, limits)  # type: ignore[attr-defined]
    return connection


class _Plain(request.HTTPHandler):
    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self.limits = limits

    def http_open(self, req: request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPConnection, self.limits), req)


class _Secure(request.HTTPSHandler):
    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self.limits = limits

    def https_open(self, req: request.Request) -> HTTPResponse:
        return self.do_open(partial(_connection, HTTPSConnection, self.limits), req)


class _Redirect(request.HTTPRedirectHandler):
    """Follows redirects without reading their bodies, which urllib reads whole."""

    def http_error_302(
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any | None:
        fp.close()
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener(limits: _Limits) -> request.OpenerDirector:
    """Return an opener of http and https URLs only, also when redirected: urllib's own opens files and ftp too."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.UnknownHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        _Redirect(),
        _Plain(limits),
        _Secure(limits),
    ):
        opener.add_handler(handler)
    return opener
