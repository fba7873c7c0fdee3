"""What an InfluxDB server's refusal means: keep the rows, have a person act, or set lines aside.

Pure functions from an answer to an error. No product says it in one way: 1.x has {"error"}, 2.x and Cloud {"code",
"message"}, 3 a list of lines, and a proxy on the way has a page of HTML, which says nothing about our rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import Denied, Rejected, StoreError, TooLarge, Unreachable

MOST = 500  # characters of the server's words in a message
MAKE_IT = "Make it with: python new-db.py FILE"
A_TOKEN = "`token` in secret.py or INFLUXDB_TOKEN"
A_URL = "`influxdb.url` in the configuration, unless secret.py or INFLUXDB_URL sets it"
AN_ORG = "`influxdb.org` in the configuration, unless secret.py or INFLUXDB_ORG sets it"
LATER = "Try again later; rows for it wait in the outbox."
BUSY = (408, 425, 429)  # of the 4xx, those that time alone mends
NOT_OURS = (402, 405)  # of the 4xx, those that say nothing about the rows
LINES = "errors encountered on line(s):"
LINE = re.compile(r"^\s*(?:error parsing )?line (\d+)(?: \(1-based\))?: (.+)$", re.MULTILINE)
NO_RIGHT = re.compile(r"\b(read|write):orgs/\S* is unauthorized")  # 2.x says 401 also to a good token
DROPPED = re.compile(r"\bdropped=(\d+)\s*$")
REMEDIES = (
    (r"(?i)retention", "They are older than the bucket keeps rows: set `keep_days` higher, or let them go."),
    (r"(?i)type", "Let the column have the kind that it has there, or another name, in the driver."),
    (r"(?i)column", "Leave columns out in the driver, or write part of them to another measurement."),
    (r"(?i)max-|limit", "The server has a limit: ask who runs it, or write fewer series, columns or measurements."),
    (r"(?i)unable to parse|parsing", "Please report it: these lines should not have been written so."),
)
A_LOGIN = "`proxy_login` in secret.py or INFLUXDB_PROXY_LOGIN"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Answer:
    """An answer to a request; the names of its headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, {} when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


@dataclass(frozen=True)
class Place:
    """Which server and bucket, for messages; `secrets` never appear in one. login: whether a token is set at all."""

    url: str
    bucket: str = ""
    secrets: tuple[str, ...] = ()
    login: bool = True

    def __str__(self) -> str:
        return f"{self.url}, bucket {self.bucket!r}" if self.bucket else self.url

    def clean(self, text: str) -> str:
        """Words of others as a message may show them: short, printable, without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        text = UNPRINTABLE.sub(" ", text).strip()
        return text if len(text) <= MOST else f"{text[: MOST - 3]}..."


class Gone(Rejected):
    """A bucket to read from is not there."""


def words(answer: Answer) -> str:
    """What the server says is wrong."""
    found = answer.json()
    if isinstance(found, dict):
        said = str(found.get("message") or found.get("error") or "")
        lines = "; ".join(f"line {number}: {why}" for number, why in named(answer).items() if why not in said)
        if said:
            return f"{said}: {lines}" if lines else said
    header = answer.headers.get("x-influxdb-error") or answer.headers.get("x-influx-error")
    return header or answer.body.decode("utf-8", "replace")


def named(answer: Answer) -> dict[int, str]:
    """The lines that the server names as bad, by their number from 1, with its reason (3 and Serverless do)."""
    found = answer.json()
    if not isinstance(found, dict):
        return {}
    listed = found.get("data")
    if isinstance(listed, list):
        bad = [one for one in listed if isinstance(one, dict) and isinstance(one.get("line_number"), int)]
        return {one["line_number"]: str(one.get("error_message", "")) for one in bad}
    before, _, after = str(found.get("message", "")).partition(LINES)
    return {} if "\n" in before else {int(number): why for number, why in LINE.findall(after)}


def dropped(said: str) -> int | None:
    """How many lines were not taken; 1.x does not count those that it could not parse, so then nobody knows."""
    found = DROPPED.search(said)
    if found is None or "unable to parse" in said:
        return None
    return int(found[1]) or None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the server wants to be asked again: a number, or a date counted from the server's own clock."""
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", asked):
        return float(asked)
    try:
        later, now = parsedate_to_datetime(asked), parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (later - now).total_seconds())
    except (ValueError, TypeError):
        return None


def date_of(answer: Answer) -> float | None:
    """When the server answered, by its own clock [s since 1970]; None: it does not say."""
    try:
        date = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return date.timestamp() if date.tzinfo else None


def is_page(answer: Answer) -> bool:
    """Whether this is a page for people: something between us and the server has answered."""
    html = "html" in answer.headers.get("content-type", "").lower()
    return answer.body.lstrip()[:1] == b"<" or (html and bool(answer.body.strip()))


