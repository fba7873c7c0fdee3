"""What a network and a server do wrong, for facade.Facade: each fault is spent on one request to write."""

from dataclasses import dataclass

PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Log in to use this network</body></html>"


@dataclass(frozen=True)
class Status:
    """Answer with a status and store nothing."""

    code: int
    retry_after: int | str | None = None  # [s], or a date as HTTP writes it
    body: bytes | None = None  # None: JSON with code and message, as servers send it


@dataclass(frozen=True)
class Slow:
    """Do as one is told, but later."""

    seconds: float


@dataclass(frozen=True)
class DropAfterStoring:
    """Store the points, then close the connection without a word."""


@dataclass(frozen=True)
class ResetMidBody:
    """Read part of the body, then reset the connection (RST); nothing is stored."""

    after: int = 1000  # [bytes]


@dataclass(frozen=True)
class TooLarge:
    """Refuse a body of more than so many bytes, as sent, with 413; let others through."""

    size: int


@dataclass(frozen=True)
class GarbageAnswer:
    """Answer with a page of a proxy that stands between; nothing is stored."""

    code: int = 200
    body: bytes = PAGE
