"""API keys: shown once, stored hashed, with what each may read and write.

A key is 256 random bits behind its public number. keys.json in the home keeps the SHA-256 of each: with so many bits no
slow hash is needed (OWASP ASVS 5.0, 11.5.1). The server looks at the file before each request: a change holds at once.
keys-used.json, which the server writes, says in which hour each was last used.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from ..errors import Busy, InputError, UsageError
from ..held import patiently, put

Scope = Literal["read", "write"]
ALL = "*"  # in place of a bucket's name
FAILURES, WINDOW = 20, 60.0  # so many failures of one address in so many seconds are told and logged; more are not
ADDRESSES = 10_000  # that are remembered
_LONGEST = 200  # characters of a key; ours have 56

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """One key as it is stored. Times are ISO 8601 UTC; read and write name buckets, `*` is every bucket."""

    id: str
    name: str
    digest: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    made: str
    expires: str | None = None
    revoked: str | None = None

    def may(self, scope: Scope, bucket: str | None) -> bool:
        """Whether it may read or write this bucket (None: any at all)."""
        names = self.read if scope == "read" else self.write
        return bool(names) and (bucket is None or ALL in names or bucket in names)

    def state(self, now: datetime) -> Literal["good", "expired", "revoked"]:
        """Whether it is taken at this time."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= datetime.fromisoformat(self.expires) else "good"


class Unreadable(InputError):
    """The keys can't be read or written: nobody is let in until somebody has looked."""


class Keys:
    """The keys in a file of the home; safe to use from several threads and processes."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self.now = path, now
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._used: dict[str, str] | None = None
        self._failures: dict[str, deque[float]] = {}

    def add(
        self, name: str, read: Sequence[str] = (), write: Sequence[str] = (), days: float | None = None
    ) -> tuple[str, Key]:
        """Make a key; return its text, which is kept nowhere, and what is stored.

        Args:
            name: says what it is for; a name that is in use is refused.
            read, write: buckets; `*` for all.
            days: how long it holds; None: until it is revoked.

        Raises: UsageError, InputError.
        """
        _refuse_name(name)
        now = self.now()
        with self._changing() as keys:
            if any(key.name == name and key.state(now) == "good" for key in keys.values()):
                raise UsageError(
                    f"keys add {name}", "a key of that name", "a new name", "Revoke it first, or use another name."
                )
            number = next(text for text in iter(lambda: secrets.token_hex(4), "") if text not in keys)
            text = f"fl_{number}_{secrets.token_urlsafe(32)}"
            expires = None if days is None else _iso(now + _span(days))
            key = Key(number, name, _digest(text.encode()), tuple(read), tuple(write), _iso(now), expires)
            keys[number] = key
        return text, key

    def revoke(self, name: str) -> Key:
        """Let a key be taken no more; `name` may be its number. Raises: UsageError, InputError."""
        with self._changing() as keys:
            found = [key for key in keys.values() if name in (key.name, key.id) and key.revoked is None]
            if not found:
                known = ", ".join(sorted(key.name for key in keys.values() if key.revoked is None)) or "none"
                raise UsageError(f"keys revoke {name}", "no such key", f"one of: {known}", "See: fieldline keys list")
            for key in found:  # an expired one may have the same name
                keys[key.id] = replace(key, revoked=_iso(self.now()))
        return keys[found[-1].id]

    def all(self) -> list[Key]:
        """Every key that was made, oldest first. Raises: InputError, when the file is damaged."""
        return sorted(self._current().values(), key=lambda key: (key.made, key.name))

    def any(self) -> bool:
        """Whether keys were ever made."""
        return bool(self._current())

    def any_good(self) -> bool:
        """Whether some key is taken now."""
        now = self.now()
        return any(key.state(now) == "good" for key in self._current().values())

    def find(self, text: str) -> Key | str:
        """The key, or why it is none (for the log: clients are not told). Raises: InputError."""
        number = _number(text)
        key = self._current().get(number)
        given = _digest(text.encode("utf-8", "replace")).encode()
        same = hmac.compare_digest(given, key.digest.encode() if key else b"0" * 64)
        if key is None or not same:
            return "no such key"
        state = key.state(self.now())
        if state != "good":
            return f"key {key.name!r} is {state}"
        self._note_use(key)
        return key

    def used(self) -> dict[str, str]:
        """The hour in which each key was last used, by its number."""
        return _json_of(self._used_path())

    def failed(self, address: str, why: str) -> bool:
        """Note a failure of an address; False, if there were too many (then nothing is logged)."""
        now = self.now().timestamp()
        with self._lock:
            if len(self._failures) > ADDRESSES:
                self._failures.clear()
            times = self._failures.setdefault(address, deque(maxlen=FAILURES))
            full = len(times) == FAILURES and now - times[0] < WINDOW
            if not full:
                times.append(now)
        if not full:
            log.warning("refused a request from %s: %s", address, why)
        return not full

    def _current(self) -> dict[str, Key]:
        """The keys as the file has them now."""
        try:
            about = self.path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unusable(self.path, error, "a file that this user can read") from error
        mark = (about.st_mtime_ns, about.st_size, about.st_ino)
        with self._lock:
            if mark != self._seen:
                self._keys, self._seen = _load(self.path), mark
            return self._keys

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """The keys, to be changed; written when nothing was raised."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=10):
                keys = _load(self.path) if self.path.exists() else {}
                yield keys
                _write(self.path, {"keys": [asdict(key) for key in keys.values()]})
        except Timeout as error:
            raise Busy(f"{self.path} is being changed by another program for 10 s; try again") from error
        except OSError as error:
            where = Path(error.filename) if error.filename else self.path
            raise _unusable(where, error, "a file that this user can write") from error

    def _note_use(self, key: Key) -> None:
        """Remember the hour; written when it is another one, so once an hour and key at most."""
        hour = self.now().strftime("%Y-%m-%dT%H:00Z")
        with self._lock:
            if self._used is None:
                self._used = _json_of(self._used_path())
            if self._used.get(key.id) == hour:
                return
            self._used[key.id] = hour
            try:
                _write(self._used_path(), self._used)
            except OSError as error:
                log.warning("%s can't be written: %s", self._used_path(), error.strerror or error)

    def _used_path(self) -> Path:
        return self.path.with_name("keys-used.json")


