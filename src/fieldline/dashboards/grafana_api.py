"""Grafana's HTTP API: the one module that knows its client, and what its refusals mean in words.

The client comes with the extra `[grafana]`. It needs niquests, and that urllib3-future, whose wheel puts itself in the
place of urllib3; installed as the message below says, it stays beside it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import ConfigError, FieldlineError, UsageError

OLDEST = (10, 4)  # older ones do not know schemaVersion 39 and receivers that a rule names itself
TIMEOUT = 30.0  # [s]
_LONGEST = 300  # characters of Grafana's own words that a message quotes
_INSTALL = 'pip install --no-binary urllib3-future "fieldline[grafana]"'
_REDIRECTED = "the address leads elsewhere: is it http or https, and does a path such as /grafana belong to it?"
_NOT_GRAFANA = "what answers there is not Grafana: look at grafana.url"


class Refused(FieldlineError):
    """Grafana did not do one thing.

    status: of its answer. key: the name that Grafana gives some errors, such as publicdashboards.notFound.
    said: its own words.
    """

    def __init__(self, message: str, status: int = 0, key: str = "", said: str = "") -> None:
        super().__init__(message)
        self.status, self.key, self.said = status, key, said


class Away(Refused):
    """Nothing can be done there at all: it is not reached, not Grafana, too old, or does not take the token."""


class Grafana:
    """A connection to one Grafana; its methods are named like those of its client, and raise Refused or Away only."""

    def __init__(self, url: str, token: str) -> None:
        """Look for a Grafana that is new enough.

        Args:
            url: with http or https, and a login in it if there is no token.
            token: of a service account.

        Raises: UsageError (the extra is not installed), ConfigError, Away.
        """
        if not url:
            raise ConfigError(["grafana.url: is not set: write it into the configuration, secret.py or GRAFANA_URL"])
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(["grafana.token: has characters that no token has; copy it again"])
        parts = urlsplit(url)
        if not token and not (parts.username and parts.password):
            where = "make one in Grafana (Administration, Service accounts, role Admin), then set GRAFANA_TOKEN"
            raise ConfigError([f"grafana.token: is not set: {where} or grafana_token in secret.py"])
        self.url = re.sub("//[^/]*@", "//", url).rstrip("/")
        self._secrets: list[str] = []
        self.hide(token, unquote(parts.password or ""))
        self.api = _connection(parts, token)
        self.version = self._look()

    def hide(self, *secrets: str) -> None:
        """Keep these out of every message, also where Grafana quotes them."""
        self._secrets += filter(None, secrets)

    def close(self) -> None:
        """End the connection."""
        self.api.client.s.close()

    def do(self, what: str, right: str, ask: Callable[[Any], Any]) -> Any:
        """What Grafana answers.

        Args:
            what: the subject of a message.
            right: the permission that it takes, as Grafana calls it.

        Raises: Refused, Away.
        """
        from grafana_client.client import GrafanaException

        try:
            return ask(self.api)
        except GrafanaException as error:
            if error.status_code:
                refusal = self._refusal(what, right, error.status_code, error.response)
            else:
                refusal = Away(f"Grafana at {self.url} does not answer within {TIMEOUT:.0f} s")
        except Exception as error:  # of the client's libraries; their words may hold the token
            refusal = self._no_answer(error)
        raise refusal from None

    def find(self, what: str, right: str, ask: Callable[[Any], Any]) -> Any:
        """The same; None for what is not there."""
        try:
            return self.do(what, right, ask)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def _look(self) -> str:
        """The version. Raises: Away."""
        try:
            found = self.do("its state", "", lambda api: api.client.GET("/health"))
        except Away:
            raise
        except Refused as error:
            raise Away(f"{self.url}: {_NOT_GRAFANA} (it answers /api/health with {error.status})") from None
        if not isinstance(found, Mapping) or "database" not in found:
            raise Away(f"{self.url}: {_NOT_GRAFANA}")
        hidden = not found.get("version")  # from who has not logged in
        version = str(self.do("its settings", "", lambda api: api.version) if hidden else found["version"])
        numbers = tuple(int(one) for one in re.findall(r"\d+", version)[:2])
        if numbers < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise Away(
                f"Grafana at {self.url} is version {version}, too old for these dashboards: update it to {oldest}"
            )
        return version

    def _refusal(self, what: str, right: str, status: int, body: object) -> Refused:
        answer = body if isinstance(body, Mapping) else {}
        said = str(answer.get("message") or ("" if isinstance(body, Mapping) else body) or "")
        if said.lstrip().startswith("<"):
            said = "a page instead of an answer"
        said = self._clean(said)
        if status == 401:
            return Away(
                f"Grafana at {self.url} does not take the token: is it of this Grafana, and not expired?", status
            )
        text = _words(status, said, right)
        return Refused(f"{what}: {text}", status, str(answer.get("messageId") or answer.get("status") or ""), said)

    def _no_answer(self, error: Exception) -> Refused:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "TooManyRedirects" in kinds:
            return Away(f"{self.url}: {_REDIRECTED}")
        if kinds & {"JSONDecodeError", "ContentDecodingError"}:
            return Away(f"{self.url}: {_NOT_GRAFANA}")
        if "SSLError" in kinds:
            return Away(f"Grafana at {self.url} shows a certificate that this machine does not trust")
        return Away(f"Grafana at {self.url} can't be reached ({type(error).__name__}): is the address right, is it up?")

    def _clean(self, text: str) -> str:
        """Grafana's words, short, in one line, and without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _connection(parts: SplitResult, token: str) -> Any:  # its methods have no types
    """A client that follows no redirection: it would make a GET of a POST."""
    try:
        from grafana_client.api import GrafanaApi
    except ModuleNotFoundError:
        here = (
            f"$env:URLLIB3_NO_OVERRIDE=1; {_INSTALL}"
            if sys.platform == "win32"
            else f"URLLIB3_NO_OVERRIDE=1 {_INSTALL}"
        )
        raise UsageError("dashboards", "no grafana-client in this Python", "the extra [grafana]", here) from None
    try:
        port = parts.port
    except ValueError:
        raise ConfigError(["grafana.url: has a port that is no number up to 65535"]) from None
    host, path = parts.hostname or "", parts.path.strip("/")
    login = token or (unquote(parts.username or ""), unquote(parts.password or ""))
    api = GrafanaApi(
        login,
        f"[{host}]" if ":" in host else host,
        port,
        f"{path}/" if path else "",
        parts.scheme.lower(),
        timeout=TIMEOUT,
        user_agent="fieldline",
    )
    api.client.s.max_redirects = 0
    return api


def _words(status: int, said: str, right: str) -> str:
    """What a refusal means, and what to do."""
    quoted = f" (Grafana says: {said})" if said else ""
    if status == 403 and "quota" in said.lower():
        return f"the plan of this Grafana allows no more of them{quoted}: delete some, or take a larger plan"
    if status == 403:
        needed = re.search(r"ermissions needed: *(.+)", said)
        name = (needed[1].strip(" .") if needed else right) or "for it"
        return f"the token lacks the right {name}: give its service account that right, or the role Admin{quoted}"
    if status in (409, 412):
        return f"it is in conflict with what is there{quoted}"
    if status == 429:
        return "Grafana takes no more requests for the moment: try again in a minute"
    if status >= 500:
        return f"Grafana failed with status {status}{quoted}: try again, and look into its log"
    if status == 404:
        return f"Grafana does not have it{quoted}"
    return f"Grafana refused it with status {status}{quoted}"
