"""Buckets of each InfluxDB product: making them, changing how long they keep rows, listing them.

v1                   statements of InfluxQL: databases with a retention policy
oss2, cloud          /api/v2: buckets, and a mapping (DBRP) without which InfluxQL does not find them
v3                   /api/v3/configure/database
dedicated            only the vendor's own tool can do it: influxctl
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import Denied, Rejected, StoreError
from . import _influx_answers as answers
from . import _influxql as ql
from ._influx_faults import AN_ORG, MAKE_IT, Answer, Place, make_fault

DAY = 86_400  # s
PAGE = 100  # buckets in one answer
AN_ID = re.compile(r"[0-9a-f]{16}")
V3 = "/api/v3/configure/database"


class Wire(Protocol):
    """What this needs of the connection. `bucket` is always the server's own name."""

    org: str

    @property
    def authorised(self) -> bool:
        """Whether we have a token at all."""

    def call(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """One request with JSON. Raises: Unreachable, when no answer comes."""

    def ask(self, bucket: str, question: str, method: str = "GET") -> list[answers.Series]:
        """The answer to InfluxQL. Raises: Rejected, Unreachable."""

    def place(self, bucket: str = "") -> Place:
        """Where, for messages."""


class Buckets(Protocol):
    """What can be done to buckets; `days` None is for ever."""

    def create(self, bucket: str, days: int | None) -> None:
        """Make it if it is not there. Raises: Denied; Unreachable."""

    def retain(self, bucket: str, days: int | None) -> None:
        """Change how long it keeps rows. Raises: Denied; Unreachable."""

    def listed(self) -> dict[str, int | None]:
        """Those there and the days they keep. Raises: Denied; Unreachable."""

    def kept(self, bucket: str) -> int | None:
        """The days that one keeps, None also when it is not there. Raises: Denied; Rejected; Unreachable."""


def of(product: str, wire: Wire) -> Buckets:
    """The buckets of a product."""
    kinds: dict[str, type[V1] | type[V3Core] | type[Dedicated]] = {"v1": V1, "v3": V3Core, "dedicated": Dedicated}
    return kinds.get(product, V2)(wire)


class _OnWire:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def _done(self, answer: Answer, bucket: str) -> Answer:
        """The answer. Raises: what it says, when it is a refusal."""
        if answer.status in (200, 201, 204):
            return answer
        raise make_fault(answer, self.wire.place(bucket))

    def _missing(self, bucket: str) -> Denied:
        return Denied(f"{self.wire.place(bucket)}: found no such bucket.\n  {MAKE_IT}", no_bucket=True)

    def _answers(self, bucket: str) -> bool:
        """Whether the bucket can be asked: it is there, whatever else we may not do."""
        try:
            self.wire.ask(bucket, "SHOW MEASUREMENTS")
        except (Rejected, Denied):
            return False
        return True


class V1(_OnWire):
    """InfluxDB 1.x."""

    def create(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        if bucket not in self._names():
            policy = f" WITH DURATION {ql.retention(days)}" if days is not None else ""
            self._command(bucket, f"CREATE DATABASE {ql.name(bucket)}{policy}")

    def retain(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        if bucket not in self._names():
            raise self._missing(bucket)
        policy = next((row["name"] for row in self._policies(bucket) if row.get("default")), "autogen")
        self._command(
            bucket, f"ALTER RETENTION POLICY {ql.name(policy)} ON {ql.name(bucket)} DURATION {ql.retention(days)}"
        )

    def listed(self) -> dict[str, int | None]:
        """See Buckets."""
        return {name: self._days(name) for name in self._names() if not name.startswith("_")}

    def kept(self, bucket: str) -> int | None:
        """See Buckets."""
        return self._days(bucket)

    def _names(self) -> list[str]:
        return answers.column(self.wire.ask("", "SHOW DATABASES"), "name")

    def _days(self, bucket: str) -> int | None:
        policies = self._policies(bucket)
        kept = next((row for row in policies if row.get("default")), policies[0] if policies else {})
        return answers.days(str(kept.get("duration", "")))

    def _policies(self, bucket: str) -> list[dict[str, Any]]:
        found = self.wire.ask("", f"SHOW RETENTION POLICIES ON {ql.name(bucket)}")
        return [dict(zip(part.columns, row, strict=False)) for part in found for row in part.values]

    def _command(self, bucket: str, statement: str) -> None:
        try:
            self.wire.ask("", statement, "POST")
        except Denied as error:
            raise Denied(f"{error}\n  An administrator can say: {statement}", error.no_bucket) from error
        except Rejected as error:
            raise Denied(f"{error}\n  Correct the name of the bucket or `keep_days`.") from error


class V2(_OnWire):
    """InfluxDB 2, Cloud (TSM) and Cloud Serverless."""

    def create(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        there = self._find(bucket)
        if there is not None:
            self._mapped(bucket, there, new=False)
            return
        rules = [{"type": "expire", "everySeconds": days * DAY}] if days is not None else []
        wanted = {"orgID": self._org_id(bucket), "name": bucket, "retentionRules": rules}
        answer = self.wire.call("POST", "/api/v2/buckets", body=wanted)
        if not _conflict(answer):
            made = self._done(answer, bucket).json()
            self._mapped(bucket, made if isinstance(made, dict) else {}, new=True)

    def retain(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        there = self._find(bucket)
        if there is None:
            raise self._missing(bucket)
        rules = {"retentionRules": [{"type": "expire", "everySeconds": (days or 0) * DAY}]}
        self._done(self.wire.call("PATCH", f"/api/v2/buckets/{there['id']}", body=rules), bucket)

    def listed(self) -> dict[str, int | None]:
        """See Buckets."""
        found: dict[str, int | None] = {}
        for offset in range(0, 100 * PAGE, PAGE):
            query = {"limit": str(PAGE), "offset": str(offset), **self._of_org()}
            page = _listed(self._done(self.wire.call("GET", "/api/v2/buckets", query), ""), "buckets")
            found |= {one["name"]: _days(one) for one in page if not one["name"].startswith("_")}
            if len(page) < PAGE:
                break
        return found

    def kept(self, bucket: str) -> int | None:
        """See Buckets."""
        return _days(self._find(bucket) or {})

    def mapping(self, bucket: str, there: Mapping[str, Any]) -> bool:
        """Whether InfluxQL finds the bucket. Raises: Denied, when we may not know; Unreachable."""
        query = {"db": bucket} | ({"orgID": str(there["orgID"])} if there.get("orgID") else self._of_org())
        answer = self._done(self.wire.call("GET", "/api/v2/dbrps", query), bucket)
        return any(one.get("database") == bucket for one in _listed(answer, "content"))

    def find(self, bucket: str) -> dict[str, Any] | None:
        """What the server tells about a bucket; None: it is not there, or we may not see it."""
        return self._find(bucket)

    def _find(self, bucket: str) -> dict[str, Any] | None:
        answer = self.wire.call("GET", "/api/v2/buckets", {"name": bucket, **self._of_org()})
        if answer.status == 404 and "org" not in str(answer.json().get("message", "")):
            return None
        page = _listed(self._done(answer, bucket), "buckets")
        return next((one for one in page if one.get("name") == bucket), None)

    def _mapped(self, bucket: str, there: Mapping[str, Any], new: bool) -> None:
        """See that InfluxQL finds the bucket; an old bucket that we may only write to stays as it is."""
        try:
            if self.mapping(bucket, there):
                return
            wanted = {"bucketID": there.get("id"), "database": bucket, "retention_policy": "autogen", "default": True}
            answer = self.wire.call("POST", "/api/v2/dbrps", body={**wanted, "orgID": there.get("orgID")})
            if not _conflict(answer):
                self._done(answer, bucket)
        except Denied as error:
            if new:
                raise Denied(
                    f"{error}\n  The bucket is made and takes rows, but nobody can read it by InfluxQL without its"
                    " mapping (DBRP)."
                ) from error

    def _of_org(self) -> dict[str, str]:
        if not self.wire.org:
            return {}
        return {"orgID" if AN_ID.fullmatch(self.wire.org) else "org": self.wire.org}

    def _org_id(self, bucket: str) -> str:
        if AN_ID.fullmatch(self.wire.org):
            return self.wire.org
        answer = self.wire.call("GET", "/api/v2/orgs", self._of_org())
        found = [] if answer.status == 404 else _listed(self._done(answer, bucket), "orgs")
        if len(found) != 1:
            names = ", ".join(str(one.get("name")) for one in found) or "none that this token may see"
            raise Denied(
                f"{self.wire.place(bucket)}: found as organisations: {names}; expected {self.wire.org or 'one'}.\n"
                f"  Correct {AN_ORG}; the 16 letters and digits in the address of the server's own page work too."
            )
        return str(found[0]["id"])


class V3Core(_OnWire):
    """InfluxDB 3 Core and Enterprise."""

    def create(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        answer = self.wire.call("POST", V3, body={"db": bucket} | ({"retention_period": f"{days}d"} if days else {}))
        if _conflict(answer) or (answer.status in (401, 403) and self._answers(bucket)):
            return
        self._done(answer, bucket)

    def retain(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        if days is None:
            answer = self.wire.call("DELETE", f"{V3}/retention_period", {"db": bucket})
        else:
            answer = self.wire.call("PUT", V3, body={"db": bucket, "retention_period": f"{days}d"})
        if answer.status == 404 and not self._answers(bucket):
            raise self._missing(bucket)
        self._done(answer, bucket)

    def listed(self) -> dict[str, int | None]:
        """See Buckets. How long one keeps its rows is None also where the server does not tell."""
        found = self._done(self.wire.call("GET", V3, {"format": "json"}), "").json()
        rows = found.get("databases", []) if isinstance(found, dict) else found
        names = [
            str(row.get("iox::database", row.get("name", ""))) if isinstance(row, dict) else str(row) for row in rows
        ]
        return {name: self._days(name) for name in names if name and not name.startswith("_")}

    def kept(self, bucket: str) -> int | None:
        """See Buckets."""
        return self._days(bucket)

    def _days(self, bucket: str) -> int | None:
        try:
            found = self.wire.ask(bucket, f"SHOW RETENTION POLICIES ON {ql.name(bucket)}")
            return answers.days(str((answers.column(found, "duration") or [""])[0] or ""))
        except (Rejected, Denied, ValueError):
            return None


class Dedicated(_OnWire):
    """Cloud Dedicated and Clustered, where no token of ours can make a database."""

    def create(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        if not self._answers(bucket):
            raise self._by_hand(bucket, f"create {_period(days)}{bucket}")

    def retain(self, bucket: str, days: int | None) -> None:
        """See Buckets."""
        raise self._by_hand(bucket, f"update --retention-period {'none' if days is None else f'{days}d'} {bucket}")

    def listed(self) -> dict[str, int | None]:
        """See Buckets."""
        raise self._by_hand("", "list")

    def kept(self, bucket: str) -> int | None:
        """See Buckets. Nobody tells."""
        return None

    def _by_hand(self, bucket: str, command: str) -> StoreError:
        return Denied(
            f"{self.wire.place(bucket)}: this product lets nobody make, change or list databases over HTTP.\n"
            f"  Do it with the vendor's tool: influxctl database {command}"
        )


def _period(days: int | None) -> str:
    return "" if days is None else f"--retention-period {days}d "


def _conflict(answer: Answer) -> bool:
    """Whether it says that the thing is there already."""
    return answer.status == 409 or (
        answer.status in (400, 422) and re.search(rb"(?i)already exist|conflict", answer.body) is not None
    )


def _listed(answer: Answer, name: str) -> list[dict[str, Any]]:
    found = answer.json()
    rows = found.get(name) if isinstance(found, dict) else None
    return [row for row in rows or [] if isinstance(row, dict)]


def _days(bucket: Mapping[str, Any]) -> int | None:
    """The days that a bucket keeps, rounded up."""
    rules = bucket.get("retentionRules") or []
    return next((-(-int(rule.get("everySeconds", 0)) // DAY) or None for rule in rules), None)
