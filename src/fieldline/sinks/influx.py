"""A store in InfluxDB of any kind: 1.x, 2.x, Cloud, Cloud Serverless, Cloud Dedicated, 3 Core and Enterprise.

Rows go in as line protocol, compressed, one request at a time, and a request that was not answered with success is an
error. They come back by InfluxQL, the one language that all of them speak. The product is told by what /ping says.

influxdb-client carries the requests, and nothing else of it is used: its batching loses what it holds when a script
ends, and its own way from frames to lines loses columns. Import this module only where a run needs it.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService
from urllib3.util.ssl_ import create_urllib3_context

from .. import __version__
from ..errors import Denied, Rejected, Unreachable
from ..parcels import pack, unpack
from ..ports import Aggregate, Field, Parcel, Precision
from . import _asked as asked
from . import _influx_answers as answers
from . import _influx_buckets as buckets_of
from . import _influx_rights as rights
from ._influx_faults import A_URL, Answer, Gone, Place, date_of, fault, read_fault, refusal, refuse_wide
from ._influx_lost import lost, stopped

if TYPE_CHECKING:  # a run that only delivers what waits must not pay for this import
    import pandas as pd

Product = Literal["v1", "oss2", "cloud", "v3", "dedicated", "unknown"]
V1_PRECISION: dict[Precision, str] = {"s": "s", "ms": "ms", "us": "u", "ns": "n"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINES = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"}


class Influx:
    """A `ports.Store` and a `ports.Carrier` on an InfluxDB server; may be used by several threads at once.

    Args:
        url: the address of the server, with http:// or https://; a login in it is taken as `token`.
        token: what the server gave; for 1.x `user:password`; None where nobody logs in.
        org: the organisation, by name or id; needed by 2.x and Cloud (TSM).
        timeout_seconds: how long to wait for a connection, and for each part of an answer.
        columns: how many a measurement may have there, time and tags counted (200 in Serverless); None: any number.
        proxy: the address of a proxy on the way, with http://; proxy_login: `name:password` for it.
        ca_file: certificates, PEM or DER, of authorities to be trusted besides those that this computer trusts.
        buckets: our names of buckets and the server's, where they differ: several of ours may be one there.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        org: str = "",
        *,
        timeout_seconds: float = 30.0,
        columns: int | None = None,
        buckets: Mapping[str, str] | None = None,
        proxy: str = "",
        proxy_login: str | None = None,
        ca_file: str = "",
    ) -> None:
        self.org, self.columns, self._theirs = org, columns, dict(buckets or {})
        self._timeout = int(timeout_seconds * 1000)
        self._url, login = _without_login(url.strip().rstrip("/"))
        self._token = (token or "").strip() or login
        self._login = _authorization(self._token)
        self._proxy, self._proxy_login, self._ca_file = proxy, (proxy_login or "").strip(), ca_file
        self._lock = threading.Lock()
        self._client: Any = None
        self._product: Product | None = None
        self._known: dict[tuple[str, str], dict[str, Field]] = {}
        self._dated: tuple[float, float] | None = None  # the date of the last answer [s since 1970], and when it came
        self._there = set[str]()  # databases of 3 that are there: it makes others without being asked

    @property
    def product(self) -> Product:
        """Which InfluxDB this is, by its answer to /ping; TSM and Serverless are both "cloud": nothing tells which.

        Raises: Unreachable.
        """
        if self._product is None:
            answer = self.call("GET", "/ping")
            if answer.status >= 500 or answer.status == 429 or 300 <= answer.status < 400:
                raise fault(answer, self.place())
            found = product_of(answer.headers, urlsplit(self._url).hostname or "")
            if found == "unknown":
                return found  # not remembered: a proxy may have answered
            self._product = found
        return self._product

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See `ports.Carrier`; a bucket that is there keeps its `keep_days`. In 2.x it gets its mapping, too.

        Raises: Denied, also for what a plan does not allow; Unreachable.
        """
        self._buckets().create(self._name(bucket), keep_days)

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """Change how long a bucket keeps its points (None: for ever). Raises: Denied; Unreachable."""
        self._buckets().retain(self._name(bucket), keep_days)

    def keeps(self, bucket: str) -> int | None:
        """How many days a bucket keeps rows; None: for ever, or we can't know. Raises: Unreachable."""
        try:
            return self._buckets().kept(self._name(bucket))
        except (Denied, Rejected):
            return None

    def clock(self) -> float | None:
        """See `ports.Carrier`: the date of the last answer, and what has passed since."""
        return None if self._dated is None else self._dated[0] + time.monotonic() - self._dated[1]

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See `ports.Sink`. In pieces of at most 5,000 rows and 5 MB, one after the other. Units are not kept.

        Raises: Rejected, Unreachable and Denied, as `deliver`; what went before the error is stored.
        """
        from ..lineprotocol import chunks, precision_of
        from ..points import fitted, points

        batch, place = points(frame, tags), self.place(bucket)
        if batch.frame.empty:
            return batch.rows
        known = self._kinds(bucket, measurement)
        refuse_wide(len(known.keys() | batch.kinds.keys()), self.columns, place, measurement)
        batch = fitted(batch, known, f"{place}, measurement {measurement!r}")
        precision = precision_of(batch)
        try:
            for lines in chunks(measurement, batch, precision):
                self.deliver(pack(bucket, precision, lines.text, lines.rows))
        except Rejected:
            self._known.pop((bucket, measurement), None)  # somebody else may have written there
            raise
        self._known[bucket, measurement] = {field.name: field for field in batch.fields({})} | known
        return batch.rows

    def deliver(self, parcel: Parcel) -> None:
        """See `ports.Carrier`. Cloud (TSM) says done before it has looked at the points.

        Raises: Unreachable: the connection, 429, 5xx, an answer that InfluxDB does not give; Denied: 401, 403, 404;
            TooLarge: 413; Rejected: other 4xx, and 201, which is success in part.
        """
        place, bucket = self.place(parcel.bucket), self._name(parcel.bucket)
        if self.product == "v3":
            self._must_be_there(bucket, place)
        if self.product == "v1":
            query = {"db": bucket, "precision": V1_PRECISION[parcel.precision]}
            answer = self._sent("POST", "/write", query, parcel.body, LINES)
        else:
            answer = self._exchange(lambda api: _write(api, self.org or "-", bucket, parcel, self._timeout))
        if answer.status != 204:
            error = fault(answer, place)
            if isinstance(error, Rejected) and _breaks(parcel):
                error.named.clear()
            raise error

    def _must_be_there(self, bucket: str, place: Place) -> None:
        """InfluxDB 3 makes a database for the first lines, and keeps it for ever; making one is for `create`."""
        if bucket in self._there:
            return
        try:
            self.ask(bucket, "SHOW MEASUREMENTS LIMIT 1")
        except Gone as gone:
            raise Denied(str(gone), no_bucket=True) from gone
        except (Denied, Rejected):  # a token that may only write: then the server decides
            return
        self._there.add(bucket)

    def read(
        self,
        bucket: str,
        measurement: str,
        *,
        fields: Sequence[str] | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        every: pd.Timedelta | None = None,
        agg: Aggregate = "mean",
    ) -> pd.DataFrame:
        """See `ports.Store`. Tags come first, then the fields as asked; rows without a value in any are left out.

        Raises also: ValueError, when a time has no zone, a window no width or `agg` no such name.
        """
        from . import _influx_reading as reading

        span, width = (asked.ns(start), asked.ns(end)), asked.width(every, agg)
        ask, where = self._asker(bucket), f"{self.place(bucket)}, measurement {measurement!r}"
        known = answers.schema(ask, measurement)
        wanted = asked.chosen(known, fields, agg if width else None, where)
        if width:
            return reading.windows(ask, measurement, known, wanted, span, width, agg)
        return reading.rows(ask, measurement, known, wanted, span)

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """See `ports.Store`."""
        from . import _influx_reading as reading

        ask = self._asker(bucket)
        known = answers.schema(ask, measurement)
        asked.refuse_nothing(known, f"{self.place(bucket)}, measurement {measurement!r}")
        return reading.newest(ask, measurement, known)

    def buckets(self) -> dict[str, int | None]:
        """See `ports.Store`; by our names. In 3, None also means that it does not say. Raises: Denied; Unreachable."""
        there = self._buckets().listed()
        ours = {ours: there[theirs] for ours, theirs in self._theirs.items() if theirs in there}
        hidden = {*self._theirs.values(), *ours}
        return ours | {name: days for name, days in there.items() if name not in hidden}

    def measurements(self, bucket: str) -> list[str]:
        """See `ports.Store`. Raises: Rejected, when the bucket is not there; Unreachable."""
        return sorted(answers.column(self._asker(bucket)("SHOW MEASUREMENTS"), "name"))

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """See `ports.Store`. In the order of `_influx_answers.schema`: the server keeps none, and no units."""
        try:
            return answers.schema(self._asker(bucket), measurement)
        except Gone:
            return {}

    def expire(self, now: pd.Timestamp) -> int:
        """0: the server itself deletes what is past its bucket's retention."""
        return 0

    def rights(self, bucket: str, now: datetime | None = None) -> list[rights.Finding]:
        """What the token may do here and in `bucket`, for a person to read. Stores nothing, raises nothing of ours.

        Args:
            now: the local clock, with its zone, to be compared with the server's.
        """
        comment = pack(bucket, "s", rights.NOTHING, 1)
        return list(rights.found(self, lambda: self.product, self.deliver, comment, self._name(bucket), now))

    def close(self) -> None:
        """See `ports.Sink`; the next call opens again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    # What the modules beside this one need; a bucket is the server's own there.

    @property
    def authorised(self) -> bool:
        """Whether we have a token at all."""
        return bool(self._token)

    def place(self, bucket: str = "") -> Place:
        """Where, for messages."""
        secrets = (*_secrets(self._token), *_secrets(self._proxy_login))
        return Place(self._url, bucket, secrets, bool(self._token))

    def call(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """One request with JSON or without a body; any answer is returned. Raises: Unreachable; Denied."""
        return self._sent(method, path, query or {}, body, {})

    def ask(self, bucket: str, question: str, method: str = "GET") -> list[answers.Series]:
        """The whole answer to a question of InfluxQL. Raises: Rejected; Unreachable."""
        return list(self._series(bucket, question, method, self.place(bucket)))

    def _asker(self, bucket: str) -> Callable[[str], Iterator[answers.Series]]:
        theirs, place = self._name(bucket), self.place(bucket)
        return lambda question: self._series(theirs, question, "GET", place)

    def _series(self, bucket: str, question: str, method: str, place: Place) -> Iterator[answers.Series]:
        """The answer, part by part as it comes. Raises: Rejected; Unreachable."""
        query = {"q": question, "epoch": "ns", "chunked": "true"} | ({"db": bucket} if bucket else {})
        answer = self._opened(method, "/query", query)
        if isinstance(answer, Answer):
            raise read_fault(answer, place)
        try:
            yield from answers.series(answer)
        except answers.Refusal as error:
            raise refusal(str(error), place) from error
        except (answers.Torn, *TRANSPORT) as error:
            said = place.clean(str(error))
            raise Unreachable(f"{place}: found {said}, expected the whole answer of InfluxDB.\n  Ask again.") from error
        finally:
            answer.close()

    def _kinds(self, bucket: str, measurement: str) -> dict[str, Field]:
        """The kinds that fields have there, asked once; none when we may write but not read: the server decides."""
        known = self._known.get((bucket, measurement))
        if known is None:
            try:
                known = answers.schema(self._asker(bucket), measurement)
            except (Rejected, Denied):
                return {}
            self._known[bucket, measurement] = known
        return known

    def _name(self, bucket: str) -> str:
        return self._theirs.get(bucket, bucket)

    def _buckets(self) -> buckets_of.Buckets:
        return buckets_of.of(self.product, self)

    def _sent(self, method: str, path: str, query: Mapping[str, str], body: Any, headers: Mapping[str, str]) -> Answer:
        """One request, and its whole answer."""
        return self._exchange(lambda api: _request(api, method, path, query, body, headers, self._timeout))

    def _opened(self, method: str, path: str, query: Mapping[str, str]) -> Answer | urllib3.HTTPResponse:
        """One request; the answer is still to be read if it is success."""
        try:
            packed = {"Accept-Encoding": "gzip"}
            response: urllib3.HTTPResponse = _request(self._api(), method, path, query, None, packed, self._timeout)
            return response
        except ApiException as error:
            return self._refused(error)
        except TRANSPORT as error:
            raise self._lost(error) from error

    def _exchange(self, send: Callable[[Any], urllib3.HTTPResponse]) -> Answer:
        """Any answer, whole. Raises: Unreachable, when none comes; Denied."""
        try:
            response = send(self._api())
            answer = Answer(response.status, _small(response.headers), response.data)
        except ApiException as error:
            return self._refused(error)
        except TRANSPORT as error:
            raise self._lost(error) from error
        if (date := date_of(answer)) is not None:
            self._dated = (date, time.monotonic())
        return answer

    def _refused(self, error: Any) -> Answer:
        """The answer in an error of influxdb-client. Raises: Unreachable, when there is none (TLS)."""
        if not error.status:
            raise self._lost(error)
        body = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
        return Answer(error.status, _small(error.headers or {}), body)

    def _lost(self, error: Exception) -> Unreachable:
        said = self.place().clean(str(getattr(error, "reason", None) or error) or type(error).__name__)
        if isinstance(error, urllib3.exceptions.LocationValueError):
            return self._no_address()
        if isinstance(error, urllib3.exceptions.ProxyError):
            return stopped(self.place(), self._proxy, said)
        return lost(self.place(), said)

    def _no_address(self) -> Denied:
        return Denied(f"{self._url}: expected an address such as https://host:8086.\n  Correct {A_URL}.")

    def _api(self) -> Any:
        """What carries the requests; made when first needed. Raises: Denied, when what we were given cannot do."""
        if not re.match(r"https?://[^/]", self._url):
            raise self._no_address()
        if self._login is not None and not (self._login.isascii() and self._login.isprintable()):
            raise Denied(
                f"{self._url}: found a token with characters that none has.\n  Copy it again, to `token` in secret.py"
                " or INFLUXDB_TOKEN."
            )
        with self._lock:
            if self._client is None:
                make: Any = InfluxDBClient
                self._client = make(
                    url=self._url,
                    token=None,
                    org=self.org,
                    timeout=self._timeout,
                    proxy=self._proxy or None,
                    proxy_headers=_proxy_headers(self._proxy_login),
                    ssl_context=self._trusting() if self._ca_file else None,
                )
                self._client.api_client.user_agent = f"fieldline/{__version__}"
                if self._login is not None:
                    self._client.api_client.set_default_header("Authorization", self._login)
            return self._client.api_client

    def _trusting(self) -> ssl.SSLContext:
        """What trusts the authorities of `ca_file`, too. Raises: Denied, when there are none in it."""
        context = create_urllib3_context()
        context.load_default_certs()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # those of institutions often lack what Python 3.13 asks for
        try:
            data = Path(self._ca_file).read_bytes()
            context.load_verify_locations(cadata=data.decode("ascii", "ignore") if b"-----BEGIN" in data else data)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            raise Denied(
                f"{self._url}: found no certificate in {self._ca_file} ({error}), expected that of an authority.\n"
                "  Correct `influxdb.ca_file`: a file in the form PEM (with a line -----BEGIN CERTIFICATE-----) or DER."
            ) from error
        return context


TRANSPORT = (urllib3.exceptions.HTTPError, HTTPException, OSError, UnicodeError)


def product_of(headers: Mapping[str, str], host: str) -> Product:
    """Which InfluxDB answers so to /ping. Source: the table of products in InfluxData's documentation."""
    build = headers.get("x-influxdb-build", "").lower()
    number = headers.get("x-influxdb-version", "").lower().removeprefix("v")[:1]
    if build in ("cloud-dedicated", "clustered") or host.endswith(".influxdb.io"):
        return "dedicated"
    if build == "cloud" or host.endswith(".cloud2.influxdata.com"):
        return "cloud"
    products: dict[str, Product] = {"1": "v1", "2": "oss2", "3": "v3"}
    return products.get(number, "unknown")


