"""Answers of a stand-in, and the requests that it records."""

import hashlib
import json
from dataclasses import dataclass

CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    413: "request too large",
    422: "unprocessable entity",
    429: "too many requests",
    500: "internal error",
    503: "unavailable",
}


class Answer(Exception):
    """An answer, thrown from wherever it is known."""

    def __init__(self, status, body=b"", headers=None):
        super().__init__(status, body)
        self.status, self.headers = status, dict(headers or {})
        kind = "application/json"
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        elif body.startswith(b"<"):
            kind = "text/html"
        self.body = body
        self.headers.setdefault("Content-Type", kind)


class Hung(Exception):
    """The connection ends without an answer; `reset`: at once, with RST."""

    def __init__(self, reset=False):
        super().__init__(reset)
        self.reset = reset


@dataclass
class Request:
    """A request as it came; of its token only that it was there. `status` 0: no answer was sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes | None = None  # decompressed; None when longer than KEEP
    size: int = 0  # of the decompressed body [bytes]
    sent: int = 0  # of the body as it came [bytes]
    status: int = 0


KEEP = 262_144  # bodies up to this are kept in `requests` [bytes]


def problem(status, message, **more):
    """An error in the words of the v2 API (known: schema Error), with its header."""
    code = more.pop("code", CODES.get(status, "internal error"))
    headers = {"X-Platform-Error-Code": code, **more.pop("headers", {})}
    return Answer(status, {"code": code, "message": message, **more}, headers)


def identity(name):
    """The id of a bucket: sixteen hex digits that its name alone decides."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]