def fault(answer: Answer, place: Place) -> StoreError:
    """The error that an answer other than success is.

    Source: the answers in InfluxData's OpenAPI documents for 1.x, 2.x, Cloud, Serverless and 3; 1.6.7 as it runs.
    """
    said = place.clean(words(answer))
    found = f"{place}: found {answer.status} ({said or 'no words'})"
    if answer.status == 407:
        return wants_login(f"{place}: found 407 from a proxy, which wants a login")
    if answer.status == 413:
        return TooLarge(f"{found}, expected room for the request.\n  Send smaller pieces.")
    if is_page(answer) or (answer.status < 400 and answer.status != 201):
        return Unreachable(
            f"{place}: found {answer.status} and {'a page' if is_page(answer) else 'an answer'} that InfluxDB does not"
            f" give ({said[:80]}).\n  See whether a proxy or a login page stands between, and whether `url` is right."
            f" {LATER}"
        )
    conflict = "field type conflict" in said  # 2.x says 500 when both kinds come for the first time
    if (answer.status >= 500 and not conflict) or answer.status in BUSY:
        return Unreachable(f"{found}, expected a server with time for us.\n  {LATER}", retry_after(answer.headers))
    if answer.status in (401, 403, 404, *NOT_OURS):
        return _denied(answer.status, said, found, place)
    said = words(answer)
    remedy = next((remedy for pattern, remedy in REMEDIES if re.search(pattern, said)), "Correct what it names.")
    return Rejected(f"{found}, expected lines that it takes.\n  {remedy}", dropped(said), named(answer))


def _denied(status: int, said: str, found: str, place: Place) -> Denied:
    what = f"bucket {place.bucket!r}" if place.bucket else "this"
    if status in (401, 403) and not place.login:
        return Denied(
            f"{found}, expected a token, and none is set.\n  Set {A_TOKEN}; for InfluxDB 1.x to name:password."
        )
    if status == 401 and not NO_RIGHT.search(said):
        return Denied(
            f"{found}, expected a token that this server knows.\n"
            f"  Set {A_TOKEN} to one of this server's; for InfluxDB 1.x to name:password."
        )
    if status in (401, 403):
        return Denied(
            f"{found}, expected the right to use {what}.\n  Make a token that may read and write it, and set {A_TOKEN}."
        )
    if status == 404 and re.search(r"(?i)\borg", said):
        return Denied(f"{found}, expected an organisation that is there.\n  Correct {AN_ORG}.")
    if status == 404 and re.search(r"(?i)bucket|database|dbrp|retention|resource", said):
        return Denied(f"{found}, expected a bucket that is there.\n  {MAKE_IT}", no_bucket=True)
    return Denied(f"{found}, expected the API of InfluxDB.\n  Correct {A_URL}.")


def wants_login(found: str) -> Denied:
    """A proxy takes no login but ours, if we have one."""
    return Denied(f"{found}, expected one that it takes.\n  Set {A_LOGIN} to name:password.")


def refusal(said: str, place: Place) -> StoreError:
    """The error of a question that was refused within an answer, or with a status that says little."""
    found = f"{place}: found {place.clean(said)!r}"
    if re.search(
        r"(?i)(database|dbrp|bucket|mapping|retention polic\w+)\b.*\bnot found|not found.*\b(database|dbrp|bucket)",
        said,
    ):
        return Gone(f"{found}, expected a bucket that can be read.\n  {MAKE_IT}")
    if re.search(r"(?i)unauthori[sz]ed|not authori[sz]ed|forbidden|authoriz", said):
        return Denied(f"{found}, expected the right to do this.\n  Set {A_TOKEN} to a token that may.")
    if re.search(r"(?i)timeout|too busy|engine: |max-concurrent|shutdown|killed", said):
        return Unreachable(f"{found}, expected an answer.\n  Ask again later, or for less at once.")
    return Rejected(f"{found}, expected a question that it answers.\n  Please report it, with this line.")


def read_fault(answer: Answer, place: Place) -> StoreError:
    """As `fault`, for questions: what is not there will not come by asking again."""
    error = fault(answer, place)
    if isinstance(error, Denied) and error.no_bucket:
        return Gone(f"{place}: found {place.clean(words(answer))!r}, expected a bucket that can be read.\n  {MAKE_IT}")
    if isinstance(error, Rejected) and not isinstance(error, TooLarge):
        return refusal(words(answer), place)
    return error


def make_fault(answer: Answer, place: Place) -> StoreError:
    """As `fault`, for the making of buckets: all that is not reached is for a person to mend."""
    error = fault(answer, place)
    said = words(answer).lower()
    found = f"{place}: found {answer.status} ({place.clean(words(answer))})"
    if answer.status < 400 or answer.status >= 500 or answer.status in BUSY or is_page(answer):
        return error
    if re.search(r"retention|shard", said):
        return Denied(
            f"{found}, expected to keep rows so long.\n  Set `keep_days` to what this plan allows: 30 on the free plan."
        )
    if re.search(r"quota|limit|exceed|max", said):
        return Denied(
            f"{found}, expected room for one more bucket.\n  The free plan has two, 3 Core five: let several be one"
            " there with `influxdb.buckets`, or delete one that is not needed."
        )
    if answer.status == 403 or NO_RIGHT.search(said):
        return Denied(
            f"{found}, expected the right to make buckets.\n  For this once set {A_TOKEN} to an all-access token, or"
            " make the bucket on the server's own page."
        )
    if isinstance(error, Denied):
        return error
    return Denied(
        f"{found}, expected to make the bucket.\n  Correct its name or `keep_days`, or make it on the server."
    )


def refuse_wide(names: int, columns: int | None, place: Place, measurement: str) -> None:
    """Raises: Rejected, when a measurement would have more columns (time, tags, fields) than the server takes."""
    if columns is not None and names + 1 > columns:
        raise Rejected(
            f"{place}, measurement {measurement!r}: found {names + 1} columns with time and tags, expected at most"
            f" {columns}.\n  Leave columns out in the driver, or write part of them to another measurement."
        )