def _number(text: str) -> str:
    """The public number of a key; '' if it can't be one."""
    parts = text.split("_", 2) if len(text) <= _LONGEST else []
    return parts[1] if len(parts) == 3 and parts[0] == "fl" else ""


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _span(days: float) -> timedelta:
    if not 0 < days <= 36_500:
        raise UsageError("--days", f"{days:g}", "more than 0 and at most 36500", "Leave it out for a key without end.")
    return timedelta(days=days)


def _refuse_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > 80:
        raise UsageError("keys add", f"{name[:80]!r}", "a name of 1 to 80 characters", "Say what the key is for.")


def _load(path: Path) -> dict[str, Key]:
    """The keys of a file. Raises: InputError, so that a damaged file never counts as one without keys."""
    try:
        rows = json.loads(patiently(lambda: path.read_text(encoding="utf-8")))["keys"]
        keys = [Key(**{**row, "read": tuple(row["read"]), "write": tuple(row["write"])}) for row in rows]
        return {key.id: key for key in keys}
    except OSError as error:
        raise _unusable(path, error, "a file that this user can read") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "Restore it from a backup, or remove it and make new keys."
        raise Unreadable(str(path), f"{type(error).__name__}", "the keys as fieldline wrote them", fix) from error


def _unusable(path: Path, error: OSError, expected: str) -> Unreadable:
    """That the system refuses a file, which is no reason to remove it."""
    fix = "Let its owner give the right to this user, or work as that owner; leave the file as it is."
    return Unreadable(str(path), error.strerror or type(error).__name__, expected, fix)


def _json_of(path: Path) -> dict[str, str]:
    """A file of names and texts; empty, if there is none."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(text) for name, text in words.items()} if isinstance(words, dict) else {}


def _write(path: Path, content: object) -> None:
    """Write a file that is never seen half, and by nobody but its owner (where the system knows such a thing)."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.unlink(missing_ok=True)
    aside.touch(0o600)
    with aside.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    put(aside, path)