def _authorization(token: str) -> str | None:
    """The header for a token: a login of 1.x, a token of 3, or one of 2.x and Cloud."""
    if not token:
        return None
    if ":" in token:
        return "Basic " + base64.b64encode(token.encode("utf-8")).decode("ascii")
    return f"{'Bearer' if token.startswith('apiv3_') else 'Token'} {token}"


def _secrets(token: str) -> tuple[str, ...]:
    """What must not be in a message; too short ones would blacken everything and be no secret."""
    parts = {token, token.partition(":")[2], (_authorization(token) or "").partition(" ")[2]}
    return tuple(sorted((part for part in parts if len(part) > 3), key=len, reverse=True))


def _proxy_headers(login: str) -> dict[str, str]:
    basic = base64.b64encode(login.encode("utf-8")).decode("ascii")
    return {"Proxy-Authorization": f"Basic {basic}"} if login else {}


def _without_login(url: str) -> tuple[str, str]:
    """The address without `user:password@`, and the login."""
    scheme, login, rest = re.fullmatch(r"(\w+://)?(?:([^/]*)@)?(.*)", url, re.DOTALL).groups("")  # type: ignore[union-attr]
    return scheme + rest, unquote(login)


def _small(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _request(
    api: Any, method: str, path: str, query: Mapping[str, str], body: Any, headers: Mapping[str, str], timeout: int
) -> Any:
    form = method == "POST" and path == "/query"
    return api.call_api(
        path,
        method,
        query_params=[] if form else list(query.items()),
        post_params=list(query.items()) if form else [],
        header_params={"Accept": "application/json", **(FORM if form else {}), **headers},
        body=body,
        _preload_content=False,
        _return_http_data_only=True,
        _request_timeout=timeout,
        urlopen_kw={"redirect": False},
    )


def _breaks(parcel: Parcel) -> bool:
    """Whether a text among the lines has line breaks: then nobody knows how a server counts lines."""
    try:
        return unpack(parcel).rstrip(b"\n").count(b"\n") + 1 != parcel.rows
    except ValueError:
        return True


def _write(api: Any, org: str, bucket: str, parcel: Parcel, timeout: int) -> Any:
    service: Any = WriteService
    return service(api).post_write_with_http_info(
        org,
        bucket,
        parcel.body,
        precision=parcel.precision,
        content_encoding="gzip",
        content_type=LINES["Content-Type"],
        _preload_content=False,
        _return_http_data_only=True,
        _request_timeout=timeout,
        urlopen_kw={"redirect": False},
    )
