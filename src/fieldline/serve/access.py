"""What a request may read and write, by the key that it brings.

    Authorization: Token fl_3f9a1c07_kYt...          InfluxDB 2, Telegraf, scripts
    Authorization: Bearer fl_3f9a1c07_kYt...
    Authorization: Basic ...                         any user, the key as password: Grafana, InfluxDB 1, browsers

A key is never taken from the address of a request, since addresses stand in the logs of proxies and in the history of
browsers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from .context import Context
from .keys import WINDOW, Key, Keys, Scope

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True)
class Access:
    """What a request may do. key: None where reading is open to all."""

    key: Key | None

    def may(self, scope: Scope, bucket: str | None) -> bool:
        """Whether it may read or write this bucket (None: any at all)."""
        return scope == "read" if self.key is None else self.key.may(scope, bucket)


def authorize(context: Context, request: HTTPConnection, scope: Scope, bucket: str | None = None) -> Access:
    """What a request may do, if it may do this.

    Args:
        scope, bucket: what it wants; bucket None: something of which only a part may be allowed. Then ask the answer
            for each bucket with `may`.

    Raises: HTTPException 401 (no key or not a good one, without saying which), 403 (the key is not for that),
        429 (too many failures from that address).
    """
    access = _access(context, request, scope)
    refuse_unless(access, scope, bucket)
    return access


def refuse_unless(access: Access, scope: Scope, bucket: str | None) -> None:
    """Raise HTTPException 403 unless a request may read or write this bucket (None: any at all)."""
    if not access.may(scope, bucket):
        what = "any bucket" if bucket is None else f"bucket {bucket!r}"
        raise HTTPException(403, f"this key may not {scope} {what}")


def trusted(keys: Keys, headers: Mapping[str, str]) -> bool:
    """Whether a request has a good key, whatever that may do. Raises: InputError, when the file is damaged."""
    text = sent(headers)
    return text is not None and isinstance(keys.find(text), Key)


def sent(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings; '' if what it brings is none; None, if it brings nothing."""
    word, _, rest = headers.get("authorization", "").partition(" ")
    if not word:
        return None
    if word.lower() in ("token", "bearer"):
        return rest.strip()
    return _password(rest.strip()) if word.lower() == "basic" else ""


def _access(context: Context, request: HTTPConnection, scope: Scope) -> Access:
    text = sent(request.headers)
    if text is None and scope == "read" and _open(context, request):
        return Access(None)
    found = "no key" if text is None else context.keys.find(text)
    if isinstance(found, Key):
        return Access(found)
    address = request.client.host if request.client else "?"
    if not context.keys.failed(address, found):
        raise HTTPException(429, "too many refused requests; wait a minute", {"Retry-After": str(int(WINDOW))})
    login = {"WWW-Authenticate": 'Basic realm="fieldline: any user, an API key as password", charset="UTF-8"'}
    raise HTTPException(401, "an API key is needed: make one with `fieldline keys add`", login)


def _open(context: Context, request: HTTPConnection) -> bool:
    """Whether reading needs no key: only this machine can connect, no proxy stands between, and no key was made yet."""
    return context.loopback and not context.keys.any() and not any(name in request.headers for name in _FORWARDED)


def _password(text: str) -> str:
    """The password of a basic login; '' if it is none."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
