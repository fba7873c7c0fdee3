"""The rows that wait, and those that were refused for good: tables in the ledger of the home.

Parcels leave in the order in which they came, bucket by bucket. Triggers keep the totals, so that a deep queue costs no
more than a shallow one.

What a flipped bit of the disk could do, and what is done about it: a row that is not what was saved is Damaged, the
ledger is set aside and made anew from files and archive.

outbox     a value that nobody measured, or an older one that comes later: a check sum with the number in it
totals     rows deleted as over the cap, or called delivered: the weighed sum of its numbers, kept by the triggers
buckets    a bucket that forgets too early: a check sum
fields     columns read as another kind, which the server refuses: a check sum
unjudged   flags that stay as they are, or a range that is no time: a check sum
sent       a number that is none, on which every run would end: a check sum (a wrong one costs five minutes)
series     none: a series more or less in a warning
indexes    parcels that are not found: noticed when the totals say that something waits, and nothing is found
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..ledger import Ledger, check, proof
from ..ports import Field, Parcel, Precision

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT, measurement TEXT,
    precision TEXT, first INTEGER, last INTEGER, rows INTEGER, size INTEGER, kept REAL, reason TEXT, proof INTEGER,
    body BLOB);
CREATE INDEX IF NOT EXISTS outbox_reason ON outbox (reason);
CREATE INDEX IF NOT EXISTS outbox_bucket ON outbox (reason, bucket);
CREATE INDEX IF NOT EXISTS outbox_times ON outbox (reason, bucket, measurement, last, first);
CREATE TABLE IF NOT EXISTS totals (dead INTEGER PRIMARY KEY, parcels INTEGER, rows INTEGER, bytes INTEGER, sum INTEGER);
INSERT OR IGNORE INTO totals VALUES (0, 0, 0, 0, 0), (1, 0, 0, 0, 0);
CREATE TRIGGER IF NOT EXISTS outbox_came AFTER INSERT ON outbox BEGIN UPDATE totals SET parcels = parcels + 1,
    rows = rows + new.rows, bytes = bytes + length(new.body), sum = sum + 7 + 5 * new.rows + 3 * length(new.body)
    WHERE dead = (new.reason <> ''); END;
CREATE TRIGGER IF NOT EXISTS outbox_went AFTER DELETE ON outbox BEGIN UPDATE totals SET parcels = parcels - 1,
    rows = rows - old.rows, bytes = bytes - length(old.body), sum = sum - 7 - 5 * old.rows - 3 * length(old.body)
    WHERE dead = (old.reason <> ''); END;
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, keep_days INTEGER, made INTEGER, proof INTEGER);
CREATE TABLE IF NOT EXISTS unjudged (bucket TEXT, measurement TEXT, start INTEGER, stop INTEGER, proof INTEGER,
    PRIMARY KEY (bucket, measurement, start, stop));
CREATE TABLE IF NOT EXISTS sent (time REAL, size INTEGER, proof INTEGER);
CREATE TABLE IF NOT EXISTS fields (bucket TEXT, measurement TEXT, name TEXT, kind TEXT, tag INTEGER, proof INTEGER,
    PRIMARY KEY (bucket, measurement, name));
CREATE TABLE IF NOT EXISTS series (bucket TEXT, digest BLOB, PRIMARY KEY (bucket, digest)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Waiting:
    """A parcel of one measurement in the outbox. first, last: its oldest and newest point [ns UTC]; kept: since when.

    number: its place in the order, 0 before it has one. reason: why it was refused for good; empty while it waits.
    """

    parcel: Parcel
    measurement: str
    first: int
    last: int
    kept: float
    number: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Depth:
    """How much there is. bytes: as it lies on the disk, compressed."""

    parcels: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Line:
    """All parcels of a measurement with one fate. kept: since when the first is there; first, last: points [ns UTC]."""

    bucket: str
    measurement: str
    reason: str
    parcels: int
    rows: int
    bytes: int
    number: int
    kept: float
    first: int
    last: int


class Queue:
    """The outbox's tables in `ledger`; every change is durable when a method returns.

    Every method raises Full, Damaged or Unreachable where the file can't be read or changed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def add(self, waiting: Iterable[Waiting]) -> None:
        """Put parcels at the end."""
        with self.ledger.transaction() as db:
            for number, one in enumerate(waiting, self.last_number() + 1):
                self._put(db, replace(one, number=number))

    def _put(self, db: sqlite3.Connection, one: Waiting) -> None:
        db.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _values(one))

    def last_number(self) -> int:
        """The largest number that was ever given to a parcel."""
        query = "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0), ifnull(max(id), 0))"
        with self.ledger.reading() as db:
            (number,) = db.execute(f"{query} FROM outbox").fetchone()
        return int(number)

    def get(self, number: int) -> Waiting | None:
        """A parcel; None: it is not there. Raises: Damaged, when it is not what was put in."""
        with self.ledger.reading() as db:
            found = db.execute("SELECT * FROM outbox WHERE id = ?", (number,)).fetchone()
        if found is None:
            return None
        _, bucket, measurement, precision, first, last, rows, size, kept, reason, _, body = found
        one = Waiting(Parcel(bucket, precision, body, rows, size), measurement, first, last, kept, number, reason)
        if not isinstance(body, bytes) or _values(one) != list(found):
            raise self.ledger.found_damage(f"a damaged parcel (number {number} of the outbox)")
        return one

    def oldest(self, closed: Collection[str] = ()) -> Waiting | None:
        """What came first of all that waits, but for buckets that are `closed`."""
        if not closed:
            return self._next("SELECT id FROM outbox WHERE reason = '' ORDER BY id LIMIT 1", ())
        query = "SELECT id FROM outbox WHERE reason = '' AND bucket = ? ORDER BY id LIMIT 1"
        found = [self._next(query, (name,)) for name in self._buckets() if name not in closed]
        return min((one for one in found if one), key=lambda one: one.number, default=None)

    def _buckets(self) -> list[str]:
        """The buckets for which something waits; one step along the index for each, however much waits."""
        found, query = list[str](), "SELECT min(bucket) FROM outbox WHERE reason = '' AND bucket > ?"
        with self.ledger.reading() as db:
            (name,) = db.execute("SELECT min(bucket) FROM outbox WHERE reason = ''").fetchone()
            while name is not None:
                found.append(name)
                (name,) = db.execute(query, (name,)).fetchone()
        return found

    def oldest_number(self) -> int:
        """The number of what came first of all that waits; 0: nothing waits."""
        with self.ledger.reading() as db:
            (number,) = db.execute("SELECT min(id) FROM outbox WHERE reason = ''").fetchone()
        return number or 0

    def newest_number(self) -> int:
        """The number of what came last of all that waits; 0: nothing waits."""
        with self.ledger.reading() as db:
            (number,) = db.execute("SELECT max(id) FROM outbox WHERE reason = ''").fetchone()
        return number or 0

    def before_the_last_run(self) -> int:
        """The number of the last parcel that came more than five minutes before the newest; 0: there is none."""
        query = "SELECT max(id) FROM outbox WHERE reason = '' AND kept < (SELECT max(kept) - 300 FROM outbox)"
        with self.ledger.reading() as db:
            (number,) = db.execute(query).fetchone()
        return number or 0

    def sizes_after(self, bucket: str, number: int) -> Iterator[tuple[int, str, Precision, int, int]]:
        """What waits for a bucket behind `number`, in order: number, measurement, precision, rows, bytes.

        Only the numbers are sure to be as they were saved; `get` looks at the rest. Raises: Damaged, when they are not
        even numbers.
        """
        query = (
            "SELECT id, measurement, precision, rows, size FROM outbox WHERE reason = '' AND bucket = ? AND id > ?"
            " ORDER BY id LIMIT ?"
        )
        many = 1  # few are enough for some, so more are asked for from time to time
        while True:
            many = min(4 * many, 1024)
            with self.ledger.reading() as db:
                found = db.execute(query, (bucket, number, many)).fetchall()
            for number, measurement, precision, rows, size in found:
                if not (isinstance(rows, int) and isinstance(size, int)):
                    raise self.ledger.found_damage(f"a damaged parcel (number {number} of the outbox)")
                yield number, measurement, precision, rows, size
            if len(found) < many:
                return

    def behind(self, number: int) -> list[Waiting]:
        """All that waits behind `number`, in order."""
        return self._all("SELECT id FROM outbox WHERE reason = '' AND id > ? ORDER BY id", (number,))

    def between(self, bucket: str, measurement: str, start: int, end: int) -> list[Waiting]:
        """What waits with points of a measurement from `start` to `end` [ns UTC, both included], in order."""
        query = (
            "SELECT id FROM outbox WHERE reason = '' AND bucket = ? AND measurement = ? AND last >= ? AND first <= ?"
            " ORDER BY id"
        )
        return self._all(query, (bucket, measurement, start, end))

    def of(self, bucket: str, measurement: str) -> list[Waiting]:
        """All that waits of a measurement, in order."""
        query = "SELECT id FROM outbox WHERE reason = '' AND bucket = ? AND measurement = ? ORDER BY id"
        return self._all(query, (bucket, measurement))

    def rows_of(self, bucket: str, measurement: str) -> int:
        """How many rows of a measurement wait."""
        query = "SELECT ifnull(sum(rows), 0) FROM outbox WHERE reason = '' AND bucket = ? AND measurement = ?"
        with self.ledger.reading() as db:
            (rows,) = db.execute(query, (bucket, measurement)).fetchone()
        return int(rows)

    def all_wait_since(self, number: int) -> bool:
        """Whether every parcel that was given a larger number still waits: none was delivered, refused or dropped."""
        with self.ledger.reading() as db:
            query = "SELECT count(*) FROM outbox WHERE reason = '' AND id > ?"
            (count,) = db.execute(query, (number,)).fetchone()
        return bool(count == self.last_number() - number)

    def numbers(self, dead: bool) -> list[int]:
        """The numbers of all that waits, or of all that was refused."""
        query = "SELECT id FROM outbox WHERE (reason <> '') = ? ORDER BY id"
        with self.ledger.reading() as db:
            return [number for (number,) in db.execute(query, (dead,)).fetchall()]

    def _all(self, query: str, values: Sequence[object]) -> list[Waiting]:
        with self.ledger.reading() as db:
            numbers = [number for (number,) in db.execute(query, values).fetchall()]
        return [one for number in numbers if (one := self.get(number)) is not None]

    def _next(self, query: str, values: Sequence[object]) -> Waiting | None:
        with self.ledger.reading() as db:
            found = db.execute(query, values).fetchone()
        return self.get(found[0]) if found else None

    def depth(self, dead: bool = False) -> Depth:
        """How much waits, or how much was refused."""
        with self.ledger.reading() as db:
            found = db.execute("SELECT parcels, rows, bytes, sum FROM totals WHERE dead = ?", (dead,)).fetchone()
        if found is None or not _adds_up(*found):
            raise self.ledger.found_damage("totals that do not add up")
        return Depth(*found[:3])

    def overview(self) -> list[Line]:
        """What there is, a line for each measurement and each reason."""
        with self.ledger.reading() as db:
            found = db.execute(
                "SELECT bucket, measurement, reason, count(*), sum(rows), sum(length(body)), min(id), min(kept),"
                " min(first), max(last) FROM outbox GROUP BY reason, bucket, measurement ORDER BY min(id)"
            ).fetchall()
        return [Line(*values) for values in found]

    def done(self, numbers: Iterable[int]) -> None:
        """Forget parcels: they are stored where they belong, or a person wants them gone."""
        with self.ledger.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers])

    def shrink(self, number: int, left: Waiting | None, dead: Iterable[Waiting]) -> None:
        """Put what is left of a parcel in its place, and the lines of it that were refused beside it."""
        with self.ledger.transaction() as db:
            self.add(dead)
            db.execute("DELETE FROM outbox WHERE id = ?", (number,))
            if left is not None:
                self._put(db, replace(left, number=number))

    def revive(self, numbers: Iterable[int]) -> int:
        """Let refused parcels wait again, at the end; return how many rows."""
        with self.ledger.transaction():
            found = [one for number in numbers if (one := self.get(number)) is not None and one.reason]
            self.add(replace(one, reason="") for one in found)
            self.done(one.number for one in found)
        return sum(one.parcel.rows for one in found)

    def trim(self, most_bytes: int, aged: int) -> tuple[int, float]:
        """Delete what is over the cap, oldest first; return how many rows, and since when the last of them waited.

        Args:
            aged: what waits up to this number is too old.
        """
        rows, kept = 0, 0.0
        with self.ledger.transaction() as db:
            while True:
                found = db.execute("SELECT id, rows, kept FROM outbox WHERE reason = '' ORDER BY id LIMIT 1").fetchone()
                if found is None or (self.depth().bytes <= most_bytes and found[0] > aged):
                    return rows, kept
                db.execute("DELETE FROM outbox WHERE id = ?", (found[0],))
                rows, kept = rows + found[1], found[2]

    def trim_refused(self, most_bytes: int) -> int:
        """Delete what was refused beyond so many bytes, oldest first; return how many rows."""
        rows = 0
        with self.ledger.transaction() as db:
            while self.depth(dead=True).bytes > most_bytes:
                number, count = db.execute(
                    "SELECT id, rows FROM outbox WHERE reason <> '' ORDER BY id LIMIT 1"
                ).fetchone()
                db.execute("DELETE FROM outbox WHERE id = ?", (number,))
                rows += count
        return rows

    def want(self, bucket: str, keep_days: int | None) -> None:
        """Remember that a bucket is to be made before rows are sent to it."""
        known = self.wanted(bucket)
        if known is None or (known[0] != keep_days and not known[1]):  # a correction counts until it is made
            self._want(bucket, keep_days, False)

    def _want(self, bucket: str, keep_days: int | None, made: bool) -> None:
        values = (bucket, keep_days, int(made))
        with self.ledger.transaction() as db:
            db.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", (*values, proof(values)))

    def wanted(self, bucket: str) -> tuple[int | None, bool] | None:
        """How many days a bucket is to keep rows, and whether it is there; None: nobody wanted it."""
        with self.ledger.reading() as db:
            found = db.execute("SELECT * FROM buckets WHERE name = ?", (bucket,)).fetchone()
        if found is None:
            return None
        check(self.ledger, found[:3], found[3])
        return found[1], bool(found[2])

    def made(self, bucket: str, there: bool = True) -> None:
        """Remember that a bucket is there, or is not any more."""
        if (known := self.wanted(bucket)) is not None:
            self._want(bucket, known[0], there)

    def forget_server(self) -> None:
        """Another server has other buckets, and other fields in them."""
        with self.ledger.transaction() as db:
            for (name,) in db.execute("SELECT name FROM buckets").fetchall():
                self.made(name, False)
            db.execute("DELETE FROM fields")
            db.execute("DELETE FROM series")

    def sent(self, time: float, size: int, window: float) -> None:
        """Remember that so many bytes went out, for as long as a window of the plan's limit lasts."""
        with self.ledger.transaction() as db:
            db.execute("DELETE FROM sent WHERE time <= ? OR time > ?", (time - window, time))
            db.execute("INSERT INTO sent VALUES (?, ?, ?)", (time, size, proof((time, size))))

    def sent_since(self, time: float) -> list[tuple[float, int]]:
        """When how many bytes went out, oldest first."""
        with self.ledger.reading() as db:
            found = self._sound(db.execute("SELECT * FROM sent ORDER BY time"))
        return [(when, size) for when, size in found if when > time]

    def judge_later(self, bucket: str, measurement: str, start: int, stop: int) -> None:
        """Remember a range of time [ns UTC] whose flags were made without the rows that only the server has."""
        with self.ledger.transaction() as db:
            values = (bucket, measurement, start, stop)
            db.execute("INSERT OR IGNORE INTO unjudged VALUES (?, ?, ?, ?, ?)", (*values, proof(values)))

    def unjudged(self) -> list[tuple[str, str, int, int]]:
        """These ranges, one a measurement."""
        with self.ledger.reading() as db:
            found = self._sound(db.execute("SELECT * FROM unjudged"))
        ranges: dict[tuple[str, str], tuple[int, int]] = {}
        for bucket, measurement, start, stop in found:
            first, last = ranges.get((bucket, measurement), (start, stop))
            ranges[bucket, measurement] = (min(first, start), max(last, stop))
        return [(*where, *span) for where, span in sorted(ranges.items())]

    def judged(self, bucket: str, measurement: str) -> None:
        """Forget them: the flags are right now."""
        with self.ledger.transaction() as db:
            db.execute("DELETE FROM unjudged WHERE bucket = ? AND measurement = ?", (bucket, measurement))

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """What is known of the fields and tags of a measurement without asking the server; empty: nothing yet."""
        query = "SELECT * FROM fields WHERE bucket = ? AND measurement = ? ORDER BY rowid"
        with self.ledger.reading() as db:
            found = self._sound(db.execute(query, (bucket, measurement)))
        return {name: Field(name, kind, "", bool(tag)) for _, _, name, kind, tag in found}

    def add_fields(self, bucket: str, measurement: str, fields: Iterable[Field]) -> None:
        """Remember fields and tags; what is known of one already stays."""
        with self.ledger.transaction() as db:
            values = [(bucket, measurement, one.name, one.kind, int(one.tag)) for one in fields]
            db.executemany("INSERT OR IGNORE INTO fields VALUES (?, ?, ?, ?, ?, ?)", [(*v, proof(v)) for v in values])

    def _sound(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows without the check sum, which is last. Raises: Damaged, when it is another."""
        found = list(rows)
        for *values, saved in found:
            check(self.ledger, values, saved)
        return [row[:-1] for row in found]

    def add_series(self, bucket: str, digests: Iterable[bytes]) -> tuple[int, int]:
        """Remember series by what tells them apart; return how many the bucket has by now, and how many are new.

        They are counted only when one is new.
        """
        with self.ledger.transaction() as db:
            add = "INSERT OR IGNORE INTO series VALUES (?, ?)"
            new = sum(db.execute(add, (bucket, one)).rowcount for one in digests)
            query = "SELECT count(*) FROM series WHERE bucket = ?"
            (count,) = db.execute(query, (bucket,)).fetchone() if new else (0,)
            return int(count), new


def _adds_up(parcels: object, rows: object, size: object, total: object) -> bool:
    """Whether these are the totals as the triggers left them: no change of one number goes unseen."""
    match parcels, rows, size:
        case int(), int(), int():
            return min(parcels, rows, size) >= 0 and total == 7 * parcels + 5 * rows + 3 * size
    return False


def _values(one: Waiting) -> list[object]:
    """A parcel as a row. Of the body, which is long, only its own check sum goes into the row's."""
    parcel = one.parcel
    values = [one.number, parcel.bucket, one.measurement, parcel.precision, one.first, one.last]
    values += [parcel.rows, parcel.size, one.kept, one.reason]
    return [*values, proof((*values, zlib.crc32(parcel.body))), parcel.body]
